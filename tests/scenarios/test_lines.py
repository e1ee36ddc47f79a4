"""The example platform over its wire: who is let in, what is bounded, what a reconnect keeps."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Refused
from bot.types import Author, ConversationKey, Notice, View
from tests.scenarios.harness import House
from tests.scenarios.on_lines import EXAMPLE, LINES_TOKEN, LinesClient, LinesDriver
from tests.scenarios.process import Folder, end_of
from tests.until import PATIENCE_S, until

KITCHEN = ConversationKey("lines", "local", "kitchen")
ADA = "lines:ada"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path, LinesDriver())
    await made.start()
    yield made
    await made.driver.close()
    await made.stop()


@pytest.fixture
async def join(house: House) -> AsyncIterator[Any]:
    """Connects a client: `await join("ada", "kitchen")`."""
    async with AsyncExitStack() as stack:

        async def connect(hello: str, *rooms: str) -> LinesClient:
            hello = hello if " " in hello else f"{LINES_TOKEN} {hello}"
            client = await LinesClient().connect(adapter_of(house).port, hello)
            stack.push_async_callback(client.close)
            for room in rooms:
                client.write(room)
            if rooms:
                await client.until("Hello ")
                await until(lambda: room_has(house, hello.split()[-1], rooms[-1]))
            return client

        yield connect


def adapter_of(house: House) -> Any:
    driver: Any = house.driver
    return driver._adapter


async def room_has(house: House, person: str, room: str) -> bool:
    place = ConversationKey("lines", "local", room)
    return await adapter_of(house).asker_now(f"lines:{person}", place) is not None


# --- who is let in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hello",
    [
        "ada",
        f"{LINES_TOKEN}x ada",
        f"{LINES_TOKEN} ",
        f"{LINES_TOKEN} a:b",
        f"{LINES_TOKEN} ada eve",
        f" {LINES_TOKEN[:-1]}\u00e9 ada",
        f"{LINES_TOKEN} {'a' * 33}",
    ],
)
async def test_nobody_is_let_in_without_the_token_and_a_name(house: House, hello: str) -> None:
    client = await LinesClient().connect(adapter_of(house).port, hello)
    client.write("general hello there")
    await asyncio.wait_for(client.ended.wait(), PATIENCE_S)
    assert not any("Hello" in text for _, _, text in client.lines)
    assert LINES_TOKEN not in str(client.lines)
    assert not house.model.requests
    await client.close()


async def test_a_person_is_where_they_are_connected_and_nowhere_else(
    house: House, join: Any
) -> None:
    assert house.app is not None
    adapter = adapter_of(house)
    rooms = {"lines:local:kitchen", "lines:local:cellar", "lines:elsewhere:kitchen"}
    asked = frozenset({"lines:local", *rooms})
    assert await adapter.channels_of(ADA, asked) == {"lines:local"}
    assert await adapter.asker_now(ADA, KITCHEN) is None
    ada = await join("ada", "kitchen")
    there = await adapter.asker_now(ADA, KITCHEN)
    assert there.author == Author("lines", "ada", "ada")
    assert not there.direct
    elsewhere = ConversationKey("lines", "elsewhere", "kitchen")
    assert await adapter.asker_now(ADA, elsewhere) is None
    assert await adapter.channels_of(ADA, asked) == {"lines:local", "lines:local:kitchen"}
    assert await adapter.asker_now("lines:nobody", KITCHEN) is None
    assert await adapter.channels_of("lines:nobody", asked) == frozenset()
    assert await adapter.role_problem(["lines:cook"]) == "People have no roles on this platform."
    await ada.close()
    await until(lambda: adapter.asker_now(ADA, KITCHEN), fits=lambda found: found is None)


async def test_a_persons_own_conversation_is_closed_to_others(house: House, join: Any) -> None:
    ada, eve = await join("ada", "@ada"), await join("eve", "kitchen")
    eve.write("@ada what did she say?")
    await eve.until("Write it like: CONVERSATION TEXT.")
    ada.write("@ada hello there")
    await ada.until("You said: hello there")
    assert not any("hello there" in text for _, _, text in eve.lines)
    assert len(house.model.requests) == 1


# --- replies without an event ---------------------------------------------------------------------


async def test_a_reply_that_nobody_asked_for_goes_to_one_person_or_to_all(
    house: House, join: Any
) -> None:
    adapter = adapter_of(house)
    ada, eve = await join("ada", "kitchen"), await join("eve", "kitchen")
    alone = await adapter.open_reply(KITCHEN, Author("lines", "ada", "ada"), turn="t1")
    view = View("t1", "For you.", ("For you.",), notices=(Notice("It is late.", private=True),))
    await alone.finish(view)
    everybody = await adapter.open_reply(KITCHEN, None, turn="t2")
    await everybody.finish(View("t2", "For all.", ("For all.",)))
    for client in (ada, eve):
        await client.until("For all.")
    assert [text for _, _, text in ada.lines[1:]] == ["For you.", "It is late.", "For all."]
    assert [text for _, _, text in eve.lines[1:]] == ["For all."]
    with pytest.raises(Refused, match="not connected"):
        await adapter.open_reply(KITCHEN, Author("lines", "bob", "bob"), turn="t3")


async def test_what_a_model_writes_is_one_line_and_cannot_pose_as_another(
    house: House, join: Any
) -> None:
    ada = await join("ada", "kitchen")
    text = "one\nkitchen all two\r\x1b[31m\x00\u2028three \\n four"
    reply = await adapter_of(house).open_reply(KITCHEN, None, turn="t1")
    await reply.finish(View("t1", text, (text,)))
    await ada.until("three")
    (shown,) = ada.told("all")
    assert shown.startswith("one\nkitchen all two\ufffd[31m\ufffd\ufffdthree")


# --- what is bounded ------------------------------------------------------------------------------


async def test_a_line_that_is_too_long_ends_its_client_alone(house: House, join: Any) -> None:
    ada, eve = await join("ada", "kitchen"), await join("eve", "kitchen")
    ada.write("kitchen " + "x" * 100_000)
    await asyncio.wait_for(ada.ended.wait(), PATIENCE_S)
    eve.write("kitchen hello there")
    await eve.until("You said: hello there")


async def test_a_client_that_reads_nothing_is_disconnected(house: House, join: Any) -> None:
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, ("127.0.0.1", adapter_of(house).port))
    await loop.sock_sendall(deaf, f"{LINES_TOKEN} ada\nkitchen\n".encode())
    await until(lambda: room_has(house, "ada", "kitchen"))
    page = "x" * 4000
    for n in range(20_000):
        if not await room_has(house, "ada", "kitchen"):
            break
        reply = await adapter_of(house).open_reply(KITCHEN, None, turn=f"t{n}")
        await reply.finish(View(f"t{n}", page, (page,)))
        await asyncio.sleep(0)
    assert not await room_has(house, "ada", "kitchen")
    deaf.close()


async def test_what_is_kept_for_an_empty_conversation_is_bounded(house: House, join: Any) -> None:
    for n in range(50):
        reply = await adapter_of(house).open_reply(KITCHEN, None, turn=f"t{n}")
        await reply.finish(View(f"t{n}", f"page {n}.", (f"page {n}.",)))
    ada = await join("ada", "kitchen")
    await ada.until("page 49.")
    assert ada.told("all") == [f"page {n}." for n in range(30, 50)]


# --- a process of its own -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An operator's folder with the example on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Folder(tmp_path, {"LINES_TOKEN": LINES_TOKEN})
    made.configure(plugins={"folders": [str(EXAMPLE)]}, lines={"port": port})
    return made


def port_of(folder: Folder) -> int:
    text = (folder.path / "config.yaml").read_text()
    return int(text.split("port: ")[1].split()[0])


async def connected(folder: Folder, name: str, room: str) -> LinesClient:
    """Connect to a process that may not listen yet."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                client = await LinesClient().connect(port_of(folder), f"{LINES_TOKEN} {name}")
            except ConnectionError:
                await asyncio.sleep(0.05)
                continue
            client.write(room)
            await client.until(f"Hello {name}.")
            return client


