"""A child process that gives patterns their worst inputs, with a limit on its CPU time.

The candidates are tried small first; the slowest are given at full length. Before each it says
which comes, so that the parent can name what the child died of.
"""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

from tests.hostile.attacks import Attack, attacks
from tests.hostile.patterns import ROOT, Found

LENGTH_CHARACTERS = 200_000
CPU_SECONDS = 10
_SIEVE_CHARACTERS = 1_000
_WORST = 2


@dataclass(frozen=True)
class Hung:
    """A pattern that did not end, and on what."""

    found: Found
    attack: str

    def __str__(self) -> str:
        return f"{self.found.where} on {self.attack}: {self.found.pattern.pattern!r}"


def hanging(
    patterns: Sequence[Found], texts: Sequence[Attack] = (), *, seconds: int = CPU_SECONDS
) -> list[Hung]:
    """The patterns that do not end within the CPU time on 200,000 characters of their worst input,
    or of one of the texts."""
    found: list[Hung] = []
    left = list(patterns)
    while left:
        done, said = _in_a_child(left, texts, seconds)
        if done == len(left):
            break
        found.append(Hung(left[done], said))
        left = left[done + 1 :]
    return found


def _in_a_child(
    patterns: Sequence[Found], texts: Sequence[Attack], seconds: int
) -> tuple[int, str]:
    """How many were done, and the last attack that was begun."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.hostile.trial"],
        input=pickle.dumps((list(patterns), list(texts), seconds)),
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    lines = ran.stdout.decode().splitlines()
    done = sum(line == "done" for line in lines)
    if done < len(patterns) and ran.returncode >= 0:
        raise RuntimeError(ran.stderr.decode())
    return done, lines[-1] if lines else ""


def _child() -> None:
    patterns, texts, seconds = pickle.load(sys.stdin.buffer)
    for found in patterns:
        resource.setrlimit(
            resource.RLIMIT_CPU, (int(process_time()) + seconds, resource.RLIM_INFINITY)
        )
        _try(found, texts)
        _say("done")


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _try(found: Found, texts: Sequence[Attack]) -> None:
    candidates = [*attacks(found.pattern), *texts]
    worst = sorted(candidates, key=lambda one: -_time(found, one, _SIEVE_CHARACTERS))[:_WORST]
    for attack in worst:
        _time(found, attack, LENGTH_CHARACTERS)


def _time(found: Found, attack: Attack, length: int) -> float:
    _say(attack)
    text: Any = attack.text(length)
    if isinstance(found.pattern.pattern, bytes):
        text = text.encode("utf-8", "replace")
    start = process_time()
    _use(found, text)
    return process_time() - start


def _use(found: Found, text: Any) -> None:
    for name in ("match", "fullmatch"):
        if name in found.methods:
            getattr(found.pattern, name)(text)
    if found.methods - {"search", "match", "fullmatch", "pattern"}:
        deque(found.pattern.finditer(text), maxlen=0)  # begins as `search`; others go the same way
    elif "search" in found.methods:
        found.pattern.search(text)


if __name__ == "__main__":
    _child()
