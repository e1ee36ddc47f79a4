"""Which questions ask for documents themselves, in the words of several languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.answering.questions.forms import ChangesAsked, DocumentsAsked, find_form
from bot.answering.questions.time_phrases import parse_time_phrase

NOW = datetime(2026, 11, 29, 20, tzinfo=UTC)
"""A Sunday."""


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("Which documents say that pets are allowed?", "pets are allowed"),
        ("which files mention the deposit", "the deposit"),
        ("In which documents is the deposit mentioned?", "deposit"),
        ("In welchen Dokumenten steht, dass Hunde erlaubt sind?", "Hunde erlaubt sind"),
        ("Quels documents parlent des chiens ?", "chiens"),
        ("¿Qué documentos mencionan el alquiler?", "el alquiler"),
        ("哪些文件提到了租金？", "租金"),
        ("家賃について書かれている文書はどれですか", "家賃"),
    ],
)
def test_which_documents_say_something(question: str, subject: str) -> None:
    assert find_form(question, NOW) == DocumentsAsked(subject)


@pytest.mark.parametrize(
    ("question", "day", "about"),
    [
        ("What changed since yesterday?", "2026-11-28", ""),
        ("What has changed in the travel policy since 1 November?", "2026-11-01", "travel policy"),
        ("Which documents were added since 2026-11-20?", "2026-11-20", ""),
        ("What is new in the docs since Monday?", "2026-11-23", ""),
        ("Was hat sich seit gestern in der Reiseordnung geändert?", "2026-11-28", "Reiseordnung"),
        ("Qu'est-ce qui a changé depuis lundi ?", "2026-11-23", ""),
        ("¿Qué ha cambiado desde ayer?", "2026-11-28", ""),
    ],
)
def test_what_changed_since_a_time(question: str, day: str, about: str) -> None:
    found = find_form(question, NOW)
    assert isinstance(found, ChangesAsked)
    assert (f"{found.since:%Y-%m-%d}", found.about) == (day, about)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "???",
        "What documents do I need for a visa?",
        "Which documents do I need to describe?",
        "Which page is mentioned?",
        "Which documents say?",
        "What changed since the merger?",
        "What changed since version 2?",
        "What is the policy since 2020-01-01?",
        "What's new since Monday?",
        "since since since changed what",
        "What changed since 31 February?",
        "What changed since ²²²?",
        "Which documents say " + "x" * 4_000,
    ],
)
def test_every_other_question_is_an_ordinary_one(question: str) -> None:
    assert find_form(question, NOW) is None


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("last Monday", "2026-11-23 00:00"),
        ("Sunday", "2026-11-22 00:00"),
        ("3 days ago", "2026-11-26 20:00"),
        ("two weeks ago", "2026-11-15 20:00"),
        ("der letzten Woche", "2026-11-22 20:00"),
        ("il y a 3 jours", "2026-11-26 20:00"),
        ("d'hier", "2026-11-28 00:00"),
        ("November 3rd 2025", "2025-11-03 00:00"),
        ("December", "2025-12-01 00:00"),
        ("7d", "2026-11-22 20:00"),
        ("99999999999 years ago", "1926-12-24 20:00"),
    ],
)
def test_times_as_people_write_them(phrase: str, found: str) -> None:
    assert f"{parse_time_phrase(phrase, NOW):%Y-%m-%d %H:%M}" == found


@pytest.mark.parametrize("phrase", ["", "the merger", "Monday Tuesday", "3 yesterday", "2 3 may"])
def test_other_words_are_no_time(phrase: str) -> None:
    assert parse_time_phrase(phrase, NOW) is None
