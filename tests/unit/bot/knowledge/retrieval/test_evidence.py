"""What the signs of a search come to where no model reads the passages."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bot.knowledge.retrieval.candidates import Candidate, collect_signs
from bot.knowledge.retrieval.evidence import (
    MAX_MARGIN,
    UNKNOWN_MARGIN,
    EvidenceSigns,
    confidence,
    relatedness,
)
from bot.knowledge.retrieval.query import Question, Wording
from bot.knowledge.retrieval.smalltalk import find_lead

QUESTION = Question("how warm", ["warm", "fridge"], {"warm": 1.0, "fridge": 3.0}, 1.0, "en")


def found(*scored: tuple[str, float]) -> list[Candidate]:
    return [
        Candidate(
            SimpleNamespace(title="", heading="", text=text), sentence=0.5, score=score, late=0.5
        )
        for text, score in scored
    ]


def test_many_of_the_words_near_in_meaning_are_evidence_and_few_are_not() -> None:
    sure = confidence(EvidenceSigns(1.0, 0.7, 1.0, late=0.7, margin=0.4))
    unsure = confidence(EvidenceSigns(0.3, 0.4, 1.0, late=0.4, margin=0.05))
    assert sure > 0.8 > 0.2 > unsure


def test_a_passage_that_stands_out_is_more_evidence_than_one_of_many() -> None:
    out = confidence(EvidenceSigns(0.6, 0.5, 1.0, late=0.5, margin=MAX_MARGIN))
    one_of_many = confidence(EvidenceSigns(0.6, 0.5, 1.0, late=0.5, margin=0.0))
    assert out > 0.5 > one_of_many


def test_a_question_that_shares_no_word_is_answered_by_its_meaning_alone() -> None:
    """As with a multilingual embedder, whose best sentence says the same in another language."""
    same = confidence(EvidenceSigns(0.0, 0.95, 1.0, margin=UNKNOWN_MARGIN))
    other = confidence(EvidenceSigns(0.0, 0.5, 1.0, margin=UNKNOWN_MARGIN))
    assert same > 0.6 > 0.3 > other


def test_small_talk_is_no_evidence_where_its_words_are_found() -> None:
    talk = EvidenceSigns(1.0, 0.4, 1.0, late=0.45, talk=0.4)
    assert confidence(talk) < 0.2
    assert relatedness(talk) < 0.5


def test_a_sentence_must_be_clearly_nearer_than_small_talk_but_to_search_terms() -> None:
    """Of two words at most a message was held against small talk: "what's 15 times 12?" has three
    that are looked up, and a page of short sentences had them."""
    talk = find_lead(Wording("what's 15 times 12?"), "en")
    assert talk == find_lead(Wording("How do I rotate the logs of the server?"), "en") > 0.1
    assert find_lead(Wording("evidence gate"), "en") == find_lead(Wording("gguf"), "") == 0.0
    assert find_lead(Wording("and on Windows?", before="How do I rotate the logs?"), "en") == 0.0
    clear = EvidenceSigns(0.9, 0.45, 1.0, late=0.5, margin=0.1)
    assert confidence(clear) > 0.5 > 0.2 > confidence(replace(clear, talk=talk))


@pytest.mark.parametrize("unspaced", [True, False])
def test_words_alone_decide_in_a_language_that_the_embedder_does_not_know(unspaced: bool) -> None:
    trust = 0.05 if unspaced else 0.15
    most, none = (EvidenceSigns(c, 0.6, trust, margin=0.2, unspaced=unspaced) for c in (0.95, 0.0))
    assert confidence(most) > 0.5 > 0.3 > confidence(none)
    assert relatedness(most) > 0.5 > relatedness(none)


def test_the_margin_is_to_the_next_passage_of_another_text() -> None:
    """The same document twice leaves the best passage as far ahead as it was."""
    once = collect_signs(QUESTION, found(("warm fridge", 0.9), ("cold", 0.6)), 1.0, 0.0)
    twice = collect_signs(
        QUESTION, found(("warm fridge", 0.9), ("warm fridge", 0.9), ("cold", 0.6)), 1.0, 0.0
    )
    assert once.margin == twice.margin == pytest.approx(0.3)
    alone = collect_signs(QUESTION, found(("warm fridge", 0.9)), 1.0, 0.0)
    assert alone.margin == pytest.approx(UNKNOWN_MARGIN)
    ahead = collect_signs(QUESTION, found(("warm fridge", 0.9), ("cold", 0.1)), 1.0, 0.0)
    assert ahead.margin == MAX_MARGIN


def test_a_rare_word_counts_for_more_than_a_frequent_one() -> None:
    frequent = collect_signs(QUESTION, found(("it is warm", 0.9)), 1.0, 0.0)
    rare = collect_signs(QUESTION, found(("the fridge", 0.9)), 1.0, 0.0)
    assert (frequent.coverage, rare.coverage) == (0.25, 0.75)
    assert confidence(rare) > confidence(frequent)
