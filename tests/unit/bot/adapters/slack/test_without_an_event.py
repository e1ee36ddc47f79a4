"""What the core may ask of Slack without an event: replies, people, channels, user groups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.adapters.slack.inbound.user_groups import NOT_NOW, SCOPE_MISSING, UserGroups
from bot.adapters.slack.outbound.new_reply import MAY_NOT_WRITE, PERSON_UNREACHABLE, PLACE_GONE
from bot.adapters.slack.transport.client import Client
from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.errors import Failed, NotFound, Refused
from bot.replies.protocol import AnnouncingSink
from bot.turns.policy import Policy
from bot.types import Author, ConversationKey, Notice, View
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.acting import Acting
from tests.fakes.slack.bots import (
    ADA,
    BOT_TOKEN,
    CHANNEL,
    DM,
    SWIFT,
    ServedBot,
    answers,
    served,
)
from tests.fakes.slack.state import Posted
from tests.until import PATIENCE_S, until

EVE = "U0EVE"
ADA_KEY, EVE_KEY = f"slack:{ADA}", f"slack:{EVE}"
EVE_NOW = Author("slack", EVE, "Eve")
HERE = ConversationKey("slack", "T1", CHANNEL, "1700000000.000001")
AT_HOME = ConversationKey("slack", "T1", DM)
FRESH = replace(SWIFT, lookup_reuse=0.0, channels_reuse=0.0, lookup=PATIENCE_S)


async def said(sink: Any, view: View) -> None:
    await sink.start(replace(view, notices=(), text=view.text[:3], pages=()))
    await sink.finish(view)


def spoken(text: str, *notices: Notice) -> View:
    return View("t1", text=text, pages=(text,), notices=notices, state="complete")


def calls(fake: FakeSlack, method: str) -> int:
    return sum(call.method == method for call in fake.calls)


@pytest.fixture
async def fresh(build: Any, fake: FakeSlack) -> AsyncIterator[ServedBot]:
    fake.workspace.channels = {CHANNEL: [ADA, EVE], "C2": [ADA]}
    fake.workspace.directs = {DM: ADA}
    async with served(build(timing=FRESH)) as started:
        yield started


class TestReplies:
    async def test_a_thread_gets_a_message_that_pings_nobody(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        sink = await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")
        await said(sink, spoken("<!channel> the report is there"))
        (message,) = answers(fake, CHANNEL)
        assert message.thread_ts == HERE.thread
        assert "<!channel>" not in message.shown
        assert "the report is there" in message.shown
        stored = await fresh.bench.core.replies.get("t1")
        assert stored is not None
        assert (stored.finished, stored.address["messages"]) == (True, message.ts)

    async def test_it_is_kept_with_what_the_turn_had_shown(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        platforms = fresh.bench.core.platforms
        await said(await platforms.open_reply(HERE, None, turn="t1"), spoken("first half"))
        await said(await platforms.open_reply(HERE, None, turn="t1"), spoken("second half"))
        first, second = answers(fake, CHANNEL)
        stored = await fresh.bench.core.replies.get("t1")
        assert stored is not None
        assert stored.address["messages"] == f"{first.ts},{second.ts}"

    async def test_what_is_for_one_person_is_not_told_to_all(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        sink = await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")
        await said(sink, spoken("news", Notice("a secret", private=True)))
        assert "a secret" not in str(fake.workspace.messages)

    async def test_one_person_gets_a_direct_message(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        sink = await fresh.bench.core.platforms.open_reply(HERE, EVE_NOW, turn="t1")
        await said(sink, spoken("for your eyes only", Notice("and this", private=True)))
        (message,) = answers(fake)
        assert fake.workspace.directs[message.channel] == EVE
        assert "for your eyes only" in message.shown
        assert "and this" in message.shown
        stored = await fresh.bench.core.replies.get("t1")
        assert stored is not None
        assert stored.conversation == f"slack:T1:{message.channel}"

    async def test_in_direct_messages_it_stays_in_the_thread(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        place = replace(AT_HOME, thread="1700000000.000007")
        ada = Author("slack", ADA, "ada")
        await said(
            await fresh.bench.core.platforms.open_reply(place, ada, turn="t1"), spoken("more")
        )
        (message,) = answers(fake, DM)
        assert message.thread_ts == place.thread

    async def test_a_place_that_is_gone(self, fresh: ServedBot, fake: FakeSlack) -> None:
        fake.workspace.gone.add(CHANNEL)
        with pytest.raises(NotFound, match=PLACE_GONE):
            await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")

    async def test_a_place_where_the_bot_is_not(self, fresh: ServedBot, fake: FakeSlack) -> None:
        fake.methods.away.add(CHANNEL)
        with pytest.raises(Refused, match=MAY_NOT_WRITE):
            await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")

    async def test_an_archived_channel(self, fresh: ServedBot, fake: FakeSlack) -> None:
        fake.workspace.archived.add(CHANNEL)
        with pytest.raises(Refused, match=MAY_NOT_WRITE):
            await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")

    async def test_a_person_who_has_left(self, fresh: ServedBot, fake: FakeSlack) -> None:
        fake.workspace.people[EVE] = {"deleted": True}
        with pytest.raises(Refused, match=PERSON_UNREACHABLE):
            await fresh.bench.core.platforms.open_reply(HERE, EVE_NOW, turn="t1")

    async def test_slack_that_is_down_is_no_place_that_is_gone(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        fake.fail_next("conversations.info", status=503)
        with pytest.raises(Failed):
            await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")

    async def test_where_the_bot_was_put_out_meanwhile_nobody_else_gets_it(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        sink = await fresh.bench.core.platforms.open_reply(HERE, None, turn="t1")
        fake.methods.away.add(CHANNEL)
        await said(sink, spoken("news"))
        assert answers(fake) == []
        assert (stored := await fresh.bench.core.replies.get("t1")) is None or not stored.finished

    async def test_after_its_end_it_is_not_connected(self, build: Any) -> None:
        async with served(build()) as bot:
            pass
        with pytest.raises(Refused, match="not connected"):
            await bot.bench.core.platforms.open_reply(HERE, None, turn="t1")
        with pytest.raises(Refused):
            await bot.adapter.open_reply(HERE, None, turn="t1")
        assert await bot.adapter.asker_now(ADA_KEY, HERE) is None
        assert await bot.adapter.channels_of(ADA_KEY, ["slack:T1"]) == frozenset()


class TestAskers:
    async def test_somebody_as_they_are_now(self, fresh: ServedBot, people: Acting) -> None:
        asker = await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE)
        assert asker is not None
        assert (asker.author.key, asker.author.name) == (EVE_KEY, "Eve")
        assert (asker.conversation, asker.direct, asker.admin) == (HERE, False, False)

    async def test_who_has_left_the_workspace(self, fresh: ServedBot, fake: FakeSlack) -> None:
        fake.workspace.people[EVE] = {"deleted": True}
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is None
        assert await fresh.bench.core.platforms.asker_now(ADA_KEY, HERE) is not None

    async def test_who_has_left_the_channel(self, fresh: ServedBot, fake: FakeSlack) -> None:
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is not None
        fake.workspace.channels[CHANNEL] = [ADA]
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is None

    async def test_who_is_in_more_channels_than_one_page_holds(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        fake.methods.page = 2
        fake.workspace.channels = {f"C{n}": [EVE] for n in range(100, 107)} | {CHANNEL: [EVE]}
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is not None
        fake.workspace.channels = {f"C{n}": [EVE] for n in range(100, 150)} | {CHANNEL: [EVE]}
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is None  # too many
        assert calls(fake, "users.conversations") == 9

    async def test_direct_messages_are_those_of_one_person(self, fresh: ServedBot) -> None:
        asker = await fresh.bench.core.platforms.asker_now(ADA_KEY, AT_HOME)
        assert asker is not None
        assert asker.direct
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, AT_HOME) is None

    @pytest.mark.parametrize("method", ["users.info", "users.conversations"])
    @pytest.mark.parametrize("error", ["missing_scope", "fatal_error"])
    async def test_what_slack_does_not_say_is_a_no(
        self, fresh: ServedBot, fake: FakeSlack, method: str, error: str
    ) -> None:
        fake.fail_next(method, error=error)
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is None
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is not None

    async def test_rate_limited_it_is_a_no_in_time(self, build: Any, fake: FakeSlack) -> None:
        fake.workspace.channels = {CHANNEL: [EVE]}
        async with served(build(timing=replace(FRESH, lookup=0.2))) as bot:
            fake.fail_next("users.conversations", status=429, retry_after=600)
            assert (
                await asyncio.wait_for(
                    bot.bench.core.platforms.asker_now(EVE_KEY, HERE), PATIENCE_S
                )
                is None
            )

    async def test_a_burst_of_questions_is_one_request(self, build: Any, fake: FakeSlack) -> None:
        fake.workspace.channels = {CHANNEL: [EVE]}
        async with served(build(timing=replace(SWIFT, lookup_reuse=PATIENCE_S))) as bot:
            for _ in range(5):
                assert await bot.bench.core.platforms.asker_now(EVE_KEY, HERE) is not None
        assert calls(fake, "users.conversations") == calls(fake, "users.info") == 1


class TestChannels:
    async def test_the_channels_that_somebody_is_in(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        asked = ["slack:T1", "slack:T1:C1", "slack:T1:C2", "slack:T2", "slack:T2:C1", "discord:1"]
        of = fresh.bench.core.platforms.channels_of
        assert await of(ADA_KEY, asked) == {"slack:T1", "slack:T1:C1", "slack:T1:C2"}
        assert await of(EVE_KEY, asked) == {"slack:T1", "slack:T1:C1"}
        fake.workspace.people[EVE] = {"deleted": True}
        assert await of(EVE_KEY, asked) == frozenset()

    async def test_what_slack_does_not_say_is_a_no(self, fresh: ServedBot, fake: FakeSlack) -> None:
        fake.fail_next("users.conversations", error="missing_scope")
        assert await fresh.bench.core.platforms.channels_of(ADA_KEY, ["slack:T1"]) == frozenset()


async def _groups(platform: str) -> frozenset[str]:
    return frozenset({"S1"} if platform == "slack" else ())


async def _only_group(command: str, asker: Asker) -> bool:
    return "S1" in asker.author.roles


class TestUserGroups:
    @pytest.fixture
    async def grouped(self, build: Any, fake: FakeSlack) -> AsyncIterator[ServedBot]:
        """A bot with a rule that names a group."""
        fake.workspace.groups = {"S1": [EVE], "S2": [ADA, EVE]}
        fake.workspace.channels = {CHANNEL: [ADA, EVE]}
        policy = Policy(named_roles=_groups, is_admin=lambda author: "S1" in author.roles)
        core = {"policy": policy, "authorize": Authorizer(rules=_only_group)}
        async with served(build(timing=FRESH, bench=core)) as started:
            yield started

    async def _roles(self, bot: ServedBot, person: str = EVE_KEY) -> set[str]:
        asker = await bot.bench.core.platforms.asker_now(person, HERE)
        return set(asker.author.roles) if asker is not None else {"nobody"}

    async def test_slack_groups_were_accepted_as_roles_and_never_matched(
        self, grouped: ServedBot, people: Acting
    ) -> None:
        await people.slash("say", "hello", by=ADA, channel=CHANNEL)
        await people.fake.until(lambda: "may not" in self._shown(people.fake), "a refusal")
        await people.slash("say", "good morning", by=EVE, channel=CHANNEL)
        await people.fake.until(lambda: "good morning" in self._shown(people.fake), "an answer")
        assert "hello" not in self._shown(people.fake)

    def _shown(self, fake: FakeSlack) -> str:
        return " ".join(m.shown for m in fake.workspace.by("UBOT"))

    async def test_the_groups_of_somebody(self, grouped: ServedBot) -> None:
        assert await self._roles(grouped) == {"S1", "S2"}
        assert await self._roles(grouped, ADA_KEY) == {"S2"}

    async def test_an_admin_may_be_one_by_a_group(self, grouped: ServedBot) -> None:
        asker = await grouped.bench.core.platforms.asker_now(EVE_KEY, HERE)
        assert asker is not None
        assert asker.admin

    async def test_they_are_read_once(self, grouped: ServedBot, fake: FakeSlack) -> None:
        for _ in range(3):
            assert await self._roles(grouped) == {"S1", "S2"}
        assert calls(fake, "usergroups.list") == 1

    @pytest.mark.parametrize("event", ["subteam_updated", "subteam_members_changed"])
    async def test_who_was_taken_out_of_a_group_a_second_ago(
        self, grouped: ServedBot, fake: FakeSlack, event: str
    ) -> None:
        assert await self._roles(grouped) == {"S1", "S2"}
        fake.workspace.groups["S1"] = []
        await fake.event({"type": event, "subteam_id": "S1", "team_id": "T1"})
        await until(lambda: self._roles(grouped), fits=lambda found: found == {"S2"})

    async def test_where_no_rule_names_a_group_slack_is_not_asked(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        fake.workspace.groups = {"S1": [EVE]}
        assert await self._roles(fresh) == set()
        assert calls(fake, "usergroups.list") == 0

    async def test_a_group_that_cannot_be_read_lets_nobody_in(
        self, grouped: ServedBot, fake: FakeSlack
    ) -> None:
        fake.fail_next("usergroups.list", error="missing_scope")
        assert await self._roles(grouped) == set()
        problem = grouped.bench.core.platforms.role_problem
        assert await problem("slack", ["S1"]) is None  # an operator has mended it
        assert await self._roles(grouped) == {"S1", "S2"}

    @pytest.mark.parametrize(
        ("error", "sentence"), [("missing_scope", SCOPE_MISSING), ("fatal_error", NOT_NOW)]
    )
    async def test_a_rule_that_could_not_work_is_refused_in_a_sentence(
        self, grouped: ServedBot, fake: FakeSlack, error: str, sentence: str
    ) -> None:
        problem = grouped.bench.core.platforms.role_problem
        fake.fail_next("usergroups.list", error=error)
        assert await problem("slack", ["S1"]) == sentence
        assert await problem("slack", ["S1", "S2"]) is None
        assert await problem("slack", ["S9"]) == "There is no user group S9 in this workspace."

    async def test_a_change_while_they_are_being_read_is_not_overwritten(
        self, fake: FakeSlack
    ) -> None:
        client = Client(token=BOT_TOKEN, base_url=fake.api_url)
        groups = UserGroups(client, lambda: _groups("slack"), timeout_s=PATIENCE_S)
        fake.workspace.groups = {"S1": [EVE]}
        first = fake.methods.usergroups_list

        def changed_meanwhile(arguments: Any) -> Any:
            answer = first(arguments)
            if fake.workspace.groups["S1"]:
                fake.workspace.groups["S1"] = []
                groups.forget()  # Slack tells of it before this answer is there
            return answer

        fake.methods.usergroups_list = changed_meanwhile  # type: ignore[assignment]
        assert await groups.groups_of(EVE) == frozenset()
        assert calls(fake, "usergroups.list") == 2


class TestAnnouncements:
    """What is said once, whatever becomes of the process meanwhile."""

    async def announce(self, bot: ServedBot, key: str, since: datetime | None) -> str:
        place = ConversationKey("slack", "T1", CHANNEL)
        sink = await bot.bench.core.platforms.open_reply(place, None, turn=key)
        assert isinstance(sink, AnnouncingSink)
        return await sink.announce(spoken("water the plants"), key, since=since)

    async def test_the_same_key_is_the_same_message_in_another_process(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        assert await self.announce(fresh, "k1", None) == "arrived"
        now = datetime.now(UTC)
        assert await self.announce(fresh, "k1", now) == "arrived"
        assert await self.announce(fresh, "k2", now) == "arrived"
        assert calls(fake, "chat.postMessage") == 2

    async def test_among_more_messages_than_are_looked_through_nothing_tells(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        for number in range(120):
            ts = f"{time.time() + number:.6f}"
            fake.workspace.add(Posted(CHANNEL, ts, ADA, "talk", []))
        assert await self.announce(fresh, "k1", datetime.now(UTC)) == "unknown"
        long_ago = datetime.now(UTC) + timedelta(minutes=10)
        assert await self.announce(fresh, "k1", long_ago) == "arrived", "they go back to then"

    async def test_a_channel_by_its_name_and_the_zone_of_a_profile(
        self, fresh: ServedBot, fake: FakeSlack
    ) -> None:
        fake.workspace.names = {"C2": "ops"}
        fake.workspace.people = {ADA: {"tz": "Europe/Berlin"}}
        platforms, here = fresh.bench.core.platforms, ConversationKey("slack", "T1", CHANNEL)
        ops = ConversationKey("slack", "T1", "C2")
        assert await platforms.find_channel(here, "ops") == ops
        assert await platforms.find_channel(here, "C2") == ops
        assert await platforms.find_channel(here, "nowhere") is None
        assert await platforms.place_name(here) == "#general"
        assert await platforms.place_name(ConversationKey("slack", "T1", "D1")) == ""
        assert await platforms.place_name(ConversationKey("elsewhere", "T1", CHANNEL)) == ""
        assert await platforms.time_zone_of(Author("slack", ADA, "Ada")) == "Europe/Berlin"
        reader = platforms.reader_of(here)
        assert reader is not None
        await reader(5)
