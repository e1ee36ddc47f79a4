"""Reads every pattern of our source for catastrophic repeats; run by `make lint`.

regexploit sees what takes exponential or cubic time. What is quadratic it does not see:
`test_patterns` does. It knows no possessive repeats and no atomic groups, which never give back
what they took: here they are read as what they hold, once.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports sre_parse by its old name
    from regexploit.ast.sre import SreOpParser  # type: ignore[import-untyped]
    from regexploit.redos import find  # type: ignore[import-untyped]

from tests.hostile.patterns import Found, collect

_MOST_IN_A_ROW = 2
"""More repeats in a row of the same characters are complained of, as regexploit does."""


class _Parser(SreOpParser):  # type: ignore[misc]
    def from_POSSESSIVE_REPEAT(self, data: Any) -> Any:
        return self.sequence_or_singleton(data[2])

    def from_ATOMIC_GROUP(self, data: Any) -> Any:
        return self.sequence_or_singleton(data)


def complaint(found: Found) -> str:
    """What is wrong with a pattern; empty where nothing is."""
    source, flags = found.pattern.pattern, found.pattern.flags
    if isinstance(source, bytes):
        source, flags = source.decode("latin-1"), flags | re.ASCII
    worst = max((one.starriness for one in find(_Parser().parse_sre(source, flags))), default=0)
    return (
        f"{found.where}: {worst} repeats share characters: {source!r}"
        if worst > _MOST_IN_A_ROW
        else ""
    )


def main() -> int:
    patterns = collect()
    wrong = [said for said in map(complaint, patterns) if said]
    sys.stdout.write("".join(f"{said}\n" for said in wrong))
    sys.stdout.write(f"{len(patterns)} patterns read, {len(wrong)} of them catastrophic.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
