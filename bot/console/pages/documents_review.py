"""What to write next, and what to look over: questions that were not answered, and bad feedback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize, Subject
from bot.commands.checks import Asker, Decision
from bot.console.forms import form_of
from bot.console.pages.documents_access import DocumentAccess
from bot.console.site import Site
from bot.console.visibility import visibility_of
from bot.console.visit import Visit
from bot.history.asked_questions import PoorAnswer, find_poor_answers
from bot.history.passage_feedback import PassageVerdict, find_bad_verdicts
from bot.history.protocol import Verdict
from bot.knowledge.access import is_private
from bot.types import ConversationKey, Source

PERIODS_DAYS: Final = (7, 30, 90)
LOOKED_AT_ANSWERS: Final = 2_000
"""So many of the newest answers are looked through, whatever the period."""
_MAX_SHOWN: Final = 100
_ANSWERS_AT_ONCE: Final = 100
_MAX_QUESTION_CHARACTERS: Final = 500


@dataclass(slots=True)
class QuestionGroup:
    """A question, how often it was asked, and what became of it; `turn` is the newest answer."""

    text: str
    turn: str
    newest: datetime
    documents: tuple[str, ...]
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def times(self) -> int:
        return self.reasons.total()


@dataclass(slots=True)
class QuestionReview:
    """The questions whose words somebody sees, and how many there are beside them: `asked`, which
    are shown once they ask for them, and `closed`, which are for whoever asked alone."""

    groups: Sequence[QuestionGroup] = ()
    asked: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class ReviewedPassage:
    """A passage with what was said of it, or of answers that were made from it."""

    source: Source
    newest: datetime
    verdicts: Counter[Verdict] = field(default_factory=Counter)


class DocumentReviewPages:
    """The pages of questions without an answer, and of feedback."""

    def __init__(self, site: Site, access: DocumentAccess) -> None:
        self._site = site
        self._access = access

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        route = self._site.route
        return [
            route("/documents/questions", self._questions),
            route("/documents/questions", self._reveal, method="POST", admins=True),
            route("/documents/feedback", self._feedback),
        ]

    async def _questions(self, request: Request, visit: Visit) -> Response:
        return await self._list(visit, request.query_params.get("days", ""), reveal=False)

    async def _reveal(self, request: Request, visit: Visit) -> Response:
        """Show the words of others, and write down that it was done."""
        await self._access.permission(visit).require("docs")
        await self._site.changes.add(
            visit.asker.author.key, say("read questions that were not answered")
        )
        return await self._list(visit, form_of(request).get("days", ""), reveal=True)

    async def _list(self, visit: Visit, days: str, *, reveal: bool) -> Response:
        await self._access.permission(visit).require("docs")
        period = int(days) if days in map(str, PERIODS_DAYS) else PERIODS_DAYS[1]
        poor = await find_poor_answers(
            self._site.app.database,
            datetime.now(UTC) - timedelta(days=period),
            looked_at=LOOKED_AT_ANSWERS,
        )
        review = await review_questions(
            poor, visit.asker, self._site.app.services.authorize, reveal=reveal
        )
        return self._site.page(
            visit,
            "documents_questions.html",
            review=review,
            days=period,
            periods=PERIODS_DAYS,
            looked_at=LOOKED_AT_ANSWERS,
            revealed=reveal,
        )

    async def _feedback(self, _: Request, visit: Visit) -> Response:
        names = await self._access.names(visit)
        await self._access.permission(visit).require("docs.feedback")
        shared = {name for name in names if not is_private(name)}
        found = review_passages(await find_bad_verdicts(self._site.app.database), shared)
        read_at = await self._access.list.read_at([one.source.document for one in found])
        # Of a document that was read again since, or is gone, somebody has seen to it.
        passages = [
            one
            for one in found
            if (at := read_at.get(one.source.document)) is not None and at <= one.newest
        ]
        return self._site.page(visit, "documents_feedback.html", passages=passages[:_MAX_SHOWN])


async def review_questions(
    poor: Sequence[PoorAnswer], viewer: Asker, authorize: Authorize, *, reveal: bool
) -> QuestionReview:
    """Sort questions by whose words `viewer` sees; with `reveal` also those that are to be asked
    for. The most frequent come first. What is hidden is not even counted."""
    known: dict[tuple[str, ConversationKey], Decision] = {}

    async def ask_once(
        asker: Asker, action: str, place: ConversationKey, subject: Subject | None = None
    ) -> Decision:
        key = (action, place)
        if key not in known:
            known[key] = await authorize(asker, action, place, subject)
        return known[key]

    groups: dict[str, QuestionGroup] = {}
    review = QuestionReview()
    for number, one in enumerate(poor):
        if number % _ANSWERS_AT_ONCE == 0:
            await asyncio.sleep(0)  # others have their turn
        visibility = await visibility_of(viewer, one.question, one.answer, ask_once)
        if visibility == "open" or (visibility == "asked" and reveal):
            text = " ".join(one.question.text.split())[:_MAX_QUESTION_CHARACTERS]
            group = groups.setdefault(
                text.casefold(),
                QuestionGroup(text, one.answer.id, one.question.at, one.documents),
            )
            group.reasons[one.reason] += 1
        elif visibility == "asked":
            review.asked[one.reason] += 1
        elif visibility == "closed":
            review.closed[one.reason] += 1
    ordered = sorted(groups.values(), key=lambda group: (-group.times, -group.newest.timestamp()))
    review.groups = ordered[:_MAX_SHOWN]
    return review


def review_passages(
    verdicts: Sequence[PassageVerdict], bases: set[str]
) -> Sequence[ReviewedPassage]:
    """The passages of some bases that something was said of, those with the most verdicts first."""
    found: dict[tuple[str, str], ReviewedPassage] = {}
    for one in verdicts:
        for source in one.sources:
            if source.base in bases:
                key = (source.document, source.passage)
                passage = found.setdefault(key, ReviewedPassage(source, one.at))
                passage.verdicts[one.verdict] += 1
    return sorted(found.values(), key=lambda passage: -passage.verdicts.total())
