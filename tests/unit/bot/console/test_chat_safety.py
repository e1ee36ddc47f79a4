"""Who sees what of a chat, and what foreign text and files can do in it: nothing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from bot.console.chat.conversation import MAX_ENTRIES, Conversation, Entry
from bot.console.chat.conversations import Conversations
from bot.console.chat.kept_files import KeptFiles
from bot.console.pages import chat as chat_page
from bot.console.uploads import MAX_UPLOADED_FILES
from bot.types import ConversationKey, File, View
from tests.unit.bot.console.chat_client import Chat
from tests.unit.bot.console.conftest import Room, open_room
from tests.until import PATIENCE_S, until

BAD = "<script>alert(1)</script><img src=x onerror=alert(1)>"
PIXEL = b"\x89PNG\r\n\x1a\nnot really"
KEY = ConversationKey("console", "@dm", "test:@dm:d", "0" * 12)


async def test_another_persons_conversation_is_not_here(room: Room) -> None:
    bob = Chat(await room.browser("bob"))
    await bob.send("my secret", files={"a": ("a.txt", b"secret file", "text/plain")})
    page = await bob.shows("👍", "a.txt")
    file = re.findall(r'href="([^"]+/files/[^"]+)"', page)[0]
    pressed = re.findall(r'value="(good\|[^"]+)"', page)[0]
    assert (await bob.browser.get(file)).content == b"secret file"
    for who in ("ann", ""):
        other = await room.browser(who)
        theirs = Chat(other, bob.at)
        token = await theirs.token()
        nothing = (await other.get("/console/chat/000000000000")).text
        for path in (bob.at, f"{bob.at}/events", file):
            seen = await other.get(path)
            assert seen.status_code == 404
            assert "secret" not in seen.text
        assert (await other.get(bob.at)).text == nothing
        assert (await theirs.send("hello?")).status_code == 404
        for path, fields in (("press", {"press": pressed}), ("choose", {"what": "model"})):
            answer = await other.post(f"{bob.at}/{path}", token=token, **fields)
            assert answer.status_code == 404
        # A button of somebody else's answer does nothing in one's own conversation, either.
        own = Chat(other)
        await own.send("mine")
        await own.shows("👍")
        answer = await other.post(f"{own.at}/press", token=token, press=pressed)
        assert answer.status_code == 404
        assert (await other.get(file.replace(bob.at, own.at))).status_code == 404


async def test_every_form_must_be_one_of_the_session(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("one")
    page = await chat.shows("👍")
    pressed = re.findall(r'value="(good\|[^"]+)"', page)[0]
    foreign = await Chat(await room.browser("ann")).token()
    base = chat.browser.base
    forms = {
        "/console/chat/new": {"text": "two"},
        "/console/chat/beside": {"text": "two", "model1": "default", "model2": "default"},
        chat.at: {"text": "two"},
        f"{chat.at}/press": {"press": pressed},
        f"{chat.at}/press ": {"press": "stop||"},
        f"{chat.at}/choose": {"what": "persona", "persona": "x"},
    }
    for path, fields in forms.items():
        parts = path.strip().endswith(("press", "choose"))
        for token, origin in (
            ("", base),
            (foreign, base),
            (await chat.token(), "https://evil.example"),
        ):
            sent = {**fields, "token": token}
            how = {"data": sent} if parts else {"files": {n: (None, v) for n, v in sent.items()}}
            answer = await chat.browser.http.post(
                f"{base}{path.strip()}", headers={"origin": origin}, **how
            )
            assert answer.status_code == 403, (path, token, origin)
    assert (await chat.page()).count('class="said"') == 1


async def test_a_stream_needs_a_session_and_ends_with_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("one")
    await chat.shows("👍")
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"{chat.browser.base}{chat.at}/events")
        assert answer.status_code == 401
        assert "You said" not in answer.text
    monkeypatch.setattr("bot.console.chat.conversation.KEEP_ALIVE_S", 0.05)
    async with chat.stream() as stream:
        await chat.browser.post("/console/leave", token=await chat.token())
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(stream.next(), PATIENCE_S)


async def test_streams_are_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_page, "MAX_STREAMS", 2)
    chat = Chat(await room.browser("bob"))
    await chat.send("one")
    await chat.shows("👍")
    async with chat.stream() as first, chat.stream("") as second:
        await second.next()
        refused = await chat.browser.get(f"{chat.at}/events")
        assert refused.status_code == 503
        await chat.send("two")
        await first.until("You said: two")
    await until(lambda: status_of(chat), fits=lambda found: found != 503)


async def status_of(chat: Chat) -> int:
    url = f"{chat.browser.base}{chat.at}/events"
    async with chat.browser.http.stream("GET", url) as response:
        return response.status_code


async def test_foreign_text_is_no_part_of_the_page(tmp_path: Path) -> None:
    said = f"{BAD}\n\n[x](javascript:alert(1)) ![p](http://evil.example/p.png)\n\n<hx-partial>"
    models = {
        "default": {"backend": "scripted", "replies": [{"text": said}]},
        "embedder": {"backend": "scripted"},
    }
    async with open_room(tmp_path, models=models) as room:
        room.people.names["bob"] = BAD
        chat = Chat(await room.browser("bob"))
        await chat.send(BAD, files={"a": (f"{BAD}.txt", b"x", "text/html")})
        page = await chat.shows("👍", "evil.example")
        async with chat.stream("") as stream:
            event = await stream.until("evil.example")
        listed = (await chat.browser.get("/console/chat/new")).text
        for text in (page, event, listed):
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert 'href="javascript' not in text
            assert 'http://evil.example/p.png"' not in text
        assert event.count("<hx-partial") == 1


async def test_files_come_back_as_what_no_browser_runs(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    files = {
        "a": ('..\\..\\a"\r\nx: y.html', b"<script>1</script>", "text/html"),
        "b": ("b.svg", b"<svg onload=alert(1)>", "image/svg+xml"),
        "c": ("c.png", PIXEL, "image/png"),
    }
    await chat.send("look", files=files)
    page = await chat.shows("c.png")
    found = dict.fromkeys(re.findall(r'href="([^"]+/files/[^"]+)"', page))
    got = [await chat.browser.get(path) for path in found]
    assert [one.headers["content-type"] for one in got] == [
        "application/octet-stream",
        "application/octet-stream",
        "image/png",
    ]
    for one in got:
        assert one.headers["x-content-type-options"] == "nosniff"
        assert "no-store" in one.headers["cache-control"]
        assert "x" not in one.headers
    assert got[0].headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "%2F" not in got[0].headers["content-disposition"]
    assert got[2].content == PIXEL


async def test_a_file_is_read_by_the_model_like_on_any_platform(room: Room) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("what is in it?", files={"a": ("a.txt", b"A marmot.", "text/plain")})
    await chat.shows("👍")
    assert "A marmot." in (await pressed(chat, "Why this answer?"))


async def pressed(chat: Chat, label: str) -> str:
    await chat.press(label)
    return await chat.page()


async def test_what_is_sent_is_bounded(tmp_path: Path) -> None:
    async with open_room(tmp_path, limits={"max_attachment_bytes": 1000}) as room:
        chat = Chat(await room.browser("bob"))
        big = {"a": ("a.txt", b"x" * 400_000, "text/plain")}
        assert (await chat.send("one", files=big)).status_code == 413
        many = {str(n): (f"{n}.txt", b"x", "text/plain") for n in range(MAX_UPLOADED_FILES + 1)}
        assert (await chat.send("one", files=many)).status_code == 413
        assert (await chat.send("  ")).status_code == 400
        plain = await chat.browser.post(chat.at, token=await chat.token(), text="one")
        assert plain.status_code == 400
        large = {"a": ("a.txt", b"x" * 2000, "text/plain")}
        await chat.send("one", files=large)
        await chat.shows("a.txt has 0 MB")


async def test_forgetting_somebody_takes_their_conversation_away_at_once(room: Room) -> None:
    bob, ann = Chat(await room.browser("bob")), Chat(await room.browser("ann"))
    await bob.send("secret")
    await bob.shows("👍")
    await ann.send("hello")
    await ann.shows("👍")
    async with bob.stream() as stream:
        assert room.app.services.forget is not None
        assert await room.app.services.forget("test:bob") == 2
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(stream.next(), PATIENCE_S)
    back = Chat(await room.browser("bob"), bob.at)
    assert (await back.browser.get(bob.at)).status_code == 404
    await ann.shows("You said: hello")


async def test_who_leaves_their_platform_is_out_of_the_chat(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(await room.browser("bob"))
    await chat.send("one")
    await chat.shows("👍")
    place = ConversationKey("console", "@dm", "test:@dm:d-bob", "0" * 12)
    assert await room.app.core.platforms.asker_now("test:bob", place) is not None
    room.people.known.discard("bob")
    monkeypatch.setattr("bot.console.visit._RIGHTS_REUSE_S", -1.0)
    assert await room.app.core.platforms.asker_now("test:bob", place) is None
    assert (await chat.browser.get(chat.at)).status_code == 503


# --- what is kept in memory ---------------------------------------------------------------------


async def render(conversation: Conversation, entry: Entry) -> str:
    return f'<li id="{conversation.element_id(entry)}">{entry.text}</li>'


async def load_nothing(conversation: Conversation) -> None:
    return None


async def test_a_conversation_is_bounded_and_loses_no_change() -> None:
    shelf = KeptFiles()
    one = Conversation(KEY, "test:bob", shelf, render)

    async def still_in() -> bool:
        return True

    seen: list[str] = []
    stream = one.events("", 30, still_in)
    await anext(stream)
    for number in range(MAX_ENTRIES + 20):
        one.ask(f"q{number}", f"text{number}", [File("f", b"x")])
        if number % 50 == 0:
            seen.append((await anext(stream)).decode())
    seen.append((await anext(stream)).decode())
    await stream.aclose()
    assert len(list(one)) == MAX_ENTRIES
    assert "text319" in seen[-1]
    assert "text0<" not in seen[-1]
    assert "innerHTML" in seen[-1]
    one.close()
    assert shelf._bytes == 0


def test_files_are_bounded() -> None:
    shelf = KeptFiles(max_bytes=10)
    first = shelf.add(File("a", b"x" * 6))
    second = shelf.add(File("b", b"x" * 6))
    assert shelf.get(first.id) is None
    assert shelf.get(second.id) is not None


async def test_conversations_that_nobody_looks_at_go() -> None:
    now = 0.0
    made = Conversations(load_nothing, render, clock=lambda: now)
    keys = [ConversationKey("console", "@dm", "test:@dm:d", f"{n:012x}") for n in range(3)]
    for key in keys:
        (await made.begin(key)).ask("q", "text")
    busy = await made.begin(keys[1])
    busy.show("t", View("t", state="working"))
    for one in keys:
        found = await made.find(one)
        assert found is not None
        found.used_at = -10_000
    assert len(made.beneath("console:@dm:test%3A@dm%3Ad")) == 3
    await made.begin(ConversationKey("console", "@dm", "test:@dm:d", "f" * 12))
    assert await made.find(keys[0]) is None
    assert await made.find(keys[1]) is busy
