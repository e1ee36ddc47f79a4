"""The chat in the browser: what people ask there is answered, shown as it grows, and stays."""

from __future__ import annotations

import re
from pathlib import Path

from bot.sign_in.changes import ChangeRecord
from bot.types import Explanation, Source
from tests.unit.bot.console.chat_client import SLOW, TWO_MODELS, Chat
from tests.unit.bot.console.conftest import Room, open_room

LONG = " ".join(f"word{number}" for number in range(60))
SLOW_MODEL = {"models": {"default": SLOW, "embedder": {"backend": "scripted"}}}


async def test_a_question_is_answered_and_shown_when_the_page_is_loaded_again(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    sent = await chat.send("What is a *lamp*?")
    assert sent.status_code == 303
    page = await chat.shows("You said: What is a <em>lamp</em>?", "👍")
    assert '<div class="said">What is a *lamp*?</div>' in page
    assert "👎" in page
    # It is a turn like any other, which its owner alone may read.
    stored = await room.app.services.history.recent(await key_of(chat))
    assert [(one.role, one.author, one.private) for one in stored] == [
        ("user", "test:bob", True),
        ("assistant", "", True),
    ]


async def key_of(chat: Chat) -> str:
    return f"console:@dm:test%3A@dm%3Ad-bob:t={chat.at.rpartition('/')[2]}"


async def test_an_answer_is_shown_as_it_grows(tmp_path: Path) -> None:
    async with open_room(tmp_path, **SLOW_MODEL) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send(LONG)
        await chat.shows('class="entry answered working"')
        async with chat.stream() as stream:
            early = await stream.until("You said: word0")
            assert "word59" not in early.partition("You said:")[2]
            last = await stream.until("word59</p>", "Regenerate")
            assert 'hx-swap="outerMorph"' in last
            assert 'class="entry answered complete"' in last


async def test_a_stream_goes_on_from_what_the_page_has_seen(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("first")
    await chat.shows("You said: first", "👍")
    async with chat.stream() as stream:
        await chat.send("second")
        event = await stream.until("You said: second", "👍")
        assert 'hx-swap="beforeend"' in "".join(stream.events)
        assert "You said: first" not in event
    async with chat.stream(stream.last_id) as again:
        await chat.send("third")
        await again.until("You said: third")
        assert "You said: second" not in "".join(again.events)
    # After another process it knows nothing, and gets all of it.
    async with chat.stream("00000000-5") as anew:
        event = await anew.until("You said: first", "You said: third")
        assert 'hx-swap="innerHTML"' in event


async def test_many_streams_of_a_conversation_lose_nothing(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("first")
    await chat.shows("You said: first", "👍")
    async with chat.stream() as one, chat.stream() as two, chat.stream("") as three:
        for text in ("second", "third"):
            await chat.send(text)
            for stream in (one, two, three):
                await stream.until(f"You said: {text}", "👍")


async def test_stop_ends_an_answer(tmp_path: Path) -> None:
    async with open_room(tmp_path, **SLOW_MODEL) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send(LONG)
        await chat.shows("You said: word0")
        stopped = await chat.press("Stop")
        assert stopped.headers["location"].startswith(chat.at)
        page = await chat.shows("Stopped by Bob.", "Try again")
        assert "word59</p>" not in page


async def test_again_takes_the_place_of_the_first_answer(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("one")
    await chat.shows("You said: one", "👍")
    first = re.search(r'value="good\|(\w+)\|"', await chat.page())
    await chat.send("two")
    await chat.shows("You said: two", "👍")
    await chat.press("Regenerate", nth=0)
    page = await chat.when(lambda text: first is not None and first[1] not in text)
    assert page.count("You said: one") == 1
    assert page.index("You said: one") < page.index("You said: two")


async def test_buttons_tell_beneath_the_answer(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("one")
    await chat.shows("👍")
    assert "noted that this answer was good" in await after(chat, "👍")
    page = await after(chat, "Why this answer?")
    assert "<strong>Model</strong>: default" in page
    assert page.count('class="aside"') == 2
    assert (await after(chat, "Why this answer?")).count('class="aside"') == 2


async def after(chat: Chat, label: str) -> str:
    """The page that is shown to somebody without scripts who presses a button."""
    pressed = await chat.press(label)
    assert pressed.status_code == 303
    return await chat.page()


async def test_a_source_opens_its_passage_and_can_be_called_wrong(room: Room) -> None:
    browser = await room.browser("bob")
    chat = Chat(browser)
    await chat.send("one")
    await chat.shows("👍")
    passage = Source(2, "Lamps", "lamps.md", heading="Care", passage="Dust them daily.")
    unread = Source(3, "Doors", "doors.md", passage="Oil them.")
    await room.turn(
        "bob", await key_of(chat), said="Dust them [2].", private=True,
        explanation=Explanation(passages=(passage, unread)),
    )  # fmt: skip
    # The other conversation of the process goes on; this one is read from the history.
    room.app.sign_in.forget("test:bob")
    page = await chat.shows("[2] Lamps › Care")
    assert "Doors" not in page
    assert "Dust them daily." not in page
    page = await after(chat, "[2] Lamps › Care")
    assert "Dust them daily." in page
    assert "noted that this passage is wrong" in await after(chat, "Wrong")


async def test_a_conversation_is_there_after_a_restart(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("one")
        await chat.shows("You said: one", "👍")
        cookies = chat.browser.http.cookies
        at = chat.at
    async with open_room(tmp_path) as room:
        browser = await room.browser("bob")
        browser.http.cookies.update(cookies)
        newest = await browser.get("/console/chat")
        assert newest.headers["location"] == at
        again = Chat(browser, at)
        page = await again.shows("You said: one", "👍", "Regenerate")
        assert page.count("You said: one") == 1
        await again.send("two")
        await again.shows("You said: two")
        old = re.findall(r'value="good\|(\w+)\|"', page)[0]
        await again.press("Regenerate", nth=0)
        await again.when(lambda text: old not in text)


async def test_commands_are_written_as_text_and_listed_for_whoever_may_use_them(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    new = (await chat.browser.get(chat.at)).text
    assert "<code>/ask QUESTION" in new
    assert "<code>/block" not in new
    await chat.send("/help")
    await chat.shows("tells more about one of them")
    await chat.send("/nonsense")
    await chat.shows("There is no command /nonsense")
    ann = (await (await room.browser("ann")).get("/console/chat/new")).text
    assert "<code>/block" in ann


async def test_a_new_conversation_begins_anew_and_the_earlier_ones_are_listed(room: Room) -> None:
    browser = await room.browser("bob")
    first, second = Chat(browser), Chat(browser)
    await first.send("about lamps")
    await first.shows("👍")
    await second.send("about doors")
    page = await second.shows("You said: about doors", "👍")
    assert "You said: about lamps" not in page
    assert f'<a href="{first.at}">about lamps</a>' in page
    assert (await browser.get("/console/chat")).headers["location"] == second.at


async def test_the_model_and_the_persona_are_chosen_as_in_a_chat(tmp_path: Path) -> None:
    async with open_room(tmp_path, **TWO_MODELS) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("one")
        await chat.shows("👍")
        for fields in (
            {"what": "model", "model": "slow"},
            {"what": "persona", "persona": "You are a pirate."},
        ):
            await chat.browser.post(f"{chat.at}/choose", token=await chat.token(), **fields)
        page = await chat.shows("slow now answers", "persona is set")
        assert "You are a pirate.</textarea>" in page
        await chat.send("two")
        await chat.when(lambda text: text.count("👍") == 2)
        assert "<strong>Model</strong>: slow" in await after(chat, "Why this answer?")
        done = [one.action for one in await ChangeRecord(room.app.database).newest()]
        assert done.count("chose how I answer them") == 2


async def test_a_model_is_named_for_one_message(tmp_path: Path) -> None:
    async with open_room(tmp_path, **TWO_MODELS) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("one", model="slow")
        await chat.shows("👍")
        assert "<strong>Model</strong>: slow" in await after(chat, "Why this answer?")
        old = re.findall(r'value="good\|(\w+)\|"', await chat.page())[0]
        await chat.press("Regenerate")
        await chat.when(lambda text: old not in text and "👍" in text)
        assert "<strong>Model</strong>: slow" in await after(chat, "Why this answer?")
        await chat.send("two", model="another")
        await chat.shows("another")


async def test_two_models_answer_beside_each_other(tmp_path: Path) -> None:
    async with open_room(tmp_path, **TWO_MODELS) as room:
        chat = Chat(await room.browser("bob"), "/console/chat/beside")
        await chat.send("which is it?", model1="slow")
        assert chat.at == "/console/chat/beside"  # two have to be named
        sent = await chat.send("which is it?", model1="slow", model2="default")
        chat.at = sent.headers["location"].partition("#")[0]
        page = await chat.when(lambda text: text.count("👍") == 2)
        assert page.count("You said: which is it?") == 2
        assert re.findall(r'<h2 id="side-\d">(\w+)', page) == ["slow", "default"]
        assert len(set(re.findall(r'hx-sse:connect="([^"]+)"', page))) == 2
        await chat.send("and now?", model1="slow", model2="default")
        await chat.when(lambda text: text.count("👍") == 4)
        single = await chat.browser.get("/console/chat")
        assert single.headers["location"] == "/console/chat/new"


async def test_whoever_may_not_choose_the_model_cannot_name_one(tmp_path: Path) -> None:
    rule = {"commands": {"model.use": {"admins_only": True}}}
    async with open_room(tmp_path, **TWO_MODELS, **rule) as room:
        chat = Chat(await room.browser("bob"))
        assert 'name="model"' not in (await chat.browser.get(chat.at)).text
        await chat.send("one", model="slow")
        await chat.shows("You may not choose the model here.")
        beside = await chat.browser.get("/console/chat/beside")
        assert "You may not choose the model here" in beside.text


async def test_a_long_answer_grows_piece_by_piece_and_is_whole_at_its_end(tmp_path: Path) -> None:
    paragraphs = "\n\n".join(f"Paragraph {number}: " + "word " * 60 for number in range(30))
    said = {"backend": "scripted", "tokens_per_s": 2000.0, "replies": [{"text": paragraphs}]}
    models = {"default": said, "embedder": {"backend": "scripted"}}
    async with open_room(tmp_path, models=models) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("a long one")
        async with chat.stream("") as stream:
            growing = await stream.until("Paragraph 25:")
            assert "<p>Paragraph 0:" in growing
            last = await stream.until("Regenerate")
        assert [f"<p>Paragraph {n}:" in last for n in range(30)] == [True] * 30
        assert "answer.md" in last
