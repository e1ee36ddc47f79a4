"""Commands, forms, menus and buttons: what reaches the core, and what is said when it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.forms import ALREADY_SUBMITTED
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound.interactions import MENU
from bot.adapters.slack.inbound.modal_views import FILE, build_form, form_origin
from bot.commands.declaration import Command, Option, command
from bot.skills.context import Context
from bot.skills.plugin_checks import guard_command
from bot.skills.skill import Skill
from bot.types import Text
from tests.fakes.skills import CHAT
from tests.fakes.slack.acting import ADA, CHANNEL, DIRECT, EVE, US, Acting, buttons
from tests.fakes.slack.running import Bot, paint, running


async def says(people: Acting, text: str) -> None:
    await people.fake.until(lambda: text in "\n".join(people.public() + people.private()))


def fields(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block["element"] for block in view["blocks"]}


class TestCommands:
    async def test_what_is_typed_is_called(self, bot: Bot, people: Acting) -> None:
        await people.slash("paint", "a house colour=green times=2")
        await says(people, "a house in green, 2 times")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("team-paint", "a house"),
            ("paint", "a house"),
            ("parlance", "paint a house"),
            ("parlance", "/team-paint a house"),
            ("parlance", " Paint  a house "),
        ],
    )
    async def test_a_command_has_a_prefix_and_is_a_word_of_parlance(
        self, make: Any, people: Acting, name: str, text: str
    ) -> None:
        async with running(make(settings={"command_prefix": "team-"})) as bot:
            await people.slash(name, text)
            await says(people, "a house in red, 1 times")
            assert bot.asked() == []

    async def test_what_parlance_is_told_without_a_command_is_a_question(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.slash("parlance", "what is a lighthouse?")
        await says(people, "You said: what is a lighthouse?")
        await people.slash("parlance", "/paimt a house")
        await says(people, "There is no command /paimt. Did you mean /paint?")
        await people.slash("parlance")
        await says(people, "There is no command /help.")

    @pytest.mark.parametrize("text", ["/team-paint a house", "/parlance paint a house"])
    async def test_a_mention_may_name_a_command_as_slack_does(
        self, make: Any, people: Acting, text: str
    ) -> None:
        async with running(make(settings={"command_prefix": "team-"})):
            await people.say(text, mention=True)
            await says(people, "a house in red, 1 times")

    async def test_words_and_forms_named_a_command_that_slack_does_not_know(
        self, make: Any, people: Acting
    ) -> None:
        async with running(make(settings={"command_prefix": "team-"})):
            await people.slash("team-paint", "a house color=red")
            await says(people, "/team-paint has no option color.")
            await people.slash("parlance", "/paimt a house")
            await says(people, "There is no command /paimt. Did you mean /team-paint?")
            await people.slash("team-paint", "")
            await people.fake.until(lambda: people.fake.workspace.views)
            assert people.fake.workspace.views[-1]["title"]["text"] == "/team-paint"

    async def test_a_mistake_is_explained(self, bot: Bot, people: Acting) -> None:
        await people.slash("paint", "a house times=7")
        await says(people, "times must be at most 3, not 7.")
        assert people.fake.workspace.views == []

    async def test_a_command_of_a_plugin_that_is_gone(self, bot: Bot, people: Acting) -> None:
        envelope = await people.slash("pant", "a house")
        await says(people, "There is no command /pant. Did you mean /paint?")
        await people.fake.until(lambda: envelope in people.fake.acks)

    async def test_a_mention_names_a_person_in_a_command(self, bot: Bot, people: Acting) -> None:
        await people.slash("note", "hello", channel=DIRECT)
        await says(people, "noted hello by nobody")

    @pytest.mark.parametrize(("channel", "why"), [(CHANNEL, "not in <#C1>"), (DIRECT, "not in")])
    async def test_a_command_where_we_are_not_was_never_answered(
        self, bot: Bot, people: Acting, channel: str, why: str
    ) -> None:
        people.fake.methods.away.add(channel)
        await people.slash("paint", "a house", channel=channel)
        await says(people, "a house in red, 1 times")
        assert [m.channel for m in people.fake.workspace.by(US)] == [ADA, ADA]
        assert why in people.public()[0]
        await people.fake.until(lambda: people.answers(ADA))


class TestForms:
    async def test_a_command_without_what_it_needs_opens_one(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.slash("paint", "times=2")
        await people.fake.until(lambda: people.fake.workspace.views)
        (view,) = people.fake.workspace.views
        what, colour, times, framed = fields(view).values()
        assert what == {
            "action_id": "value", "type": "plain_text_input", "multiline": True, "max_length": 3000,
        }  # fmt: skip
        assert [o["value"] for o in colour["options"]] == ["red", "green"]
        assert colour["initial_option"]["value"] == "red"
        assert (times["type"], times["min_value"], times["max_value"]) == ("number_input", "1", "3")
        assert times["initial_value"] == "2"  # what was typed already
        assert [o["value"] for o in framed["options"]] == ["yes", "no"]
        assert framed["initial_option"]["value"] == "no"
        assert [block["optional"] for block in view["blocks"]] == [False, True, True, True]
        assert form_origin(view) == ("paint", CHANNEL)
        assert not people.public()

    async def test_it_is_called_when_it_is_sent_and_once_when_sent_twice(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.slash("paint")
        await people.fake.until(lambda: people.fake.workspace.views)
        values = {"what": "a house\nand a tree", "colour": ("green",), "framed": ("yes",)}
        assert not await people.submit(values)
        again = await people.submit({**values, "what": "another house"})
        assert again["errors"] == {"what": ALREADY_SUBMITTED}, (
            "the form was closed, and nothing said"
        )
        await says(people, "a house\nand a tree in green, 1 times, framed")
        await people.say("next", channel=DIRECT)
        await people.fake.until(lambda: people.answers(DIRECT))
        assert len(people.public(CHANNEL)) == 1

    async def test_what_is_wrong_is_shown_in_it(self, bot: Bot, people: Acting) -> None:
        await people.slash("paint")
        await people.fake.until(lambda: people.fake.workspace.views)
        answer = await people.submit({"what": "\x07", "times": "many", "colour": ("blue",)})
        assert answer["response_action"] == "errors"
        assert answer["errors"] == {
            "what": "what holds control characters; please send plain text.",
            "times": "times must be a whole number, not 'many'.",
            "colour": "colour must be one of red, green, not 'blue'.",
        }
        assert (await people.submit({}))["errors"] == {"what": "what is missing."}
        assert not await people.submit({"what": "a house", "times": None})
        await says(people, "a house in red, 1 times")

    async def test_one_that_slack_opens_too_late_is_answered_with_what_to_write(
        self, bot: Bot, people: Acting
    ) -> None:
        people.fake.fail_next("views.open", error="expired_trigger_id")
        await people.slash("paint")
        await says(people, "what is missing. Write: /paint WHAT")

    async def test_one_of_a_plugin_that_is_gone(self, make: Any, people: Acting) -> None:
        async with running(make()):
            await people.slash("paint")
            await people.fake.until(lambda: people.fake.workspace.views)
        async with running(make(bench={"skills": (CHAT,)})):
            assert not await people.submit({"what": "a house"})
            await says(people, "There is no command /paint.")

    async def test_one_that_lacks_what_a_later_version_requires_could_not_be_sent(
        self, make: Any, people: Acting
    ) -> None:
        @command("paint")
        async def later(ctx: Context, what: str, where: str) -> Any:
            """Paint something somewhere."""
            yield Text(f"{what} {where}")

        async with running(make()):
            await people.slash("paint")
            await people.fake.until(lambda: people.fake.workspace.views)
        async with running(make(bench={"skills": (Skill("later", commands=(later,)),)})):
            assert not await people.submit({"what": "a house"}), "no mistake without a field"
            await says(people, "where is missing. Write: /paint WHAT WHERE")
            await says(people, "what:\na house")

    async def test_a_call_whose_form_could_not_be_decided_on_was_never_answered(
        self, make: Any, people: Acting
    ) -> None:
        asks = replace(paint, name="broken", form=lambda given: bool(given["size"]))
        broken = guard_command(asks, "painter")
        async with running(make(bench={"skills": (Skill("broken", commands=(broken,)),)})):
            await people.slash("broken", "a house")
            await says(people, "a house in red")

    async def test_one_that_is_not_ours_is_left_alone(self, bot: Bot, people: Acting) -> None:
        await people.slash("paint")
        await people.fake.until(lambda: people.fake.workspace.views)
        for metadata in ("", "{", "[]", '{"command": "paint"}'):
            assert not await people.submit({"what": "x"}, private_metadata=metadata)
        assert not await people.submit({"what": "a house"})
        await says(people, "a house in red")
        assert len(people.public()) == 1

    async def test_a_command_can_ask_for_one_and_a_file_be_given_in_it(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.slash("read", "file")
        await people.fake.until(lambda: people.fake.workspace.views)
        shown = fields(people.fake.workspace.views[0])
        assert shown["what"]["initial_value"] == "file"
        assert shown[FILE]["type"] == "file_input"
        await people.submit({FILE: [people.file("notes.txt", b"the notes")]})
        await says(people, "the notes")

    async def test_every_option_fits_what_slack_takes(self) -> None:
        options = (
            Option("x" * 3000, name="long", max_length=9000, required=True),
            Option("", name="many", choices=tuple(str(n) for n in range(150))),
            Option("", name="wide", choices=("y" * 200,)),
            Option("", name="none", choices=("", "x")),
            Option("", name="part", kind="float", min_value=0.5, max_value=1234567, default=0.1),
        )
        command = Command("c" * 40, "", options, paint.handler)
        assert build_form(command, CHANNEL, {"long": "z" * 3001}, CommandNames()) is None, (
            "the rest would be lost"
        )
        view = build_form(command, CHANNEL, {"long": "z" * 3000}, CommandNames())
        assert view is not None
        shown = fields(view)
        assert len(view["title"]["text"]) == 24
        assert len(view["private_metadata"]) < 3000
        assert len(view["blocks"][0]["label"]["text"]) == 2000
        assert len(shown["long"]["initial_value"]) == shown["long"]["max_length"] == 3000
        assert shown["many"]["type"] == shown["wide"]["type"] == "plain_text_input"
        assert shown["none"]["type"] == "plain_text_input", "a choice has a name"
        assert shown["part"]["is_decimal_allowed"]
        assert shown["part"]["max_value"] == "1234567"
        assert "initial_value" not in shown["part"]  # Slack refuses one that is out of range


class TestReading:
    async def test_the_last_messages_of_the_channel(self, bot: Bot, people: Acting) -> None:
        people.fake.methods.page = 3
        for n in range(12):
            root = people.write(f"number {n}")
        people.write("a reply", thread=root)
        people.write("beep", by="UCI", bot_id="B9")
        people.write("", subtype="channel_topic")
        await people.slash("read", "last=5")
        await says(people, "\n".join(f"Eve: number {n}" for n in range(7, 12)))

    async def test_where_we_are_not_it_says_to_invite_us(self, bot: Bot, people: Acting) -> None:
        people.fake.methods.away.add(CHANNEL)
        await people.slash("read", "last=5")
        await says(people, "cannot read it; invite me with /invite")

    @pytest.mark.parametrize(
        ("error", "hint"), [("missing_scope", "install me again"), ("fatal_error", "try again")]
    )
    async def test_what_cannot_be_read_is_said(
        self, bot: Bot, people: Acting, error: str, hint: str
    ) -> None:
        people.fake.fail_next("conversations.history", error=error)
        await people.slash("read", "last=5")
        await says(people, hint)

    async def test_a_threads_menu_reads_the_thread(self, bot: Bot, people: Acting) -> None:
        root = people.write("the beginning")
        people.write(f"ask <@{ADA}>", thread=root)
        await people.menu(f"{MENU}read", root)
        await says(people, "Eve: the beginning\nEve: ask @ada")
        (answer,) = people.fake.workspace.by("UBOT")
        assert answer.thread_ts == root

    async def test_a_messages_menu_reads_the_message_and_its_file(
        self, bot: Bot, people: Acting
    ) -> None:
        root = people.write("the beginning")
        file = people.file("notes.txt", b"the notes")
        reply = people.write(f"see <@{ADA}>", thread=root, files=[file])
        await people.menu(f"{MENU}read", reply)
        await says(people, "Eve: see @ada\nthe notes")
        assert people.fake.workspace.by("UBOT")[0].thread_ts == root

    async def test_a_menu_of_a_plugin_that_is_gone(self, bot: Bot, people: Acting) -> None:
        await people.menu(f"{MENU}raed", people.write("the beginning"))
        await says(people, "There is no command /raed. Did you mean /read?")

    async def test_a_message_of_another_app_can_be_read(self, bot: Bot, people: Acting) -> None:
        more: dict[str, Any] = {
            "bot_id": "B9",
            "username": "Alerts",
            "attachments": [{"text": "Disk full"}],
        }
        await people.menu(f"{MENU}read", people.write("", by="", **more))
        await says(people, "Alerts: Disk full")

    async def test_an_empty_message_says_so(self, bot: Bot, people: Acting) -> None:
        await people.menu(f"{MENU}note", people.write(""))
        await says(people, "neither text nor a file")

    async def test_regenerate_reads_what_stood_before_the_answer(
        self, bot: Bot, people: Acting
    ) -> None:
        people.write("before")
        await people.slash("read", "last=5")
        await people.fake.until(people.answers)
        (first,) = people.answers()
        people.write("afterwards")
        await people.press("Regenerate")
        await people.fake.until(lambda: people.answers()[-1] is not first)
        assert people.answers()[-1].shown == first.shown == "Eve: before"


class TestButtons:
    async def test_one_of_an_earlier_version(self, bot: Bot, people: Acting) -> None:
        await people.say("hello", mention=True)
        await people.fake.until(people.answers)
        old = next(b for b in buttons(people.answers()[0]) if b["text"]["text"] == "Regenerate")
        old["action_id"] = "parlance:dance:0"
        await people.press("Regenerate")
        await says(people, "earlier version")
        assert len(people.private()) == 1

    async def test_one_whose_answer_is_forgotten(self, make: Any, people: Acting) -> None:
        async with running(make()):
            await people.say("hello", mention=True)
            await people.fake.until(people.answers)
        async with running(make()):
            await people.press("Regenerate")
            await people.fake.until(people.private)
            assert "no longer known" in people.private()[0]

    async def test_one_of_somebody_else(self, bot: Bot, people: Acting) -> None:
        await people.say("hello", mention=True)
        await people.fake.until(people.answers)
        await people.press("Regenerate", by=EVE)
        await people.fake.until(people.private)
        assert "Only the person who asked" in people.private()[0]
        assert len(people.answers()) == 1

    async def test_one_that_only_the_asker_sees(self, bot: Bot, people: Acting) -> None:
        root = await people.say("hello", mention=True)
        await people.fake.until(people.answers)
        answer = people.answers()[0]
        answer.ephemeral_to = ADA
        people.write("an answer of somebody else", thread=root)
        await people.press("Why this answer?")
        await says(people, "**Model**")
        assert people.fake.workspace.by(US)[-1].thread_ts == root

    async def test_it_works_after_a_restart(self, make: Any, people: Acting) -> None:
        first = make()
        async with running(first):
            await people.say("hello", mention=True)
            await people.fake.until(people.answers)
        (answer,) = people.answers()
        async with running(make(bench={"store": first.bench.store})):
            await people.press("Regenerate")
            await people.fake.until(lambda: people.answers()[-1] is not answer)
