"""How many tokens a picture is taken to have."""

from __future__ import annotations

import pytest

from backends.base import ChatMessage, ChatRequest, Picture
from backends.errors import InvalidRequest
from backends.picture_tokens import estimate_picture_tokens, max_picture_tokens
from backends.pool.request_validation import check_request
from backends.pool.throughput import estimate_prompt_tokens

PICTURE = Picture("", "image/png", 1024, 768)


@pytest.mark.parametrize(
    ("family", "tokens"),
    [
        ("gemma3", 260),
        ("gemma-3-4b-it", 260),
        ("qwen2.5vl", 1068),
        ("Qwen2.5-VL-7B-Instruct", 1068),
        ("qwen3vl", 796),
        ("Qwen/Qwen3-VL-8B-Instruct", 796),
        ("mistral3", 1068),
        ("pixtral-12b", 3124),
        ("llava", 580),
        ("something-else", 1068),
    ],
)
def test_families_cut_pictures_into_squares_of_their_own(family: str, tokens: int) -> None:
    assert estimate_picture_tokens(PICTURE, family) == tokens
    assert tokens <= max_picture_tokens([ChatMessage("user", "", pictures=(PICTURE,))])


def test_admission_knows_them() -> None:
    blind = estimate_prompt_tokens((ChatMessage("user", "hello"),))
    seen = estimate_prompt_tokens((ChatMessage("user", "hello", pictures=(PICTURE,) * 2),))
    assert seen == blind + 2 * 1068


async def test_an_engine_that_takes_none_refuses_them() -> None:
    request = ChatRequest((ChatMessage("user", "hello", pictures=(PICTURE,)),))
    with pytest.raises(InvalidRequest, match="cannot see pictures"):
        await check_request(request)
    await check_request(request, vision=True)
