"""What the model answers for pages that it can and cannot read, as it was measured."""

from __future__ import annotations

import pytest

from bot.knowledge.loading.scans.legibility import judge_page
from bot.knowledge.loading.scans.text_line import TextLine


def line(text: str, score: float, width: float = 1000, height: float = 30) -> TextLine:
    return TextLine(text, score, 100, 100, 100 + width, 100 + height)


GOOD = line("The water supply of the town comes from three wells in the valley.", 0.99)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        pytest.param("    ,        . ", 0.93, id="Cyrillic"),
        pytest.param("νερ τη λη ρρεται α τα ηια στην ιλα. ε ηι", 0.86, id="Greek"),
        pytest.param("本市的自来水来自山谷中的三口水井每口井每两周检测一次", 0.97, id="Korean"),
        pytest.param("Nưc ca th trn đn t ba ging trong thung lũng. Mi ging", 0.98, id="Vietnamese"),
        pytest.param("000 00 0000 0000 00 000 00 0000 00 00000", 0.95, id="boxes"),
        pytest.param("beated mvery mood wava. and de mvaals ae puacaked", 0.53, id="blurred"),
        pytest.param("", 0.0, id="Devanagari"),
    ],
)
def test_a_page_that_cannot_be_read_is_refused(text: str, score: float) -> None:
    found = judge_page([line(text, score)] * 4, ("en", "de"))
    assert not found.legible
    assert found.lines == ()


@pytest.mark.parametrize(
    ("text", "score", "width"),
    [
        ("Die Größe der Rohre musste überall vergrößert werden, und zwar bald.", 0.98, 1000),
        ("Şehrin suyu vadideki üç kuyudan gelir. Her kuyu iki haftada bir", 0.98, 1000),
        ("318,500.00   412,000.10   12 %   0   0   0   44", 0.97, 1000),
        ("-", 0.8, 25),
        ("7", 0.99, 18),
        ("where ΔT = α·λ/μ and σ are the mean of all the tests of that year", 0.95, 1000),
    ],
)
def test_a_page_that_can_be_read_is_kept(text: str, score: float, width: float) -> None:
    found = judge_page([GOOD, line(text, score, width)], ("en",))
    assert found.legible
    assert not found.partly
    assert len(found.lines) == 2


def test_a_few_lines_that_cannot_be_read_are_left_out_of_a_page() -> None:
    found = judge_page([GOOD, GOOD, GOOD, line(" ,  . ", 0.93)], ("en",))
    assert found.legible
    assert found.partly
    assert found.lines == (GOOD, GOOD, GOOD)
    assert found.score == 0.99


def test_half_a_page_in_another_script_refuses_it() -> None:
    assert not judge_page([GOOD, line(" ,  . ", 0.93)], ("en",)).legible


def test_a_page_with_a_low_mean_score_is_refused() -> None:
    assert not judge_page([line(GOOD.text, 0.91)] * 3, ("en",)).legible


def test_chinese_is_legible_where_it_is_expected() -> None:
    chinese = line("本市的自来水来自山谷中的三口水井每口井每两周检测一次结果公布", 0.99)
    assert judge_page([chinese], ("zh",)).legible
    assert judge_page([chinese], ("de", "ja")).legible
    assert not judge_page([chinese], ("de",)).legible
