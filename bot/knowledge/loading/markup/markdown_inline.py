"""Reads what stands in a paragraph of Markdown as a reader sees it, without its marks.

Emphasis and addresses of links are left out, inline code keeps its backticks, and HTML is read as a
browser shows it: `10<sup>6</sup>` is `10⁶`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, Any

from bot.skills.document_tree import lowered, raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_MARKS = re.compile(r"[\\`*_\[\]!<&]")
"""A text without any of these is what it says."""
_MAX_PIECE_CHARACTERS = 10_000
"""The most characters that are read at once: some of the parser's searches begin again at each."""
_PIECE_END = re.compile(r"[^\n]*+\n?")
_NOTE = re.compile(r"\[\^([\w.-]{1,40})\]")
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*+)([^<>]*+)>")
_DECLARATION = re.compile(r"<[?!][^<>]*>")
_ATTRIBUTE = re.compile(r"""([\w-]+)(?:\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCK_TAGS = _names(
    """address article aside blockquote center dd details dialog div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table tbody
    tfoot thead tr ul"""
)
_OTHER_TAGS = _names(
    """a abbr acronym audio b bdi bdo big body br button canvas caption cite code col colgroup data
    del dfn em embed font head html i iframe img input ins kbd label legend link map mark math meta
    meter nobr noscript object optgroup option output param picture progress q rb rp rt ruby s samp
    script select slot small source span strike strong style sub sup svg td template textarea th
    time title tt u var video wbr"""
)
_HTML_TAGS = _BLOCK_TAGS | _OTHER_TAGS
"""The tags of HTML; any other is somebody's `<name>`, and stays."""
_UNSEEN_TAGS = frozenset({"script", "style", "template", "rt", "rp", "title"})
_KEPT_TAGS = _UNSEEN_TAGS | {"sup", "sub"}


@dataclass(slots=True)
class Pictures:
    """Counts the pictures of a document."""

    count: int = 0


class InlineText:
    """Reads the paragraphs of one document. `env` has its references, for links."""

    def __init__(self, env: dict[str, Any], pictures: Pictures) -> None:
        self._env = env
        self._pictures = pictures

    def read(self, content: str, *, code_marks: bool = True) -> str:
        """A paragraph as text, its lines as they are."""
        if _MARKS.search(content) is None:
            return content
        text = _Text()
        for piece in _pieces(content):
            (token,) = _parser().parseInline(piece, self._env)
            self._read(token.children or (), text, code_marks=code_marks)
        return text.end()

    def without_tags(self, html: str) -> str:
        """A piece of HTML as text, with an empty line between its paragraphs."""
        text = _Text()
        at = 0
        html = _DECLARATION.sub("", _drop_comments(html))
        for tag in _TAG.finditer(html):
            text.add(" ".join(unescape(html[at : tag.start()]).split("\n")))
            self._add_tag(tag, text)
            at = tag.end()
        text.add(unescape(html[at:]))
        paragraphs = re.split(r"\n[ \t]*+\n[ \t\n]*+", text.end())
        lines = ("\n".join(" ".join(x.split()) for x in one.split("\n")) for one in paragraphs)
        return "\n\n".join(filter(None, (one.strip() for one in lines)))

    def _read(self, tokens: Sequence[Token], text: _Text, *, code_marks: bool) -> None:
        for token in tokens:
            match token.type:
                case "text" | "text_special":
                    text.add(_NOTE.sub(_note_mark, token.content))
                case "code_inline":
                    mark = token.markup if code_marks else ""
                    text.add(f"{mark}{token.content}{mark}")
                case "softbreak" | "hardbreak":
                    text.add("\n")
                case "image":
                    self._pictures.count += 1
                    self._read(token.children or (), text, code_marks=code_marks)
                case "html_inline":
                    tag = _TAG.fullmatch(token.content)
                    if tag is not None:
                        self._add_tag(tag, text)

    def _add_tag(self, tag: re.Match[str], text: _Text) -> None:
        name = tag[2].lower()
        if name not in _HTML_TAGS:
            text.add(tag[0])
        elif name in _KEPT_TAGS:
            text.close(name) if tag[1] else text.open(name)
        elif name == "br":
            text.add("\n")
        elif name == "img":
            self._pictures.count += 1
            text.add(_attributes(tag[3]).get("alt", ""))
        elif name == "input":
            found = _attributes(tag[3])
            if found.get("type", "").lower() == "checkbox":
                text.add("[x] " if "checked" in found else "[ ] ")
        elif name in _BLOCK_TAGS:
            text.add("\n\n")
        elif name in ("td", "th"):
            text.add(" ")


class _Text:
    """A text in the making, with the tags that are open in it and matter."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: list[tuple[str, list[str]]] = []

    def add(self, part: str) -> None:
        (self._open[-1][1] if self._open else self._parts).append(part)

    def open(self, name: str) -> None:
        if not any(name == other for other, _ in self._open):
            self._open.append((name, []))

    def close(self, name: str) -> None:
        if not any(name == other for other, _ in self._open):
            return
        while self._open:
            other, parts = self._open.pop()
            text = "".join(parts)
            if other not in _UNSEEN_TAGS:
                self.add(raised(text) if other == "sup" else lowered(text))
            if other == name:
                return

    def end(self) -> str:
        """The text; what a tag opened and never closed stays as it is."""
        for _, parts in self._open:
            self._parts += parts
        self._open = []
        return "".join(self._parts)


def _drop_comments(html: str) -> str:
    """HTML without its comments; one that does not end is text."""
    made: list[str] = []
    at = 0
    while (begin := html.find("<!--", at)) >= 0 and (end := html.find("-->", begin + 4)) >= 0:
        made.append(html[at:begin])
        at = end + 3
    made.append(html[at:])
    return "".join(made)


def footnote_mark(name: str) -> str:
    """Returns the mark of a footnote as a reader sees it: `¹` for 1, `[a]` for other names."""
    return raised(name) if name.isdecimal() and name.isascii() else f"[{name}]"


def _note_mark(found: re.Match[str]) -> str:
    return footnote_mark(found[1])


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": 20}).enable("strikethrough")


def _pieces(content: str) -> Iterator[str]:
    """A paragraph at once, or where it is very long, in pieces that end at line ends."""
    if len(content) <= _MAX_PIECE_CHARACTERS:
        yield content
        return
    made, size = list[str](), 0
    for line in _PIECE_END.findall(content):
        for at in range(0, len(line), _MAX_PIECE_CHARACTERS):
            part = line[at : at + _MAX_PIECE_CHARACTERS]
            if size + len(part) > _MAX_PIECE_CHARACTERS:
                yield "".join(made)
                made, size = [], 0
            made.append(part)
            size += len(part)
    yield "".join(made)


def _attributes(text: str) -> dict[str, str]:
    return {
        found[1].lower(): unescape(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(text)
    }
