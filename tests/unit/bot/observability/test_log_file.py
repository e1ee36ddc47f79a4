"""The log on disk: whole lines, private, never larger than it may be; and reading it again."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog

from bot.config import LoggingSettings
from bot.observability.log_file import MAX_WAITING_LINES, LogFile, log_files
from bot.observability.log_reader import LogLine, LogReader
from bot.observability.logs import configure, recent_errors
from tests.until import PATIENCE_S

SECRET = "hunter2hunter2"


def everything(line: LogLine) -> bool:
    return True


def keep(folder: Path, *lines: str, max_bytes: int = 1_000_000) -> None:
    file = LogFile(folder, max_bytes)
    file.open()
    for line in lines:
        file.write(line)
    file.close()


def said(folder: Path) -> list[str]:
    return [line for path in log_files(folder) for line in path.read_text("utf-8").splitlines()]


def test_it_is_private_goes_on_where_it_was_and_waits_for_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    file = LogFile(folder, 1_000_000)
    file.write("before it is open")
    assert not folder.exists()  # it is another process's, perhaps
    file.open()
    file.close()
    keep(folder, "another process")
    assert said(folder) == ["before it is open", "another process"]
    (path,) = log_files(folder)
    assert folder.stat().st_mode & 0o077 == path.stat().st_mode & 0o077 == 0


def test_it_never_grows_beyond_its_size_and_the_newest_stays(tmp_path: Path) -> None:
    keep(tmp_path, *(f"line {n:05}" for n in range(2_000)), max_bytes=5_000)
    files = log_files(tmp_path)
    assert len(files) == 5
    assert sum(path.stat().st_size for path in files) <= 5_000
    kept = said(tmp_path)
    assert kept[-1] == "line 01999"
    assert kept == [f"line {n:05}" for n in range(2_000 - len(kept), 2_000)]


def test_more_than_waits_is_counted_and_left_out(tmp_path: Path) -> None:
    file = LogFile(tmp_path, 100_000_000)
    for n in range(MAX_WAITING_LINES + 7):
        file.write(f"{n}")
    file.open()
    file.close()
    *lines, last = said(tmp_path)
    assert len(lines) == MAX_WAITING_LINES
    assert json.loads(last) | {"timestamp": ""} == {
        "event": "log.lines_left_out",
        "count": 7,
        "level": "warning",
        "timestamp": "",
    }


def test_a_folder_that_takes_nothing_costs_lines_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    keep(tmp_path / "log", "lost")
    (tmp_path / "log").unlink()
    keep(tmp_path / "log", "kept")
    assert said(tmp_path / "log") == ["kept"]


def test_what_is_kept_has_neither_secrets_nor_words_and_more_than_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = LogFile(tmp_path, 1_000_000)
    configure(LoggingSettings(level="debug"), [SECRET], file=file, shown="warning")
    ours = structlog.get_logger("ours")
    ours.debug("words", text="what Ada said")
    ours.info("first", text="what Ada said", key=SECRET)
    logging.getLogger("theirs").info("second %s", SECRET)
    try:
        raise ValueError(f"no {SECRET}")
    except ValueError:
        ours.exception("third", error_id="ab12", turn="t1")
    file.open()
    file.close()
    lines = [json.loads(line) for line in said(tmp_path)]
    assert [line["event"] for line in lines] == ["first", "second [secret]", "third"]
    assert lines[0]["text_chars"] == 13
    assert lines[0]["timestamp"].endswith("Z")
    assert SECRET not in "".join(said(tmp_path))
    (shown,) = capsys.readouterr().err.splitlines()
    assert json.loads(shown)["event"] == "third"
    (error,) = recent_errors
    assert error.pop("timestamp") == lines[2]["timestamp"]
    assert error == {
        "event": "third",
        "turn": "t1",
        "error_id": "ab12",
        "reason": "ValueError: no [secret]",
    }


def test_errors_are_remembered_without_a_file_and_only_the_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LoggingSettings(format="json"))
    for n in range(30):
        structlog.get_logger("ours").error("failed", n=n)
        structlog.get_logger("ours").warning("not so bad")
    logging.getLogger("theirs").error("of a library")
    assert len(recent_errors) == 10
    assert recent_errors[-1]["event"] == "of a library"
    assert len(capsys.readouterr().err.splitlines()) == 61


def lines(*values: Mapping[str, object]) -> list[str]:
    return [json.dumps(value) for value in values]


def test_the_last_lines_across_files_of_a_level_or_a_turn(tmp_path: Path) -> None:
    keep(
        tmp_path, *lines(*({"event": f"e{n}", "level": "info"} for n in range(90))), max_bytes=9000
    )
    keep(
        tmp_path,
        *lines(
            {"event": "began", "level": "info", "turn": "turn-one"},
            {"event": "other", "level": "info", "turn": "turn-two"},
            {"event": "failed", "level": "error", "turn": "turn-one", "error_id": "ab12cd34"},
        ),
        "no JSON, with \x1b[31mcolour",
        max_bytes=9000,
    )
    reader = LogReader(tmp_path)
    found = reader.last(6, everything)
    assert [line.said["event"] for line in found[:3]] == ["e88", "e89", "began"]
    assert found[-1].text.startswith("no JSON")
    errors = reader.last(10, lambda line: line.is_at_least("error"))
    assert [line.said["event"] for line in errors] == ["failed"]
    for ident in ("turn-one", "turn-o", "ab12cd34"):
        ids = reader.turns_of(ident)
        about = reader.last(10, lambda line, ids=ids: line.is_of(ids))  # type: ignore[misc]
        assert [line.said["event"] for line in about] == ["began", "failed"]
    reader.close()


def test_what_comes_is_followed_over_a_change_of_files_and_half_lines(tmp_path: Path) -> None:
    keep(tmp_path, "first")
    reader = LogReader(tmp_path)
    assert [line.text for line in reader.last(5, everything)] == ["first"]
    following = reader.follow(everything)
    seen: list[str] = []
    done = threading.Event()

    def read() -> None:
        for line in following:
            seen.append(line.text)
            if line.text == "last":
                done.set()
                return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    with (tmp_path / "parlance.log").open("a", encoding="utf-8") as file:
        file.write("sec")
        file.flush()
        file.write("ond\n")
    more = [f"line {n}" for n in range(40)]
    keep(tmp_path, *more, "last", max_bytes=1_000)
    assert done.wait(PATIENCE_S)
    assert seen[0] == "second"
    assert seen[-1] == "last"
    assert set(seen[1:-1]) <= set(more)
    thread.join()
    reader.close()
