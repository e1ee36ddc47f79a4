"""What Matrix has of its own: encryption, invitations, power levels, limits, a homeserver that is
away. The homeserver and the clients are those of others."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bot.adapters.supervisor import describe_platform
from bot.types import Author, Text
from tests.peers.on_synapse import SynapseDriver, adapter_for
from tests.peers.synapse.server import Synapse, quick_folder
from tests.scenarios.conftest import house, make_house
from tests.scenarios.harness import SLOW, House, Person
from tests.until import PATIENCE_S, until

__all__ = ["house", "make_house"]

pytestmark = pytest.mark.peers


def driven(house: House) -> SynapseDriver:
    driver: Any = house.driver
    assert isinstance(driver, SynapseDriver)
    return driver


@pytest.fixture
async def make_driver(
    homeserver: Synapse, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[..., Any]]:
    made: list[SynapseDriver] = []

    async def make(synapse: Synapse = homeserver, *, encrypted: bool = True) -> SynapseDriver:
        folder = tmp_path_factory.mktemp("people")
        driver = SynapseDriver(synapse, folder, encrypted=encrypted)
        made.append(driver)
        return await driver.open()

    yield make
    for driver in made:
        await driver.close()


@pytest.fixture
async def driver(make_driver: Any) -> SynapseDriver:
    """People in encrypted rooms."""
    made: SynapseDriver = await make_driver()
    return made


async def told(house: House, text: str, by: Any = "ada") -> None:
    """Wait until somebody can read a finished answer in their direct room."""
    driver = driven(house)

    def done() -> bool:
        shown = driver.people[by].by(driver.bot.user, driver.rooms[by]).values()
        return any(text in c["body"] and not c["parlance"]["working"] for c in shown)

    await house.until(done, f"told {text!r}")


def spoken(driver: SynapseDriver, room: str) -> list[str]:
    """What the bot has said in a room of Ada's."""
    return [str(c["body"]) for c in driver.people["ada"].by(driver.bot.user, room).values()]


def kept(house: House) -> Path:
    """The folder of what the platform keeps."""
    return house.folder / "data" / "platforms" / "matrix"


def text(body: str, **more: Any) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, "m.mentions": {}, **more}


class TestEncryption:
    async def test_a_direct_room_needs_no_mention_and_all_is_encrypted(self, house: House) -> None:
        driver = driven(house)
        ada, room = driver.people["ada"], driver.rooms["ada"]
        await ada.say(room, text("hello there"))
        await told(house, "You said: hello there")
        [answer] = ada.by(driver.bot.user, room)
        assert ada.kinds[answer] == "m.room.encrypted"
        assert not ada.undecrypted

    async def test_keys_survive_a_restart_and_are_nobody_elses(self, house: House) -> None:
        driver = driven(house)
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        await house.stop()
        await driver.mention("and while you were away?", by="eve")
        await house.start()
        await house.reads("You said: and while you were away?")
        keys = kept(house) / f"{driver.bot.user}_{driver.bot.device}.db"
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        assert stat.S_IMODE(keys.parent.stat().st_mode) == 0o700
        assert not driver.people["ada"].undecrypted

    async def test_a_message_whose_key_does_not_come_is_told(
        self, make_house: Any, driver: SynapseDriver
    ) -> None:
        driver.timing = replace(driver.timing, key_patience=0.5)
        house: House = await make_house()
        ada, room = driver.people["ada"], driver.rooms["ada"]
        await ada.keep_key_from(driver.bot)
        await ada.say(room, text("hello there"))
        await told(house, "I could not read your message")

    async def test_its_device_is_signed_as_clients_want_it(self, house: House) -> None:
        driver = driven(house)
        ada, user = driver.people["ada"].login, driver.bot.user

        async def signatures() -> tuple[dict[str, Any], dict[str, Any]]:
            asked = {"device_keys": {user: [driver.bot.device]}}
            found = await driver.synapse.call(ada, "POST", "/keys/query", asked)
            return found, found["device_keys"][user][driver.bot.device]

        async with asyncio.timeout(PATIENCE_S):
            while len((await signatures())[1]["signatures"][user]) < 2:
                await asyncio.sleep(0.05)
        found, device = await signatures()
        [signer] = found["self_signing_keys"][user]["keys"].values()
        [master] = found["master_keys"][user]["keys"].values()
        assert is_signed(device, user, signer)
        assert is_signed(found["self_signing_keys"][user], user, master)
        await house.restart()
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        assert (await signatures())[0]["master_keys"][user]["keys"] == {f"ed25519:{master}": master}
        private = kept(house) / f"{user}.cross-signing.json"
        assert stat.S_IMODE(private.stat().st_mode) == 0o600

    async def test_a_folder_without_the_keys_is_told_to_the_operator(self, house: House) -> None:
        driver = driven(house)
        await house.stop()
        folder = kept(house)
        for path in folder.iterdir():
            path.unlink()

        async def at_once() -> None:
            pass

        driver.connected = at_once  # type: ignore[method-assign]
        await house.start()
        await house.until(lambda: "the folder with its keys is lost" in state(house), "the reason")


