"""Answers held to copied text: what comes out stands in the texts, whatever the model likes."""

from __future__ import annotations

import random

import pytest

from backends.base import COPIES_NOTHING, ChatMessage, ChatRequest, Sampling
from backends.errors import InvalidRequest
from backends.llama_cpp.copying import CopyRule
from backends.llama_cpp.native import Model
from tests.unit.backends.llama_cpp.asking import Make, tell

TEXTS = (
    "The rent is due on the third working day of a month.\nDogs are kept with consent: ask first.",
    "押金为两个月的租金。Größe: 10⁶ m², “naïve” — 5 %.",
)
LINES = [line for text in TEXTS for line in text.splitlines()]


def is_copied(line: str) -> bool:
    """Whether a line stands in the texts, and begins and ends no word in the middle."""
    for whole in LINES:
        at = whole.find(line)
        while at >= 0:
            before, after = whole[:at][-1:], whole[at + len(line) :][:1]
            inner = [
                a.isalnum() and b.isalnum() and a < "\u0e00"
                for a, b in ((before, line[:1]), (line[-1:], after))
                if a and b
            ]
            if not any(inner):
                return True
            at = whole.find(line, at + 1)
    return False


async def test_a_real_model_copies_or_says_that_there_is_nothing(make: Make) -> None:
    backend = make()
    for question in ("When is the rent due?", "多少押金?", "Who wrote Faust?"):
        told = await tell(
            backend, f"{TEXTS[0]}\n{TEXTS[1]}\n\n{question}", copy_from=TEXTS, max_tokens=40
        )
        lines = told.text.splitlines()
        assert lines == [COPIES_NOTHING] or all(map(is_copied, lines)), told.text
        certainty = told.chunks[-1].copies
        assert 0.0 <= (certainty or 0.0) <= 1.0
        assert certainty is not None


@pytest.mark.parametrize("seed", range(12))
def test_any_choice_of_allowed_tokens_is_a_quotation(model: Model, seed: int) -> None:
    stops, newline = [model.tokenize("<|im_end|>")[0]], model.tokenize("\n")[-1]

    def tokenize(text: str) -> list[int]:
        return model.tokenize(text, special=False)

    rule = CopyRule(TEXTS, tokenize, model.visible_bytes, stops, newline)
    chance, written = random.Random(seed), b""
    for _ in range(400):
        token = chance.choice(rule.allowed())
        if token in stops:
            break
        rule.accept(token)
        written += model.visible_bytes(token)
    else:
        pytest.fail("no end was reached")
    lines = written.decode().split("\n")
    assert lines == [COPIES_NOTHING] or (len(lines) <= 4 and all(map(is_copied, lines))), lines


def test_the_beginning_of_nothing_can_be_a_copy_too(model: Model) -> None:
    def tokenize(text: str) -> list[int]:
        return model.tokenize(text, special=False)

    rule = CopyRule([f"{COPIES_NOTHING} of them."], tokenize, model.visible_bytes, [0], None)
    for token in tokenize(COPIES_NOTHING):
        rule.accept(token)
    following = rule.allowed()
    assert 0 in following, "it may end"
    assert len(following) == 2, "or go on in the text"


async def test_a_schema_and_copied_text_together_are_refused(make: Make) -> None:
    request = ChatRequest(
        (ChatMessage("user", "x"),), Sampling(copy_from=("x",), json_schema={"type": "string"})
    )
    with pytest.raises(InvalidRequest):
        async for _ in make().chat(request):
            pass


async def test_texts_without_a_word_give_nothing(make: Make) -> None:
    told = await tell(make(), "What?", copy_from=(" \n ",))
    assert (told.text, told.chunks[-1].copies) == (COPIES_NOTHING, 0.0)
