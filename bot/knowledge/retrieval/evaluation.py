"""Measures search and abstention on questions with known answers (`parlance docs eval`).

questions = load_golden(Path("golden.yaml"))
measured = await evaluate(service, questions)
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

import yaml

from bot.errors import UsageError
from bot.knowledge.citations.support import Support
from bot.values import Outcome, Passage, SearchResult

_RANKED_DOCUMENTS = 10
_SHOWN_PASSAGES = 4
"""The passages that a person is shown: quoted, or listed as sources."""
Kind = Literal["answerable", "near", "far"]
_SEARCHED_PASSAGES = 30
"""Passages that are looked at for ten documents."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A question, the names of the documents that answer it (none: it has no answer there), and
    which half of the set it is in: "tuning", "test" or "". `before` are the questions that were
    asked earlier in the conversation. `far`: what it asks has nothing to do with the documents.
    `answer` are the words of the first document that answer it; "" where that is not known."""

    question: str
    documents: tuple[str, ...]
    half: str = ""
    before: tuple[str, ...] = ()
    language: str = ""
    far: bool = False
    answer: str = ""

    @property
    def kind(self) -> Kind:
        """Whether it has an answer, and how near to the documents it is if not."""
        return "answerable" if self.documents else "far" if self.far else "near"


@dataclass(frozen=True, slots=True)
class Miss:
    """A question that went wrong: the first document was another one, or the gate was wrong."""

    question: str
    expected: tuple[str, ...]
    found: str
    evidence: bool
    confidence: float
    rank: int | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured. Rates are 0 to 1; the first four are over the answerable questions.

    Abstention is right where a question without an answer finds no evidence; its F1 weighs that
    against questions that had an answer and were turned away. Citation precision is the share of
    cited sentences that their passages bear out; None without a model.
    """

    questions: int
    answerable: int
    hit_at_1: float
    hit_at_4: float
    mrr_at_10: float
    ndcg_at_10: float
    abstention_precision: float
    abstention_recall: float
    abstention_f1: float
    citation_precision: float | None
    p50_ms: float
    p95_ms: float
    misses: tuple[Miss, ...] = field(default=(), repr=False)
    judged: tuple[Judged, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with what became of it. `shown`: a right document was among the passages that a
    person is shown, where any were."""

    golden: Golden
    outcome: Outcome
    shown: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `of` questions, with its 95 % interval (Wilson's)."""

    count: int
    of: int

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        n, p, z = self.of, self.share, 1.96
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        spread = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - spread), min(1.0, middle + spread)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How often questions are answered, and how often then wrongly.

    `shown`: of the questions with an answer those for which a right document is shown, as an answer
    or as not sure; `answered`: those answered without doubt; `right`: of these, those from a right
    document. `invented`: questions near the documents, without an answer there, that are answered
    all the same. `refused`: questions far from them that end in "not in the documents".
    `abstention_f1` counts "not sure" as a miss where the question is far, as half of one where it
    is near, and not at all where it has an answer.
    """

    shown: Rate
    answered: Rate
    right: Rate
    invented: Rate
    refused: Rate
    abstention_f1: float


def count_outcomes(judged: Sequence[Judged]) -> Outcomes:
    """Counts what became of questions."""
    having = [one for one in judged if one.golden.kind == "answerable"]
    near = [one for one in judged if one.golden.kind == "near"]
    far = [one for one in judged if one.golden.kind == "far"]
    answered = [one for one in having if one.outcome == "answer"]
    abstained = {"absent": 1.0, "unsure": 0.5, "answer": 0.0}
    kept_back = sum(abstained[one.outcome] for one in near)
    kept_back += sum(one.outcome == "absent" for one in far)
    turned_away = sum(one.outcome == "absent" for one in having)
    precision = kept_back / (kept_back + turned_away) if kept_back else 0.0
    recall = kept_back / len([*near, *far]) if near or far else 1.0
    both = precision + recall
    return Outcomes(
        shown=Rate(sum(one.shown and one.outcome != "absent" for one in having), len(having)),
        answered=Rate(len(answered), len(having)),
        right=Rate(sum(one.shown for one in answered), len(answered)),
        invented=Rate(sum(one.outcome == "answer" for one in near), len(near)),
        refused=Rate(sum(one.outcome == "absent" for one in far), len(far)),
        abstention_f1=2 * precision * recall / both if both else 0.0,
    )


def outcomes_by_language(judged: Sequence[Judged]) -> dict[str, Outcomes]:
    """The outcomes of all questions, and of those in each language where there are several."""
    languages = sorted({one.golden.language for one in judged} - {""})
    found = {"all": count_outcomes(judged)}
    if len(languages) > 1:
        for name in languages:
            found[name] = count_outcomes([one for one in judged if one.golden.language == name])
    return found


class Searcher(Protocol):
    """What is measured; `KnowledgeService` is one."""

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
    ) -> SearchResult: ...

    async def check_support(
        self, answer: str, passages: Sequence[Passage]
    ) -> tuple[Support, ...]: ...


Answer = Callable[[str, SearchResult], Awaitable[str]]
"""Asks a model; the answer cites `[1]` for the first passage."""


def load_golden(path: Path, *, half: str = "") -> list[Golden]:
    """Reads a golden file; `half` keeps only "tuning" or "test". Raises `UsageError`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        reason = (exc.strerror or "it is not a file").lower()
        raise UsageError(f"{path} cannot be read: {reason}.") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UsageError(
            f"{path} is not YAML{line}; put quotes around a question that has a sign in it."
        ) from exc
    entries = content.get("questions") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path} has no list named questions; see docs/knowledge.md.")
    found = [_parse_golden(path, number, entry) for number, entry in enumerate(entries, 1)]
    return [golden for golden in found if half in ("", golden.half)]