class TestFiles:
    async def test_an_encrypted_file_is_read(self, house: House) -> None:
        driver = driven(house)
        ada, room = driver.people["ada"], driver.rooms["ada"]
        await ada.send_file(room, "notes.txt", b"The lamp is lit at nine.", "text/plain", "when?")
        await told(house, "You said:")
        asked = "\n".join(m.content for m in house.model.requests[-1].messages)
        assert "The lamp is lit at nine." in asked
        assert "when?" in asked

    async def test_a_long_answer_comes_as_an_encrypted_file_too(self, make_house: Any) -> None:
        house: House = await make_house()
        driver = driven(house)
        ada, room = driver.people["ada"], driver.rooms["ada"]
        await ada.say(room, text("tell a story"))

        def file() -> Any:
            return next((c for c in ada.by(driver.bot.user, room).values() if "file" in c), None)

        content = await house.until(file, "a file")
        data = await ada.read_file(content)
        assert data.startswith(b"word000")
        assert content["msgtype"] == "m.file"


class TestRooms:
    async def test_an_invitation_of_its_own_homeserver_is_accepted(self, house: House) -> None:
        driver = driven(house)
        ada = driver.people["ada"]
        said = {"invite": [driver.bot.user], "preset": "private_chat"}
        made = await driver.synapse.call(ada.login, "POST", "/createRoom", said)
        room = made["room_id"]
        await ada.until(lambda: driver.bot.user in ada.members(room), "joined")
        await ada.say(room, driver.mentioning("hello there"))
        await ada.until(
            lambda: any("You said: hello" in said for said in spoken(driver, room)), "an answer"
        )

    @pytest.mark.parametrize("status", [429, 503])
    async def test_an_invitation_that_cannot_be_accepted_at_once_is_accepted_later(
        self, house: House, status: int
    ) -> None:
        driver = driven(house)
        driver.proxy.fail_next("join", status, times=3)
        ada = driver.people["ada"]
        said = {"invite": [driver.bot.user], "preset": "private_chat"}
        made = await driver.synapse.call(ada.login, "POST", "/createRoom", said)
        await ada.until(lambda: driver.bot.user in ada.members(made["room_id"]), "joined")

    async def test_a_chat_that_is_begun_as_direct_stays_direct(self, house: House) -> None:
        driver = driven(house)
        ada = driver.people["ada"]
        said = {"invite": [driver.bot.user], "is_direct": True, "preset": "trusted_private_chat"}
        made = await driver.synapse.call(ada.login, "POST", "/createRoom", said)
        room = made["room_id"]
        await ada.until(lambda: driver.bot.user in ada.members(room), "joined")
        await house.restart()
        await ada.say(room, text("hello there"))
        await ada.until(
            lambda: any("You said: hello" in said for said in spoken(driver, room)), "an answer"
        )

    async def test_others_may_not_invite(self, make_house: Any, driver: SynapseDriver) -> None:
        house: House = await make_house(open=False)
        before = driver.config

        def config() -> Any:
            matrix = {**before()["matrix"], "invites_from": ["elsewhere.org"]}
            return {"matrix": matrix}

        driver.config = config  # type: ignore[method-assign]
        await house.start()
        ada = driver.people["ada"]
        said = {"invite": [driver.bot.user], "preset": "private_chat"}
        made = await driver.synapse.call(ada.login, "POST", "/createRoom", said)
        path = f"/rooms/{made['room_id']}/state/m.room.member/{driver.bot.user}"

        async def declined() -> bool:
            answer = await driver.synapse.call(ada.login, "GET", path)
            return bool(answer["membership"] == "leave")

        await until(declined)

    @pytest.mark.parametrize("version", ["11", "12"])
    async def test_power_levels_are_roles_of_one_room(
        self, make_house: Any, driver: SynapseDriver, version: str
    ) -> None:
        ada, eve, root = (driver.people[name].login for name in ("ada", "eve", "root"))
        users = {eve.user: 50} if version == "12" else {ada.user: 100, eve.user: 50}
        levels = {"users": users}
        room = await driver.make_room(
            ada, eve, root, driver.bot, room_version=version, power_level_content_override=levels
        )
        house: House = await make_house(open=False, sections={
            "commands": {"chat": {"roles": [f"matrix:{room}/50"]}},
        })  # fmt: skip
        await house.start()
        people: tuple[Person, ...] = ("ada", "eve", "root")
        for by in people:
            await driver.people[by].say(driver.rooms[by], text(f"!chat hello from {by}"))
            await told(house, f"You said: hello from {by}", by)
        assert house.app is not None
        place = house.app.core.platforms
        here = driver.key(driver.room)
        found = await place.asker_now(f"matrix:{eve.user}", here)
        assert found is not None
        assert found.author.roles == {f"{room}/50"}
        assert await place.asker_now("matrix:@zoe:example.org", here) is None


