"""A turn can wait for a person or for a time, and go on: also in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from backends.base import ChatMessage
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.adapters.protocol import Core
from bot.commands.checks import Asker
from bot.commands.declaration import command
from bot.errors import Refused
from bot.events import CommandCall
from bot.history.sql_store import SqlHistoryStore
from bot.history.suspensions import Suspensions
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.turns.admission import Admission, EverybodyAdmitted
from bot.turns.policy import Policy
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Notice, Text, View
from tests.fakes.core import ADA, BOB, HERE, ROOT, Bench
from tests.fakes.sink import RecordingSink
from tests.fakes.skills import CHAT
from tests.until import until

PAST = datetime.now(UTC) - timedelta(seconds=1)

EVERYBODY = EverybodyAdmitted()


async def ask_model(ctx: Context, question: str) -> str:
    parts = [part async for part in ctx.generate([ChatMessage("user", question)])]
    return "".join(part.delta for part in parts if isinstance(part, Text))


@command("deploy", remember=True)
async def deploy(ctx: Context, what: str = "", hour: int = 0) -> None:
    """Plan something, ask, and do it."""
    plan = await ctx.step("plan", lambda: ask_model(ctx, f"plan {what}"))
    if ctx.resumed is None:
        await ctx.say(Text(f"The plan: {plan}. Shall I?"))
        until = PAST if hour else None
        await ctx.suspend({"what": what}, until=until, buttons=[("yes", "Do it"), ("no", "Don't")])
    earlier = await ctx.history.recent(str(ctx.conversation))
    await ctx.say(
        Text(
            f"{ctx.resumed.state['what']}: {ctx.resumed.choice or 'nobody chose'}"
            f" {ctx.resumed.by}; {plan}; admin {ctx.asker.admin}; {len(earlier)} earlier"
        )
    )


@command("approve", remember=True)
async def approve(ctx: Context) -> None:
    """Ask an admin."""
    if ctx.resumed is None:
        await ctx.suspend(buttons=[("yes", "Yes")], who="admins")
    await ctx.say(Text("approved"))


DEPLOY = Skill("deploy", commands=(deploy, approve))


@dataclass
class Platform:
    """A platform that the core can ask; `left` are people who are not there any more."""

    name: str = "test"
    left: set[str] = field(default_factory=set)
    opened: list[tuple[ConversationKey, Author | None, RecordingSink]] = field(default_factory=list)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> RecordingSink:
        if conversation.channel == "gone":
            raise Refused("The channel is gone.")
        sink = RecordingSink()
        self.opened.append((conversation, audience, sink))
        return sink

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        if person in self.left:
            return None
        platform, _, ident = person.partition(":")
        return Asker(Author(platform, ident, ident.title()), place)

    async def run(self, core: Core) -> None:
        await asyncio.Event().wait()

    async def check(self) -> Sequence[str]:
        return ()

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        return frozenset()

    async def role_problem(self, roles: Collection[str]) -> str | None:
        return None


@dataclass
class Process:
    """A core on the database of a folder."""

    bench: Bench
    platform: Platform
    history: SqlHistoryStore
    suspensions: Suspensions

    async def until_opened(self) -> View:
        await until(lambda: self.platform.opened)
        return await self.platform.opened[-1][2].end()


@asynccontextmanager
async def process(
    address: DatabaseAddress,
    backend: ScriptedBackend | None = None,
    admission: Admission = EVERYBODY,
) -> AsyncIterator[Process]:
    async with AsyncExitStack() as stack:
        database = await Database.open(address)
        stack.push_async_callback(database.close)
        history, suspensions = SqlHistoryStore(database), Suspensions(database)
        await history.interrupt_running()
        model = backend or ScriptedBackend("default", replies=["careful"])
        policy = Policy(is_admin=lambda author: author == ROOT, admission=admission)
        bench = Bench(
            [DEPLOY, CHAT], store=history, backend=model, policy=policy, suspensions=suspensions
        )
        platform = Platform()
        stack.enter_context(bench.core.connect(platform))
        watching = asyncio.create_task(bench.core.resume_turns())
        try:
            yield Process(bench, platform, history, suspensions)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await bench.core.close()


async def test_a_button_resumes_it_after_a_restart_and_the_model_is_not_asked_again(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as first:
        shown = await first.bench.say(first.bench.call("deploy", what="parlance"))
        assert (shown.state, shown.text) == ("waiting", "The plan: careful. Shall I?")
        assert [(a.name, a.value, a.label) for a in shown.actions] == [
            ("resume", "yes", "Do it"),
            ("resume", "no", "Don't"),
        ]
    nobody = ScriptedBackend("default", replies=[])
    async with process(database_address, nobody) as second:
        b = second.bench
        view = await b.say(b.press("resume", shown.turn, value="yes"))
        assert view.text == "parlance: yes Ada; careful; admin False; 0 earlier"
        assert (view.state, view.turn, list(nobody.requests)) == ("complete", shown.turn, [])
        stored = await second.history.get(shown.turn)
        assert stored is not None
        assert stored.status == "complete"
        assert stored.text == f"The plan: careful. Shall I?\n\n{view.text}"
        twice = await b.say(b.press("resume", shown.turn, value="no"))
        assert "answered already" in twice.notices[0].text


async def test_its_lane_and_its_place_in_the_limits_are_given_back(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        b = on.bench
        shown = await b.say(b.call("deploy", what="x"))
        assert len(b.core.open_turns) == 0
        assert (await b.say(b.message("meanwhile"))).state == "complete"
        view = await b.say(b.press("resume", shown.turn, value="no"))
        assert "0 earlier" in view.text, "it sees what it saw when it was suspended"
        assert [turn.role for turn in await on.history.recent(str(HERE))] == [
            "user",
            "assistant",
        ] * 2


async def test_it_takes_its_lane_again(database_address: DatabaseAddress) -> None:
    model = ScriptedBackend("default", replies=["careful", Reply("one two three", stall_after=2)])
    async with process(database_address, model) as on:
        b = on.bench
        shown = await b.say(b.call("deploy", what="x"))
        running = await b.begin(b.message("before it"))
        first = await running.until_text("one two")
        resumed = await b.begin(b.press("resume", shown.turn, value="yes"))
        await until(lambda: b.core.open_turns.get(shown.turn))
        await asyncio.sleep(0.02)
        assert not resumed.finished.is_set()
        await b.say(b.press("stop", first.turn))
        assert (await resumed.end()).state == "complete"


async def test_its_time_resumes_it_beneath_what_it_had_shown(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        b = on.bench
        await b.say(b.call("deploy", what="x", hour=9))
        view = await on.until_opened()
        assert view.text == "x: nobody chose ; careful; admin False; 0 earlier"
        conversation, audience, _ = on.platform.opened[0]
        assert (conversation, audience, len(on.platform.opened)) == (HERE, None, 1)


async def test_another_process_resumes_it_through_the_store(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        shown = await on.bench.say(on.bench.call("deploy", what="x"))
        other = await Database.open(database_address)
        try:
            assert await Suspensions(other).choose(shown.turn, "yes", "the console")
            assert not await Suspensions(other).choose("never", "yes", "the console")
        finally:
            await other.close()
        view = await on.until_opened()
        assert view.text.startswith("x: yes the console;")


async def test_a_person_who_has_left_is_refused_and_it_is_said(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        on.platform.left.add(ADA.key)
        shown = await on.bench.say(on.bench.call("deploy", what="x", hour=9))
        view = await on.until_opened()
        assert view.state == "refused"
        assert view.notices[0].text == (
            "I could not check what Ada may do here, so I did not go on."
        )
        stored = await on.history.get(shown.turn)
        assert stored is not None
        assert stored.status == "refused"


async def test_somebody_who_was_blocked_meanwhile_does_not_go_on(
    database_address: DatabaseAddress,
) -> None:
    """A block and a pause were asked of events alone, and a turn goes on without one."""

    class Blocked:
        def __init__(self) -> None:
            self.people: set[str] = set()

        def admits(self, asker: Asker, action: str = "message") -> bool:
            return asker.author.key not in self.people

        async def refusal(
            self, asker: Asker, action: str = "message", text: str = ""
        ) -> str | None:
            return None if self.admits(asker, action) else "You are blocked."

    admission = Blocked()
    async with process(database_address, admission=admission) as on:
        await on.bench.say(on.bench.call("deploy", what="x", hour=1))
        view = await on.until_opened()
        assert view.state == "complete"
        on.platform.opened.clear()
        later = datetime.now(UTC) + timedelta(seconds=0.3)
        shown = await on.bench.say(on.bench.call("approve"))
        admission.people.add(ADA.key)
        await on.suspensions.postpone(shown.turn, later)
        on.suspensions.changed.set()
        view = await on.until_opened()
        assert (view.state, view.text) == ("refused", "")
        assert view.notices[0].text == "I may not go on with this here just now."


async def test_only_the_person_who_asked_may_press_and_for_admins_only_an_admin(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        b = on.bench
        shown = await b.say(b.call("deploy", what="x"))
        for somebody in (BOB, ROOT):
            view = await b.say(b.press("resume", shown.turn, somebody, value="yes"))
            assert view.notices[0].text == "Only the person who asked can decide this."
        asked = await b.say(b.call("approve", BOB))
        view = await b.say(b.press("resume", asked.turn, BOB, value="yes"))
        assert view.notices[0].text == "Only an admin can decide this."
        view = await b.say(b.press("resume", asked.turn, ROOT, value="yes"))
        assert (view.text, view.state) == ("approved", "complete")


async def test_of_many_who_press_at_once_one_resumes_it(database_address: DatabaseAddress) -> None:
    async with process(database_address) as on:
        b = on.bench
        shown = await b.say(b.call("deploy", what="x"))
        presses = [b.press("resume", shown.turn, value="yes") for _ in range(8)]
        views = await asyncio.gather(*(b.say(press) for press in presses))
        assert sorted(view.state for view in views) == ["complete"] + ["refused"] * 7


async def test_forgetting_a_person_ends_what_waits_for_them(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        b = on.bench
        shown = await b.say(b.call("deploy", what="x"))
        await on.history.forget(person=ADA.key)
        assert await on.suspensions.get(shown.turn) is None
        view = await b.say(b.press("resume", shown.turn, value="yes"))
        assert view.state == "refused"


async def test_a_quick_command_cannot_wait(database_address: DatabaseAddress) -> None:
    @command("quick", quick=True)
    async def quick(ctx: Context) -> None:
        """Tries to."""
        await ctx.suspend()

    bench = Bench([Skill("quick", commands=(quick,))])
    assert (await bench.say(bench.call("quick"))).notices[0].kind == "error"
    await bench.core.close()


async def test_the_core_begins_a_reply_that_no_event_asked_for(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        reply = await on.bench.core.open_reply(HERE, BOB)
        reply.add(Text("It is Friday."))
        await reply.finish("complete", Notice("You asked me to say so.", "footer"))
        place, audience, sink = on.platform.opened[0]
        assert (place, audience, sink.view.text) == (HERE, BOB, "It is Friday.")
        with pytest.raises(Refused):
            await on.bench.core.open_reply(ConversationKey("test", "work", "gone"))


def test_a_turn_is_one_value() -> None:
    turn = Turn("t", CommandCall("e", HERE, ADA, "x"), Asker(ADA, HERE))
    assert (turn.state, turn.people) == ("working", frozenset({ADA.key, ""}))
