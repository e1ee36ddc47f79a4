"""Cuts Markdown into passages at headings, measured in the embedder's own tokens.

A passage never crosses a heading, unless the sections on both sides are so short that they fit into
a quarter of one and stand under the same heading above. Title and headings stand before the text
that is embedded, and both together fit the embedder's window: nothing is cut off silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from semantic_text_splitter import MarkdownSplitter

from bot.knowledge.language.sentences import split_sentences
from bot.knowledge.retrieval.token_ruler import FindSpans, TokenRuler

_SPECIAL_TOKENS = 2
_MAX_PREFIX_SHARE = 0.25
"""The largest share of the window that title and headings may take."""
_JOIN_COST_TOKENS = 8
"""The most tokens that joining title and text may add to those of both."""
_MAX_SENTENCES = 12
_STRETCH_CHARACTERS = 12_000
"""The most characters split in one call, so that no call holds the interpreter for long."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]++(.*)")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_INLINE = re.compile(r"!?\[([^\[\]]*+)\]\([^\[)]*+\)|[`*_]{1,3}(?=\S)|(?<=\S)[`*_]{1,3}")


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading. `path` are the headings above it, outermost first."""

    path: tuple[str, ...]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored: the text a reader sees, and the texts that are embedded."""

    heading: str
    text: str = field(repr=False)
    embedding_text: str = field(repr=False)
    sentences: tuple[str, ...] = field(default=(), repr=False)


def plain_heading(heading: str) -> str:
    """Returns a heading without links, code marks and emphasis."""
    return " ".join(_INLINE.sub(lambda m: m[1] or "", heading).split())


def split_sections(markdown: str) -> list[Section]:
    """Splits Markdown at its headings; a `#` in a code fence is not one."""
    found: list[Section] = []
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""

    def close(level: int) -> None:
        """End a section; a heading of this level comes next. One without text below it is text."""
        text = "\n".join(lines).strip("\n")
        names = tuple(name for _, name in path)
        if text.strip():
            found.append(Section(names, text))
            below = True
        else:
            below = bool(found) and found[-1].path[: len(names)] == names
        if names and names[-1] and level <= path[-1][0] and not below:
            found.append(Section(names[:-1], names[-1]))
        lines.clear()

    for line in markdown.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            level, name = _heading(line, lines)
            if level:
                if line.lstrip()[:1] != "#":
                    lines.pop()  # the underlined line is the heading's text
                close(level)
                while path and path[-1][0] >= level:
                    path.pop()
                path.append((level, name))
                continue
        lines.append(line)
    close(0)
    return found


def _heading(line: str, before: list[str]) -> tuple[int, str]:
    """Level and name of a heading that this line is (or underlines); level 0 where it is none."""
    atx = _ATX.match(line)
    if atx:
        return len(atx[1]), plain_heading(atx[2].rstrip(" \t").rstrip("#"))
    under = _SETEXT.match(line)
    if under and before and re.match(r" {0,3}[^\s>#\-*+|]", before[-1]):
        starts_paragraph = len(before) < 2 or not before[-2].strip()
        if starts_paragraph and len(before[-1]) <= 200:
            return (1 if under[1][0] == "=" else 2), plain_heading(before[-1])
    return 0, ""


def first_heading(markdown: str) -> str:
    """Returns the first heading of a document, or ""."""
    for section in split_sections(markdown[:20_000]):
        if section.path:
            return section.path[0]
    return ""


