"""A loop over a text that is twice as long takes twice the steps, whatever the text is."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from time import process_time
from types import FrameType
from typing import Any

import pytest

from bot.errors import UserFacingError
from tests.hostile.loops import LARGE, LOOPS
from tests.hostile.patterns import PACKAGES, ROOT
from tests.hostile.texts import LINES, TEXTS
from tests.hostile.trial import CPU_SECONDS

_OURS = tuple(str(ROOT / package) for package in PACKAGES)
_SHORT_CHARACTERS = 400
_GROWTH = 2.6
_START_STEPS = 200
"""What may be set up once beyond the steps of the text."""


def steps(loop: Callable[[str], Any], text: str) -> int:
    """The lines of our own code that are run, each as often as it is."""
    count = 0
    is_ours: dict[str, bool] = {}

    def see(frame: FrameType, event: str, arg: object) -> Any:
        file = frame.f_code.co_filename
        if file not in is_ours:
            is_ours[file] = file.startswith(_OURS)
        return see_line(frame, event, arg) if is_ours[file] else None

    def see_line(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += 1
        return see_line

    before = sys.gettrace()
    sys.settrace(see)
    try:
        with suppress(UserFacingError):
            loop(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", LOOPS)
def test_the_steps_of_a_loop_grow_as_the_text_does(name: str) -> None:
    loop = LOOPS[name]
    with suppress(UserFacingError):
        loop("a b.\n")  # what is imported or compiled once is no step of the text
    for attack in (*LINES, *TEXTS):
        found = [steps(loop, attack.text(_SHORT_CHARACTERS))]
        for times in (2, 4):  # where a limit lies between the first two, the next two tell
            found.append(steps(loop, attack.text(times * _SHORT_CHARACTERS)))
            if found[-1] <= _GROWTH * found[-2] + _START_STEPS:
                break
        else:
            pytest.fail(f"{attack}: {found} steps")


@pytest.mark.parametrize("name", LARGE)
def test_a_long_text_is_not_copied_again_and_again(name: str) -> None:
    """What one step of ours copies is not in the count of steps; the CPU time tells."""
    child = [sys.executable, "-m", "tests.hostile.test_steps", name]
    assert subprocess.run(child, cwd=ROOT, check=False).returncode == 0


def _run_large(name: str) -> None:
    used = int(process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_SECONDS, resource.RLIM_INFINITY))
    LARGE[name]()


def test_a_loop_in_a_loop_is_seen() -> None:
    from bot.knowledge.language.words import extract_stems

    def quadratic(text: str) -> None:
        for at in range(len(text)):
            extract_stems(text[at:])

    text = "word " * 20
    assert steps(quadratic, text * 2) > _GROWTH * steps(quadratic, text) + _START_STEPS


if __name__ == "__main__":
    _run_large(sys.argv[1])
