"""Forms: when one opens, what is called when it is sent, and what is told when it cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import pytest

from bot.adapters.discord.inbound.form_recovery import (
    MAX_EMBEDS_CHARS,
    REOPEN_LABEL,
    build_recovery_message,
)
from bot.adapters.discord.inbound.modal_views import build_form, form_origin
from bot.commands.declaration import Option, command
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Text
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.forms import fields_of, shown
from tests.fakes.discord.running import SKILLS, Bot, running
from tests.fakes.discord.state import CHANNEL, DM, EVE, Json
from tests.fakes.history import MemoryHistoryStore

LONG = "\n".join(f"Line {n}: " + "the lamp is lit at nine. " * 4 for n in range(1, 34))


@command("plan", takes_file=True, form=lambda given: set(given) <= {"mode", "draft"})
async def plan(
    ctx: Context,
    mode: Annotated[Literal["new", "old"], Option("Which kind of plan")] = "new",
    what: Annotated[str, Option("What is planned, in detail", multiline=True)] = "",
    times: Annotated[int, Option("How often", min_value=1, max_value=3)] = 1,
    draft: Annotated[bool, Option("Not for real")] = False,
) -> Any:
    """Plan something."""
    files = [(await a.read(1000)).decode() for a in ctx.attachments]
    yield Text(f"{mode}|{what}|{times}|{draft}|{','.join(files)}")


FORMS = Skill("forms", commands=(plan,))


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    async with running(make(bench={"skills": (*SKILLS, FORMS)})) as started:
        yield started


async def opened(fake: FakeDiscord, number: int = 1) -> Json:
    """The form that was opened last."""
    await fake.until(lambda: len(fake.forms) >= number, "a form")
    return fake.forms[-1]


async def says(fake: FakeDiscord, text: str, channel: int = CHANNEL) -> None:
    await fake.until(
        lambda: text in "\n".join(m["content"] for m in fake.from_bot(channel)), f"says {text!r}"
    )


async def told(fake: FakeDiscord, text: str) -> Json:
    """What the person alone was told."""
    word: Json = await fake.until(
        lambda: next((m for m in fake.from_bot(private=True) if text in m["content"]), None),
        f"told {text!r}",
    )
    return word


class TestOpening:
    async def test_a_call_that_needs_more_is_answered_with_a_form_and_nothing_else(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {"mode": "old", "draft": True})
        modal = await opened(fake)
        assert modal["title"] == "/plan"
        assert form_origin(modal["custom_id"])[0] == "plan"
        assert shown(modal) == {
            "option:mode": ["old"],  # what was given already
            "option:what": "",
            "option:times": "1",
            "option:draft": True,
            "file": [],
        }
        what = fields_of(modal)["option:what"]
        assert (what["style"], what["max_length"], what["required"]) == (2, 4000, False)
        labels = [(c["label"], c["description"]) for c in modal["components"]]
        assert labels[1] == ("What", "What is planned, in detail")
        await fake.command("paint", {"what": "a boat"})
        await says(fake, "a boat in red")
        form_first, _ = fake.requests("POST", "/callback$")
        assert fake.requests("POST", "/(callback|messages|typing|webhooks)")[0] is form_first
        assert not any("plan" in m["content"] for m in fake.from_bot())

    async def test_a_call_that_has_what_it_needs_is_answered(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {"what": "a trip"})
        await says(fake, "new|a trip|1|False|")
        note = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "note.txt", b"by train")
        await fake.command("plan", {}, file=note)
        await says(fake, "new||1|False|by train")
        assert fake.forms == []

    async def test_one_that_discord_does_not_take_any_more_is_answered_without(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.fail_next("POST", "/callback$", 404, code=10062)
        await fake.command("plan", {})
        await says(fake, "new||1|False|")

    async def test_called_twice_by_a_redelivery_it_opens_once(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        token = await fake.command("plan", {})
        await opened(fake)
        await fake.redeliver(token)
        await fake.until(lambda: len(fake.requests("POST", "/callback$")) == 2)
        await fake.command("paint", {"what": "a boat"})
        await says(fake, "a boat in red")
        assert len(fake.forms) == 1
        assert len(fake.from_bot()) == 1

    async def test_discord_py_keeps_nothing_of_what_is_opened_or_handed_back(self) -> None:
        modal = build_form(plan, 1, {})
        assert modal is not None
        assert modal.is_finished()  # it keeps what is not
        assert build_recovery_message("plan", {"what": "x"})["view"].is_finished()


class TestSending:
    async def test_a_long_text_with_line_breaks_arrives_as_it_was_typed(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        assert len(LONG) > 3500
        await fake.command("plan", {"mode": "old"})
        await opened(fake)
        await fake.submit({"option:what": LONG, "option:times": "2", "option:draft": True})
        await says(fake, "old|Line 1: the lamp")
        await fake.until(lambda: "|2|True|" in str(fake.from_bot(CHANNEL)))
        answer = "\n".join(m["content"] for m in fake.from_bot(CHANNEL))
        assert all(f"Line {n}: the lamp" in answer for n in range(1, 34))
        ends = [c.body["type"] for c in fake.requests("POST", "/callback$")]
        assert ends == [9, 5]  # the form, then the deferral, before anything else

    async def test_a_file_goes_with_it(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("plan", {}, channel=DM)
        await opened(fake)
        note = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "note.txt", b"by train")
        await fake.submit(files={"file": [note]})
        await says(fake, "new||1|False|by train", DM)

    async def test_a_file_that_is_too_large_is_refused_with_the_limit(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {})
        await opened(fake)
        url = f"http://127.0.0.1:{fake.port}"
        big = fake.world.add_file(url, "film.mp4", b"x", size=50 * 2**20)
        await fake.submit(files={"file": [big]})
        await told(fake, "film.mp4 is too large")

    async def test_sent_again_by_a_redelivery_it_is_answered_once(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {})
        await opened(fake)
        token = await fake.submit({"option:what": "a trip"})
        await says(fake, "new|a trip")
        await fake.redeliver(token)
        await fake.until(lambda: len(fake.requests("POST", "/callback$")) >= 3)
        await fake.command("paint", {"what": "a boat"})
        await says(fake, "a boat in red")
        assert len(fake.from_bot()) == 2
        assert fake.from_bot(private=True) == []

    async def test_sent_twice_by_a_person_it_is_answered_once_and_that_is_said(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {})
        await opened(fake)
        await fake.submit({"option:what": "a trip"})
        await says(fake, "new|a trip")
        note = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "note.txt", b"by train")
        await fake.submit({"option:what": "a long trip"}, files={"file": [note]})
        word = await told(fake, "sent already")
        assert "Attach the file again" in word["content"]
        assert len(fake.from_bot(CHANNEL)) == 1
        await fake.press(REOPEN_LABEL)
        assert shown(await opened(fake, 2))["option:what"] == "a long trip", "it was lost"

    async def test_sent_again_after_a_restart_it_was_never_answered(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        bench = {"skills": (*SKILLS, FORMS), "store": MemoryHistoryStore()}
        async with running(make(bench=bench)):
            await fake.command("plan", {})
            await opened(fake)
            await fake.submit({"option:what": "a trip"})
            await says(fake, "new|a trip")
        async with running(make(bench=bench)):
            await fake.submit({"option:what": "a long trip"})
            await says(fake, "new|a long trip")

    async def test_one_that_somebody_else_sent_by_its_id_was_closed_to_its_owner(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {})
        await opened(fake)
        await fake.submit({"option:what": "not mine"}, user=EVE)
        await says(fake, "new|not mine")
        await fake.submit({"option:what": "a trip"})
        await says(fake, "new|a trip")

    async def test_one_that_an_earlier_process_opened_is_answered(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        skills = {"skills": (*SKILLS, FORMS)}
        async with running(make(bench=skills)):
            await fake.command("plan", {"mode": "old"})
            await opened(fake)
        async with running(make(bench=skills)):
            await fake.submit({"option:what": "a trip"})
            await says(fake, "old|a trip|1|False|")


class TestMistakes:
    async def test_a_wrong_value_is_told_and_the_form_opens_again_with_what_was_typed(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {"mode": "old"})
        await opened(fake)
        note = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "note.txt", b"by train")
        typed = {"option:what": LONG, "option:times": "many", "option:draft": True}
        await fake.submit(typed, files={"file": [note]})
        word = await told(fake, "times must be a whole number, not 'many'.")
        assert "Attach the file again" in word["content"]
        await fake.press(REOPEN_LABEL)
        modal = await opened(fake, 2)
        assert shown(modal) == {
            "option:mode": ["old"],
            "option:what": LONG.strip(),
            "option:times": "many",
            "option:draft": True,
            "file": [],
        }
        await fake.submit({"option:times": "3"})
        await fake.until(lambda: "|3|True|" in str(fake.from_bot(CHANNEL)))

    async def test_after_a_restart_it_opens_again_all_the_same(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        skills = {"skills": (*SKILLS, FORMS)}
        async with running(make(bench=skills)):
            await fake.command("plan", {})
            await opened(fake)
            await fake.submit({"option:what": "a trip", "option:times": "7"})
            await told(fake, "times must be at most 3, not 7.")
        async with running(make(bench=skills)):
            await fake.press(REOPEN_LABEL)
            await opened(fake, 2)
            await fake.submit({"option:times": "2"})
            await says(fake, "new|a trip|2|False|")

    async def test_control_characters_are_left_out_of_what_is_offered_again(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {})
        await opened(fake)
        await fake.submit({"option:what": "a\x07 trip"})
        await told(fake, "what holds control characters")
        await fake.press(REOPEN_LABEL)
        assert shown(await opened(fake, 2))["option:what"] == "a trip"

    async def test_what_does_not_fit_into_a_message_comes_back_as_a_file(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        @command("essay", form=lambda given: not given)
        async def essay(
            ctx: Context,
            first: Annotated[str, Option("One", multiline=True)] = "",
            second: Annotated[str, Option("Two", multiline=True)] = "",
            times: int = 1,
        ) -> Any:
            """Write."""
            yield Text("never")

        skills = (*SKILLS, Skill("essays", commands=(essay,)))
        async with running(make(bench={"skills": skills})):
            await fake.command("essay", {})
            await opened(fake)
            half = "x" * (MAX_EMBEDS_CHARS // 2)
            await fake.submit({
                "option:first": half, "option:second": half, "option:times": "many",
            })  # fmt: skip
            word = await told(fake, "times must be")
            (file,) = word["attachments"]
            kept = fake.world.files[int(file["id"])].decode()
            assert kept == f"first:\n{half}\n\nsecond:\n{half}\n\ntimes:\nmany"

    async def test_a_message_that_discord_does_not_take_is_tried_with_a_file(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("plan", {})
        await opened(fake)
        fake.fail_next("POST", "/callback$", 400, code=50035)
        await fake.submit({"option:what": "a trip", "option:times": "7"})
        word = await told(fake, "times must be")
        (file,) = word["attachments"]
        assert b"a trip" in fake.world.files[int(file["id"])]

    async def test_one_of_a_plugin_that_is_gone_gives_the_text_back(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(bench={"skills": (*SKILLS, FORMS)})):
            await fake.command("plan", {})
            await opened(fake)
            await fake.submit({"option:times": "7"})
            await told(fake, "times must be")
        async with running(make()):
            await fake.submit({"option:what": "a trip"})
            word = await told(fake, "no longer there")
            (file,) = word["attachments"]
            assert b"a trip" in fake.world.files[int(file["id"])]
            await fake.press(REOPEN_LABEL)
            await fake.until(lambda: str(fake.from_bot(private=True)).count("no longer there") == 2)

    async def test_one_whose_options_are_others_by_now(self, make: Any, fake: FakeDiscord) -> None:
        @command("plan", form=lambda given: not given)
        async def smaller(ctx: Context, what: Annotated[str, Option(multiline=True)] = "") -> Any:
            """Plan less."""
            yield Text(f"less: {what}")

        async with running(make(bench={"skills": (*SKILLS, FORMS)})):
            await fake.command("plan", {})
            await opened(fake)
        skills = (*SKILLS, Skill("forms", commands=(smaller,)))
        async with running(make(bench={"skills": skills})):
            await fake.submit({"option:what": "a trip"})
            await told(fake, "/plan has no option mode any more")
            await fake.press(REOPEN_LABEL)
            assert shown(await opened(fake, 2)) == {"option:what": "a trip"}
            await fake.submit()
            await says(fake, "less: a trip")

    async def test_one_of_an_earlier_version(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("plan", {})
        modal = await opened(fake)
        await fake.submit({"option:what": "x"}, form={**modal, "custom_id": "parlance-v0-form"})
        await told(fake, "earlier version")

    async def test_two_people_have_each_their_own(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("plan", {})
        await opened(fake)
        await fake.command("plan", {}, user=EVE)
        await opened(fake, 2)
        await fake.submit({"option:what": "mine"}, form=fake.forms[0])
        await fake.submit({"option:what": "yours"}, form=fake.forms[1], user=EVE)
        await says(fake, "new|mine")
        await says(fake, "new|yours")


async def test_forms_of_many_people_at_once(bot: Bot, fake: FakeDiscord) -> None:
    people = [fake.world.add_user(1000 + n, f"p{n}") for n in range(12)]
    await asyncio.gather(*(fake.command("plan", {}, user=p) for p in people))
    await opened(fake, 12)
    for number, person in enumerate(people):
        text = {"option:what": f"plan {number}."}
        await fake.submit(text, form=fake.forms[number], user=person)
    for number in range(12):
        await says(fake, f"new|plan {number}.|1|False|")