class Chunker:
    """Cuts documents into chunks for one embedder. Runs in a thread; each splitter call is short.

    `count` returns the number of tokens of a text, and `spans` their positions, if the engine knows
    them. `window` is the largest number of tokens that the embedder reads, `most` that of a chunk.
    """

    def __init__(
        self,
        count: Callable[[str], int],
        window: int,
        most: int = 200,
        spans: FindSpans | None = None,
    ) -> None:
        self._count = count
        self._room = max(16, window - _SPECIAL_TOKENS)
        self._most = most
        self._spans = spans

    def chunks(self, title: str, markdown: str) -> list[Chunk]:
        """Cuts a document into chunks, in reading order."""
        found: list[Chunk] = []
        for section in self._merge(split_sections(markdown)):
            prefix, taken = self._prefix(title, section.path)
            heading = " > ".join(section.path)
            for text in self._split_section(section.text, prefix, taken):
                whole = _join_prefix(prefix, text)
                found.append(Chunk(heading, text, whole, self._sentences(text)))
        return found

    def _merge(self, parts: list[Section]) -> list[Section]:
        """Join neighbours that are too short to stand alone; their headings stay in the text."""
        small = self._most // 4
        found: list[Section] = []
        sizes: list[int] = []
        for part in parts:
            size = self._count(part.text) if len(part.text) < 12 * small else 10 * small
            shared = _shared_path(found[-1].path, part.path) if found else ()
            if found and size + sizes[-1] <= small and (shared or not part.path):
                last = found.pop()
                text = f"{_with_heading(last, shared)}\n\n{_with_heading(part, shared)}"
                found.append(Section(shared, text))
                sizes[-1] += size
            else:
                found.append(part)
                sizes.append(size)
        return found

    def _prefix(self, title: str, path: tuple[str, ...]) -> tuple[str, int]:
        """Title and headings with their tokens, shortened from the left of the path where they are
        too long."""
        names = [title, *path] if title and title not in path[:1] else list(path)
        limit = int(self._room * _MAX_PREFIX_SHARE)
        prefix = " > ".join(names)
        while (taken := self._count(prefix)) > limit:
            if len(names) > 1:
                names.pop(1 if len(names) > 2 else 0)
                prefix = " > ".join(names)
            else:
                prefix = prefix[: len(prefix) * 3 // 4].rstrip()
        return prefix, taken

    def _split_section(self, text: str, prefix: str, taken: int) -> Iterator[str]:
        """The passages of a section, each of which fits together with the prefix.

        Joining can cost a token or two more than the parts, a passage that begins or ends inside a
        word more than was counted, and the splitter takes no character for more than one token:
        where that is too much, the passage is halved.
        """
        for chunk, tokens in self._cut(text, min(self._most, self._room - taken)):
            if taken + tokens + _JOIN_COST_TOKENS <= self._room:
                yield chunk
            else:
                yield from self._halve(chunk, prefix)

    def _halve(self, text: str, prefix: str) -> Iterator[str]:
        if len(text) < 2 or self._count(_join_prefix(prefix, text)) <= self._room:
            yield text
            return
        middle = len(text) // 2
        found = max(text.rfind("\n", middle // 2, middle), 0)
        found = found or max(text.rfind(" ", middle // 2, middle), 0) or middle
        for part in (text[:found].strip(), text[found:].strip()):
            if part:
                yield from self._halve(part, prefix)

    def _cut(self, text: str, room: int) -> Iterator[tuple[str, int]]:
        """The passages of a section, each with its tokens."""
        for stretch in _split_stretches(text):
            count = TokenRuler(stretch, self._spans, self._count) if self._spans else self._count
            for chunk in MarkdownSplitter.from_callback(count, room).chunks(stretch):
                if chunk.strip():
                    yield chunk, count(chunk)

    def _sentences(self, text: str) -> tuple[str, ...]:
        """What is embedded beside the whole; none where the passage is a single sentence."""
        found = split_sentences(text)
        if len(found) < 2:
            return ()
        if len(found) > _MAX_SENTENCES:  # tables and lists: neighbours together
            step = -(-len(found) // _MAX_SENTENCES)
            found = [" ".join(found[at : at + step]) for at in range(0, len(found), step)]
        return tuple(found)


def _join_prefix(prefix: str, text: str) -> str:
    """A passage as it is embedded, under title and headings."""
    return f"{prefix}\n{text}" if prefix else text


def _shared_path(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return a[:same]


def _with_heading(section: Section, above: tuple[str, ...]) -> str:
    """The section's text with the headings that are not in `above` written before it."""
    names = section.path[len(above) :]
    lines = [f"{'#' * min(6, len(above) + n + 1)} {name}" for n, name in enumerate(names)]
    return "\n\n".join([*lines, section.text])


def _split_stretches(text: str) -> Iterator[str]:
    """Cut a very long section at paragraph ends, else at line ends, else anywhere."""
    at = 0
    while len(text) - at > _STRETCH_CHARACTERS:
        middle, last = at + _STRETCH_CHARACTERS // 2, at + _STRETCH_CHARACTERS
        places = (text.rfind(mark, middle, last) for mark in ("\n\n", "\n", " "))
        end = next((place for place in places if place >= 0), last)
        yield text[at:end]
        at = end
    yield text[at:]
