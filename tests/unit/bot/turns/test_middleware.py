"""Permission, quota, metrics and log around every turn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import BackendUnavailable
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker, is_admin
from bot.commands.declaration import command
from bot.errors import Busy
from bot.observability.metrics import Metrics
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.policy import Policy
from bot.turns.quota import Quota
from bot.turns.turn import Turn
from bot.types import Author, Notice, Part, Text
from tests.fakes.core import ADA, BOB, ROOT, Bench
from tests.fakes.skills import CHAT, stalling

pytestmark = pytest.mark.usefixtures("json_log")

Make = Callable[..., Bench]


@command("model", checks=is_admin, quick=True)
async def model(ctx: Context, name: str = "") -> AsyncIterator[Part]:
    """For admins."""
    yield Text("switched")


@command("help", quick=True)
async def help_(ctx: Context) -> AsyncIterator[Part]:
    """For everybody."""
    yield Text("help")


ADMIN = Skill("admin", commands=(model, help_))


def policy(**more: object) -> Policy:
    return Policy(is_admin=lambda author: author == ROOT, **more)  # type: ignore[arg-type]


# --- permission ----------------------------------------------------------------------------------


async def test_the_check_of_a_command_is_enforced(bench: Make) -> None:
    b = bench(ADMIN)
    refused = await b.say(b.call("model"))
    assert refused.notices == (Notice("Only admins can do this.", "refusal"),)
    assert (await b.say(b.call("model", ROOT))).text == "switched"


async def test_the_rules_of_the_configuration_are_enforced(bench: Make) -> None:
    async def rule(action: str, asker: Asker) -> bool:
        return action != "help" or asker.author == BOB

    b = bench(ADMIN, authorize=Authorizer(ADMIN.commands, rule))
    assert (await b.say(b.call("help"))).notices[0].text == "You may not use /help here."
    assert (await b.say(b.call("help", BOB))).text == "help"


async def test_rights_are_those_of_who_presses_a_button_not_of_who_asked(bench: Make) -> None:
    @command("secret", checks=is_admin)
    async def secret(ctx: Context) -> AsyncIterator[Part]:
        """For admins."""
        yield Text("the secret")

    admins = {ROOT, ADA}
    b = bench(
        Skill("secret", commands=(secret,)),
        policy=Policy(is_admin=lambda author: author in admins),
    )
    view = await b.say(b.call("secret"))
    admins.remove(ADA)
    again = await b.say(b.press("regenerate", view.turn))
    assert (again.state, again.text) == ("refused", "")


# --- quota ---------------------------------------------------------------------------------------


async def test_a_person_has_so_many_questions_an_hour(bench: Make) -> None:
    b = bench(CHAT, ADMIN, policy=policy(quota_per_hour=2))
    states = [(await b.say(b.message("hello"))).state for _ in range(3)]
    assert states == ["complete", "complete", "refused"]
    view = await b.say(b.message("hello"))
    assert "2 questions an hour; try again in about 30 minutes" in view.notices[0].text
    assert (await b.say(b.message("hello", BOB))).state == "complete"
    assert (await b.say(b.call("help"))).state == "complete"
    assert [(await b.say(b.message("hi", ROOT))).state for _ in range(3)] == ["complete"] * 3


@given(st.lists(st.floats(0, 1800), max_size=60), st.integers(1, 20))
def test_never_more_than_twice_the_quota_in_any_hour(pauses: list[float], quota: int) -> None:
    now = 0.0
    taken: list[float] = []
    bucket = Quota(quota, clock=lambda: now)
    for pause in pauses:
        now += pause
        try:
            bucket.take("ada")
        except Busy as busy:
            now += busy.retry_after_s
            bucket.take("ada")
        taken.append(now)
    for begin in taken:
        assert sum(begin <= at < begin + 3600 for at in taken) <= 2 * quota


def test_a_full_quota_is_forgotten() -> None:
    now = 0.0
    bucket = Quota(10, clock=lambda: now)
    for person in range(1000):
        bucket.take(str(person))
    now = 3600.0
    bucket.take("ada")
    assert len(bucket) == 1


# --- metrics -------------------------------------------------------------------------------------


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_turns_are_counted_by_how_they_end(bench: Make) -> None:
    metrics = Metrics()
    backend = ScriptedBackend("default", replies=["fine", Reply("no", error="unavailable")])
    b = bench(CHAT, ADMIN, backend=backend, metrics=metrics)
    await b.say(b.message("hello"))
    await b.say(b.message("hello"))
    await b.say(b.call("model"))
    counted = {
        (kind, state): sample(metrics, "parlance_turns_total", kind=kind, state=state)
        for kind, state in [("message", "complete"), ("message", "failed"), ("model", "refused")]
    }
    assert list(counted.values()) == [1, 1, 1]
    assert sample(metrics, "parlance_first_text_seconds_count") == 1
    assert sample(metrics, "parlance_turns_open", kind="message") == 0


async def test_a_stopped_turn_is_counted_as_cancelled(bench: Make) -> None:
    metrics = Metrics()
    b = bench(CHAT, backend=stalling(), metrics=metrics)
    sink = await b.begin(b.message("hello"))
    turn = (await sink.until_text("one two")).turn
    assert sample(metrics, "parlance_turns_open", kind="message") == 1
    await b.say(b.press("stop", turn))
    await sink.end()
    assert sample(metrics, "parlance_turns_total", kind="message", state="cancelled") == 1


# --- log -----------------------------------------------------------------------------------------


async def test_every_line_of_a_turn_has_its_id_and_none_has_what_was_said(
    bench: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    b = bench(CHAT, backend=ScriptedBackend("default", replies=[Reply("x", error="unavailable")]))
    view = await b.say(b.message("the words of a person"))
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["turn.started", "turn.ended", "turn.failed"]
    assert {line["turn"] for line in lines} == {view.turn}
    assert lines[1]["state"] == "failed"
    assert lines[2]["error_id"] == view.notices[0].error_id
    assert BackendUnavailable.__name__ in lines[2]["exception"]
    assert "the words of a person" not in written


async def test_two_turns_at_once_keep_their_ids_apart(
    bench: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    b = bench(CHAT)
    people = [Author("test", str(n), "Somebody") for n in range(5)]
    sinks = [await b.begin(b.message("hello", person)) for person in people]
    turns = [(await sink.end()).turn for sink in sinks]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for turn in turns:
        own = [line["event"] for line in lines if line["turn"] == turn]
        assert own == ["turn.started", "turn.ended"]


# --- middleware of one's own ---------------------------------------------------------------------


async def test_middleware_runs_around_the_skill_and_sees_how_it_ends(bench: Make) -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def watch(turn: Turn) -> AsyncIterator[None]:
        assert turn.route is not None
        seen.append(turn.route.kind)
        try:
            yield
        except Exception as error:
            seen.append(type(error).__name__)
            raise
        seen.append("done")

    b = bench(ADMIN, middleware=[watch])
    await b.say(b.call("help"))
    await b.say(b.call("help", text="one two three"))
    b = bench(
        CHAT,
        backend=ScriptedBackend("default", replies=[Reply("x", error="unavailable")]),
        middleware=[watch],
    )
    await b.say(b.message("hello"))
    assert seen == ["help", "done", "message", "BackendUnavailable"]
