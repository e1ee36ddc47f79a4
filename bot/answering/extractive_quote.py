"""Quotes the sentences of passages that answer a question best.

It takes the place of a very small model, whose own wording of a passage cannot be trusted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bot.answering.quotable_text import TableRow, cells_of, split_quotable
from bot.knowledge.language.sentences import split_sentences
from bot.knowledge.language.stopwords import STOP_WORDS
from bot.knowledge.language.words import extract_stems, is_unspaced
from bot.values import Passage, Pointed

FENCED_CODE = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
"""Blocks of code."""
_CODE_SIGNS = re.compile(r"[(){}\[\]<>=@_/\\;*#+]")
_MIN_SENTENCE_WORDS = 5
_MAX_PASSAGES = 4
_MAX_QUOTED_SENTENCES = 2
_MAX_QUOTE_CHARACTERS = 400
_MAX_CODE_LINES = 10
_LEAD_CHARACTERS = 40
"""What is compared of the text before a block of code with what is quoted."""
_MIN_UNSPACED_CHARACTERS = 8
_MIN_SCORE_SHARE = 0.75
_MAX_SCORE_GAP = 0.2
"""A passage whose score is so far behind that of the first is not quoted: the first may be code,
which has no sentences, and then a poor one speaks about something else."""
_LATER_PASSAGE_FACTOR = 0.85
"""What a passage's best sentence is worth beside one of the passage before it. With this, and with
meaning at the weight of words, the quotation has the answer to 84 of 100 questions of XQuAD; by
words alone it had it for 78."""


@dataclass(frozen=True, slots=True)
class Quotation:
    """Sentences of one passage, and the number it has among the sources."""

    number: int
    text: str


def quote(question: str, passages: Sequence[Passage], language: str = "") -> Quotation | None:
    """Quote the sentences of one passage that answer the question best, with code that follows.

    `passages` are in the order of the search, `language` is the question's. A sentence scores by
    the words that it shares with the question, rare ones counting more, and by its similarity to
    it. Returns None where no sentence shares a word with the question.
    """
    wanted = set(extract_stems(question, language)) - STOP_WORDS
    heads = passages[:_MAX_PASSAGES]
    split = [
        [
            one
            for one in split_quotable(FENCED_CODE.sub("\n\n", passage.text))
            if isinstance(one, TableRow) or is_prose(one)
        ]
        if passage.score >= heads[0].score - _MAX_SCORE_GAP
        else []
        for passage in heads
    ]
    stems = {one: extract_stems(one, language) for part in split for one in part}
    common = Counter(stem for part in split for one in part for stem in stems[one])
    rarity = {stem: 1 / (common[stem] or 1) for stem in wanted}
    best: list[tuple[float, int, list[str]]] = []
    for at, (passage, part) in enumerate(zip(heads, split, strict=True)):
        about = set(extract_stems(f"{passage.title} {passage.heading}", language)) & wanted
        above = 0.5 * sum(rarity[stem] for stem in about)
        shared = [sum(rarity[stem] for stem in stems[one] & wanted) + above for one in part]
        if not any(shared):
            continue
        near = _similarities(passage)
        scores = [
            words / sum(rarity.values()) + near.get(one, passage.dense)
            for one, words in zip(part, shared, strict=True)
        ]
        top = max(scores)
        best.append((top * _LATER_PASSAGE_FACTOR**at, -at, _pick(part, scores)))
    if not best:
        return None
    _, place, found = max(best)
    text = _shorten(join_lines(" ".join(found)))
    return Quotation(1 - place, text + _code_after(text, passages[-place].text))


def _pick(sentences: Sequence[str], scores: Sequence[float]) -> list[str]:
    """The best sentences in their order, or the best row of a table, which stands alone."""
    top = max(scores)
    first = sentences[scores.index(top)]
    if isinstance(first, TableRow):
        return [first]
    near = (
        one
        for one, score in zip(sentences, scores, strict=True)
        if score >= _MIN_SCORE_SHARE * top and not isinstance(one, TableRow)
    )
    return list(near)[:_MAX_QUOTED_SENTENCES]


def quote_pointed(
    pointed: Sequence[Pointed] | None, passages: Sequence[Passage]
) -> list[Quotation]:
    """Quote the sentences that have the words which a model pointed to, each once."""
    found: dict[str, Quotation] = {}
    for one in pointed or ():
        lines = map(join_lines, split_quotable(passages[one.number - 1].text))
        cells = cells_of(one.text)
        whole = (
            line
            for line in lines
            if all(cell in line for cell in cells) and len(line) <= _MAX_QUOTE_CHARACTERS
        )
        line = next(whole, _shorten(one.text))
        found.setdefault(line, Quotation(one.number, line))
    return list(found.values())


def quote_beginning(passages: Sequence[Passage]) -> Quotation:
    """Quote the beginning of the first passage, where `quote` finds no sentence: code, a table,
    another language. `passages` must not be empty."""
    found = split_quotable(passages[0].text)
    if any(isinstance(one, TableRow) for one in found):
        return Quotation(1, _shorten("\n".join(map(join_lines, found))))
    return Quotation(1, _shorten(join_lines(passages[0].text)))


def _code_after(quoted: str, text: str) -> str:
    """The first short block of code that directly follows what is quoted, on lines of its own."""
    for block in FENCED_CODE.finditer(text):
        lead = join_lines(text[: block.start()])[-_LEAD_CHARACTERS:].strip(" *_:")
        if lead and lead in quoted and block[0].count("\n") <= _MAX_CODE_LINES:
            return f"\n{block[0].strip()}"
    return ""


def join_lines(text: str) -> str:
    """A sentence in one line, word for word, without marks of emphasis that begin outside of it."""
    line = " ".join(text.split())
    for mark in ("`", "**", "__"):
        line = line if line.count(mark) % 2 == 0 else line.replace(mark, "")
    return line


def _shorten(text: str) -> str:
    return (
        text
        if len(text) <= _MAX_QUOTE_CHARACTERS
        else text[:_MAX_QUOTE_CHARACTERS].rsplit(" ", 1)[0] + " …"
    )


def _similarities(passage: Passage) -> dict[str, float]:
    """How near its sentences are to the question. Where there are many, a number is of several."""
    found = split_sentences(passage.text)
    if not passage.near:
        return {}
    each = -(-len(found) // len(passage.near))
    return dict(zip(found, (near for near in passage.near for _ in range(each)), strict=False))


def is_prose(sentence: str) -> bool:
    """Whether it reads as a sentence: no row of a table, no line of code."""
    words = sentence.split()
    marks = len(_CODE_SIGNS.findall(re.sub(r"`[^`]*`", "", sentence)))
    unspaced = sum(map(is_unspaced, sentence))
    long = len(words) >= _MIN_SENTENCE_WORDS or unspaced >= _MIN_UNSPACED_CHARACTERS
    return "|" not in words and long and marks <= max(len(words), unspaced // 2) // 4
