"""Cuts blocks into passages at headings, measured in the embedder's own tokens.

A passage never crosses a heading, unless the sections on both sides are so short that they fit into
a quarter of one and stand under the same heading above. Title and headings stand before the text
that is embedded, and both together fit the embedder's window: nothing is cut off silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bot.knowledge.ingestion.packing import Packer
from bot.knowledge.ingestion.sections import Section, heading_units, split_sections
from bot.knowledge.language.sentences import split_sentences
from bot.knowledge.retrieval.token_ruler import FindSpans
from bot.skills.document_tree import NOWHERE, Block, Place

_SPECIAL_TOKENS = 2
_MAX_PREFIX_SHARE = 0.25
"""The largest share of the window that title and headings may take."""
_JOIN_COST_TOKENS = 8
"""The most tokens that joining title and text may add to those of both."""
_MAX_SENTENCES = 12


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored: the text a reader sees, and the texts that are embedded."""

    heading: str
    text: str = field(repr=False)
    embedding_text: str = field(repr=False)
    sentences: tuple[str, ...] = field(default=(), repr=False)
    place: Place = NOWHERE

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that are embedded: the whole, and then the sentences."""
        return (self.embedding_text, *self.sentences)


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

    def chunks(self, title: str, blocks: Iterable[Block]) -> list[Chunk]:
        """Cuts a document into chunks, in reading order."""
        found: list[Chunk] = []
        for section in self._merge(split_sections(blocks)):
            prefix, taken = self._prefix(title, section.path)
            heading = " > ".join(section.path)
            for text, place in self._split_section(section, prefix, taken):
                whole = _join_prefix(prefix, text)
                found.append(Chunk(heading, text, whole, self._sentences(text), place))
        return found

    def _merge(self, parts: list[Section]) -> list[Section]:
        """Join neighbours that are too short to stand alone; their headings stay in the text."""
        small = self._most // 4
        found: list[Section] = []
        sizes: list[int] = []
        for part in parts:
            text = part.text
            size = self._count(text) if len(text) < 12 * small else 10 * small
            shared = _shared_path(found[-1].path, part.path) if found else ()
            if found and size + sizes[-1] <= small and (shared or not part.path):
                last = found.pop()
                both = (*heading_units(last, shared), *last.units)
                both += (*heading_units(part, shared), *part.units)
                found.append(Section(shared, both))
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

    def _split_section(
        self, section: Section, prefix: str, taken: int
    ) -> Iterator[tuple[str, Place]]:
        """The passages of a section, each of which fits together with the prefix.

        Joining can cost a token or two more than the parts, a passage that begins or ends inside a
        word more than was counted, and the splitter takes no character for more than one token:
        where that is too much, the passage is halved.
        """
        packer = Packer(self._count, self._spans, min(self._most, self._room - taken))
        for text, tokens, place in packer.pack(section.units):
            if taken + tokens + _JOIN_COST_TOKENS <= self._room:
                yield text, place
            else:
                yield from ((part, place) for part in self._halve(text, prefix))

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
