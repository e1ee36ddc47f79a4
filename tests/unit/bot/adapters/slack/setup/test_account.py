"""What the tokens of a Slack app stand for, and what is said of those that are wrong."""

from __future__ import annotations

from typing import Literal

import pytest

from bot.adapters.slack.setup.account import check_app_token, look_up, tidy, wrong_kind
from bot.adapters.slack.setup.manifest import scopes
from bot.config.platforms import SlackSettings
from bot.errors import AdapterError
from tests.fakes.slack import FakeSlack

BOT_TOKEN, APP_TOKEN = "xoxb-test-bot-token", "xapp-test-app-token"


@pytest.mark.parametrize(
    ("pasted", "wanted", "says"),
    [
        (APP_TOKEN, "bot", "the app-level token"),
        (BOT_TOKEN, "app", "the bot token"),
        ("xoxp-" + "12345678", "bot", "the token of a person"),
        ("xoxe.xoxp-1-abc", "bot", "a configuration token"),
        ("0f" * 16, "app", "the signing secret"),
        ("A012ABCDEFG", "app", "the app's id"),
        ("https://hooks.slack.com/services/T/B/x", "bot", "an address"),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4" + ".Gabcde.abcdefghijklmnopqrstuvwxyz", "bot", "of Discord"),
        ("xoxb-", "bot", "no token of that kind"),
        ("", "app", "no token of that kind"),
    ],
)
def test_what_can_be_no_such_token_is_told_apart(
    pasted: str, wanted: Literal["bot", "app"], says: str
) -> None:
    said = wrong_kind(pasted, wanted)
    assert said is not None
    assert says in said
    assert {"bot": "OAuth & Permissions", "app": "Basic Information"}[wanted] in said
    assert len(pasted) < 6 or pasted not in said


@pytest.mark.parametrize("around", ["{}", " {}\n", "Bearer {}", "SLACK_BOT_TOKEN={}", "`{}`"])
def test_what_is_copied_along_with_a_token_is_taken_off(around: str) -> None:
    assert tidy(around.format(BOT_TOKEN)) == BOT_TOKEN
    assert wrong_kind(BOT_TOKEN, "bot") is None
    assert wrong_kind(APP_TOKEN, "app") is None


async def test_it_says_which_app_it_is_and_where(fake: FakeSlack) -> None:
    fake.methods.scopes = ",".join(scopes(SlackSettings()))
    fake.workspace.channels["C1"] = ["U0ADA"]
    account = await look_up(SlackSettings(), BOT_TOKEN, fake.api_url)
    assert (account.app, account.name, account.workspace) == ("A1", "parlance", "Workspace")
    assert (account.channels, account.problems) == (["c1"], ())
    await check_app_token(APP_TOKEN, account.app, fake.api_url)


async def test_scopes_that_are_missing_are_one_sentence(fake: FakeSlack) -> None:
    fake.methods.scopes = ""
    (problem,) = (await look_up(SlackSettings(), BOT_TOKEN, fake.api_url)).problems
    number = len(scopes(SlackSettings()))
    assert problem.startswith(f"The app lacks {number} scopes (app_mentions:read, ")
    assert "install the app again" in problem
    fake.methods.scopes = ",".join(scopes(SlackSettings()).keys() - {"im:history"})
    (problem,) = (await look_up(SlackSettings(), BOT_TOKEN, fake.api_url)).problems
    assert problem.startswith("The app lacks 1 scope (im:history): paste")


async def test_a_token_of_another_app_is_not_sent_anywhere(fake: FakeSlack) -> None:
    with pytest.raises(AdapterError, match="The two tokens are of two apps"):
        await check_app_token("xapp-1-A0OTHER-123-abc", "A012AB", fake.api_url)
    assert not fake.calls


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("invalid_auth", "refuses the bot token"),
        ("account_inactive", "was removed from the workspace"),
        ("ratelimited", "asked too often"),
    ],
)
async def test_what_slack_refuses(fake: FakeSlack, error: str, says: str) -> None:
    fake.fail_next("auth.test", error=error)
    with pytest.raises(AdapterError, match=says):
        await look_up(SlackSettings(), BOT_TOKEN, fake.api_url)


async def test_an_app_token_without_its_scope_and_no_network(fake: FakeSlack) -> None:
    fake.fail_next("apps.connections.open", error="missing_scope")
    with pytest.raises(AdapterError, match="connections:write"):
        await check_app_token(APP_TOKEN, "A1", fake.api_url)
    async with FakeSlack() as gone:
        address = gone.api_url
    with pytest.raises(AdapterError, match="check the network"):
        await look_up(SlackSettings(), BOT_TOKEN, address)
