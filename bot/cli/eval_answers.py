"""What `parlance docs eval` shows, and what it asks a model: to read passages, to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backends.base import ReaderCurve
from bot.answering.grounded_answer import answer_from
from bot.answering.reader import find_reader, read_passages
from bot.answering.reader_calibration import fit_curve
from bot.app import App
from bot.commands.checks import Asker
from bot.config import TerminalSettings
from bot.errors import UsageError
from bot.events import Message
from bot.knowledge.retrieval.evaluation import Answer, Evaluation, evaluate
from bot.knowledge.retrieval.golden import Golden
from bot.knowledge.retrieval.outcomes import Judged, Outcomes, Rate
from bot.skills.context import Context
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Explanation, Part, Source, Text
from bot.values import SearchResult

_ASKED_PASSAGES = 8
"""The passages of a search in chat; an evaluation asks for more."""
_TUNING_HALF = "tuning"


class _Silent:
    """Takes what a skill says meanwhile, and shows nothing of it."""

    def add(self, part: Part) -> None:
        return


async def measure_with_models(
    app: App,
    questions: Sequence[Golden],
    *,
    base: str | None = None,
    answers: bool = False,
    reads: bool = False,
    calibrate_from: Path | None = None,
) -> tuple[Evaluation, ReaderCurve | None]:
    """Measure what becomes of questions; with `reads` a model reads the passages. With the file
    that they are from it is calibrated first, on the tuning half, and the others are measured.
    Raises `UsageError` where no model can read."""
    curve = None
    bases = [base] if base else None
    if reads:
        name = await _reader(app)
    if calibrate_from is not None:
        tuning = [one for one in questions if one.half in (_TUNING_HALF, "")]
        curve = await _calibrate(app, name, tuning, bases, calibrate_from)
        questions = [one for one in questions if one.half != _TUNING_HALF] or questions
    measured = await evaluate(
        app.knowledge,
        questions,
        bases=bases,
        answer=_make_answerer(app) if answers else None,
        read=_make_reader(app) if reads else None,
    )
    return measured, curve


async def _calibrate(
    app: App, name: str, tuning: Sequence[Golden], bases: Sequence[str] | None, file: Path
) -> ReaderCurve:
    """Fit how sure the reader is, and keep it."""
    read = _make_reader(app)
    measured = await evaluate(app.knowledge, tuning, bases=bases, read=read)
    curve = fit_curve(
        [(one.share, _is_right(one)) for one in measured.judged if one.share is not None],
        made_from=file.name,
        made_on=datetime.now(UTC).date().isoformat(),
    )
    await app.services.models.found_reading(name, reads=True, curve=curve)
    return curve


def _is_right(judged: Judged) -> bool:
    """Whether the passages answer the question, and those that answer are shown."""
    return judged.golden.kind == "answerable" and judged.shown


async def _reader(app: App) -> str:
    context = _context(app, "")
    name = await find_reader(context, await context.model())
    if name is None:
        raise UsageError(
            "No model can read the passages: see `knowledge.reader` in docs/knowledge.md."
        )
    return name


def _context(app: App, question: str) -> Context:
    author = Author("terminal", app.installation.config.section(TerminalSettings).user, "operator")
    key = ConversationKey("terminal", "local", "evaluation")
    message = Message("evaluation", key, author, question, direct=True)
    turn = Turn("evaluation", message, Asker(author, key, True, True), output=_Silent())
    return Context(turn, app.services)


def _make_answerer(app: App) -> Answer:
    async def answer(question: str, found: SearchResult) -> tuple[str, Sequence[Source]]:
        context = _context(app, question)
        system = context.prompts.render("system", "", persona="")
        said, sources = "", tuple[Source, ...]()
        parts = answer_from(context, question, found, system=system)
        async with aclosing(parts) as stream:
            async for part in stream:
                if isinstance(part, Text):
                    said += part.delta
                elif isinstance(part, Explanation):
                    sources = part.passages
        return said, sources

    return answer


def _make_reader(app: App) -> Callable[[str, SearchResult], Awaitable[SearchResult]]:
    async def read(question: str, found: SearchResult) -> SearchResult:
        context = _context(app, question)
        system = context.prompts.render("system", "", persona="")
        ranked = (*found.passages, *found.further)
        shown = min(_ASKED_PASSAGES, len(found.passages))
        asked = replace(found, passages=ranked[:shown], further=ranked[shown:])
        return await read_passages(context, question, asked, system=system)

    return read


def describe_curve(curve: ReaderCurve) -> str:
    """Say what was fitted, and on what."""
    return (
        f"The reader is calibrated on {curve.questions} questions of {curve.made_from}, "
        f"{curve.answerable} of them with an answer (slope {curve.slope:g}, bias {curve.bias:g})."
    )


def describe_outcomes(language: str, found: Outcomes) -> dict[str, str]:
    """Make a row of a table: shares in per cent, each with its 95 % interval."""
    return {
        "language": language,
        "right passage shown": _describe(found.shown),
        "answered": _describe(found.answered),
        "of these right": _describe(found.right),
        "invented": _describe(found.invented),
        "far: refused": _describe(found.refused),
        "F1": f"{found.abstention_f1:.3f}",
    }


def _describe(rate: Rate) -> str:
    if not rate.of:
        return "-"
    low, high = rate.interval
    return f"{rate.share:.0%} of {rate.of} ({low:.0%}-{high:.0%})"
