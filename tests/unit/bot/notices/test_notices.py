"""Notices: each once until it is well again, in every channel that can be reached, no floods."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.notices.notices import FILE_NAME, Notices, place_of
from bot.notices.trouble import Trouble
from bot.types import ConversationKey
from tests.fakes.announcing import KeyedPlatform
from tests.fakes.core import Bench

CHAT, MAIL = "chat:ops", "mail:work:ops"
DAY_S = 86_400.0


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """What is wrong, as a test sets it."""

    troubles: list[Trouble] = field(default_factory=list)

    async def look(self) -> Sequence[Trouble]:
        return list(self.troubles)


@dataclass
class Operator:
    """A bot with notices on two platforms, whose next round comes when a test says so."""

    folder: Path
    clock: Clock
    chat: KeyedPlatform
    mail: KeyedPlatform
    watched: Watched
    notices: Notices
    bench: Bench

    async def round(self, after_s: float = 15.0) -> None:
        self.clock.now += after_s
        await self.notices.look()
        await self.notices.tell(self.bench.core.announce)

    async def lasts(self, seconds: float = 75.0) -> None:
        for _ in range(int(seconds // 15) + 1):
            await self.round()


@asynccontextmanager
async def operator(
    folder: Path,
    *,
    clock: Clock | None = None,
    chat: KeyedPlatform | None = None,
    mail: KeyedPlatform | None = None,
    channels: Sequence[str] = (CHAT, MAIL),
    per_day: int = 20,
) -> AsyncIterator[Operator]:
    now, bench, watched = clock or Clock(), Bench(()), Watched()
    chat, mail = chat or KeyedPlatform("chat"), mail or KeyedPlatform("mail")
    notices = Notices(folder, channels, per_day, clock=now)
    notices.watch("test", watched.look)
    with ExitStack() as stack:
        stack.enter_context(bench.core.connect(chat))
        stack.enter_context(bench.core.connect(mail))
        await notices.load()
        yield Operator(folder, now, chat, mail, watched, notices, bench)
    await bench.core.close()


LOST = Trouble("test:slack", "Slack is not connected.", "Slack is connected again.")


async def test_each_trouble_is_told_once_until_it_is_well_again(tmp_path: Path) -> None:
    async with operator(tmp_path) as one:
        one.watched.troubles = [LOST]
        await one.round()
        assert one.chat.texts == []  # it may be over in a moment
        await one.lasts(3_600)
        assert one.chat.texts == one.mail.texts == ["⚠️ Slack is not connected."]
        assert [text for text, _ in one.notices.open] == ["Slack is not connected."]
        one.watched.troubles = []
        await one.lasts()
        assert one.chat.texts[1:] == ["✅ Slack is connected again. It took 60 minutes."]
        await one.lasts()
        one.watched.troubles = [LOST]
        await one.lasts()
        assert len(one.chat.texts) == 3
        place, whom, _ = next(iter(one.mail.shown.values()))
        assert (place, whom) == (ConversationKey("mail", "work", "ops"), "")


async def test_what_comes_and_goes_within_a_minute_is_not_told(tmp_path: Path) -> None:
    async with operator(tmp_path) as one:
        for _ in range(20):
            one.watched.troubles = [LOST]
            await one.round(5)
            one.watched.troubles = []
            await one.round(65)
        assert one.chat.texts == []


async def test_what_comes_and_goes_for_hours_is_one_trouble(tmp_path: Path) -> None:
    async with operator(tmp_path) as one:
        for _ in range(200):
            one.watched.troubles = [] if one.watched.troubles else [LOST]
            await one.round(30)
        assert one.chat.texts == ["⚠️ Slack is not connected."]


async def test_what_happens_together_is_one_message_and_a_crowd_is_counted(tmp_path: Path) -> None:
    async with operator(tmp_path) as one:
        same = [Trouble(f"test:job{n}", "A schedule could not run.", patience_s=0) for n in (1, 2)]
        more = [Trouble(f"test:{n}", f"The model {n} fails.", patience_s=0) for n in range(30)]
        one.watched.troubles = [*same, *more]
        await one.lasts()
        (text,) = one.chat.texts
    lines = text.splitlines()
    assert lines[0] == "⚠️ A schedule could not run. (2 times)"
    assert lines[-1] == "And 21 more; `parlance status` shows them."
    assert len(lines) == 11


async def test_no_day_has_more_messages_than_the_operator_wants(tmp_path: Path) -> None:
    async with operator(tmp_path, per_day=3) as one:
        for n in range(10):
            one.watched.troubles = [Trouble(f"test:{n}", f"Trouble {n}.", patience_s=0)]
            await one.round()
        assert len(one.chat.texts) == 3
        assert one.chat.texts[-1].endswith(
            "That was the last notice of today; `parlance status` shows the rest."
        )
        one.clock.now += DAY_S
        one.watched.troubles.append(Trouble("test:x", "Another.", patience_s=0))
        await one.round()
        assert len(one.chat.texts) == 4
        assert "Another." in one.chat.texts[-1]


async def test_a_platform_that_is_lost_has_its_notice_elsewhere_and_hears_of_it_later(
    tmp_path: Path,
) -> None:
    async with operator(tmp_path) as one:
        one.chat.down = True
        one.watched.troubles = [LOST]
        await one.lasts(1_800)
        assert (one.chat.texts, one.mail.texts) == ([], ["⚠️ Slack is not connected."])
        one.chat.down = False
        one.watched.troubles = []
        await one.lasts()
        over = "✅ Slack is connected again. It took 30 minutes."
        assert one.chat.texts == [over]
        assert one.mail.texts[1:] == [over]


async def test_nothing_is_said_again_after_a_restart(tmp_path: Path) -> None:
    clock, chat, mail = Clock(), KeyedPlatform("chat"), KeyedPlatform("mail")
    for _ in range(3):
        async with operator(tmp_path, clock=clock, chat=chat, mail=mail) as one:
            one.watched.troubles = [LOST]
            await one.lasts()
            assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0
    assert chat.texts == mail.texts == ["⚠️ Slack is not connected."]
    async with operator(tmp_path, clock=clock, chat=chat, mail=mail) as one:
        await one.lasts()
    assert len(chat.texts) == 2


async def test_a_message_of_which_nothing_is_known_is_the_same_message_later(
    tmp_path: Path,
) -> None:
    clock, chat = Clock(), KeyedPlatform("chat", arrivals=["failed", "failed"])
    async with operator(tmp_path, clock=clock, chat=chat, channels=[CHAT]) as one:
        one.watched.troubles = [LOST]
        await one.lasts(60)
        kept = json.loads((tmp_path / FILE_NAME).read_text("utf-8"))["posting"][CHAT]
    async with operator(tmp_path, clock=clock, chat=chat, channels=[CHAT]) as one:
        one.watched.troubles = [LOST, Trouble("test:disk", "The disk is full.", patience_s=0)]
        await one.lasts(30)
    assert next(iter(chat.shown)) == kept["key"]
    assert chat.texts == ["⚠️ Slack is not connected.", "⚠️ The disk is full."]
    chat.arrivals = ["unknown"]
    async with operator(tmp_path, clock=clock, chat=chat, channels=[CHAT]) as one:
        await one.lasts(180)  # all is well again; whether it stands there, nobody can tell
    assert len(chat.texts) == 2


async def test_a_channel_that_refuses_is_told_elsewhere_and_tried_later(tmp_path: Path) -> None:
    async with operator(tmp_path, channels=["chat:closed", MAIL]) as one:
        one.watched.troubles = [LOST]
        await one.lasts()
        await one.lasts()
    assert one.mail.texts == [
        "⚠️ Slack is not connected.",
        "⚠️ Notices cannot be posted in `chat:closed`: I may not write in this channel. Invite the "
        "bot there, or name another channel.",
    ]


async def test_without_a_channel_it_is_in_the_log(
    tmp_path: Path, json_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operator(tmp_path, channels=[]) as one:
        one.watched.troubles = [LOST]
        await one.lasts()
        await one.lasts()
        one.watched.troubles = []
        await one.lasts()
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [line["says"] for line in said if line["event"] == "notice"]
    assert told == ["Slack is not connected.", "Slack is connected again. It took 3 minutes."]


async def test_a_watch_that_fails_makes_nothing_well(tmp_path: Path) -> None:
    async with operator(tmp_path) as one:
        one.watched.troubles = [LOST]
        await one.lasts()

        async def fails() -> Sequence[Trouble]:
            raise OSError("no disk")

        one.notices.watch("test", fails)
        await one.lasts()
        assert one.chat.texts == ["⚠️ Slack is not connected."]


@pytest.mark.parametrize("left", ["", "[]", '{"entries": 3}', "nonsense", '{"entries": {"a": {}}}'])
async def test_a_damaged_file_is_no_obstacle(tmp_path: Path, left: str) -> None:
    (tmp_path / FILE_NAME).write_text(left)
    async with operator(tmp_path) as one:
        one.watched.troubles = [LOST]
        await one.lasts()
        assert one.chat.texts == ["⚠️ Slack is not connected."]


def test_channels_as_they_are_written() -> None:
    assert place_of("slack:C1") == ConversationKey("slack", "", "C1")
    assert place_of("discord:7:9") == ConversationKey("discord", "7", "9")
