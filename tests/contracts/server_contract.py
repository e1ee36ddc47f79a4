"""What an engine owes its callers whose server half speaks its protocol, breaks off, or misbehaves.

A subclass says in `odd` what is odd in its protocol (its tests are made of that), and gives the
fixtures `server` and `backend`; the server speaks to one caller at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, ClassVar

import pytest

from backends.base import Backend, ChatMessage, ChatRequest, Chunk, Sampling, Tool
from backends.bounded_http import MAX_LINE_BYTES
from backends.errors import BackendError, BackendProtocolError, BackendTimeout
from tests.fakes.odd_answers import OddAnswers
from tests.fakes.speech import Fault, SpeechServer
from tests.hostile.streams import BOMB, DEEP, WEB_PAGE, dripping, endless
from tests.until import PATIENCE_S, until

GET = Tool("get", "What is the weather?", {"type": "object", "properties": {"city": {}}})
KEY = "sk-s3cret-0123456789"


def chat_request(*, tools: bool = False) -> ChatRequest:
    return ChatRequest(
        (ChatMessage("user", "hello"),), Sampling(max_tokens=8), tools=(GET,) if tools else ()
    )


async def drain(backend: Backend, request: ChatRequest | None = None) -> list[Chunk]:
    """All chunks of an answer that ends well."""
    async with aclosing(backend.chat(request or chat_request())) as stream:
        return [chunk async for chunk in stream]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def drain_failing(backend: Backend) -> tuple[str, BackendError]:
    """The text of an answer that fails, and the error."""
    said: list[str] = []

    async def listen() -> None:
        async with aclosing(backend.chat(chat_request())) as stream:
            async for chunk in stream:
                assert chunk.finish is None, "an answer that failed was said to be complete"
                said.append(chunk.text)

    with pytest.raises(BackendError) as caught:
        await listen()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return "".join(said), caught.value


class OddServerContract:
    """The cases. See the module's docstring for what a subclass provides."""

    odd: ClassVar[OddAnswers]

    def make(self, server: Any, **options: Any) -> Backend:
        """A backend for the server, with the key `KEY` and further options."""
        raise NotImplementedError

    @pytest.fixture
    async def odd_backend(self, server: SpeechServer) -> AsyncIterator[Backend]:
        backend = self.make(server)
        yield backend
        await backend.aclose()

    async def test_a_whole_answer_is_whole_however_it_is_told(
        self, server: SpeechServer, odd_backend: Backend, whole: str
    ) -> None:
        server.faults.append(Fault(pieces=self.odd.whole[whole]))
        got = await drain(odd_backend)
        assert (text_of(got), got[-1].finish) == ("Hi you", "stop")
        assert got[-1].usage is not None
        assert got[-1].usage.prompt_tokens > 0

    async def test_thoughts_are_told_apart_wherever_they_stand(
        self, server: SpeechServer, odd_backend: Backend, thoughts: str
    ) -> None:
        server.faults.append(Fault(pieces=self.odd.thoughts[thoughts]))
        got = await drain(odd_backend)
        assert (text_of(got), "".join(c.thinking for c in got)) == ("Hi you", "hmm")

    async def test_both_calls_arrive_however_they_are_numbered(
        self, server: SpeechServer, odd_backend: Backend, calls: str
    ) -> None:
        server.faults.append(Fault(pieces=self.odd.calls[calls]))
        got = await drain(odd_backend, chat_request(tools=True))
        made = [call for chunk in got for call in chunk.tool_calls]
        assert [(call.name, dict(call.arguments)) for call in made] == [
            ("get", {"city": "Rome"}),
            ("get", {"city": "Oslo"}),
        ]
        assert len({call.id for call in made}) == 2
        assert got[-1].finish == "tool_calls"

    async def test_an_error_with_status_200_is_told_in_the_servers_own_words(
        self, server: SpeechServer, odd_backend: Backend, errors: str
    ) -> None:
        server.faults.append(Fault(pieces=self.odd.errors[errors]))
        said, error = await drain_failing(odd_backend)
        assert said == ""
        assert "out of tea" in str(error)

    async def test_an_answer_without_room_says_so(
        self, server: SpeechServer, odd_backend: Backend, cut: str
    ) -> None:
        server.faults.append(Fault(pieces=self.odd.cut[cut]))
        got = await drain(odd_backend)
        assert (text_of(got), got[-1].finish) == ("Hi you", "length")

    async def test_what_came_before_a_stream_broke_off_stays(
        self, server: SpeechServer, odd_backend: Backend, broken: str
    ) -> None:
        server.faults.append(Fault(pieces=self.odd.broken[broken]))
        said, _ = await drain_failing(odd_backend)
        assert said == "Hi you"

    async def test_a_secret_that_a_server_repeats_is_not_told(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        server.faults.append(Fault(status=400, body={"error": f"no right for {KEY}"}))
        _, error = await drain_failing(odd_backend)
        assert "no right for …" in str(error)

    async def test_letters_that_look_like_line_ends_end_no_line(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        said = "a\u2028b\u2029c\u0085d\u000be é🦙"
        stream = b"".join(self.odd.text(said))
        server.faults.append(Fault(pieces=[stream[at : at + 1] for at in range(len(stream))]))
        assert text_of(await drain(odd_backend)) == said

    async def test_bytes_that_are_not_utf_8_do_not_end_an_answer(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        stream = tuple(each.replace(b"??", b"\xff\xc3") for each in self.odd.text("Hi ?? you"))
        server.faults.append(Fault(pieces=stream))
        said = text_of(await drain(odd_backend))
        assert said.startswith("Hi \ufffd")
        assert said.endswith(" you")

    # -- servers that mean no good ---------------------------------------------------------------

    @pytest.mark.parametrize("after", ["text", "nothing"])
    async def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
        self, server: SpeechServer, odd_backend: Backend, after: str
    ) -> None:
        server.faults.append(
            Fault(pieces=endless(self.odd.begin if after == "text" else b"")),
        )
        _, error = await drain_failing(odd_backend)
        assert isinstance(error, BackendProtocolError)
        assert "without an end" in str(error)
        await asyncio.wait_for(server.seen[-1].closed.wait(), PATIENCE_S)
        assert server.sent_bytes < 4 * MAX_LINE_BYTES

    async def test_lines_without_an_end_are_refused(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        server.faults.append(Fault(pieces=endless(b"", b"\n")))
        _, error = await drain_failing(odd_backend)
        assert "sent lines without an end" in str(error)
        await asyncio.wait_for(server.seen[-1].closed.wait(), PATIENCE_S)

    async def test_a_drip_is_ended_by_the_limit_of_silence(self, server: SpeechServer) -> None:
        backend = self.make(server, first_byte_s=0.2, silence_s=0.2)
        body = b"".join(self.odd.text("Hi you"))
        server.faults.append(Fault(pieces=dripping(body, 0.05)))
        _, error = await drain_failing(backend)
        await backend.aclose()
        assert isinstance(error, BackendTimeout)

    async def test_a_drip_is_ended_by_closing_the_stream(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        server.faults.append(Fault(pieces=dripping(b"".join(self.odd.text("Hi you")), 60.0)))
        waiting = asyncio.create_task(drain(odd_backend))
        await until(lambda: any(seen.method == "POST" and server.answering for seen in server.seen))
        await asyncio.sleep(0.02)
        waiting.cancel()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await server.seen[-1].closed.wait()

    @pytest.mark.parametrize("depth", ["of the stream", "of an event"])
    async def test_json_that_is_nested_too_deeply_is_refused(
        self, server: SpeechServer, odd_backend: Backend, depth: str
    ) -> None:
        begin = b"" if depth == "of the stream" else self.odd.begin.rsplit(b'"', 1)[0]
        server.faults.append(Fault(pieces=(begin + DEEP + b"\n\n",)))
        _, error = await drain_failing(odd_backend)
        assert isinstance(error, BackendProtocolError)

    async def test_a_web_page_is_named_for_what_it_is(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        server.faults.append(Fault(pieces=(WEB_PAGE,), content_type="text/html"))
        _, error = await drain_failing(odd_backend)
        assert "web page" in str(error)

    async def test_a_compressed_answer_is_not_unpacked(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        server.faults.append(Fault(pieces=(BOMB,), headers={"Content-Encoding": "gzip"}))
        _, error = await drain_failing(odd_backend)
        assert "compressed" in str(error)

    async def test_a_redirect_without_an_end_is_not_followed_for_ever(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        await odd_backend.capabilities()
        before = len(server.seen)
        around = Fault(status=307, headers={"Location": server.url + "/again"}, body="")
        server.faults.extend([around] * 100)
        _, error = await drain_failing(odd_backend)
        assert "redirects without an end" in str(error)
        assert len(server.seen) - before < 20

    async def test_a_prompt_does_not_follow_a_redirect_to_another_host(
        self, server: SpeechServer, odd_backend: Backend
    ) -> None:
        await odd_backend.capabilities()
        elsewhere = server.url.replace("127.0.0.1", "localhost") + "/taken"
        server.faults.append(Fault(status=307, headers={"Location": elsewhere}, body=""))
        _, error = await drain_failing(odd_backend)
        assert "redirects to 'localhost'" in str(error)
        assert not any(seen.path == "/taken" for seen in server.seen)
