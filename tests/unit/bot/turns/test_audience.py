"""Who reads a reply: everybody in the conversation, or the person who asked alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

import pytest

from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import Command, Option, command
from bot.errors import NotFound, PluginError, Refused
from bot.installation import SHIPPED_PLUGINS
from bot.skills.context import Context
from bot.skills.plugin_checks import guard_command
from bot.skills.plugin_loader import load_plugins
from bot.skills.skill import Skill
from bot.turns.heading import MAX_HEADING_CHARACTERS
from bot.turns.policy import Policy
from bot.turns.private_replies import ANOTHER_PLACE, NO_LONGER_KEPT
from bot.turns.runner import TurnLimits
from bot.types import ConversationKey, Notice, Part, Source, Sources, Text, View
from tests.fakes.core import ADA, BOB, ROOT, Bench
from tests.fakes.skills import CHAT

ELSEWHERE = ConversationKey("test", "work", "elsewhere")
SOURCE = Source(1, "Logs", "docs/logs.md")


@command("list", quick=True, private=True)
async def list_(ctx: Context, what: str = "") -> AsyncIterator[Part]:
    """List something."""
    if what == "nothing":
        raise NotFound("There is nothing of the kind.")
    yield Text("one, two, three")
    yield Sources((SOURCE,))
    yield Notice("and more", private=True)


@command("change", private=lambda given: given.get("whom") != "all")
async def change(ctx: Context, whom: str = "me") -> AsyncIterator[Part]:
    """Change something."""
    yield Text(f"changed for {whom}")


@command("ask", question="question")
async def ask(
    ctx: Context,
    question: Annotated[str, Option("What", multiline=True)],
    times: int = 1,
    note: Annotated[str, Option("A note", multiline=True)] = "",
) -> AsyncIterator[Part]:
    """Answer something."""
    if question == "half":
        yield Text("the first half")
    if question in {"half", "nothing"}:
        raise Refused("This is not read.")
    if question == "no":
        yield Notice("No.", "refusal")
        return
    yield Text("an answer")


@command("paint")
async def paint(
    ctx: Context,
    what: str,
    colour: str = "red",
    note: Annotated[str, Option("A note", multiline=True)] = "",
) -> AsyncIterator[Part]:
    """Paint something."""
    yield Text("painted")


SKILLS = (Skill("all", commands=(list_, change, ask, paint)), CHAT)


@pytest.fixture
def bench() -> Bench:
    return Bench(SKILLS)


def direct(event: Any) -> Any:
    return replace(event, direct=True)


def labels(view: View) -> list[str]:
    return [action.label for action in view.actions]


class TestDeclared:
    async def test_a_list_was_shown_to_everybody(self, bench: Bench) -> None:
        view = await bench.say(bench.call("list"))
        assert (view.audience, view.heading, labels(view)) == ("asker", "", ["Share"])

    async def test_while_it_is_written_it_is_private_already(self, bench: Bench) -> None:
        sink = await bench.begin(bench.call("list"))
        await sink.end()
        assert {view.audience for _, view, _ in sink.calls} == {"asker"}

    @pytest.mark.parametrize(("whom", "audience"), [("me", "asker"), ("all", "everyone")])
    async def test_it_may_depend_on_the_call(self, bench: Bench, whom: str, audience: str) -> None:
        assert (await bench.say(bench.call("change", whom=whom))).audience == audience

    async def test_where_nobody_else_is_it_is_simply_shown(self, bench: Bench) -> None:
        for call in (bench.call("list"), bench.call("ask", question="nothing")):
            view = await bench.say(direct(call))
            assert (view.audience, view.heading) == ("everyone", "")
            assert "Share" not in labels(view)

    async def test_one_that_cannot_tell_answers_the_asker_alone(self) -> None:
        broken = replace(paint, private=lambda given: given["what is this?"] is None)
        guarded = guard_command(broken, "painter")
        bench = Bench((Skill("all", commands=(guarded,)),))
        assert (await bench.say(bench.call("paint", what="x"))).audience == "asker"

    def test_a_question_that_is_no_option_is_a_mistake(self) -> None:
        with pytest.raises(PluginError, match="no option 'what'"):

            @command("ask", question="what")
            async def ask(ctx: Context, question: str) -> AsyncIterator[Part]:
                """Ask."""
                yield Text(question)


class TestRefused:
    """Everything that a person is refused is said to them alone."""

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("ask", {}),
            ("ask", {"question": "x", "size": 2}),
            ("ask", {"question": "x", "times": "many"}),
            ("ask", {"question": "nothing"}),
            ("ask", {"question": "no"}),
            ("aks", {"question": "x"}),
            ("list", {"what": "nothing"}),
        ],
    )
    async def test_a_mistake_was_shown_to_everybody(
        self, bench: Bench, name: str, options: dict[str, Any]
    ) -> None:
        view = await bench.say(bench.call(name, **options))
        assert (view.state, view.audience, view.heading) == ("refused", "asker", "")
        assert view.notices

    async def test_so_was_a_message_that_is_empty(self, bench: Bench) -> None:
        assert (await bench.say(bench.message(" "))).audience == "asker"

    async def test_so_was_who_has_too_many_questions_open(self) -> None:
        bench = Bench(SKILLS, limits=TurnLimits(per_person=0))
        view = await bench.say(bench.message("hello"))
        assert "questions open" in view.notices[0].text
        assert view.audience == "asker"

    async def test_so_was_who_is_denied(self) -> None:
        async def nobody(action: str, asker: Asker) -> bool | None:
            return False

        bench = Bench(SKILLS, authorize=Authorizer((), nobody))
        for event in (bench.message("hello"), bench.call("ask", question="x")):
            assert (await bench.say(event)).audience == "asker"

    async def test_so_was_who_is_not_let_in(self) -> None:
        class Closed:
            def admits(self, *asked: Any) -> bool:
                return False

            async def refusal(self, *asked: Any) -> str:
                return "I am paused."

        bench = Bench(SKILLS, policy=Policy(admission=Closed()))
        assert (await bench.say(bench.message("hello"))).audience == "asker"

    async def test_what_was_done_before_stays_where_it_is(self, bench: Bench) -> None:
        view = await bench.say(bench.call("ask", question="half"))
        assert (view.state, view.audience, view.text) == ("refused", "everyone", "the first half")
        assert [(n.kind, n.private) for n in view.notices] == [("refusal", True)]

    async def test_a_button_that_does_nothing_says_so_to_who_pressed_it(self, bench: Bench) -> None:
        assert (await bench.say(bench.press("why", "unknown"))).audience == "asker"


class TestHeading:
    async def test_a_commands_answer_had_neither_question_nor_asker(self, bench: Bench) -> None:
        view = await bench.say(bench.call("ask", question="how\ndo I?", times=2))
        assert view.heading == "Ada asked: how do I?"

    async def test_without_a_question_it_is_the_call(self, bench: Bench) -> None:
        view = await bench.say(bench.call("paint", what="a boat", colour="green", note="secret"))
        assert view.heading == "Ada asked: /paint a boat green"

    async def test_a_message_stands_in_the_conversation_itself(self, bench: Bench) -> None:
        assert (await bench.say(bench.message("hello"))).heading == ""

    async def test_it_is_short_and_misleads_nobody(self, bench: Bench) -> None:
        author = replace(ADA, name="Ada " * 100)
        question = "see [your bank](https://evil.example) \u202e " + "x" * 4000
        view = await bench.say(bench.call("ask", author, question=question))
        assert len(view.heading) <= MAX_HEADING_CHARACTERS + len("(https://evil.example)")
        assert "\u202e" not in view.heading
        assert "](" not in view.heading

    async def test_answered_again_it_names_who_asked_first(self, bench: Bench) -> None:
        first = await bench.say(bench.call("ask", question="how?"))
        again = await bench.say(bench.press("regenerate", first.turn, ROOT))
        assert again.heading == "Ada asked: how?"


class TestShare:
    async def test_everybody_is_shown_the_same(self, bench: Bench) -> None:
        private = await bench.say(bench.call("list"))
        view = await bench.say(bench.press("share", private.turn))
        assert (view.audience, view.heading) == ("everyone", "Ada shared:")
        assert (view.text, view.sources) == (private.text, private.sources)
        assert [(n.text, n.private) for n in view.notices] == [("and more", False)]
        assert labels(view) == []

    async def test_once(self, bench: Bench) -> None:
        private = await bench.say(bench.call("list"))
        await bench.say(bench.press("share", private.turn))
        view = await bench.say(bench.press("share", private.turn))
        assert (view.audience, view.notices[0].text) == ("asker", NO_LONGER_KEPT)

    async def test_after_a_restart_it_says_why_not(self, bench: Bench) -> None:
        private = await bench.say(bench.call("list"))
        restarted = Bench(SKILLS, store=bench.store)
        view = await restarted.say(restarted.press("share", private.turn))
        assert (view.audience, view.notices[0].text) == ("asker", NO_LONGER_KEPT)

    async def test_by_who_was_told_alone(self, bench: Bench) -> None:
        private = await bench.say(bench.call("list"))
        for author in (BOB, ROOT):
            view = await bench.say(bench.press("share", private.turn, author))
            assert view.notices[0].text == NO_LONGER_KEPT

    async def test_where_it_was_asked_for_alone(self, bench: Bench) -> None:
        private = await bench.say(bench.call("list"))
        view = await bench.say(bench.press("share", private.turn, where=ELSEWHERE))
        assert view.notices[0].text == ANOTHER_PLACE

    async def test_not_by_who_may_no_longer_use_the_command(self) -> None:
        closed: set[str] = set()

        async def rules(action: str, asker: Any) -> bool | None:
            return False if action in closed else None

        bench = Bench(SKILLS, authorize=Authorizer((list_,), rules))
        private = await bench.say(bench.call("list"))
        closed.add("list")
        view = await bench.say(bench.press("share", private.turn))
        assert (view.state, view.text) == ("refused", "")

    async def test_what_a_person_has_forgotten_cannot_be_shared(self, bench: Bench) -> None:
        private = await bench.say(bench.call("list"))
        await bench.core.open_turns.stop_person(ADA.key)
        view = await bench.say(bench.press("share", private.turn))
        assert view.notices[0].text == NO_LONGER_KEPT

    async def test_a_public_answer_is_not_kept(self, bench: Bench) -> None:
        public = await bench.say(bench.call("ask", question="how?"))
        view = await bench.say(bench.press("share", public.turn))
        assert view.notices[0].text == NO_LONGER_KEPT

    async def test_the_latest_are_kept(self) -> None:
        bench = Bench(SKILLS)
        first = await bench.say(bench.call("list"))
        for _ in range(200):
            last = await bench.say(bench.call("list"))
        assert (await bench.say(bench.press("share", first.turn))).text == ""
        assert (await bench.say(bench.press("share", last.turn))).text == "one, two, three"


PRIVATE: dict[str, bool | dict[str, bool]] = {
    "admins": True,
    "agent": False,
    "allow": True,
    "approvals": True,
    "ask": False,
    "block": True,
    "chat": False,
    "connect": True,
    "console": True,
    "docs": {
        **{"list": True, "search": True, "changes": True, "feedback": True},
        **{"add": False, "remove": False},
    },
    "duel": False,
    "forget": True,
    "help": True,
    "memory": True,
    "model": {"list": True, "info": True, "pull": False, "use": True},
    "mydata": True,
    "pause": True,
    "rap": False,
    "remember": True,
    "remind": True,
    "schedule": True,
    "settings": True,
    "stop": True,
    "summarize": False,
    "timezone": True,
    "tools": True,
}
"""Who reads the answer to a shipped command; where that depends on its `action`, for each."""


def test_every_shipped_command_has_an_audience() -> None:
    commands = {c.name: c for c in _shipped()}
    assert set(commands) == set(PRIVATE)
    for name, private in PRIVATE.items():
        found = commands[name]
        if isinstance(private, bool):
            assert found.is_private({}) is private, name
            continue
        action = found.option("action")
        assert action is not None
        assert set(action.choices) == set(private), f"every action of /{name} is declared"
        assert {a: found.is_private({"action": a}) for a in private} == private
        assert found.is_private({}) is private[str(action.default)]
    assert not commands["model"].is_private({"action": "use", "scope": "channel"})


def _shipped() -> tuple[Command, ...]:
    loaded = load_plugins(SHIPPED_PLUGINS, installed=False)
    return tuple(c for skill in loaded.skills for c in skill.commands)
