"""A search that explains itself: what is found, by which scores, and what would become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import join_sentences, say
from bot.config.knowledge import READER_AUTO, READER_OFF, KnowledgeSettings
from bot.console.pages.documents_access import DocumentAccess, base_title
from bot.console.site import Site
from bot.console.visit import Visit
from bot.knowledge.service import MAX_QUERY_CHARACTERS
from bot.replies.wording import place_words
from bot.values import Passage, SearchResult

SHOWN_PASSAGES: Final = 8
"""As many as a question in a chat looks at."""


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage with where in its file it is, and its rank, 1 for the best."""

    rank: int
    passage: Passage
    heading: str
    place: str


class DocumentSearchPage:
    """The page of the search."""

    def __init__(self, site: Site, access: DocumentAccess) -> None:
        self._site = site
        self._access = access

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of this page."""
        return [self._site.route("/documents/search", self._search)]

    async def _search(self, request: Request, visit: Visit) -> Response:
        names = await self._access.names(visit)
        query = request.query_params.get("query", "").strip()[: MAX_QUERY_CHARACTERS + 1]
        base = request.query_params.get("base", "")
        if base and base not in names:
            base = ""
        found = None
        if query:
            found = await self._access.knowledge(visit).search(
                query, bases=[base] if base else names, limit=SHOWN_PASSAGES
            )
        settings = self._site.app.installation.config.knowledge
        shown = describe_passages(found.passages, 1) if found is not None else ()
        further = (
            describe_passages(found.further, len(found.passages) + 1) if found is not None else ()
        )
        return self._site.page(
            visit,
            "documents_search.html",
            query=query,
            base=base,
            bases=[(name, base_title(name)) for name in names],
            found=found,
            shown=shown,
            further=further,
            why=explain(found, settings) if found is not None else "",
            notes=list_notes(found, settings) if found is not None else (),
            reranked=any(one.passage.reranked is not None for one in (*shown, *further)),
            late=any(one.passage.late is not None for one in (*shown, *further)),
        )


def describe_passages(passages: Sequence[Passage], first: int) -> Sequence[FoundPassage]:
    """Passages as they are shown, with their ranks from `first` on."""
    return [
        FoundPassage(
            rank,
            one,
            "" if one.heading == one.title else one.heading.removeprefix(f"{one.title} > "),
            place_words([one.place]),
        )
        for rank, one in enumerate(passages, first)
    ]


def explain(found: SearchResult, settings: KnowledgeSettings) -> str:
    """Say what a question would come to, and by which numbers."""
    if not found.passages:
        return say("Nothing in the documents comes near.")
    sure = say(
        "The search is {confidence:.0%} sure that these passages answer; {needed:.0%} is needed.",
        confidence=found.confidence,
        needed=settings.evidence,
    )
    if found.evidence:
        return sure
    about = say(
        "It is {relatedness:.0%} sure that they are about the subject; {needed:.0%} is needed to "
        "show them.",
        relatedness=found.relatedness,
        needed=settings.related,
    )
    wordless = found.confidence >= settings.evidence or (
        found.relatedness >= settings.related and not found.related
    )
    nothing = say("No word of it says what it is about.") if wordless else ""
    return join_sentences([sure, about, nothing])


def list_notes(found: SearchResult, settings: KnowledgeSettings) -> Sequence[str]:
    """What else decides, and what could not be used."""
    notes = []
    if found.passages and not any(one.dense for one in found.passages):
        notes.append(say("Only words were compared: the vectors cannot be searched just now."))
    if any(one.reranked is not None for one in found.passages):
        notes.append(say("The reranker has the last word on the order."))
    if settings.reader == READER_AUTO:
        notes.append(
            say(
                "In a chat the model that answers also reads these passages, where it can, and "
                "decides."
            )
        )
    elif settings.reader != READER_OFF:
        notes.append(
            say(
                "In a chat {model} also reads these passages, where it can, and decides.",
                model=settings.reader,
            )
        )
    return notes
