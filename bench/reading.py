"""Questions to documents with a model that reads the passages. See docs/benchmarks.md.

A scripted reader knows the words that answer the blind questions, and points to them where it is
given them: what is wrong then, something around the reader did. `READER=name` measures a model of
config.yaml in its place, too.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from backends.base import ChatMessage, ChatRequest, Chunk, Usage
from backends.scripted.backend import ScriptedBackend
from bench import blind
from bench.asking import asking_services
from bench.documents import ROOT, drain, opened, real_embedder, row
from bench.rows import Row
from bot.answering.grounded_answer import answer_from
from bot.answering.prompt import AskPrompt
from bot.answering.reader import read_passages
from bot.answering.support_reading import find_unsaid
from bot.app import open_app
from bot.commands.checks import Asker
from bot.events import Message
from bot.installation import Installation
from bot.knowledge.citations.support import check_support
from bot.knowledge.retrieval.golden import Golden, load_golden
from bot.knowledge.retrieval.outcomes import Judged, Rate, count_outcomes
from bot.knowledge.service import KnowledgeService
from bot.models.protocol import Models
from bot.prompting.foreign_text import escape_numbers
from bot.skills.context import Context
from bot.skills.services import Searching, Services
from bot.testing.models import ScriptedModels
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Part, Sources, Text
from bot.values import Passage, SearchResult
from tests.fakes.reader import TruthfulReader

GOLDEN = ROOT / "tests" / "golden"
_ASKER = Author("terminal", "operator", "Bench")
_CITED = re.compile(r"\[(\d{1,3})\]")
_WORD = re.compile(r"\w+")
_QUICK_STEP = 6
_TARGET_SHARE = 0.98


@dataclass
class Watched:
    """The models, with what each of their answers cost."""

    models: Models
    seen: list[tuple[ChatRequest, Usage]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.models, name)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        async with aclosing(self.models.chat(model, request)) as chunks:
            async for chunk in chunks:
                if chunk.usage is not None:
                    self.seen.append((request, chunk.usage))
                yield chunk


class Silent:
    """Takes what a skill says meanwhile."""

    def add(self, part: Part) -> None:
        return


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a question: what was pointed to, what was said, from which documents, and how
    many tokens of the passages were read twice."""

    golden: Golden
    found: SearchResult
    text: str
    documents: tuple[str, ...]
    read_twice: int = 0

    @property
    def right(self) -> bool:
        """Whether it was answered with the words that answer it, from a document that has them; or
        turned away, where none has."""
        if self.golden.kind != "answerable":
            return self.found.outcome == "absent"
        return (
            self.found.outcome == "answer"
            and _words(self.golden.answer) in _words(_CITED.sub("", self.text))
            and any(one in self.golden.documents for one in self.documents)
        )

    @property
    def literal(self) -> tuple[int, int]:
        """How many of the citations point to a passage with the words pointed to, and of how
        many."""
        passages = self.found.passages
        texts = [" ".join(escape_numbers(one.text).split()) for one in passages]
        pointed = self.found.pointed or ()
        good = sum(" ".join(one.text.split()) in texts[one.number - 1] for one in pointed)
        numbers = [int(number) for number in _CITED.findall(self.text)]
        good += sum(1 <= number <= len(texts) for number in numbers)
        return good, len(pointed) + len(numbers)

    def judged(self) -> Judged:
        """The same as `docs eval` counts it."""
        shown = any(one in self.golden.documents for one in self.documents)
        return Judged(self.golden, self.found.outcome, shown)


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text))


def asking_context(services: Services, said: str, name: str) -> Context:
    """A turn of a conversation of its own."""
    place = ConversationKey("terminal", "local", f"bench-{name}")
    event = Message(f"m-{name}", place, _ASKER, said, direct=True)
    turn = Turn(f"t-{name}", event, Asker(_ASKER, place, True, True), output=Silent())
    return Context(turn, services)


async def ask(services: Services, golden: Golden, number: int, reader: str) -> Answered:
    """Ask one question as `/ask` does, in a conversation of its own."""
    models = Watched(services.models)
    context = asking_context(replace(services, models=models), golden.question, f"q{number}")
    found = await context.knowledge.search(golden.question, before=golden.before)
    able = await models.capabilities(reader)
    system = context.prompts.render("system", able, persona="", several=False)
    found = await read_passages(context, golden.question, found, system=system, model=reader)
    text, documents = "", [p.location for p in found.passages[:4]]
    if found.outcome != "absent":
        parts = answer_from(context, golden.question, found, system=system, model=reader)
        async with aclosing(parts) as stream:
            async for part in stream:
                if isinstance(part, Text):
                    text += part.delta
                elif isinstance(part, Sources):
                    documents = [one.location for one in part.items]
    names = tuple(location.rsplit("/", 1)[-1] for location in documents)
    twice = await _read_twice(models, reader) if found.outcome == "answer" else 0
    return Answered(golden, found, text, names, twice)


