"""Streams one replica's answer to one request."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from backends.base import Capabilities, ChatRequest, Chunk, Usage
from backends.envelope import chat_in_envelope, needs_envelope
from backends.errors import BackendProtocolError
from backends.notations.reader import AnswerReader
from backends.pool.admission import Admission
from backends.pool.replica import REPLICA_ERRORS, Replica
from backends.pool.sampling import fill_recommended
from backends.pool.spec import ModelSpec
from backends.pool.ticket import Ticket


class AnswerStream:
    """The answer of the replica whose slot `ticket` holds.

    Measures times that the engine does not state, checks that the stream ends properly, and
    separates thoughts and tool calls from the answer.
    """

    def __init__(
        self,
        model: str,
        spec: ModelSpec,
        admission: Admission,
        ticket: Ticket,
        replica: Replica,
        progress_interval_s: float,
    ) -> None:
        self._model = model
        self._spec = spec
        self._admission = admission
        self._ticket = ticket
        self._replica = replica
        self._progress_interval_s = progress_interval_s
        self._pieces = 0
        self._first_at: float | None = None
        """When the first piece of the answer came, on the clock of `time.monotonic`."""

    async def chunks(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Yield the chunks for people. Raises a `BackendError`."""
        began = time.monotonic()
        ticket, replica = self._ticket, self._replica
        unmarked = replica.unmarked_thoughts
        held = bool(request.sampling.json_schema is not None or request.sampling.copy_from)
        doubted = not held and (
            unmarked.seen or getattr(replica.backend, "may_hide_thoughts", False)
        )
        reader = AnswerReader(
            request.tools,
            progress_interval_s=self._progress_interval_s,
            keep=self._spec.thinking == "show",
            earlier_calls=sum(len(message.tool_calls) for message in request.messages),
            doubt_characters=unmarked.characters if doubted else 0,
            literal=held,
        )
        asked = replace(request, deadline_s=ticket.ends - began)
        last = Chunk()
        try:
            async with aclosing(self._engine_chunks(asked)) as chunks:
                async for last in chunks:
                    if last.finish is None:
                        async for piece in reader.read(last):
                            yield piece
        except REPLICA_ERRORS:
            if not unmarked.seen:  # what might have been thoughts was an answer that breaks off
                for piece in reader.release():
                    yield piece
            raise
        usage = last.usage or Usage(completion_tokens=self._pieces)
        if not usage.prefill_s and not usage.decode_s:
            turned = self._first_at or time.monotonic()
            usage = replace(usage, prefill_s=turned - began, decode_s=time.monotonic() - turned)
        replica.record_success(usage)
        self._admission.record_answer(ticket)
        usage = replace(usage, queue_s=usage.queue_s + ticket.queue_s)
        async for piece in reader.read(replace(last, usage=usage)):
            yield piece
        if doubted:
            unmarked.learn(began=reader.began_within_thoughts, ended=last.finish == "stop")

    async def _engine_chunks(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The chunks of the engine, to the one with `finish`. Raises `BackendProtocolError` for a
        stream without an end.
        """
        stream = self._open(request)
        async with aclosing(stream):
            while True:
                chunk = await self._ticket.wait_for(anext(stream, None))
                if chunk is None:
                    raise BackendProtocolError(f"The model {self._model!r} stopped in mid-answer.")
                if chunk.text or chunk.tool_calls or chunk.thinking:
                    self._pieces += 1
                    if self._first_at is None:
                        self._first_at = time.monotonic()
                        if self._replica.mark_first_token():
                            self._admission.refresh()
                yield chunk
                if chunk.finish is not None:
                    return

    def _open(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Begin the answer, sampled as the model's makers say where nobody else does; in an
        envelope where the model takes no tools by itself.
        """
        replica = self._replica
        able = replica.capabilities
        sampling = fill_recommended(
            request.sampling,
            able or Capabilities(),
            self._spec.engine_model_names,
            may_think=self._spec.thinking != "off",
            family_fields=replica.family_sampling,
        )
        asked = replace(request, sampling=sampling)
        if able is not None and needs_envelope(asked, able):
            return chat_in_envelope(replica.backend, asked)
        return replica.backend.chat(asked)