_KEYS = frozenset(
    {"question", "documents", "half", "language", "before", "kind", "answer", "subject"}
)


def _parse_golden(path: Path, number: int, entry: Any) -> Golden:
    where = f"{path}, question {number}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("question"), str):
        raise UsageError(f"{where}: a question needs the keys question and documents.")
    unknown = set(entry) - _KEYS
    if unknown:
        raise UsageError(f"{where}: there is no key {sorted(map(str, unknown))[0]!r}.")
    names = entry.get("documents")
    if names in (None, "none", []):
        names = []
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{where}: documents is a list of names, or none.")
    before = entry.get("before", [])
    if not isinstance(before, list) or not all(isinstance(one, str) for one in before):
        raise UsageError(f"{where}: before is a list of questions, the last of them last.")
    kind = entry.get("kind", "answerable" if names else "near")
    if kind not in (("answerable",) if names else ("near", "far")):
        raise UsageError(f"{where}: kind is answerable, or near or far where documents is none.")
    return Golden(
        entry["question"],
        tuple(names),
        str(entry.get("half", "")),
        tuple(before),
        str(entry.get("language", "")),
        kind == "far",
        str(entry.get("answer", "")),
    )


async def evaluate(
    service: Searcher,
    questions: Sequence[Golden],
    *,
    bases: Sequence[str] | None = None,
    answer: Answer | None = None,
) -> Evaluation:
    """Searches for every question and returns the measures. Raises `UsageError` for none."""
    if not questions:
        raise UsageError("There is no question to evaluate.")
    await service.search(questions[0].question, bases=bases)  # loads what is loaded on first use
    ranks: list[int | None] = []
    gains: list[float] = []
    gate: list[tuple[bool, bool]] = []
    misses: list[Miss] = []
    times: list[float] = []
    cited: list[bool] = []
    judged: list[Judged] = []
    for golden in questions:
        began = time.perf_counter()
        result = await service.search(
            golden.question, bases=bases, limit=_SEARCHED_PASSAGES, before=golden.before
        )
        times.append(time.perf_counter() - began)
        ranking = _ranking(result.passages)
        rank = _rank(ranking, golden.documents)
        gate.append((not golden.documents, not result.evidence))
        if golden.documents:
            ranks.append(rank)
            gains.append(_ndcg(ranking, golden.documents))
        answerable = bool(golden.documents)
        shown = _rank(result.passages[:_SHOWN_PASSAGES], golden.documents) is not None
        judged.append(Judged(golden, result.outcome, shown))
        if result.evidence != answerable or (answerable and rank != 1):
            misses.append(_miss(golden, ranking, result, rank))
        if answer is not None and golden.documents and result.evidence:
            text = await answer(golden.question, result)
            checked = await service.check_support(text, result.passages)
            cited += [one.borne_out for one in checked if one.cited]
    precision, recall, f1 = _abstention(gate)
    times.sort()
    return Evaluation(
        questions=len(questions),
        answerable=len(ranks),
        hit_at_1=_share(rank == 1 for rank in ranks),
        hit_at_4=_share(rank is not None and rank <= 4 for rank in ranks),
        mrr_at_10=_mean(
            [1 / rank if rank and rank <= _RANKED_DOCUMENTS else 0.0 for rank in ranks]
        ),
        ndcg_at_10=_mean(gains),
        abstention_precision=precision,
        abstention_recall=recall,
        abstention_f1=f1,
        citation_precision=_share(cited) if cited else None,
        p50_ms=1000 * times[len(times) // 2],
        p95_ms=1000 * times[min(len(times) - 1, int(0.95 * len(times)))],
        misses=tuple(misses),
        judged=tuple(judged),
    )


def _ranking(passages: Sequence[Passage]) -> list[Passage]:
    """Returns the best passage of each document, in order."""
    best: dict[str, Passage] = {}
    for passage in passages:
        best.setdefault(passage.document, passage)
    return list(best.values())[:_RANKED_DOCUMENTS]


def _matches(passage: Passage, name: str) -> bool:
    location = passage.location
    return name in (location, passage.title, passage.document, PurePosixPath(location).name) or (
        location.endswith("/" + name.lstrip("/"))
    )


def _rank(ranking: Sequence[Passage], names: Sequence[str]) -> int | None:
    for place, passage in enumerate(ranking, 1):
        if any(_matches(passage, name) for name in names):
            return place
    return None


def _ndcg(ranking: Sequence[Passage], names: Sequence[str]) -> float:
    gain = sum(
        1 / math.log2(place + 1)
        for place, passage in enumerate(ranking, 1)
        if any(_matches(passage, name) for name in names)
    )
    return gain / sum(1 / math.log2(n + 2) for n in range(min(len(names), _RANKED_DOCUMENTS)))


def _miss(
    golden: Golden, ranking: Sequence[Passage], result: SearchResult, rank: int | None
) -> Miss:
    first = ranking[0].location if ranking else ""
    return Miss(golden.question, golden.documents, first, result.evidence, result.confidence, rank)


def _abstention(gate: Sequence[tuple[bool, bool]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of abstaining; each pair is (should, did)."""
    both = sum(should and did for should, did in gate)
    did = sum(did for _, did in gate)
    should = sum(should for should, _ in gate)
    precision = both / did if did else float(not should)
    recall = both / should if should else 1.0
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def _share(flags: Any) -> float:
    return _mean([float(bool(flag)) for flag in flags])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
