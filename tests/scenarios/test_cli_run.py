"""`parlance run` at the end of a pipe, and what signals do to it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.process import Folder, end_of, read_until, sentences, stopped_in_mid_answer


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


async def test_every_line_is_answered_in_order_and_only_answers_are_on_standard_output(
    folder: Folder,
) -> None:
    typed = b"hello\n\n//etc is a folder\n/help ask\n/model list\nbye"
    ended = (await folder.run("run", stdin=typed)).no_trace()
    first, second, *_, last = sentences(ended.out)
    assert (first, second, last) == (
        "You said: hello",
        "You said: /etc is a folder",
        "You said: bye",
    )
    assert ended.out.index("/ask QUESTION") < ended.out.index("**default**")
    assert ended.err == ""
    assert ended.status == 0
    kept = [(t["role"], t["text"]) for t in folder.turns()]
    assert kept[0] == ("user", "hello")
    assert kept[-1] == ("assistant", "You said: bye")


async def test_what_is_written_in_an_old_way_is_said_once_at_the_start(folder: Folder) -> None:
    folder.configure(metrics={"host": "127.0.0.1"})
    ended = (await folder.run("run", stdin=b"hello\nbye\n")).no_trace()
    assert ended.status == 0
    assert ended.err.count("metrics.host is now http.host") == 1
    assert "`parlance check --fix` brings config.yaml up to date." in ended.err


async def test_a_refused_line_is_told_and_the_rest_is_answered(folder: Folder) -> None:
    typed = b"/sumarize http://x\n/rap A vs B rond=3\nhello \xff\n" + b"x" * 250_000 + b"\nbye\n"
    ended = (await folder.run("run", stdin=typed)).no_trace()
    assert sentences(ended.out) == [
        "There is no command /sumarize. Did you mean /summarize?",
        "/rap has no option rond. Did you mean rounds=?",
        "You said: hello �",
        "Your message is too long: 100,000 characters, where 4,000 are allowed.",
        "You said: bye",
    ]
    assert ended.status == 1


async def test_with_nothing_to_read_it_plays_the_example(folder: Folder) -> None:
    closed, empty, nowhere = await asyncio.gather(
        folder.run("run", stdin=subprocess.DEVNULL, before=lambda: os.close(0)),
        folder.run("run", "--config", str(second(folder, "b")), stdin=b""),
        folder.run("run", "--config", str(second(folder, "c")), stdin=subprocess.DEVNULL),
    )
    for ended in (closed, empty, nowhere):
        ended.no_trace()
        assert "> /ask How do I write a skill?" in ended.out
        assert "> hello" in ended.out
        assert "**default**" in ended.out
        assert ended.status == 0, ended.err


def second(folder: Folder, name: str) -> Path:
    """Another folder with the same config.yaml."""
    other = folder.path / name
    other.mkdir()
    path = other / "config.yaml"
    path.write_text((folder.path / "config.yaml").read_text("utf-8"), "utf-8")
    return path


async def test_a_named_conversation_goes_on_after_a_restart(folder: Folder) -> None:
    again = ("run", "--conversation", "notes")
    await folder.run(*again, stdin=b"my name is Ada\n")
    ended = await folder.run(*again, stdin=b"/why\nwhat is my name?\n/why\n/quit\nhello\n")
    nothing, answer, why, *rest = sentences(ended.out)
    assert nothing == "There is no answer yet."
    assert answer == "You said: what is my name?"
    assert "2 earlier turns used" in why
    assert rest == []  # /quit leaves
    assert ended.status == 1
    conversations = {t["conversation"] for t in folder.turns()}
    assert conversations == {"terminal:local:notes"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_in_mid_answer_ends_it_and_keeps_what_was_written(
    folder: Folder, number: signal.Signals
) -> None:
    shown, ended = await stopped_in_mid_answer(folder, number)
    ended.no_trace()
    assert ended.status == 128 + number
    question, answer = folder.turns()
    assert question["text"] == "take your time"
    assert answer["status"] == "cancelled"
    assert answer["text"].startswith(shown.strip())
    assert "slow300" not in answer["text"], "the rest of the answer was waited for"
    assert "I was shut down before this was complete." in ended.out


async def test_what_was_written_before_a_crash_is_there_after_it(folder: Folder) -> None:
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"take your time\n")
        await read_until(process, "slow070")  # it is saved every second
        process.kill()
        assert (await end_of(process)).status == -signal.SIGKILL
    assert [t["status"] for t in folder.turns()] == ["complete", "running"]
    ended = (await folder.run("run", stdin=b"hello\n")).no_trace()
    assert ended.status == 0
    question, answer, *_ = folder.turns()
    assert question["text"] == "take your time"
    assert answer["status"] == "interrupted"
    assert answer["text"].startswith("slow000 slow001")


async def test_the_reader_of_the_answers_may_leave(folder: Folder) -> None:
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"take your time\nhello\n")
        await read_until(process, "slow003")
        process.stdout._transport.close()  # type: ignore[union-attr]
        await process.wait()
        assert process.stderr is not None
        assert (await process.stderr.read()).decode() == ""
    assert process.returncode == 1
    assert [t["text"] for t in folder.turns() if t["role"] == "user"] == ["take your time"]
