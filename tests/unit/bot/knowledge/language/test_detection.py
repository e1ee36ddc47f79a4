"""Which language a text is in."""

from __future__ import annotations

import pytest

from bot.knowledge.language.detection import UNKNOWN, find_language
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
