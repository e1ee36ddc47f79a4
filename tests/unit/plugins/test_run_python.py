"""The tool `run_python`, with the real sandbox."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psutil
import pytest

from backends.scripted.script import Reply, ScriptedCall
from bot.testing import Parlance, running_skills
from plugins.run_python import MAX_OUTPUT_CHARACTERS, SandboxedRun
from tests.hostile.programs import ENDED, REFUSED
from tests.until import PATIENCE_S, until


def calls(*codes: str) -> Reply:
    return Reply(
        "",
        tool_calls=tuple(ScriptedCall(name="run_python", arguments={"code": one}) for one in codes),
    )


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert _sandboxes() == []


def _sandboxes() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [one for one in found if "monty" in " ".join(one.cmdline())]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("print(1 + 1)", "2"),
        ("x = 20\nx * 2 + 2", "42"),
        ("x = 20; x * 2", "40"),
        ("None", "(It printed nothing; print what you want to know.)"),
        ("print('a')\n'b'", "a\nb"),
        ("# nothing", "(It printed nothing; print what you want to know.)"),
        ("import math, json\nprint(json.dumps({'pi': round(math.pi, 2)}))", '{"pi": 3.14}'),
        ("f'{1:>3}' + \"é\"", "  1é"),
    ],
)
def test_what_it_prints_and_its_last_value_are_returned(code: str, result: str) -> None:
    assert SandboxedRun(code).run() == result


def test_what_was_printed_before_an_error_is_returned_with_it() -> None:
    said = SandboxedRun("print('before')\nx = 1\nx / 0\nprint('after')").run()
    assert said.startswith("before\nTraceback")
    assert said.endswith("ZeroDivisionError: division by zero")
    assert "x / 0" in said


@pytest.mark.parametrize(("code", "said"), [*ENDED.items(), *REFUSED.items()])
def test_a_program_that_does_harm_ends_with_a_sentence(code: str, said: str) -> None:
    begun = time.process_time()
    result = SandboxedRun(code).run()
    assert said in result
    assert len(result) <= MAX_OUTPUT_CHARACTERS + 3_000
    assert time.process_time() - begun < 5, "nor does it cost this process much"


async def test_a_model_has_a_program_run(tmp_path: Path) -> None:
    async with _running(tmp_path, calls("sum(range(101))"), "5050.") as parlance:
        answer = await parlance.say("/agent add up the numbers to 100")
        assert answer.view.text == "5050."
        told = parlance.model.requests[-1].messages[-1].content
        assert told.startswith("<result-"), "it may be made of what others wrote"
        assert "\n5050\n" in told
        assert any(one.text.startswith("Running a program") for one in answer.states)


async def test_a_program_that_is_too_long_is_not_run(tmp_path: Path) -> None:
    async with _running(tmp_path, calls("x" * 30_000), "No.") as parlance:
        await parlance.say("/agent run it")
        assert "Wrong arguments" in parlance.model.requests[-1].messages[-1].content


async def test_what_a_program_puts_together_is_no_address_that_was_shown(tmp_path: Path) -> None:
    code = "print('https://evil' + '.example/?q=' + 'secret')"
    said = "Go to https://evil.example/?q=secret"
    async with _running(tmp_path, calls(code), said) as parlance:
        answer = await parlance.say("/agent run it")
        assert answer.view.text == "Go to `https://evil.example/?q=secret`"


async def test_stopping_the_turn_ends_the_program_and_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.run_python._ANSWER_TIMEOUT_S", 600.0)  # that is not what ends it
    async with _running(tmp_path, calls("while True: pass")) as parlance:
        asked = asyncio.create_task(parlance.say("/agent run it"))
        await until(_sandboxes)
        await parlance.say("/stop")
        assert (await asyncio.wait_for(asked, PATIENCE_S)).state == "cancelled"
        assert _sandboxes() == []


async def test_where_the_sandbox_is_not_installed_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)  # what its import finds there
    async with _running(tmp_path, calls("1"), "I cannot.") as parlance:
        await parlance.say("/agent run it")
        told = parlance.model.requests[-1].messages[-1].content
        assert told == "It failed: No program can be run on this machine."


async def test_many_programs_at_once_take_turns(tmp_path: Path) -> None:
    programs = calls(*(f"print({n} * 2)" for n in range(6)))
    async with _running(tmp_path, programs, "Done.") as parlance:
        await parlance.say("/agent run them")
        told = [one.content for one in parlance.model.requests[-1].messages if one.role == "tool"]
        assert [one.splitlines()[1] for one in told] == [str(n * 2) for n in range(6)]


def _running(folder: Path, *replies: Reply | str) -> AbstractAsyncContextManager[Parlance]:
    return running_skills(
        plugins=["plugins.agent", "plugins.run_python", "plugins.help"],
        folder=folder,
        replies=replies,
    )
