"""Tokens are found wherever they stand, and looking for them never takes long."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.secrets import TOKEN_MARKS, TOKEN_SHAPES
from bot.observability.redaction import Redactor
from bot.replies.draft import Draft
from bot.types import Limits, Text
from tests.hostile.tokens import ADDRESSES, ENDLESS, TOKENS

ROOT = Path(__file__).parents[2]

_COLOURED = """
import sys
import structlog

class Screen:
    def isatty(self): return True
    def write(self, text): return sys.__stderr__.write(text)
    def flush(self): sys.__stderr__.flush()

sys.stderr = Screen()
from bot.config import LoggingSettings
from bot.observability.logs import configure
configure(LoggingSettings(format="console"), {"hunter2hunter2"})
log = structlog.get_logger("m")
for value in sys.argv[1:]:
    log.warning(value, value=value, nested={"deep": [value]})
    try:
        raise ValueError(value)
    except ValueError:
        log.exception("failed")
"""


def test_a_coloured_line_shows_no_token_and_no_password() -> None:
    hidden = [*TOKENS.values(), "hunter2hunter2", *(secret for _, secret in ADDRESSES.values())]
    values = [*TOKENS.values(), "hunter2hunter2", *(address for address, _ in ADDRESSES.values())]
    done = subprocess.run(
        [sys.executable, "-c", _COLOURED, *values],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "\x1b[" in done.stderr
    assert [secret for secret in hidden if secret in done.stderr] == []
    assert done.stderr.count("[secret]") >= 4 * len(values)


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_no_view_of_a_growing_answer_shows_half_a_token(token: str, size: int) -> None:
    draft = Draft("t1", Limits(2000, 0.0))
    text = f"The key is {token}, and the risk-free Monday follows."
    seen = []
    for at in range(0, len(text), size):
        draft.add(Text(text[at : at + size]))
        seen.append(draft.view())
    draft.end("complete")
    seen.append(draft.view())
    assert seen[-1].text == "The key is [secret], and the risk-free Monday follows."
    for earlier in seen:
        assert seen[-1].text.startswith(earlier.text)
        assert "".join(earlier.pages).strip() == earlier.text.strip()


@given(st.from_regex(TOKEN_SHAPES))
def test_every_token_has_a_mark(text: str) -> None:
    assert TOKEN_MARKS.search(text)


def test_no_text_takes_long() -> None:
    code = (
        "from bot.observability.redaction import Redactor\n"
        "from tests.hostile.tokens import ENDLESS\n"
        "redact = Redactor({'hunter2hunter2'})\n"
        "for text in ENDLESS.values():\n"
        "    redact(text), redact.growing().take(text), redact.growing().take(text + '!')\n"
        "print('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20)),
    )
    assert done.stdout == "done\n", done.stderr


def test_words_that_look_a_little_like_tokens_are_left_alone() -> None:
    text = (
        "task-management-for-teams, disk-encryption-by-default, xoxo-, "
        "https://example.org:8080/a@b, http://host:80/?mail=a:b@c, ssh://git@host/x, Monday.morning"
    )
    assert Redactor()(text) == text


def test_every_endless_text_is_long_enough_to_tell() -> None:
    assert min(map(len, ENDLESS.values())) >= 200_000
