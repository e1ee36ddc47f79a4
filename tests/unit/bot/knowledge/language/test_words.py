from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.index.full_text import WantedWords, score_exact_words, select_words
from bot.knowledge.index.quantized_vectors import dequantise, quantise
from bot.knowledge.language.words import (
    MAX_TERMS,
    english_share,
    extract_stems,
    extract_terms,
    match_expression,
    stem,
    to_indexed_text,
)
from bot.knowledge.retrieval.evidence import coverage, rarity
from bot.knowledge.retrieval.fusion import (
    compute_weights,
    divide_by_best,
    fuse_lexical_scores,
    fuse_scores,
)


def test_a_question_is_reduced_to_the_words_that_matter() -> None:
    assert extract_terms("How do I rotate the server's logs?") == ["rotate", "server", "logs"]
    assert extract_terms("what is it?") == []
    assert extract_terms("NEAR( * AND OR NOT") == []
    assert extract_terms("¿Dónde está la catedral de Burgos?") == ["catedral", "burgos"]
    assert extract_terms("C++ and v2.5 in e-mail") == ["c", "v2", "5", "e", "mail"]
    assert len(extract_terms(" ".join(f"word{n}" for n in range(500)))) == MAX_TERMS


def test_unspaced_scripts_become_pairs() -> None:
    assert to_indexed_text("北京地铁 line").split() == ["北京", "京地", "地铁", "铁", "line"]
    assert extract_terms("北京地铁") == ["北京", "京地", "地铁"]
    assert extract_terms("猫") == ["猫"]
    assert match_expression(["猫", "cat"]) == '"猫"* OR "cat"'


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("The fee is 25¹ EUR.", ["25", "EUR", "25 EUR", "25¹"]),
        ("5 × 10⁶ cells", ["10⁶", "10^6", "10", "cells"]),
        ("a yield of 10⁻³", ["10⁻³", "10^-3"]),
        ("40 m² of floor", ["m2", "m²", "40", "40 m2"]),
        ("Trains to Basel¹ and Zürich²", ["Basel", "Zürich"]),
        ("emits CO₂ and H₂O", ["CO2", "CO₂", "H2O"]),
    ],
)
def test_raised_figures_became_part_of_the_number_before_them(
    text: str, questions: list[str]
) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE f USING fts5(b, tokenize = 'porter unicode61')")
        db.execute("INSERT INTO f VALUES (?)", (to_indexed_text(text),))
        for question in questions:
            words = extract_terms(question)
            query = " AND ".join(match_expression([word]) for word in words)
            found = db.execute("SELECT count(*) FROM f WHERE f MATCH ?", (query,)).fetchone()
            assert (question, found) == (question, (1,))
            assert all(stem(word) in extract_stems(text) for word in words)
            assert (score_exact_words(words, dict.fromkeys(words, 1.0), [text]) > 0).all()


