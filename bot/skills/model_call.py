"""The calls of models within a turn: what a model writes becomes parts of the reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from backends.base import (
    ChatMessage,
    ChatRequest,
    Progress,
    Sampling,
    Tool,
    ToolCall,
    UnreadCall,
)
from bot.catalogue.sentence import say
from bot.errors import Failed
from bot.history.protocol import Cut
from bot.models.protocol import Models
from bot.prompting.continuation import ContinuedPrompt, RepetitionFilter, continue_prompt
from bot.prompting.foreign_text import holds_foreign_text
from bot.prompting.repetition_guard import REPETITION_NOTICE, RepetitionGuard
from bot.replies.address_filter import AddressFilter, Unfiltered
from bot.replies.shown_addresses import ShownAddresses
from bot.skills.current_turn import CurrentTurn
from bot.types import File, Notice, Part, Status, Text

_PROMPT_CUT_NOTICE = say(
    "This was too long for the model, which read only a part of it. Ask for less at once."
)


class ModelCalls:
    """Calls models for a turn, one call after another, and fills in its record.

    They are counted: an answer that goes on later goes on from the call that was cut.
    """

    def __init__(self, turn: CurrentTurn, models: Models) -> None:
        self._turn = turn
        self._models = models
        self._count = 0

    async def generate(
        self,
        choose: Callable[[], Awaitable[str]],
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        *,
        cache: str | None,
        tools: Sequence[Tool],
        calls: list[ToolCall | UnreadCall],
        addresses: AddressFilter | None,
    ) -> AsyncGenerator[Part, None]:
        """Call the model that `choose` returns; see `Context.generate`."""
        model = await choose()
        shown = addresses or await self._filter(messages)
        record = self._turn.record
        record.model = "" if record.blind else model
        record.cut = None
        self._count += 1
        number = self._count
        prompt = await self._continue(model, messages, sampling)
        repetition = RepetitionFilter(prompt.begun if prompt.repeats else "")
        request = self._request(prompt, cache, tools)
        record.note_prompt(model, request.messages, (tool.name for tool in tools))
        guard = RepetitionGuard()
        thinks = answers = called = False
        thoughts: list[str] = []
        written = [prompt.begun]
        async with aclosing(self._models.chat(model, request)) as chunks:
            async for chunk in chunks:
                if chunk.progress is not None:
                    thinks = thinks or chunk.progress.stage == "thinking"
                    yield _status_of(chunk.progress)
                calls.extend((*chunk.tool_calls, *chunk.unread_calls))
                called = called or bool(calls)
                thoughts.append(chunk.thinking)
                text = repetition.feed(chunk.text)
                text += repetition.finish() if chunk.finish is not None else ""
                if text:
                    written.append(text)
                    for piece in shown.pieces(text):
                        yield Text(piece)
                    if text.strip() and not answers:
                        answers = True
                        yield Status("writing")
                if chunk.finish == "length" and answers:
                    record.cut = Cut(model, "".join(written), chunk.tokens, number)
                if chunk.prompt_cut:
                    yield Notice(_PROMPT_CUT_NOTICE, kind="footer")
                if chunk.usage is not None:
                    record.add(chunk.usage)
                elif guard.feed(chunk.text):
                    yield Notice(REPETITION_NOTICE, kind="footer")
                    break
        for piece in shown.rest():
            yield Text(piece)
        record.silent = not answers
        if thought := "".join(thoughts).strip():
            yield File("thoughts.md", thought.encode())
        _check_answered(model, thinks=thinks, answers=answers or called)

    async def _filter(self, messages: Sequence[ChatMessage]) -> AddressFilter | Unfiltered:
        """What the answer to a prompt passes, so that it carries nothing out in an address."""
        if not any(holds_foreign_text(one.content) for one in messages):
            return Unfiltered()
        cut = self._turn.continues
        before = cut.text if cut is not None and cut.call == self._count + 1 else ""
        return await asyncio.to_thread(lambda: AddressFilter(shown_in(messages), before))

    async def _continue(
        self, model: str, messages: Sequence[ChatMessage], sampling: Sampling
    ) -> ContinuedPrompt:
        """The prompt of a call, with the beginning of the answer if it goes on from there."""
        cut = self._turn.continues
        if cut is None or self._count != cut.call:
            return ContinuedPrompt(tuple(messages), sampling)
        self._turn.go_on()
        return await continue_prompt(self._models, model, messages, sampling, cut)

    def _request(
        self, prompt: ContinuedPrompt, cache: str | None, tools: Sequence[Tool]
    ) -> ChatRequest:
        event = self._turn.event
        return ChatRequest(
            messages=prompt.messages,
            sampling=prompt.sampling,
            written_tokens=prompt.tokens,
            conversation=str(event.conversation) if cache is None else cache or None,
            person=event.author.key,
            channel=event.conversation.scope("channel"),
            deadline_s=self._turn.deadline_s,
            tools=tuple(tools),
        )


def shown_in(messages: Sequence[ChatMessage]) -> ShownAddresses:
    """The addresses in a prompt that are not the model's own. Takes a tenth of a second for the
    longest, so not on the event loop."""
    shown = ShownAddresses(one.content for one in messages if one.role != "assistant")
    for one in messages:
        if one.role == "assistant":
            shown.add_answer(one.content)
    return shown


def _check_answered(model: str, *, thinks: bool, answers: bool) -> None:
    """Raise `Failed` for a model that wrote nothing but its reasoning."""
    if thinks and not answers:
        raise Failed(
            say(
                "{name} thought about it and came to no answer; ask for less at "
                "once, or choose another model with /model.",
                name=model,
            )
        )


def _status_of(progress: Progress) -> Status:
    return Status(
        progress.stage,
        position=progress.position,
        wait_s=progress.wait_s,
        tokens=progress.tokens,
        elapsed_s=progress.elapsed_s,
    )
