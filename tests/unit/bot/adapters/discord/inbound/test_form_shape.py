"""What stands in a form, and what it takes to open one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.adapters.discord.inbound.modal_views import build_form, parse_values
from bot.adapters.forms import needs_form
from bot.commands.declaration import Command, Option
from bot.skills.plugin_checks import guard_command
from tests.fakes.discord.forms import fields_of, problems, sent, shown
from tests.fakes.discord.spec import problems as refused
from tests.fakes.discord.state import Json
from tests.unit.bot.adapters.discord.inbound.test_modal_views import plan


def declared(*options: Option, takes_file: bool = False) -> Command:
    return Command("c" * 60, "", options, plan.handler, takes_file=takes_file)


def drawn(made: Command, given: dict[str, Any]) -> Json | None:
    """A form as it goes over the wire; what is wrong with it fails."""
    modal = build_form(made, 1, given)
    if modal is None:
        return None
    body = modal.to_dict()
    assert problems(body, 2) == []
    assert refused("POST", "/interactions/1/t/callback", {"type": 9, "data": body}) == []
    return body


class TestShape:
    async def test_every_option_fits_what_discord_takes(self) -> None:
        body = drawn(
            declared(
                Option("x" * 300, name="l" * 60, max_length=9000, required=True, multiline=True),
                Option("", name="many", choices=tuple(str(n) for n in range(30))),
                Option("", name="wide", choices=("y" * 200,)),
                Option(
                    "", name="part", kind="float", min_value=0.5, max_value=1234567, default=0.7
                ),
            ),
            {"l" * 60: "z" * 4000},
        )
        assert body is not None
        assert len(body["title"]) == 45
        first = body["components"][0]
        assert (len(first["label"]), len(first["description"])) == (45, 100)
        shape = fields_of(body)
        assert shape["option:" + "l" * 60]["max_length"] == 4000
        assert shape["option:many"]["type"] == shape["option:wide"]["type"] == 4
        assert shape["option:part"]["placeholder"] == "A number from 0.5 up to 1234567"
        assert shape["option:part"]["value"] == "0.7"

    async def test_yes_and_no_are_a_tick_only_where_nothing_ticked_is_no(self) -> None:
        body = drawn(
            declared(
                Option("", name="sure", kind="bool", default=True),
                Option("", name="maybe", kind="bool"),
                Option("", name="must", kind="bool", required=True),
            ),
            {"must": True},
        )
        assert body is not None
        assert [field["type"] for field in fields_of(body).values()] == [23, 21, 21]
        assert shown(body) == {"option:sure": True, "option:maybe": [], "option:must": ["yes"]}

    async def test_of_many_options_those_that_matter_have_a_field(self) -> None:
        made = declared(
            Option(name="a"),
            Option(name="b"),
            Option(name="long", multiline=True),
            Option(name="c"),
            Option(name="given"),
            Option(name="must", required=True),
            takes_file=True,
        )
        body = drawn(made, {"given": "x"})
        assert body is not None
        names = [name.removeprefix("option:") for name in fields_of(body)]
        assert names == ["a", "long", "given", "must", "file"]

    @pytest.mark.parametrize(
        ("options", "given"),
        [
            ([Option(name=f"o{n}", required=True) for n in range(6)], {}),
            ([Option(name=f"o{n}") for n in range(6)], {f"o{n}": "x" for n in range(6)}),
            ([Option(name="text", max_length=6000)], {"text": "x" * 5000}),
        ],
    )
    async def test_none_where_something_has_no_place_in_it(
        self, options: list[Option], given: dict[str, Any]
    ) -> None:
        assert drawn(declared(*options), given) is None

    def test_what_it_takes_to_open_one(self) -> None:
        must = Command("c", "", (Option(name="must", required=True),), plan.handler)
        assert needs_form(must, {}, files=False)
        assert not needs_form(must, {"must": "x"}, files=False)
        assert not needs_form(must, {"must": "x", "other": "y"}, files=False)  # the answer says so
        assert needs_form(plan, {"mode": "new"}, files=False)
        assert not needs_form(plan, {"mode": "new"}, files=True)
        assert not needs_form(plan, {"times": 9}, files=False)

    def test_one_that_cannot_say_whether_it_wants_a_form_has_none(self) -> None:
        broken = guard_command(replace(plan, form=lambda given: bool(given["mode"])), "planner")
        assert not needs_form(broken, {}, files=False)


@given(st.text(max_size=4000), st.text(max_size=40), st.booleans())
def test_what_is_typed_is_what_is_read(what: str, times: str, draft: bool) -> None:
    assume("\n" not in times)
    modal = build_form(plan, 1, {})
    assert modal is not None
    coerce_values = {"option:what": what, "option:times": times, "option:draft": draft}
    read = parse_values(sent(modal.to_dict(), coerce_values, {}))
    texts = {"what": what, "times": times}
    assert read == {"mode": "new", "draft": draft, **{n: t for n, t in texts.items() if t.strip()}}
