"""Which language a text is in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.knowledge.language.detection import UNKNOWN, find_language, guess_language
from bot.knowledge.language.words import extract_stems, match_expression, stem

QUESTIONS = {
    "When is the rent due?": "en",
    "can i keep a dog here": "en",
    "Wann ist die Miete fällig?": "de",
    "Wie lange darf mein Besuch bleiben": "de",
    "Quand faut-il payer le loyer ?": "fr",
    "Cuando se paga el alquiler": "es",
    "Quando si paga l'affitto?": "it",
    "Kira ne zaman ödenir?": "tr",
    "Wanneer moet ik de huur betalen?": "nl",
    "Kdy se platí nájem?": "cs",
    "Когда платить за квартиру?": "ru",
    "房租什么时候交？": "zh",
    "家賃はいつ払いますか": "ja",
    "월세는 언제 내나요?": "ko",
    "Πότε πληρώνεται το ενοίκιο;": "el",
    "متى يجب دفع الإيجار؟": "ar",
    "מתי משלמים שכר דירה?": "he",
}


@pytest.mark.parametrize(("text", "language"), QUESTIONS.items())
def test_short_questions_tell_their_language(text: str, language: str) -> None:
    assert find_language(text) == language


@pytest.mark.parametrize("text", ["", "2024", "🦙", "tinyqueue", "poolSize 12"])
def test_what_tells_nothing_is_not_guessed(text: str) -> None:
    assert find_language(text) == UNKNOWN


def test_forms_of_a_word_share_a_stem_in_their_language() -> None:
    assert stem("hunde", "de") in extract_stems("Ein Hund und des Hundes Leine", "de")
    assert stem("взносы", "ru") in extract_stems("Размер взноса", "ru")
    assert stem("kediler", "tr") in extract_stems("Kedi beslemek", "tr")
    assert stem("взносы") not in extract_stems("Размер взноса"), "no ending is cut off unasked"


def test_words_of_another_language_are_looked_up_by_their_stem_too() -> None:
    assert match_expression(["wohnungen"], "de") == '("wohnungen" OR "wohnung"*)'
    assert match_expression(["wohnungen"]) == '"wohnungen"'
    assert match_expression(["rooms"], "en") == '"rooms"'
    assert match_expression(["见面"], "zh") == '"见面"'


SHIPPED = ("de", "en", "es", "fr", "ja")


def guesses() -> list[tuple[str, str]]:
    """The language of each blind question, and what it is guessed to be."""
    text = (Path(__file__).parents[4] / "golden" / "blind.yaml").read_text("utf-8")
    asked = yaml.safe_load(text)["questions"]
    return [(one["language"], guess_language(one["question"], SHIPPED)) for one in asked]


def test_a_guess_takes_no_english_question_for_another_language() -> None:
    assert {guess for language, guess in guesses() if language == "en"} <= {"en", UNKNOWN}


@pytest.mark.parametrize("language", SHIPPED)
def test_a_guess_knows_most_questions_and_takes_none_for_another_that_ships(language: str) -> None:
    own = [guess for asked, guess in guesses() if asked == language]
    assert own.count(language) >= 0.75 * len(own)
    assert {*own} & {*SHIPPED} == {language}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie heißt der Hüter der Lampe?", "de"),
        ("¿Dónde está la lámpara?", "es"),
        ("Où est la lampe ?", "fr"),
        ("", UNKNOWN),
        ("deploy", UNKNOWN),
        ("café", UNKNOWN),
        ("translate guten Morgen", UNKNOWN),
    ],
)
def test_a_guess_needs_two_signs(text: str, language: str) -> None:
    assert guess_language(text, SHIPPED) == language


def test_a_guess_is_one_of_those_that_are_there() -> None:
    assert guess_language("Wie heißt der Hüter der Lampe?", ("en", "fr")) == UNKNOWN
