"""No text of others controls a terminal, or forges a line of the log."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.control_characters import escape_controls, strip_controls
from tests.hostile.screens import FORGED, MARKUP, SCREENS
from tests.scenarios.process import Folder
from tests.until import PATIENCE_S

ROOT = Path(__file__).parents[2]
BIDI = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def controls(text: str) -> set[str]:
    """The characters of a text that could control a terminal, line breaks and tabs left out."""
    return {c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"} | (
        BIDI & set(text)
    )


@given(st.text(), st.text())
def test_a_sequence_that_is_split_between_two_pieces_does_not_come_through(
    one: str, two: str
) -> None:
    assert strip_controls(one) + strip_controls(two) == strip_controls(one + two)
    assert not controls(strip_controls(one + two))


@pytest.mark.parametrize("text", SCREENS.values(), ids=SCREENS)
def test_nothing_that_controls_is_left(text: str) -> None:
    assert controls(text)
    assert not controls(strip_controls(text))
    assert not controls(escape_controls(text))


def test_ordinary_text_stays_as_it_is() -> None:
    text = "# Überschrift\n\n\t- 漢字, עברית, العربية 👩‍👩‍👧 \u200f\u200e\n"
    assert strip_controls(text) == text
    assert strip_controls("one\r\ntwo\r\n") == "one\ntwo\n"


# --- a terminal, and a pipe ----------------------------------------------------------------------

ORDERS = tuple(
    order.encode()
    for order in (*SCREENS.values(), "\x1b]0;", "\x1b]52", "\x1bc", "\x1bP", "\x9b", "\x9d", "\x0e")
)
"""What must not reach a terminal. The chat has its own: colours, and where the cursor is."""
SAID = "".join(f"{name}: {text} end\n\n" for name, text in SCREENS.items())
NAME = "a\x1b]0;pwned\x07\x9b2J\nb\u202e " + MARKUP.replace("/", "") + ".md"


def in_a_terminal(folder: Folder, *command: str, typed: Iterator[tuple[str, str]]) -> bytes:
    """Run a command in a terminal of its own. Whenever the first of a pair is on the screen, the
    second is typed."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 120))
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**folder.environment, "COLUMNS": "120"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    seen, place = b"", 0
    awaited = next(typed, None)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 1.0)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # it has ended
                    break
                seen += piece
            if awaited and (found := seen.find(awaited[0].encode(), place)) >= 0:
                place = found + 1
                os.write(ours, awaited[1].encode())
                awaited = next(typed, None)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert awaited is None, seen
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    reply = {"match": "hello", "text": SAID}
    made.configure(
        models={
            "default": {"backend": "scripted", "replies": [reply], "tokens_per_s": 4000},
            "embedder": {"backend": "scripted"},
        }
    )
    return made


def test_the_chat_shows_what_a_model_says_and_obeys_nothing_of_it(folder: Folder) -> None:
    last = f"{list(SCREENS)[-1]}: "
    typed = iter([("›", "hello\r"), (last, ""), ("›", "/exit\r")])
    seen = in_a_terminal(folder, "-m", "bot", "run", typed=typed)
    assert b"the clipboard" in seen
    assert not [order for order in ORDERS if order in seen]


async def test_a_pipe_gets_the_words_alone(folder: Folder) -> None:
    ended = (await folder.run("run", stdin=b"hello\n")).no_trace()
    assert "the clipboard: " in ended.out
    assert not controls(ended.out + ended.err)


_COMMANDS = """
import sys
from bot.cli import app
from bot.errors import ParlanceError
for command in (
    ["docs", "add", sys.argv[1], sys.argv[2]],
    ["docs", "list"],
    ["docs", "search", "lamp"],
    ["docs", "list", "--json"],
    ["docs", "remove", sys.argv[2]],
    ["docs", "remove", sys.argv[3]],
    ["models", "list"],
):
    print("=====", *command[:2])
    try:
        app(command, standalone_mode=False)
    except (ParlanceError, SystemExit):
        pass
"""


@pytest.mark.parametrize("end", ["terminal", "pipe"])
def test_the_commands_show_names_and_titles_and_obey_nothing_of_them(
    folder: Folder, tmp_path: Path, end: str
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    text = f"# The lamp {SAID}\n\nThe lamp. {MARKUP}\n{SAID}"
    (papers / NAME).write_text(text.replace("\0", ""))  # with it, it is no text
    (papers / f"empty {NAME}").write_text("")
    arguments = ("-c", _COMMANDS, str(papers), f"{tmp_path}/no\x1bc.md", str(papers / NAME))
    if end == "terminal":
        seen = in_a_terminal(folder, *arguments, typed=iter(()))
    else:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=folder.environment,
            capture_output=True, check=True,
        )  # fmt: skip
        seen = done.stdout + done.stderr
        assert not controls(seen.decode())
    assert not [order for order in ORDERS if order in seen]
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\s", "", seen.decode())
    assert shown.count("[bold]loud[bold]") >= 4  # names are shown as they are
    assert "[bold]loud[/bold]" in shown
    assert ":boom:" in shown
    assert "Removed" in shown


# --- the log -------------------------------------------------------------------------------------

_LOGGED = """
import json, logging, sys
import structlog
from bot.config import LoggingSettings
from bot.observability.logs import configure

configure(LoggingSettings(format=sys.argv[1]))
log = structlog.get_logger("ours")

class Odd:
    def __repr__(self):
        return text

for text in json.loads(sys.argv[2]):
    log.warning("one", name=text, nested=[text], odd=Odd())
    log.warning("two " + text)
    logging.getLogger("theirs").warning("three %s", text)
    logging.getLogger("theirs" + text).warning("four")
    try:
        try:
            raise ValueError(text)
        except ValueError as exc:
            raise RuntimeError("outer " + text) from exc
    except RuntimeError as exc:
        log.exception("five", error=exc)
        logging.getLogger("theirs").exception("six")
    log.warning("seven", stack_info=True)
"""


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_line_of_the_log_is_forged(form: Literal["console", "json"]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOGGED, form, json.dumps(FORGED)],
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    written = done.stderr.decode()
    assert not controls(written)
    lines = written.splitlines()
    records = [line for line in lines if line[:1].strip()]
    assert len(records) == 7 * len(FORGED), written
    if form == "json":
        assert lines == records
        assert [json.loads(line)["name"] for line in lines[::7]] == list(FORGED)
    else:
        assert sum(line.startswith("  RuntimeError: outer x") for line in lines) == 2 * len(FORGED)
