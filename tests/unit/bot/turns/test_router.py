"""Event to skill, and what adapters may ask of the core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from backends.scripted.backend import ScriptedBackend
from bot.adapters.protocol import Core
from bot.commands.authorization import Authorizer
from bot.commands.checks import has_role, is_admin
from bot.commands.declaration import Completion, Option, command
from bot.events import Attachment, ContextMessage, Message
from bot.settings.values import ChannelSettings
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.policy import Policy
from bot.types import Author, ConversationKey, Part, Text
from tests.fakes.core import ADA, BOB, HERE, ROOT, Bench
from tests.fakes.sink import RecordingSink

pytestmark = pytest.mark.usefixtures("json_log")

Make = Callable[..., Bench]


async def names(asked: Completion) -> Sequence[str]:
    """Completes from what the services know."""
    known = [*asked.services.models.names(), *(f"model-{n}" for n in range(40))]
    return [name for name in known if name.startswith(asked.prefix)]


async def broken(asked: Completion) -> Sequence[str]:
    raise RuntimeError("no luck")


@command("ask", menu="Ask about this")
async def ask(
    ctx: Context,
    question: str,
    model: Annotated[str | None, Option(complete=names)] = None,
    style: Literal["short", "long"] = "short",
    odd: Annotated[str, Option(complete=broken)] = "",
) -> AsyncIterator[Part]:
    """Ask something."""
    yield Text(f"{question}|{model}|{style}")


@command("summarize", menu="Summarise")
async def summarize(ctx: Context, style: str = "", url: str = "") -> AsyncIterator[Part]:
    """Summarise a page."""
    yield Text(f"{style}|{url}")


@command("page", menu="Read")
async def page(ctx: Context, url: str) -> AsyncIterator[Part]:
    """Read a page."""
    yield Text(url)


@command("admin", checks=is_admin | has_role("mods"))
async def admin(ctx: Context, what: Annotated[str, Option(complete=names)]) -> AsyncIterator[Part]:
    """For admins."""
    yield Text("done")


async def echo(ctx: Context) -> AsyncIterator[Part]:
    yield Text(f"echo {ctx.event.text}")


async def shout(ctx: Context) -> AsyncIterator[Part]:
    yield Text((ctx.event.text or "").upper())


def loud(message: Message) -> bool:
    return message.text.endswith("!")


SKILL = Skill("all", commands=(ask, summarize, page, admin))
ECHO = Skill("echo", answer=echo, priority=200)
SHOUT = Skill("shout", answer=shout, wants=loud, priority=10)


# --- commands ------------------------------------------------------------------------------------


async def test_options_of_a_typed_surface_are_bound(bench: Make) -> None:
    b = bench(SKILL)
    view = await b.say(b.call("ask", question="why?", style="long"))
    assert view.text == "why?|None|long"


async def test_the_text_of_a_text_surface_is_parsed_and_bound(bench: Make) -> None:
    b = bench(SKILL)
    view = await b.say(b.call("ask", text="what's x=1? style=long"))
    assert view.text == "what's x=1?|None|long"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "question is missing. Write: /ask QUESTION"),
        ("why? style=odd", "style must be one of short, long"),
        ("why? styel=long", "Did you mean style=?"),
        ("x" * 4001, "question is too long: 4,001 characters"),
        ("a\x07b", "control characters"),
    ],
)
async def test_a_command_written_the_wrong_way_is_refused(
    bench: Make, text: str, said: str
) -> None:
    b = bench(SKILL)
    view = await b.say(b.call("ask", text=text))
    assert view.state == "refused"
    assert said in view.notices[0].text


async def test_an_unknown_command_is_refused_with_the_nearest(bench: Make) -> None:
    b = bench(SKILL)
    view = await b.say(b.call("sumarize", text="x"))
    assert view.notices[0].text == "There is no command /sumarize. Did you mean /summarize?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/ask how so? style=long", "how so?|None|long"),
        (", /ask\nhow so?", "how so?|None|short"),
        ("/etc/hosts is empty", "echo /etc/hosts is empty"),
        ("//ask is a command", "echo /ask is a command"),
        ("ask", "echo ask"),
    ],
)
async def test_a_message_that_calls_a_command_is_the_call(
    bench: Make, text: str, said: str
) -> None:
    b = bench(SKILL, ECHO)
    assert (await b.say(b.message(text))).text == said


async def test_a_message_that_calls_what_is_not_there_is_refused_with_the_nearest(
    bench: Make,
) -> None:
    b = bench(SKILL, ECHO)
    view = await b.say(b.message("/sumarize this"))
    assert view.state == "refused"
    assert view.notices[0].text == "There is no command /sumarize. Did you mean /summarize?"


async def test_a_call_in_a_message_needs_what_the_command_needs(bench: Make) -> None:
    b = bench(SKILL, ECHO)
    assert (await b.say(b.message("/admin x"))).state == "refused"
    assert (await b.say(b.message("/admin x", author=ROOT))).text == "done"


async def test_a_quick_command_in_a_message_does_not_wait_for_an_answer(bench: Make) -> None:
    @command("stop", quick=True)
    async def stop(ctx: Context) -> AsyncIterator[Part]:
        """Stop."""
        yield Text(str(await ctx.services.turns.stop(ctx.conversation, ctx.asker)))

    async def forever(ctx: Context) -> AsyncIterator[Part]:
        yield Text("on and on")
        await asyncio.Event().wait()

    b = bench(Skill("all", commands=(stop,), answer=forever))
    running = RecordingSink()
    await b.core.accept(b.message("go"), running)
    await running.until_text("on and on")
    assert (await b.say(b.message("Stop!"))).text == "1"
    assert (await running.end()).state == "cancelled"
    questions = [turn.text for turn in await b.store.recent(str(HERE)) if turn.role == "user"]
    assert questions == ["go"]


async def test_a_question_that_was_edited_into_a_call_is_that_call(bench: Make) -> None:
    b = bench(SKILL, ECHO)
    turn = (await b.say(b.message("how so?"))).turn
    again = await b.say(b.press("regenerate", turn, value="/ask why? style=long"))
    assert again.text == "why?|None|long"
    assert (await b.say(b.press("regenerate", again.turn))).text == "why?|None|long"
    back = await b.say(b.press("regenerate", again.turn, value="how so?"))
    assert back.text == "echo how so?"


async def test_an_empty_message_goes_only_to_a_skill_that_asks_for_it(bench: Make) -> None:
    async def greet(ctx: Context) -> AsyncIterator[Part]:
        yield Text("hello")

    greeting = Skill("greeting", answer=greet, wants=lambda m: not m.text.strip(), quick=True)
    b = bench(SKILL, ECHO, greeting)
    assert (await b.say(b.message("  "))).text == "hello"
    assert await b.store.recent(str(HERE)) == []
    assert (await bench(SKILL, ECHO).say(b.message(""))).state == "refused"


@pytest.mark.parametrize(
    ("text", "files", "in_place"),
    [
        ("", False, True),
        ("", True, False),
        ("why?", False, False),
        ("/ask why?", False, False),
        ("/aks why?", False, True),
        ("/quick", True, True),
    ],
)
async def test_what_is_quick_is_answered_where_it_stands(
    bench: Make, text: str, files: bool, in_place: bool
) -> None:
    quick = replace(ask, name="quick", quick=True)
    core: Core = bench(Skill("all", commands=(ask, quick)), ECHO).core
    assert core.answers_in_place(text, files=files) is in_place


@pytest.mark.parametrize(
    ("name", "said", "text"),
    [
        ("ask", "look: https://example.org", "look: https://example.org|None|short"),
        ("page", "look: https://example.org/a?b=c, nice", "https://example.org/a?b=c"),
        ("page", "no address here", "no address here"),
        ("summarize", "words of a message", "words of a message|"),
    ],
)
async def test_a_message_from_a_menu_is_the_text_of_the_command(
    bench: Make, name: str, said: str, text: str
) -> None:
    b = bench(SKILL)
    call = replace(b.call(name), target=ContextMessage("Bob", said))
    assert (await b.say(call)).text == text


async def test_an_option_that_is_given_goes_before_the_message(bench: Make) -> None:
    b = bench(SKILL)
    call = replace(b.call("ask", question="mine"), target=ContextMessage("Bob", "theirs"))
    assert (await b.say(call)).text == "mine|None|short"


async def test_a_message_without_words_is_named_by_its_file_or_refused(bench: Make) -> None:
    async def read(limit: int) -> bytes:
        return b""

    b = bench(SKILL)
    file = Attachment("notes.md", 0, "text/markdown", read)
    call = replace(b.call("ask"), target=ContextMessage("Bob", "", attachments=(file,)))
    assert (await b.say(call)).text == "notes.md|None|short"
    empty = replace(b.call("ask"), target=ContextMessage("Bob", " "))
    assert (await b.say(empty)).state == "refused"


# --- messages ------------------------------------------------------------------------------------


async def test_the_first_skill_that_wants_a_message_answers_it(bench: Make) -> None:
    b = bench(ECHO, SHOUT)
    assert (await b.say(b.message("hello"))).text == "echo hello"
    assert (await b.say(b.message("hello!"))).text == "HELLO!"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Your message is empty"),
        (" \n\u200a", "Your message is empty"),
        ("x" * 4001, "Your message is too long: 4,001 characters, where 4,000 are allowed."),
        ("a\x00b", "control characters"),
    ],
)
async def test_a_message_that_cannot_be_answered_is_refused(
    bench: Make, text: str, said: str
) -> None:
    b = bench(ECHO)
    view = await b.say(b.message(text))
    assert (view.state, len(view.notices)) == ("refused", 1)
    assert said in view.notices[0].text


@pytest.mark.parametrize("text", ["مرحبا\u200f", "a\u200bb", "😀" * 2000, "```\n~~~\n```", "/x/y"])
async def test_odd_messages_are_answered(bench: Make, text: str) -> None:
    b = bench(ECHO)
    assert (await b.say(b.message(text))).text == f"echo {text}"


async def test_a_message_with_only_a_file_reaches_the_skill(bench: Make) -> None:
    async def read(limit: int) -> bytes:
        return b""

    b = bench(ECHO)
    message = replace(b.message(""), attachments=(Attachment("a.md", 0, None, read),))
    assert (await b.say(message)).state == "complete"


async def test_without_a_skill_for_messages_people_are_pointed_at_help(bench: Make) -> None:
    b = bench(SKILL)
    assert "/help" in (await b.say(b.message("hello"))).notices[0].text


async def test_a_skill_whose_wants_breaks_is_an_error_and_not_silence(bench: Make) -> None:
    def wants(message: Message) -> bool:
        raise RuntimeError("no luck")

    b = bench(Skill("bad", answer=echo, wants=wants))
    view = await b.say(b.message("hello"))
    assert view.state == "failed"
    assert view.notices[0].error_id


# --- what a skill is given -----------------------------------------------------------------------


async def test_a_skill_gets_its_settings_the_persona_and_who_asks(bench: Make) -> None:
    class Settings(BaseModel):
        tone: str = "dry"

    seen: list[Context] = []

    async def look(ctx: Context) -> AsyncIterator[Part]:
        seen.append(ctx)
        yield Text("seen")

    async def place(conversation: ConversationKey, person: str | None) -> ChannelSettings:
        return ChannelSettings(persona="a pirate")

    b = bench(
        Skill("look", answer=look),
        settings={"look": Settings()},
        policy=Policy(is_admin=lambda author: author == ROOT, channel_settings=place),
    )
    await b.say(b.message("hello", ROOT))
    [ctx] = seen
    assert isinstance(ctx.settings, Settings)
    assert ctx.persona == "a pirate"
    assert (ctx.asker.admin, ctx.author, ctx.conversation) == (True, ROOT, HERE)
    assert ctx.deadline_s == 600


# --- the core that adapters see ------------------------------------------------------------------


def test_a_dispatcher_is_a_core(bench: Make) -> None:
    core: Core = bench(SKILL).core
    assert [c.name for c in core.commands] == ["ask", "summarize", "page", "admin"]


@pytest.mark.parametrize(
    ("option", "prefix", "expected"),
    [
        ("style", "", ["short", "long"]),
        ("style", "l", ["long"]),
        ("model", "de", ["default"]),
        ("model", "model-3", ["model-3", *(f"model-3{n}" for n in range(10))]),
        ("question", "", []),
        ("odd", "", []),
        ("nothing", "", []),
    ],
)
async def test_values_are_suggested(
    bench: Make, option: str, prefix: str, expected: list[str]
) -> None:
    core = bench(SKILL).core
    assert list(await core.complete("ask", option, prefix, ADA, HERE)) == expected


async def test_suggestions_are_few_and_not_for_everybody(bench: Make) -> None:
    core = bench(SKILL, backend=ScriptedBackend("default")).core
    assert len(await core.complete("ask", "model", "", ADA, HERE)) == 25
    assert await core.complete("admin", "what", "", ADA, HERE) == ()
    assert await core.complete("nothing", "what", "", ADA, HERE) == ()
    assert len(await core.complete("admin", "what", "", ROOT, HERE)) == 25


async def test_who_may_use_a_command(bench: Make) -> None:
    async def rule(action: str, asker: Any) -> bool:
        return not (action == "ask" and asker.author == BOB)

    core = bench(SKILL, authorize=Authorizer(SKILL.commands, rule)).core
    mod = Author("test", "m", "Mod", frozenset({"mods"}))
    who = {"ada": ADA, "bob": BOB, "root": ROOT, "mod": mod}
    may = {
        command: [n for n, author in who.items() if await core.may_use(command, author, HERE)]
        for command in ("ask", "admin", "nothing")
    }
    assert may == {"ask": ["ada", "root", "mod"], "admin": ["root", "mod"], "nothing": []}
    listed = {n: [c.name for c in await core.commands_for(who[n], HERE)] for n in ("bob", "mod")}
    assert listed == {"bob": ["summarize", "page"], "mod": ["ask", "summarize", "page", "admin"]}
