"""What became of documents: which were added, changed and removed, and what a change changed."""

from __future__ import annotations

import asyncio
import difflib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from bot.catalogue.sentence import say
from bot.errors import NotFound
from bot.knowledge.document_lookup import to_document
from bot.knowledge.index.rows import DocumentRow
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.index.versions import VersionStore
from bot.knowledge.loading.block_frames import unpack_blocks
from bot.skills.document_tree import Block, to_markdown
from bot.values import Change, ChangedLine, Difference

MAX_CHANGES = 1_000
MAX_CHANGED_LINES = 400
_MAX_LINE_CHARACTERS = 1_000
_MAX_COMPARED_LINES = 1_000
"""Lines of a part that are compared in their order; in a longer one it is asked of each line alone
whether it is in the other version."""


class DocumentChanges:
    """Answers questions about the changes of documents."""

    def __init__(self, store: KnowledgeStore, versions: VersionStore) -> None:
        self._store = store
        self._versions = versions

    async def since(self, bases: Collection[str], since: datetime) -> Sequence[Change]:
        """Returns what changed in some bases after a time, the newest first."""
        return [
            Change(
                row.document,
                row.base,
                row.title,
                row.location,
                row.state,
                datetime.fromtimestamp(row.at, UTC),
                row.source,
            )
            for row in await self._versions.changes(bases, since.timestamp(), MAX_CHANGES)
        ]

    async def difference(self, row: DocumentRow, since: datetime | None) -> Difference:
        """Returns what the last change of a document changed, or all changes after a time.

        Raises `NotFound` if no earlier version is kept.
        """
        found = await self._versions.before(row.id, since.timestamp() if since else None)
        if found is None:
            raise NotFound(say("No earlier version of {title} is kept.", title=row.title))
        at, before = found
        now = await self._store.blocks(row.id)
        lines = await asyncio.to_thread(lambda: compare(unpack_blocks(before), now))
        shown = tuple(lines[:MAX_CHANGED_LINES])
        changed_at = datetime.fromtimestamp(at, UTC)
        return Difference(to_document(row), changed_at, shown, len(lines) - len(shown))


def compare(before: Sequence[Block], after: Sequence[Block]) -> list[ChangedLine]:
    """Returns the lines that went and came, in the order of the document. May block."""
    old, new = _lines(before), _lines(after)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(old), len(new)) > _MAX_COMPARED_LINES:
        gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
        return [*_pick("removed", old, gone), *_pick("added", new, come)]
    found: list[ChangedLine] = []
    for _, i, j, m, n in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if old[i:j] != new[m:n]:
            found += [ChangedLine("removed", line) for line in old[i:j]]
            found += [ChangedLine("added", line) for line in new[m:n]]
    return found


def _pick(state: str, lines: Sequence[str], counts: Counter[str]) -> list[ChangedLine]:
    found = []
    for line in lines:
        if counts[line] > 0:
            counts[line] -= 1
            found.append(ChangedLine(state, line))
    return found


def _lines(blocks: Sequence[Block]) -> list[str]:
    lines = (line for block in blocks for line in to_markdown([block]).splitlines())
    return [line[:_MAX_LINE_CHARACTERS] for line in lines if line.strip()]