@given(st.text(max_size=200))
def test_no_question_is_ever_syntax(question: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE f USING fts5(b, tokenize = 'porter unicode61')")
        db.execute("INSERT INTO f VALUES (?)", (to_indexed_text(question),))
        words = extract_terms(question)
        if words:
            db.execute("SELECT * FROM f WHERE f MATCH ?", (match_expression(words),)).fetchall()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("rotate", "rotated"), ("rotates", "rotating"), ("log", "logs"), ("policy", "policies"),
        ("install", "installation"), ("configure", "configured"), ("stop", "stopped"),
        ("café", "cafe"), ("run", "running"),
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(a: str, b: str) -> None:
    assert stem(a)[:6] == stem(b)[:6]


def test_a_name_of_code_is_found_by_its_parts() -> None:
    assert extract_stems("requestTimeout HTTPServer SERVER_PORT") >= {
        "request", "timeout", "requesttimeout", "http", "server", "port",
    }  # fmt: skip


def test_use_is_not_looked_up() -> None:
    assert extract_terms("which port does the java program use") == ["port", "java", "program"]


@pytest.mark.parametrize(
    ("question", "language", "words"),
    [
        ("wie berechne ich den Umfang von einem Kreis", "de", ["berechne", "umfang", "kreis"]),
        ("Darf ich auf dem Balkon grillen?", "de", ["balkon", "grillen"]),
        ("c'est quoi un trou noir", "fr", ["trou", "noir"]),
        ("Combien de temps dure l'inscription ?", "fr", ["temps", "dure", "inscription"]),
        ("¿Cuánto tarda la luz del sol?", "es", ["tarda", "luz", "sol"]),
        ("aidat ne kadar", "tr", ["aidat"]),
        ("den of a fox", "en", ["den", "fox"]),
        ("O'Brien in the key of C", "en", ["brien", "key", "c"]),
    ],
)
def test_words_that_ask_nothing_in_their_language_are_not_looked_up(
    question: str, language: str, words: list[str]
) -> None:
    assert extract_terms(question, language) == words


def test_few_passages_do_not_say_what_is_rare() -> None:
    weight = {"port": rarity(2, 4), "program": rarity(0, 4)}
    assert coverage(weight, ["port"]) > 0.35


def test_different_words_keep_different_stems() -> None:
    assert len({stem(w) for w in ("model", "mode", "modern", "new", "bus", "busy")}) == 6
    assert extract_stems("the Logs") == {"the", "log"}


@pytest.mark.parametrize(
    ("question", "low", "high"),
    [
        ("How do I rotate the logs?", 1.0, 1.0),
        ("rotate logs", 1.0, 1.0),
        ("¿Cómo se rotan los registros?", 0.0, 0.0),
        ("Wann wurde der Dom gebaut?", 0.0, 0.0),
        ("日志什么时候轮换?", 0.0, 0.0),
        ("когда это было сделано?", 0.0, 0.0),
        ("What is naïve Bayes?", 1.0, 1.0),
    ],
)
def test_english_is_told_from_others(question: str, low: float, high: float) -> None:
    assert low <= english_share(question) <= high


def test_weights_follow_the_language() -> None:
    english = compute_weights(0.6, trust=1.0, known=1.0)
    assert english.lexical == pytest.approx(0.4)
    assert english.sentence + english.whole + english.lexical == pytest.approx(1.0)
    assert compute_weights(0.6, trust=0.05, known=1.0).lexical > 0.95
    assert compute_weights(0.6, trust=0.15, known=0.0).lexical == 0.0


def test_scores_are_parts_of_the_best() -> None:
    assert divide_by_best(np.array([4.0, 2.0, -1.0])).tolist() == [1.0, 0.5, 0.0]
    assert divide_by_best(np.array([0.0, 0.0])).tolist() == [0.0, 0.0]
    share = compute_weights(0.6, trust=1.0, known=1.0)
    top = fuse_scores(share, np.array([0.9, 0.1]), np.array([0.8, 0.1]), np.array([3.0, 0.0]))
    assert top[0] == pytest.approx(1.0)
    assert fuse_lexical_scores(np.array([2.0, 1.0]), np.array([0.0, 0.0])).tolist() == [0.4, 0.2]


def test_the_exact_form_counts_among_candidates() -> None:
    weight = {"rotate": 2.0, "c++": 1.0}
    scores = score_exact_words(
        ["rotate"], weight, ["they rotate it", "rotated logs", "Rotate! rotate"]
    )
    assert scores[1] == 0.0
    assert scores[2] > scores[0] > 0.0


def test_words_that_tell_nothing_are_not_looked_up_where_others_do() -> None:
    counts = {"a": 9_000, "b": 10, "c": 20, "d": 5, "e": 0}
    assert select_words(counts, 40) == WantedWords(("b", "c", "d", "e"))
    assert select_words({"a": 9_000, "b": 1}, 40) == WantedWords(("b", "a"))


def test_frequent_words_were_all_ranked_where_two_rare_ones_bring_enough() -> None:
    assert select_words({"a": 2_000, "b": 30, "c": 20}, 40) == WantedWords(("b", "c"))


def test_frequent_words_were_ranked_each_by_itself() -> None:
    counts = {"a": 2_000, "b": 3, "c": 1_800, "d": 1_500}
    wanted = select_words(counts, 40)
    assert wanted == WantedWords(("b",), ("d", "c"))
    assert wanted.expression == '"b" OR ("d" AND "c")'


def test_a_rare_word_that_is_missing_weighs_on_the_evidence() -> None:
    weight = {"capital": rarity(20, 100), "mongolia": rarity(0, 100)}
    assert coverage(weight, ["capital"]) < 0.35
    assert coverage(weight, ["capital", "mongolia"]) == 1.0
    assert coverage({}, []) == 0.0


@given(st.integers(1, 5), st.integers(0, 1000))
def test_vectors_in_a_byte_each_keep_their_direction(count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(count, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    again = dequantise(quantise(rows), 384)
    assert again.shape == rows.shape
    assert float((again * rows).sum(axis=1).min()) > 0.998
