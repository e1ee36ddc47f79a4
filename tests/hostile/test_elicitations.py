"""Servers ask people for what they should not, and in ways that cannot be shown."""

from __future__ import annotations

from typing import Any

import pytest

from bot.adapters.discord.inbound import modal_views as discord_views
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound import modal_views as slack_views
from bot.commands.declaration import Command
from bot.mcp.elicitation import Unanswerable, content_of, read_inquiry
from bot.replies.links import sanitize_text
from tests.hostile.elicitations import HARMLESS, NOT_SHOWN, PAGES, SECRETS, page


@pytest.mark.parametrize("params", [pytest.param(v, id=k) for k, v in SECRETS.items()])
def test_a_secret_is_never_asked_for(params: Any) -> None:
    with pytest.raises(Unanswerable, match="may be a secret"):
        read_inquiry("it", params)


@pytest.mark.parametrize("params", [pytest.param(v, id=k) for k, v in NOT_SHOWN.items()])
def test_what_cannot_be_shown_is_declined(params: Any) -> None:
    with pytest.raises(Unanswerable, match="I declined"):
        read_inquiry("it", params)


@pytest.mark.parametrize("params", [pytest.param(v, id=k) for k, v in PAGES.items()])
def test_an_address_that_does_not_show_where_it_leads_is_not_shown(params: Any) -> None:
    with pytest.raises(Unanswerable, match="not safe"):
        read_inquiry("it", params)


def test_a_page_is_named_by_its_host_alone() -> None:
    inquiry = read_inquiry("it", page("https://bank.example/x?ticket=1"))
    assert inquiry.link == "https://bank.example/x?ticket=1"
    assert "`bank.example`" in inquiry.words
    assert "ticket" not in inquiry.words


@pytest.mark.parametrize("params", [pytest.param(v, id=k) for k, v in HARMLESS.items()])
async def test_the_rest_fits_into_a_form_of_each_platform(params: Any) -> None:
    inquiry = read_inquiry("it", params)
    assert len(inquiry.words) < 3_000
    for mark in ("<@U1>", "@everyone", "](https://evil.example)"):
        parts = sanitize_text(inquiry.words).split("`")
        assert not any(mark in outside for outside in parts[::2]), "only as code"
    form = Command("answer-1", "it", inquiry.options, lambda ctx: None, title="it")  # type: ignore[arg-type]
    assert discord_views.build_form(form, 1, {}) is not None
    view = slack_views.build_form(form, "C1", {}, CommandNames())
    assert view is not None
    assert all(len(str(one["label"]["text"])) < 500 for one in view["blocks"])
    assert isinstance(content_of(inquiry, form.bind({}, partial=True)), dict)