class TestTrouble:
    async def test_a_dead_token_ends_it_with_a_sentence(self, house: House) -> None:
        driver = driven(house)
        await driver.synapse.call(driver.bot, "POST", "/logout", {})
        await house.until(lambda: "make a new one" in state(house), "the reason")
        assert "MATRIX_TOKEN" in state(house)

    async def test_a_homeserver_that_was_away_is_answered_soon_after_much_was_said(
        self, make_driver: Any, tmp_path: Path
    ) -> None:
        with quick_folder() as folder:
            synapse = Synapse(own_python(), folder)
            await asyncio.to_thread(synapse.start)
            try:
                driver = await make_driver(synapse)
                house = House(tmp_path, driver)
                await house.start()
                await driver.mention("hello there")
                await house.reads("You said: hello there")
                for number in range(25):  # each is an answer of its own to the bot
                    await driver.people["eve"].say(driver.room, text(f"line {number}"))
                await asyncio.to_thread(synapse.stop)
                await house.until(lambda: not driver.connected_now, "noticed")
                await asyncio.to_thread(synapse.start)
                await driver.mention("are you there?")
                await house.reads("You said: are you there?")
                await house.stop()
            finally:
                await asyncio.to_thread(synapse.stop)

    async def test_an_answer_that_got_lost_is_not_posted_twice(self, house: House) -> None:
        driver = driven(house)
        driver.proxy.lose_answers = 2
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        await driver.mention("and now?")
        await house.reads("You said: and now?")
        assert len(driver.messages()) == 2

    async def test_the_default_limits_of_a_homeserver_are_kept(
        self, make_driver: Any, tmp_path: Path
    ) -> None:
        with quick_folder() as folder:
            synapse = Synapse(own_python(), folder)
            await asyncio.to_thread(synapse.start)
            try:
                driver = await make_driver(synapse)
                await asyncio.to_thread(synapse.limit_as_usual)
                driver.config = lambda: {"matrix": {"homeserver": driver.proxy.own_url}}
                house = House(tmp_path, driver, tokens_per_s=60)
                await house.start()
                await driver.mention("take your time")
                await driver.mention("hello there", by="eve")
                await house.reads(SLOW.split()[-1])
                await house.reads("You said: hello there")
                await house.stop()
            finally:
                await asyncio.to_thread(synapse.stop)
        assert len(driver.proxy.sent) > 4, "it was shown while it was written"
        assert {status for _, status in driver.proxy.sent} == {200}

    async def test_a_homeserver_that_takes_less_is_obeyed(
        self, make_driver: Any, tmp_path: Path
    ) -> None:
        with quick_folder() as folder:
            synapse = Synapse(
                own_python(), folder, rc_message={"per_second": 0.5, "burst_count": 4}
            )
            await asyncio.to_thread(synapse.start)
            try:
                driver = await make_driver(synapse)
                house = House(tmp_path, driver, tokens_per_s=100)
                await house.start()
                await driver.mention("take your time")
                await house.reads(SLOW.split()[-1])
                await house.stop()
            finally:
                await asyncio.to_thread(synapse.stop)
        assert [status for _, status in driver.proxy.sent if status == 429]