async def _read_twice(models: Watched, reader: str) -> int:
    """Tokens of passages that the answer's prompt had read anew, although they had been read to
    point to something."""
    pointing, answering = models.seen[0][0].messages, models.seen[1][0].messages
    both = zip(pointing[-1].content, answering[-1].content, strict=False)
    shared = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], both))
    *before, _ = answering
    passages = await models.count(reader, [*before, ChatMessage("user", shared)])
    nothing = await models.count(reader, [*before, ChatMessage("user", "")])
    head = await models.count(reader, before) if before else 0
    again = passages - nothing - max(0, models.seen[1][1].cached_tokens - head)
    return max(0, int(again))


async def reader_rows(services: Services, name: str, reader: str, *, quick: bool) -> list[Row]:
    """Both halves of the blind set, read by one model; `services` hold it and the pages."""
    found = []
    for half in ("tuning", "test"):
        questions = load_golden(GOLDEN / "blind.yaml", half=half)[:: _QUICK_STEP if quick else 1]
        answered = [
            await ask(services, golden, number, reader) for number, golden in enumerate(questions)
        ]
        found += _half_rows(f"blind, {half} half, read by {name}", answered)
    return [*found, *await support_rows(services, name, reader, quick=quick)]


async def support_rows(services: Services, name: str, reader: str, *, quick: bool) -> list[Row]:
    """Sentences of answers, checked by one model beside their whole pages: which are marked."""
    marked: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for number, entry in enumerate(blind.sentences("test")[:: _QUICK_STEP if quick else 1]):
        kind = "invention" if entry["kind"] in blind.INVENTED else entry["kind"]
        asked[kind] += 1
        marked[kind] += await _is_marked(services, entry, number, reader)
    what = f"sentences checked by {name}, test half"
    rates = {kind: Rate(marked[kind], asked[kind]) for kind in ("faithful", "invention", "words")}
    return [
        blind.rate(f"{what}: faithful ones marked", rates["faithful"], 0.03, most=True),
        blind.rate(f"{what}: wrong figure, name or option marked", rates["invention"], 0.90),
        blind.rate(f"{what}: false ones of the page's own words marked", rates["words"]),
    ]


async def _is_marked(services: Services, entry: dict[str, Any], number: int, reader: str) -> bool:
    page, said = str(entry["page"]), str(entry["sentence"])
    passage = Passage(page, page, page, page, "", (blind.PAGES / page).read_text(encoding="utf-8"))
    context = asking_context(services, said, f"s{number}")
    checked = await check_support(said, [passage.text])
    found = SearchResult((passage,), evidence=True, pointed=())
    unsaid = await find_unsaid(context, AskPrompt(reader, ""), "", found, checked)
    return bool(unsaid) or not all(one.supported for one in checked)


def _half_rows(what: str, answered: Sequence[Answered]) -> list[Row]:
    having = [one for one in answered if one.golden.kind == "answerable"]
    nothing = [one for one in answered if one.golden.kind != "answerable"]
    literal = [one.literal for one in answered]
    good, cited = sum(each[0] for each in literal), sum(each[1] for each in literal)
    counted = count_outcomes([one.judged() for one in answered])
    return [
        blind.rate(f"{what}: answers right", _share(one.right for one in having), _TARGET_SHARE),
        blind.rate(f"{what}: abstains right", _share(one.right for one in nothing), _TARGET_SHARE),
        blind.rate(f"{what}: answered", counted.answered),
        blind.rate(f"{what}: near the subject, not there, and answered", counted.invented),
        row(
            f"{what}: citations literally in a passage",
            100 * good / cited if cited else 100,
            "%",
            100,
        ),
        row(
            f"{what}: tokens of passages read twice",
            sum(one.read_twice for one in answered),
            "",
            0,
            most=True,
        ),
    ]


def _share(good: Iterable[bool]) -> Rate:
    found = list(good)
    return Rate(sum(found), len(found))


@asynccontextmanager
async def scripted_services(knowledge: KnowledgeService) -> AsyncIterator[Services]:
    """A reader that knows the truth of the blind set."""
    truth = {
        one.question: one.answer for one in load_golden(GOLDEN / "blind.yaml") if one.documents
    }
    false = [one["sentence"] for one in blind.sentences("test") if one["kind"] != "faithful"]
    answer = TruthfulReader(truth, frozenset(false))
    reader = ScriptedBackend("reader", answer=answer, reads=True)
    yield asking_services(ScriptedModels(reader), knowledge, Searching(reader="reader"))


@asynccontextmanager
async def configured_services(knowledge: KnowledgeService, name: str) -> AsyncIterator[Services]:
    """The models of config.yaml, of which the one named reads and answers."""
    async with open_app(Installation.read()) as app:
        searching = replace(app.services.searching, reader=name)
        yield replace(app.services, knowledge=knowledge, searching=searching)


async def rows(quick: bool) -> list[Row]:
    """The scripted reader, and the one that READER names."""
    async with real_embedder() as embedder:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(Path(folder), embedder) as knowledge:
                await drain(knowledge.add(str(GOLDEN / "blind")))
                async with scripted_services(knowledge) as services:
                    found = await reader_rows(services, "one that knows", "reader", quick=quick)
                if name := os.environ.get("READER"):
                    async with configured_services(knowledge, name) as services:
                        found += await reader_rows(services, name, name, quick=quick)
    return found
