"""No text of others controls a terminal, or forges a line of the log."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.controls import without_controls, written_out
from tests.hostile.screens import FORGED, SCREENS

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
    assert without_controls(one) + without_controls(two) == without_controls(one + two)
    assert not controls(without_controls(one + two))


@pytest.mark.parametrize("text", SCREENS.values(), ids=SCREENS)
def test_nothing_that_controls_is_left(text: str) -> None:
    assert controls(text)
    assert not controls(without_controls(text))
    assert not controls(written_out(text))


def test_ordinary_text_stays_as_it_is() -> None:
    text = "# Überschrift\n\n\t- 漢字, עברית, العربية 👩‍👩‍👧 \u200f\u200e\n"
    assert without_controls(text) == text
    assert without_controls("one\r\ntwo\r\n") == "one\ntwo\n"


# --- the log -------------------------------------------------------------------------------------

_LOGGED = """
import json, logging, sys
import structlog
from bot.config import LoggingSettings
from bot.logging import configure

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
