"""The terminal adapter over a core that answers what it is told to."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.adapters.protocol import Adapter, Question, ReceivedEvents
from bot.adapters.terminal.adapter import TerminalAdapter
from bot.adapters.terminal.lines import read_lines
from bot.adapters.terminal.saved_files import save_file
from bot.adapters.terminal.sink import (
    PlainSink,
    ScreenSink,
    split_finished_blocks,
)
from bot.catalogue.languages import read_language, set_folders
from bot.commands.declaration import Command
from bot.errors import Refused
from bot.events import ActionCall, CommandCall, Event, Message
from bot.replies.protocol import Replies, Sink
from bot.replies.wording import status_text
from bot.settings.values import ChannelSettings
from bot.types import Action, Author, ConversationKey, File, Notice, Scope, Source, Status, View
from tests.until import PATIENCE_S, until


class EchoCore:
    """A core that answers each event with its text, and refuses what is called `no`."""

    commands: Sequence[Command] = ()
    replies: Replies
    received: ReceivedEvents | None = None

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    def connect(self, adapter: Adapter) -> AbstractContextManager[None]:
        return nullcontext()

    async def named_roles(self, platform: str) -> frozenset[str]:
        return frozenset()

    async def accept(self, event: Event, sink: Sink) -> None:
        self.events.append(event)
        self.tasks.append(asyncio.ensure_future(self._answer(event, sink)))

    async def _answer(self, event: Event, sink: Sink) -> None:
        assert isinstance(event, Message | CommandCall)
        if isinstance(event, Message) and event.text == "no":
            await sink.start(View("t"))
            await sink.finish(View("t", notices=(Notice("No.", "refusal"),), state="refused"))
            return
        text = f"you said: {event.text}"
        await sink.start(View("t", text=text[:4], status=Status("writing")))
        await asyncio.sleep(0)
        await sink.update(View("t", text=text[:9]))
        await sink.finish(View("t", text=text, state="complete"))

    async def complete(
        self,
        command: str,
        option: str,
        prefix: str,
        author: Author,
        conversation: ConversationKey,
        *,
        direct: bool = False,
    ) -> Sequence[str]:
        return ()

    async def question(self, platform: str, event: str) -> Question | None:
        return None

    async def introduce(self, conversation: ConversationKey, once_per: Scope) -> None:
        return None

    async def inquiry_form(self, name: str, person: str | None = None) -> Command | None:
        return None

    def answers_in_place(self, text: str, *, files: bool = False) -> bool:
        return True

    def admits(
        self, author: Author, conversation: ConversationKey, action: str = "message"
    ) -> bool:
        return True

    async def find_language(
        self, conversation: ConversationKey, person: str | None = None, *, answer: str = ""
    ) -> str | None:
        return person

    async def channel_settings(self, conversation: ConversationKey) -> ChannelSettings:
        return ChannelSettings()

    async def commands_for(
        self, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> Sequence[Command]:
        return self.commands

    async def may_use(
        self, command: str, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> bool:
        return True


def _adapter(tmp_path: Path, stdin: io.TextIOBase | None) -> tuple[TerminalAdapter, io.StringIO]:
    out = io.StringIO()
    adapter = TerminalAdapter(
        tmp_path / "history",
        stdin=stdin,  # type: ignore[arg-type]
        stdout=out,
        stderr=io.StringIO(),
    )
    return adapter, out


async def test_each_line_of_a_pipe_is_answered_in_order(tmp_path: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        os.write(write, b"one\n\n/ask two words\n//etc\n")
        os.close(write)
        adapter, out = _adapter(tmp_path, stdin)
        core = EchoCore()
        await adapter.run(core)
    assert out.getvalue() == "you said: one\n\nyou said: /ask two words\n\nyou said: //etc\n\n"
    assert adapter.status == 0
    assert isinstance(core.events[1], Message)


async def test_a_refused_line_sets_the_exit_status_and_the_rest_is_answered(tmp_path: Path) -> None:
    adapter, out = _adapter(tmp_path, io.StringIO("no\nhello"))
    await adapter.run(EchoCore())
    assert out.getvalue() == "No.\n\nyou said: hello\n\n"
    assert adapter.status == 1


async def test_an_empty_input_plays_the_example(tmp_path: Path) -> None:
    for stdin in (None, io.StringIO("")):
        adapter, out = _adapter(tmp_path, stdin)
        core = EchoCore()
        await adapter.run(core)
        assert "> /ask How do I write a skill?" in out.getvalue()
        assert "you said: /ask How do I write a skill?" in out.getvalue()
        assert len(core.events) == 3


async def test_a_pipe_starts_a_new_conversation_unless_one_is_named(tmp_path: Path) -> None:
    channels = []
    for name in (None, None, "notes"):
        adapter, _ = _adapter(tmp_path, io.StringIO("x"))
        adapter.conversation = name
        core = EchoCore()
        await adapter.run(core)
        channels.append(core.events[0].conversation.channel)
    assert len(set(channels)) == 3
    assert channels[2] == "notes"


async def test_a_pipe_that_stays_open_is_left_behind_when_the_bot_stops(tmp_path: Path) -> None:
    read, write = os.pipe()
    stdin = os.fdopen(read)
    adapter, out = _adapter(tmp_path, stdin)
    os.write(write, b"hi\n")
    running = asyncio.create_task(adapter.run(EchoCore()))
    await until(lambda: "hi" in out.getvalue())
    running.cancel()
    await asyncio.wait({running}, timeout=PATIENCE_S)
    assert running.cancelled()
    os.close(write)
    stdin.close()


async def test_lines_keep_inner_space_and_drop_blank_lines() -> None:
    got = [line async for line in read_lines(io.StringIO("  a b \r\n\n   \nc"))]
    assert got == ["  a b ", "c"]


async def test_plain_sink_writes_sources_and_notices_after_the_text() -> None:
    out, err = io.StringIO(), io.StringIO()
    sink = PlainSink(out, err)
    source = Source(1, "Logs", "docs/logs.md", heading="Rotation")
    failed = Notice("It broke.", "error", error_id="ab12")
    await sink.start(View("t", text="Half"))
    await sink.finish(View("t", text="Half done", sources=(source,), notices=(failed,)))
    assert out.getvalue() == "Half done\n\n[1] Logs › Rotation\n\n"
    assert err.getvalue() == "It broke. (error ab12)\n"


async def test_screen_sink_shows_the_whole_answer_once() -> None:
    stream = io.StringIO()
    sink = ScreenSink(Console(file=stream, width=80, force_terminal=False))
    text = "First paragraph.\n\n```python\nx = 1\n\ny = 2\n```\n\nLast."
    for end in range(0, len(text), 7):
        await sink.update(View("t", text=text[:end], status=Status("writing")))
    await sink.finish(View("t", text=text, state="complete"))
    shown = stream.getvalue()
    for part in ("First paragraph.", "x = 1", "y = 2", "Last."):
        assert shown.count(part) == 1


@given(st.lists(st.sampled_from(["a\n", "\n", "```\n", "~~~py\n", "  b", "\n\n", "````\n"])))
def test_finished_blocks_are_a_prefix_and_never_cut_a_fence(pieces: list[str]) -> None:
    text = "".join(pieces)
    blocks = list(split_finished_blocks(text))
    joined = "".join(blocks)
    assert text.startswith(joined)
    for block in blocks:
        assert block.strip()
        assert block.endswith("\n")


def test_finished_blocks_wait_for_the_end_of_a_fence() -> None:
    assert list(split_finished_blocks("```\na\n\nb\n")) == []
    assert list(split_finished_blocks("```\na\n\nb\n```\n\nc")) == ["```\na\n\nb\n```\n\n"]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (Status("queued"), "Waiting …"),
        (Status("queued", position=3, wait_s=20.4), "Waiting, number 3 in line, about 20 s …"),
        (Status("reading", tokens=3100), "Thinking …"),
        (Status("loading"), "Loading the model …"),
        (Status("thinking", elapsed_s=12.3), "Thinking …, 12 s"),
        (Status("working", "reading the parts", done=2, total=7), "Reading the parts, 2 of 7 …"),
        (Status("working", "looking in the\ndocuments …"), "Looking in the documents …"),
        (Status("working", ". …"), "Working …"),
    ],
)
def test_a_status_is_in_peoples_words(status: Status, says: str) -> None:
    assert status_text(status) == says


class TestWithoutAnEvent:
    """What the core asks of the terminal by itself."""

    HERE = ConversationKey("terminal", "local", "main")

    def adapter(self) -> TerminalAdapter:
        return TerminalAdapter(
            Path(os.devnull),
            "main",
            stdin=io.StringIO(),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )

    async def test_a_reply_is_printed_when_it_is_whole(self) -> None:
        adapter = self.adapter()
        sink = await adapter.open_reply(self.HERE, None, turn="t")
        assert isinstance(adapter.stdout, io.StringIO)
        await sink.start(View("t", text="The rep"))
        await sink.update(View("t", text="The report"))
        assert adapter.stdout.getvalue() == ""
        await sink.finish(View("t", text="The report is there.", state="complete"))
        assert adapter.stdout.getvalue() == "The report is there.\n\n"

    async def test_on_a_screen_it_is_not_drawn_while_it_grows(self) -> None:
        out = io.StringIO()
        sink = ScreenSink(Console(file=out, force_terminal=True, width=80), late=True)
        await sink.start(View("t", text="The rep", status=Status("writing")))
        assert out.getvalue() == ""
        await sink.finish(View("t", text="The report is there.", state="complete"))
        assert "The report is there." in out.getvalue()

    async def test_there_is_one_person(self) -> None:
        adapter = self.adapter()
        asker = await adapter.asker_now("terminal:operator", self.HERE)
        assert asker is not None
        assert (asker.author.id, asker.direct) == ("operator", True)
        assert await adapter.open_reply(self.HERE, asker.author, turn="t") is not None
        eve = Author("terminal", "eve", "Eve")
        with pytest.raises(Refused, match="Nobody else"):
            await adapter.open_reply(self.HERE, eve, turn="t")
        assert await adapter.asker_now(eve.key, self.HERE) is None
        elsewhere = ConversationKey("discord", "1", "2")
        assert await adapter.asker_now("terminal:operator", elsewhere) is None

    async def test_its_channels_are_those_of_the_person(self) -> None:
        adapter, asked = self.adapter(), ["terminal:local", "terminal:local:main", "discord:1:2"]
        assert await adapter.channels_of("terminal:operator", asked) == {*asked[:2]}
        assert await adapter.channels_of("terminal:eve", asked) == frozenset()
        assert await adapter.role_problem(["r"]) is None


CARD = View(
    "t",
    text="I would write it.",
    notices=(Notice("**send** would send something out:\n- **to: `eve`** (from a web page)"),),
    actions=(Action("resume", "Approve", "approve"), Action("resume", "Refuse", "refuse")),
    state="waiting",
)


async def test_what_can_be_chosen_stands_below_what_it_is_about() -> None:
    wide = Console(file=io.StringIO(), width=80, force_terminal=False)
    out = io.StringIO()
    for sink in (ScreenSink(wide), PlainSink(out, io.StringIO())):
        await sink.finish(CARD)
    assert isinstance(wide.file, io.StringIO)
    for shown in (wide.file.getvalue(), out.getvalue()):
        lines = [line.strip() for line in shown.splitlines() if line.strip()]
        assert lines[0] == "I would write it."
        assert "would send something out" in lines[1]
        assert lines[3:] == ["/choose approve: Approve", "/choose refuse: Refuse"]
    assert "written.\n\n" not in out.getvalue()
    assert out.getvalue().startswith("I would write it.\n\n**send**")


class AskingCore(EchoCore):
    """A core whose answer waits for a choice, and then for another one."""

    async def _answer(self, event: Event, sink: Sink) -> None:
        await sink.start(CARD)
        chosen = isinstance(event, ActionCall)
        again = (Action("resume", "Once more", "again"),)
        await sink.finish(replace(CARD, actions=again) if chosen else CARD)


async def test_what_can_be_chosen_now_can_be_completed() -> None:
    core = AskingCore()
    lines = TerminalAdapter(
        Path(os.devnull), stdin=io.StringIO("write\n"), stdout=io.StringIO(), stderr=io.StringIO()
    )
    await lines.run(core)
    assert lines._own_commands()[:2] == ["/choose approve", "/choose refuse"]
    lines.stdin = io.StringIO("/choose approve\n")
    await lines.run(core)
    assert lines._own_commands()[:2] == ["/choose again", "/again"]


@pytest.mark.may_block  # it looks for languages itself, as a start does
async def test_where_a_file_was_saved_is_said_in_the_language_of_the_reply(tmp_path: Path) -> None:
    set_folders(())
    read_language("de")
    out, err = io.StringIO(), io.StringIO()
    sink = PlainSink(out, err, save=partial(save_file, tmp_path))
    await sink.finish(View("1", files=(File("list.csv", b"tea"),), state="complete", locale="de"))
    said = out.getvalue() + err.getvalue()
    assert f"Gespeichert als `{tmp_path / 'list.csv'}`." in said
