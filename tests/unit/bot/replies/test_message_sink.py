"""One reply on platforms that can do much or little: whole in the end, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.replies.message_port import (
    MessageClosed,
    MessagePort,
    PortError,
    PortRefused,
    Unconfirmed,
)
from bot.replies.message_sink import UNCONFIRMED, MessageSink, file_left_out
from bot.replies.reply_options import ReplyTiming
from bot.types import ConversationKey, File, Limits, Notice, View
from tests.fakes.core import MemoryReplies

KEY = ConversationKey("board", "w", "c")
QUICK = ReplyTiming(edit_interval=0.0, retry_base=0.0, private_life=0.0)
ANSWER = View("t1", text="One two.", pages=("One two.",), state="complete")


class PostingPort(MessagePort[str]):
    """A platform that takes messages and nothing else, as a third party would write it."""

    limits = Limits(2000, 1.0, streams=False, edits=False, deletes=False, files="none")

    def __init__(self) -> None:
        self.board: list[str] = []

    def render(self, view: View) -> Sequence[str]:
        return [*view.pages, *(notice.text for notice in view.notices)]

    async def post(self, message: str, key: str) -> str:
        self.board.append(message)
        return str(len(self.board))


@dataclass
class BoardPort(MessagePort[str]):
    """A platform that can do everything; `errors` are raised by the next calls of a method."""

    limits: Limits = field(default_factory=lambda: Limits(2000, 0.0, ephemeral=True, files="apart"))
    direct: bool = False
    board: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    whispers: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    errors: dict[str, list[Exception]] = field(default_factory=dict)

    def _call(self, method: str) -> None:
        self.calls.append(method)
        if left := self.errors.get(method):
            raise left.pop(0)

    def render(self, view: View) -> Sequence[str]:
        private = self.limits.ephemeral and not self.direct
        notices = [n.text for n in view.notices if not (private and n.private)]
        status = ["working"] if view.state == "working" and not view.text else []
        return [*view.pages, *status, *notices]

    async def post(self, message: str, key: str) -> str:
        self.keys.append(key)
        self._call("post")
        id_ = f"m{len(self.keys)}"
        self.board[id_] = message
        return id_

    async def edit(self, message_id: str, message: str) -> None:
        self._call("edit")
        self.board[message_id] = message

    async def delete(self, message_id: str) -> None:
        self._call("delete")
        del self.board[message_id]

    async def ephemeral(self, message: str) -> None:
        self._call("ephemeral")
        self.whispers.append(message)

    async def upload(self, file: File) -> None:
        self._call("upload")
        self.uploads.append(file.name)


def working(text: str = "") -> View:
    return View("t1", text=text, pages=(text,) if text else ())


class TestAPlatformThatOnlyPosts:
    async def test_the_answer_is_posted_once_when_it_is_complete(self) -> None:
        port, kept = PostingPort(), MemoryReplies()
        sink = MessageSink(port, kept, KEY, QUICK)
        await sink.start(working())
        await sink.update(working("One"))
        assert port.board == []
        await sink.finish(ANSWER)
        assert port.board == ["One two."]
        assert kept.saved["t1"].finished
        assert kept.saved["t1"].address == {"messages": "1"}

    async def test_a_file_that_it_cannot_take_is_told_of(self) -> None:
        port = PostingPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.finish(View("t1", pages=("Here.",), files=(File("a.md", b""),)))
        assert port.board == ["Here.", file_left_out("a.md")]

    async def test_a_reply_for_the_asker_alone_is_an_ordinary_one(self) -> None:
        port = PostingPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.finish(View("t1", notices=(Notice("No.", private=True),), audience="asker"))
        assert port.board == ["No."]


class TestKeepingInStep:
    async def test_one_message_is_edited_until_the_end(self) -> None:
        port, kept = BoardPort(), MemoryReplies()
        sink = MessageSink(port, kept, KEY, QUICK)
        await sink.start(working())
        assert port.board == {"m1": "working"}
        assert not kept.saved["t1"].finished
        await sink.update(working("One"))
        await sink.update(working("One"))  # nothing new, no call
        await sink.finish(ANSWER)
        assert port.board == {"m1": "One two."}
        assert port.calls == ["post", "edit", "edit"]

    async def test_two_tries_of_a_message_have_one_key(self) -> None:
        port = BoardPort(errors={"post": [PortError("500")]})
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(working())
        await sink.finish(View("t1", pages=("One.", "Two."), state="complete"))
        first, again, second = port.keys
        assert first == again != second

    async def test_after_a_refusal_it_is_left_in_peace_until_the_end(self) -> None:
        port = BoardPort(errors={"post": [PortRefused("403")]})
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(working())
        await sink.update(working("One"))
        assert port.calls == ["post"]
        await sink.finish(ANSWER)
        assert list(port.board.values()) == ["One two."]

    async def test_a_closed_message_stays_and_the_answer_goes_on_below(self) -> None:
        port = BoardPort(errors={"edit": [MessageClosed("token")]})
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(working())
        await sink.update(working("One"))
        assert port.board == {"m1": "working", "m2": "One"}
        await sink.finish(ANSWER)
        assert port.board == {"m1": "working", "m2": "One two."}
        assert sink.messages == ("m2",)

    async def test_what_follows_a_message_that_takes_no_edit_comes_anew(self) -> None:
        port = BoardPort(errors={"edit": [PortError("500")]})
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(View("t1", text="ab", pages=("a", "b")))
        await sink.finish(View("t1", text="AB", pages=("A", "B"), state="complete"))
        assert list(port.board.items()) == [("m3", "A"), ("m4", "B")]

    async def test_a_withdrawn_reply_is_taken_away(self) -> None:
        port = BoardPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(working("One"))
        await sink.finish(View("t1", state="cancelled"))
        assert port.board == {}

    async def test_a_post_that_may_have_been_made_is_not_repeated(self) -> None:
        port = BoardPort(errors={"post": [Unconfirmed("cut")]})
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.finish(ANSWER)
        assert port.calls == ["post", "ephemeral"]
        assert port.whispers == [UNCONFIRMED.text]

    async def test_a_lost_answer_is_not_noted_as_finished(self) -> None:
        port, kept = BoardPort(), MemoryReplies()
        sink = MessageSink(port, kept, KEY, QUICK)
        await sink.start(working("One"))
        port.errors = {
            "edit": [PortError("500")] * QUICK.attempts,
            "post": [PortError("500")] * QUICK.attempts,
        }
        await sink.finish(ANSWER)
        assert port.board == {"m1": "One"}
        assert not kept.saved["t1"].finished


class TestForTheAskerAlone:
    async def test_a_private_notice_goes_beside_the_answer(self) -> None:
        port = BoardPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.finish(
            View("t1", pages=("Hi.",), notices=(Notice("Psst.", private=True),), state="complete")
        )
        assert list(port.board.values()) == ["Hi."]
        assert port.whispers == ["Psst."]

    async def test_a_reply_for_the_asker_is_ephemeral_as_a_whole(self) -> None:
        port = BoardPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(View("t1", audience="asker"))
        await sink.finish(
            View("t1", text="List.", pages=("List.",), state="complete", audience="asker")
        )
        assert port.board == {}
        assert port.whispers == ["List."]

    async def test_what_was_shown_before_it_was_known_to_be_private_is_removed(self) -> None:
        port = BoardPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.start(working())
        await sink.finish(
            View("t1", notices=(Notice("No.", "refusal"),), state="refused", audience="asker")
        )
        assert port.board == {}
        assert port.whispers == ["No."]

    async def test_in_a_direct_conversation_it_is_an_ordinary_message(self) -> None:
        port = BoardPort(direct=True)
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
        await sink.finish(
            View("t1", notices=(Notice("No.", private=True),), state="refused", audience="asker")
        )
        assert list(port.board.values()) == ["No."]
        assert port.whispers == []

    async def test_where_there_is_no_such_message_it_removes_itself(self) -> None:
        tasks: list[asyncio.Task[None]] = []
        port = BoardPort(limits=Limits(2000, 0.0))
        sink = MessageSink(
            port,
            MemoryReplies(),
            KEY,
            QUICK,
            background=lambda work, name: tasks.append(asyncio.create_task(work, name=name)),
        )
        await sink.finish(View("t1", notices=(Notice("No."),), state="refused", audience="asker"))
        assert list(port.board.values()) == ["No."]
        await asyncio.gather(*tasks)
        assert port.board == {}

    async def test_a_lazy_reply_shows_nothing_before_its_end(self) -> None:
        port = BoardPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK, lazy=True)
        await sink.start(working("Done."))
        await sink.finish(View("t1", notices=(Notice("Noted."),), state="complete"))
        assert port.board == {}
        assert port.whispers == ["Noted."]

    async def test_a_lazy_reply_without_words_is_silent(self) -> None:
        port = BoardPort()
        sink = MessageSink(port, MemoryReplies(), KEY, QUICK, lazy=True)
        await sink.finish(View("t1", state="complete"))
        assert port.calls == []


async def test_files_are_uploaded_beside_the_messages() -> None:
    port = BoardPort()
    sink = MessageSink(port, MemoryReplies(), KEY, QUICK)
    await sink.finish(View("t1", pages=("x",), files=(File("a.md", b"a"),), state="complete"))
    assert port.uploads == ["a.md"]
    port.errors["upload"] = [PortError("no")]
    await sink.finish(View("t1", pages=("x",), files=(File("b.md", b"b"),), state="complete"))
    assert port.whispers == [file_left_out("b.md")]