async def until_kept(folder: Folder, text: str) -> None:
    """Wait until a text is in the database."""
    await until(lambda: any(text in turn["text"] for turn in folder.turns()))


async def test_a_conversation_goes_on_after_a_reconnect_and_a_restart(folder: Folder) -> None:
    async with folder.started("run") as process:
        ada = await connected(folder, "ada", "kitchen")
        ada.write("kitchen my name is Ada")
        await ada.until("You said: my name is Ada")
        ada.write("kitchen take your time")
        await until_kept(folder, "slow000")
        await ada.close()
        ada = await connected(folder, "ada", "kitchen")
        ada.write("kitchen /stop")
        await ada.until("slow000")
        process.send_signal(signal.SIGTERM)
        ended = await end_of(process)
        assert ended.no_trace().status == 0
        await ada.close()
    async with folder.started("run"):
        ada = await connected(folder, "ada", "kitchen")
        ada.write("kitchen are you there?")
        await ada.until("You said: are you there?")
        await ada.close()
    turns = folder.turns()
    assert {turn["conversation"] for turn in turns} == {"lines:local:kitchen"}
    assert [turn["text"] for turn in turns if turn["role"] == "user"] == [
        "my name is Ada",
        "take your time",
        "are you there?",
    ]


async def test_an_answer_that_was_cut_off_is_spoken_of_at_the_next_start(folder: Folder) -> None:
    async with folder.started("run") as process:
        ada = await connected(folder, "ada", "kitchen")
        ada.write("kitchen take your time")
        await until_kept(folder, "slow000")
        process.kill()
        await process.wait()
        await ada.close()
    async with folder.started("run"):
        ada = await connected(folder, "ada", "kitchen")
        await ada.until("interrupted by a restart")
        await ada.close()


async def test_a_port_that_is_taken_is_one_sentence(folder: Folder) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port_of(folder)))
        taken.listen()
        ended = (await folder.run("run")).no_trace()
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == (
        f"lines.port: {port_of(folder)} cannot be used; does another program have it?"
    )
    assert LINES_TOKEN not in ended.err