class TestAccounts:
    async def test_two_homeservers_are_two_workspaces(
        self, make_driver: Any, tmp_path: Path
    ) -> None:
        with quick_folder() as folder:
            synapse = Synapse(own_python(), folder)
            await asyncio.to_thread(synapse.start)
            try:
                here, there = await make_driver(), await make_driver(synapse)
                before = here.config
                here.more_tokens = {"MATRIX_WORK_TOKEN": there.bot.token}
                here.config = lambda: {
                    "matrix": {
                        **before()["matrix"], "more_homeservers": {"work": there.proxy.own_url},
                    }
                }  # fmt: skip
                house = House(tmp_path, here)
                await house.start()
                for driver in (here, there):
                    await driver.mention("hello there")
                    ada = driver.people["ada"]
                    await ada.until(
                        lambda d=driver: any("You said: hello" in s for s in spoken(d, d.room)),
                        "an answer",
                    )
                assert house.app is not None
                for driver in (here, there):
                    user = driver.people["eve"].login.user
                    found = await house.app.core.platforms.asker_now(
                        f"matrix:{user}", driver.key(driver.room)
                    )
                    assert found is not None
                await house.stop()
            finally:
                await asyncio.to_thread(synapse.stop)

    async def test_the_doctor_says_what_is_wrong_with_a_token(self, house: House) -> None:
        assert house.app is not None
        driver = driven(house)
        found = await adapter_for(house.app, {"MATRIX_TOKEN": driver.bot.token}).check()
        assert found.problems == []
        assert driver.bot.user in found.notes[0]
        found = await adapter_for(house.app, {"MATRIX_TOKEN": "wrong"}).check()
        assert "does not accept this token" in found.problems[0]


class TestChanges:
    async def test_an_edited_question_is_offered_and_answered_anew(self, house: House) -> None:
        driver = driven(house)
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        ada = driver.people["ada"]
        new = driver.mentioning("good evening")
        await ada.say(driver.room, {
            **text("* good evening"), "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": driver.asked},
        })  # fmt: skip
        await house.reads("You have changed your question.")
        await driver.press("regenerate")
        await house.reads("You said: good evening")
        await house.until(lambda: "You have changed" not in house.text, "the offer is gone")

    async def test_an_edit_by_somebody_else_is_none(self, house: House) -> None:
        driver = driven(house)
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        eve = driver.people["eve"]
        await eve.say(driver.room, {
            **text("* good evening"), "m.new_content": driver.mentioning("good evening"),
            "m.relates_to": {"rel_type": "m.replace", "event_id": driver.asked},
        })  # fmt: skip
        await driver.mention("and now?", by="eve")
        await house.reads("You said: and now?")
        assert "You have changed your question." not in house.text

    async def test_what_was_said_while_many_others_spoke_is_not_missed(self, house: House) -> None:
        driver = driven(house)
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        await house.stop()
        await driver.mention("the first")
        for number in range(130):
            await driver.people["eve"].say(driver.room, text(f"line {number}"))
        await house.start()
        await house.reads("You said: the first")


class TestWithoutAnEvent:
    async def test_a_person_gets_a_direct_room_where_there_is_none(self, house: House) -> None:
        driver = driven(house)
        zoe = await driver.person("zoe")
        assert house.app is not None
        core, here = house.app.core, driver.key(driver.room)
        author = Author("matrix", zoe.login.user, "Zoe")
        replies = await asyncio.gather(*(core.open_reply(here, author) for _ in range(2)))
        for reply in replies:
            reply.add(Text("It is nine."))
            await reply.finish("complete")
        sync = await driver.synapse.call(zoe.login, "GET", "/sync?timeout=0")
        [room] = sync["rooms"]["invite"]
        await driver.synapse.call(zoe.login, "POST", f"/rooms/{room}/join", {})
        await zoe.until(
            lambda: sum("It is nine." in c["body"] for c in zoe.by(driver.bot.user).values()) == 2,
            "the words, decrypted, in one room",
        )


def state(house: House) -> str:
    """What the operator is told of the platform."""
    assert house.app is not None
    return describe_platform(driven(house).running, house.app.platforms)["detail"]


def is_signed(said: dict[str, Any], user: str, key: str) -> bool:
    """Whether an object has a signature of a key that is right."""
    bare = {name: value for name, value in said.items() if name not in {"signatures", "unsigned"}}
    text = json.dumps(bare, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    signature = base64.b64decode(said["signatures"][user][f"ed25519:{key}"] + "==")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key + "=="))
    public.verify(signature, text.encode())
    return True


def own_python() -> Path:
    """The Python that has Synapse."""
    return Path(os.environ["SYNAPSE"]) / "bin" / "python"
