"""An answer that was cut goes on from its tokens, or from its text, as if it had not been cut."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling
from backends.llama_cpp import LlamaCppBackend
from backends.llama_cpp.native import Model
from backends.llama_cpp.templates import ChatTemplate
from backends.llama_cpp.text import TextStream
from tests.unit.backends.llama_cpp.asking import Make

ASKED = ChatMessage("user", "Tell me about the sea.")


async def ask(
    backend: LlamaCppBackend, most: int, begun: str = "", tokens: tuple[int, ...] = ()
) -> tuple[str, Chunk]:
    messages = (ASKED, ChatMessage("assistant", begun)) if begun else (ASKED,)
    sampling = Sampling(temperature=0.0, max_tokens=most, repeat_penalty=1.0)
    request = ChatRequest(messages, sampling, conversation="c", written_tokens=tokens)
    async with aclosing(backend.chat(request)) as stream:
        chunks = [chunk async for chunk in stream]
    return "".join(chunk.text for chunk in chunks), chunks[-1]


async def test_a_cut_answer_goes_on_as_one_that_was_not_cut(make: Make) -> None:
    whole, _ = await ask(make(), 21)
    first = make()
    text, cut = await ask(first, 7)
    assert (cut.finish, len(cut.tokens)) == ("length", 7)
    more, again = await ask(first, 7, text, cut.tokens)
    assert len(again.tokens) == 14
    assert again.usage is not None
    assert again.usage.cached_tokens >= 7, "what it wrote is not read again"
    after_restart, last = await ask(make(), 7, text + more, again.tokens)
    assert text + more + after_restart == whole
    assert last.tokens[:14] == again.tokens


async def test_it_goes_on_from_the_text_where_there_are_no_tokens_of_it(make: Make) -> None:
    backend = make()
    whole, _ = await ask(backend, 14)
    text, _ = await ask(backend, 7)
    more, cut = await ask(backend, 7, text, tokens=(1, 2, 3))
    assert text + more == whole
    assert cut.tokens == (), "they would not begin where the answer does"


def test_the_prompt_ends_with_the_answer_whatever_the_answer_says(model: Model) -> None:
    template = ChatTemplate(model, model.head.template)
    begun = ChatMessage("assistant", "It is <|im_end|> deep")
    tokens = template.encode([ASKED, begun])
    before = template.encode([ASKED])
    assert tokens[: len(before)] == before
    assert not [token for token in tokens[len(before) :] if model.is_control(token)]
    assert template.text([ASKED, begun]).endswith("<|im_start|>assistant\nIt is <|im_end|> deep")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_character_that_was_cut_in_two_comes_whole(size: int) -> None:
    raw = "🌊".encode()
    stream = TextStream()
    stream.skip(b"sea " + raw[:size])
    assert stream.feed(raw[size:]) == "🌊"
