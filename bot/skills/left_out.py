"""What a loader saw in a document and did not read: its kinds, and the words for each.

A kind is stored by its English name; the words for it are chosen when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.catalogue.sentence import Sentence, join_sentences, lay_out, say, say_number

_TELLERS: tuple[Callable[[int], Sentence], ...] = (
    lambda n: say_number("{n:,} attachment", "{n:,} attachments", n),
    lambda n: say_number("{n:,} chart", "{n:,} charts", n),
    lambda n: say_number("{n:,} damaged chapter", "{n:,} damaged chapters", n),
    lambda n: say_number(
        "{n:,} damaged drawing or comments", "{n:,} damaged drawings or comments", n
    ),
    lambda n: say_number("{n:,} damaged footer", "{n:,} damaged footers", n),
    lambda n: say_number("{n:,} damaged header", "{n:,} damaged headers", n),
    lambda n: say_number("{n:,} damaged page", "{n:,} damaged pages", n),
    lambda n: say_number("{n:,} damaged page of notes", "{n:,} damaged pages of notes", n),
    lambda n: say_number("{n:,} damaged part", "{n:,} damaged parts", n),
    lambda n: say_number("{n:,} damaged shape", "{n:,} damaged shapes", n),
    lambda n: say_number("{n:,} damaged sheet", "{n:,} damaged sheets", n),
    lambda n: say_number("{n:,} damaged slide", "{n:,} damaged slides", n),
    lambda n: say_number("{n:,} diagram", "{n:,} diagrams", n),
    lambda n: say_number("{n:,} embedded object", "{n:,} embedded objects", n),
    lambda n: say_number("{n:,} encrypted chapter", "{n:,} encrypted chapters", n),
    lambda n: say_number("{n:,} formula without a value", "{n:,} formulas without a value", n),
    lambda n: say_number("{n:,} hidden column", "{n:,} hidden columns", n),
    lambda n: say_number("{n:,} hidden row", "{n:,} hidden rows", n),
    lambda n: say_number("{n:,} hidden sheet", "{n:,} hidden sheets", n),
    lambda n: say_number("{n:,} hidden slide", "{n:,} hidden slides", n),
    lambda n: say_number("{n:,} inserted document", "{n:,} inserted documents", n),
    lambda n: say_number("{n:,} missing chapter", "{n:,} missing chapters", n),
    lambda n: say_number(
        "{n:,} page in excess of the limit", "{n:,} pages in excess of the limit", n
    ),
    lambda n: say_number(
        "{n:,} page of which a part could not be read well enough",
        "{n:,} pages of which a part could not be read well enough",
        n,
    ),
    lambda n: say_number(
        "{n:,} page of whose text a part cannot be decoded",
        "{n:,} pages of whose text a part cannot be decoded",
        n,
    ),
    lambda n: say_number(
        "{n:,} page that could not be read", "{n:,} pages that could not be read", n
    ),
    lambda n: say_number(
        "{n:,} page that could not be read well enough",
        "{n:,} pages that could not be read well enough",
        n,
    ),
    lambda n: say_number(
        "{n:,} page whose text cannot be decoded", "{n:,} pages whose text cannot be decoded", n
    ),
    lambda n: say_number("{n:,} page without text", "{n:,} pages without text", n),
    lambda n: say_number("{n:,} picture", "{n:,} pictures", n),
    lambda n: say_number("{n:,} recording", "{n:,} recordings", n),
    lambda n: say_number("{n:,} repeated page", "{n:,} repeated pages", n),
    lambda n: say_number("{n:,} symbol", "{n:,} symbols", n),
    lambda n: say_number("{n:,} unknown shape", "{n:,} unknown shapes", n),
    lambda n: say_number("{n:,} video", "{n:,} videos", n),
)
LEFT_OUT_KINDS = {str(tell(1)).removeprefix("1 "): tell for tell in _TELLERS}
"""The kinds that the shipped loaders know, and the sentence of each for a number."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a loader saw and did not read: `LeftOut("picture", 2)`, `LeftOut("hidden sheet", 1)`.

    `what` is one of `LEFT_OUT_KINDS`, or a kind of a loader's own in words: `LeftOut("signature")`
    is told as `1 × signature`, in a language that has a word for it by that.
    """

    what: str
    count: int = 1


def list_left_out(counts: Mapping[str, int]) -> tuple[LeftOut, ...]:
    """Return what was counted by kind."""
    return tuple(LeftOut(what, count) for what, count in counts.items() if count)


def describe_left_out(left_out: Iterable[LeftOut]) -> Sentence:
    """Say what was left out: `2 pictures, 1 hidden sheet, 3 pages without text`."""
    return join_sentences(map(_describe, left_out), ", ")


def _describe(one: LeftOut) -> Sentence:
    known = LEFT_OUT_KINDS.get(one.what)
    if known is not None:
        return known(one.count)
    return lay_out("{n:,} × {what}", n=one.count, what=say(one.what))
