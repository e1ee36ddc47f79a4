"""Knowledge for tests: documents in memory, found by their words, without an embedder."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.knowledge.access import private_base
from bot.knowledge.citations import support
from bot.knowledge.retrieval.followup import combine_with_history, is_follow_up
from bot.types import Author
from bot.values import (
    Change,
    ChangedLine,
    Difference,
    Document,
    Ingested,
    Page,
    Passage,
    SearchResult,
)


@dataclass
class Shelf:
    """Knowledge in memory: a passage is found by the words that it shares with the question."""

    passages: list[Passage] = field(default_factory=list)
    own: tuple[str, ...] = ("default",)
    documents: dict[str, Document] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    passed: str = ""
    """A sentence that `add` reports at its end about files that were passed over."""
    left_out: str = ""
    """What is not read of the documents that `add` adds."""
    lines: tuple[ChangedLine, ...] = ()
    """What `difference` shows of every document."""

    def put(self, title: str, text: str, heading: str = "") -> None:
        """Add a document of one passage."""
        number = str(len(self.passages) + 1)
        self.passages.append(Passage(number, title, title, f"/docs/{title}", heading, text))

    def put_document(self, name: str, at: datetime) -> None:
        """Add a document without passages that was read at some time."""
        self.documents[name] = Document(name, "default", name, name, 1, 0, at)

    async def bases(self, asker: Asker) -> Sequence[str]:
        return self.own

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
        beside: Sequence[str] = (),
    ) -> SearchResult:
        whole = (
            combine_with_history(query, before)[0].searched
            if before and is_follow_up(query)
            else query
        )
        searched = (whole, *beside)
        self.queries += searched
        wanted = _words(" ".join(searched))
        found = []
        for passage in self.passages:
            shared = len(wanted & _words(passage.text)) / (len(wanted) or 1)
            found.append(replace(passage, score=round(shared, 3)))
        ranked = tuple(sorted(found, key=lambda p: -p.score))
        best, further = ranked[:limit], ranked[limit:20]
        sure = best[0].score if best else 0.0
        nearest = tuple(p.title for p in best[:3])
        looked_up = searched if searched != (query,) else ()
        return SearchResult(
            best, sure >= 0.5, sure, nearest, looked_up, related=sure >= 0.2, further=further
        )

    async def add(
        self, location: str, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        yield Ingested(location, 0, 2)
        yield Ingested(location, 1, 2, passages=320, passages_total=1_140)
        self._store(location, base, by)
        yield Ingested(location, 2, 2, "added", left_out=self.left_out)
        if self.passed:
            yield Ingested(location, 0, 0, "passed", self.passed)

    async def add_bytes(
        self, name: str, data: bytes, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        yield Ingested(name, 0, 1)
        self._store(name, base, by, data.decode())
        yield Ingested(name, 1, 1, "added")

    def _store(self, location: str, base: str | None, by: str, text: str = "") -> None:
        self.documents[location] = Document(
            location, base or "default", location, location, 1, len(text), datetime.now(UTC), by
        )

    async def list(self, base: str | None = None) -> Sequence[Document]:
        return [one for one in self.documents.values() if base in (None, one.base)]

    async def changes(self, since: datetime, base: str | None = None) -> Sequence[Change]:
        return [
            Change(one.id, one.base, one.title, one.location, "added", one.at)
            for one in await self.list(base)
            if one.at > since
        ]

    async def difference(
        self, document: str, *, base: str | None = None, since: datetime | None = None
    ) -> Difference:
        found = self.documents.get(document)
        if found is None or base not in (None, found.base):
            raise NotFound(f"There is no document {document!r}; see /docs list.")
        return Difference(found, found.at, self.lines)

    async def remove(self, document: str, *, base: str | None = None) -> Document:
        if document not in self.documents:
            raise NotFound(f"There is no document {document!r}; see /docs list.")
        return self.documents.pop(document)

    async def forget(self, author: Author) -> None:
        """Delete a person's own documents."""
        own = private_base(author)
        theirs = [key for key, one in self.documents.items() if one.base == own]
        for key in theirs:
            del self.documents[key]

    async def check_support(
        self, answer: str, passages: Sequence[Passage]
    ) -> Sequence[support.Support]:
        return await support.check_support(answer, [passage.text for passage in passages])

    async def read(self, document: str, *, base: str | None = None) -> Page:
        found = [p for p in self.passages if document in (p.title, p.document, p.location)]
        if not found or base not in (None, *self.own):
            raise NotFound(f"There is no document {document!r}; see /docs list.")
        return Page(found[0].name, found[0].title, "\n\n".join(p.text for p in found))

    async def passage(self, passage: str) -> Passage | None:
        return next((p for p in self.passages if p.id == passage), None)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.lower()))
