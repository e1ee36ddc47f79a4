"""Joins the words within a block of HTML as they are shown: raised figures, code, boxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from bot.skills.document_tree import lowered, raised
from bot.web.html_tree import names_of, style_of

_SPACES = str.maketrans("\t\n\r\f\v", "     ")
_ANCHORS = frozenset({"¶", "#", "§", "🔗", "[edit]", "↩", "↩︎", "⏎", "↑"})
"""Links of headings to themselves, and of notes back to their text."""
_NOTE_TARGET = re.compile(r"#(?:body)?[_-]*(?:sd)?(?:fn|ftn|foot-?note|end-?note)[\w:.-]*", re.I)
_NOTE_LINKS = frozenset({"doc-noteref", "noteref", "footnote-ref"})
_MAX_NOTE_DIGITS = 3
PICTURE_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?)", re.IGNORECASE)
"""What programs write for a picture where nobody describes it."""
_FORMULA_IMAGE = re.compile(r"math|\btex\b|latex", re.IGNORECASE)
_TEXT_INPUTS = frozenset({"text", "number", "email", "tel", "date", "url", "time"})
_MAX_ICON_PIXELS = 40
_MAX_SYMBOL_CHARACTERS = 8
_KINDS = {
    "sup": "raised", "sub": "lowered", "code": "code", "samp": "code", "tt": "code", "q": "quoted",
    "del": "struck", "s": "struck", "strike": "struck", "a": "link",
}  # fmt: skip


def tidy(text: str) -> str:
    """Text with single spaces; line breaks of its own are kept."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip("\n")


def _do_nothing() -> None:
    return


class InlineText:
    """The text of the block that is being read."""

    def __init__(self, left_out: Counter[str]) -> None:
        self._pieces: list[str] = []
        self._taken = 0
        self._open: set[str] = set()
        self._left_out = left_out

    def __bool__(self) -> bool:
        return any(not piece.isspace() for piece in self._pieces)

    def add(self, text: str) -> None:
        """Add text of the source, whose line breaks are spaces."""
        self._pieces.append(text.translate(_SPACES))

    def take(self) -> str:
        """Return the text, and begin a new one."""
        text = tidy("".join(self._pieces))
        self._pieces.clear()
        self._taken += 1
        return text

    def enter(self, element: Any, tag: str, *, in_cell: bool) -> Callable[[], None]:
        """Take the beginning of an element; returns what takes its end."""
        if tag == "br":
            self._pieces.append("\n")
        elif tag == "img":
            self._add_image(element, in_cell=in_cell)
        elif tag == "input":
            self._add_input(element)
        kind = "raised" if tag == "a" and _is_note_link(element) else _KINDS.get(tag, "")
        if not kind and "vertical-align" in (style := style_of(element)):
            kind = "raised" if "super" in style else "lowered" if "sub" in style else ""
        if not kind or kind in self._open:
            return _do_nothing
        self._open.add(kind)
        return partial(self._leave, kind, self._taken, len(self._pieces))

    def _leave(self, kind: str, taken: int, start: int) -> None:
        self._open.discard(kind)
        if taken != self._taken:
            start = 0
        whole = "".join(self._pieces[start:])
        text = tidy(whole)
        if not text or (kind == "link" and text not in _ANCHORS):
            return
        del self._pieces[start:]
        before = " " if whole[0] == " " else ""
        after = " " if whole[-1] == " " else ""
        self._pieces.append(f"{before}{_written(kind, text)}{after}")

    def _add_image(self, image: Any, *, in_cell: bool) -> None:
        said = " ".join((image.get("alt") or "").split())
        names = names_of(image)
        if said and (_FORMULA_IMAGE.search(names) or "emoji" in names or _is_symbol(said)):
            self._pieces.append(said)
        elif said or (image.get("alt") is None and not _is_icon(image)):
            self._left_out["picture"] += 1
            around = image.getparent()
            linked = around is not None and around.tag == "a"
            described = said and not PICTURE_FILE_NAME.fullmatch(said)
            if described and (in_cell or (" " in said and not linked)):
                self._pieces.append(f" {said} ")

    def _add_input(self, field: Any) -> None:
        kind = (field.get("type") or "text").lower()
        if kind in ("checkbox", "radio"):
            around = field.getparent()
            names = f"{names_of(field)} {field.get('name', '')} {field.get('id', '')} " + (
                "" if around is None else names_of(around)
            )
            if "tab" not in names and "toggle" not in names:
                self._pieces.append("[ ] " if field.get("checked") is None else "[x] ")
        elif kind in _TEXT_INPUTS and field.get("value"):
            self._pieces.append(f" {field.get('value')} ")


def _is_note_link(link: Any) -> bool:
    """Whether a link is the number of a note: books raise it by their style sheets alone."""
    says = f"{link.get('role', '')} {link.get('epub:type', '')} {names_of(link)}".split()
    if not _NOTE_LINKS.isdisjoint(says):
        return True
    if _NOTE_TARGET.fullmatch((link.get("href") or "")[:100]) is None:
        return False
    text = "".join(link.itertext()).strip()
    return len(text) <= _MAX_NOTE_DIGITS and text.isdecimal()


def _written(kind: str, text: str) -> str:
    match kind:
        case "raised":
            return text if text.startswith(("[", "(")) else raised(text)
        case "lowered":
            return lowered(text)
        case "code":
            mark = "``" if "`" in text else "`"
            return "\n".join(f"{mark}{line}{mark}" if line else "" for line in text.split("\n"))
        case "quoted":
            return f"“{text}”"
        case "struck":
            return f"~~{text}~~"
    return ""


def _is_symbol(said: str) -> bool:
    return len(said) <= _MAX_SYMBOL_CHARACTERS and not any(map(str.isalnum, said))


def _is_icon(image: Any) -> bool:
    sizes = [(image.get(side) or "").removesuffix("px") for side in ("width", "height")]
    return any(size.isdecimal() and int(size[:6]) <= _MAX_ICON_PIXELS for size in sizes)
