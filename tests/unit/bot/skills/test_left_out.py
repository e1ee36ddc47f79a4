"""What was not read of a document: its kinds are known, and said in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.knowledge.loading.block_frames import decode_left_out
from bot.skills.left_out import LEFT_OUT_KINDS, LeftOut, describe_left_out, list_left_out

ROOT = Path(__file__).resolve().parents[4]


def test_what_was_left_out_is_said_in_words() -> None:
    left_out = (
        LeftOut("picture", 2),
        LeftOut("hidden sheet"),
        LeftOut("page without text", 3),
        LeftOut("page whose text cannot be decoded", 1_200),
    )
    assert describe_left_out(left_out) == (
        "2 pictures, 1 hidden sheet, 3 pages without text, 1,200 pages whose text cannot be decoded"
    )
    assert describe_left_out(()) == ""


def test_a_kind_of_a_plugin_is_told_in_its_own_words() -> None:
    assert describe_left_out([LeftOut("series", 3), LeftOut("page {of} x")]) == (
        "3 × series, 1 × page {of} x"
    )


def test_what_an_older_version_stored_is_told_as_before() -> None:
    stored = '[["picture", 2], ["hidden sheet", 1]]'
    assert describe_left_out(decode_left_out(stored)) == "2 pictures, 1 hidden sheet"


def test_what_was_counted_none_of_is_not_listed() -> None:
    assert list_left_out({"picture": 0, "chart": 2}) == (LeftOut("chart", 2),)


def kinds_in(source: str) -> Iterator[str]:
    """The kinds that a module names: `left_out["picture"]`, `leave_out("chart")`, `LeftOut(…)`."""
    yield from re.findall(r"""(?:left_out\[|leave_out\(|LeftOut\()["']([^"']+)["']""", source)


def test_every_kind_that_a_loader_leaves_out_has_its_sentence() -> None:
    named = {
        kind
        for room in ("bot/knowledge/loading", "bot/web")
        for path in (ROOT / room).rglob("*.py")
        for kind in kinds_in(path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert named - LEFT_OUT_KINDS.keys() == set()


@pytest.mark.parametrize(
    "line",
    ["self.left_out['odd thing'] += 1", "parts.leave_out('odd thing')", "x = LeftOut('odd thing')"],
)
def test_the_check_sees_what_it_should(line: str) -> None:
    assert list(kinds_in(line)) == ["odd thing"]
