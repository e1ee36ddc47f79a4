"""Long answers that take much work to look through, each as a model may send it in one piece."""

from __future__ import annotations

from itertools import count

ANSWER_CHARACTERS = 100_000


def _numbered(piece: str) -> str:
    """A piece over and over, never twice alike, so that it is not ended as a repetition."""
    numbers = count(1_234_567, 7_919)
    length = len(piece) + 6
    return "".join(
        piece.replace("#", str(next(numbers))) for _ in range(ANSWER_CHARACTERS // length)
    )


ANSWERS = {
    "words": _numbered("a sentence number # of a long answer. And more.\n\n"),
    "one word": _numbered("x#"),
    "lines": _numbered("#\n"),
    "blank lines": "x" + "\n" * ANSWER_CHARACTERS + "x",
    "links": _numbered("[a.example](b#) "),
    "addresses": _numbered("https://a.example/# "),
    "open brackets": _numbered("[#"),
    "images": _numbered("![#"),
    "tags": _numbered("<#"),
    "backticks": _numbered("`#"),
    "fences": _numbered("```\n#\n"),
    "code": "```\n" + _numbered("x = #\n"),
    "passwords": _numbered("://a:#"),
    "ideographs": _numbered("漢字#。"),
    "joined signs": _numbered("👨‍👩‍👧#"),
}
