"""What holds where, why, and changing it: in the console as by /settings and /model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bot.settings.place_search import PlaceSearch
from bot.sign_in.changes import ChangeRecord
from bot.types import ConversationKey
from tests.unit.bot.console.channels import GENERAL, Team, ask, direct_of
from tests.unit.bot.console.conftest import Browser, Room, on_both_engines, open_room

BAD = "<script>alert(1)</script>"
PLACES = "/console/settings"
PLACE = f"{PLACES}/place"
RANDOM = ConversationKey("test", "team", "random")
SECTIONS: dict[str, Any] = {
    "models": {
        "default": {"backend": "scripted"},
        "other": {"backend": "scripted", "echo": "The other said: {text}"},
        "embedder": {"backend": "scripted"},
    },
    "chat": {"file_over_chars": 5000},
    "workspaces": {"odd:": {"follow_up": False}},
    "channels": {
        "test:team:ops": {"persona": "An operator.", "model": "other"},
        str(RANDOM): {"commands": {"rap": {"enabled": False}}},
    },
}


@pytest.fixture
def people() -> Team:
    return Team()


@pytest.fixture
async def room(tmp_path: Path, people: Team, room_database: dict[str, Any]) -> AsyncIterator[Room]:
    async with open_room(tmp_path, people, **SECTIONS, **room_database) as made:
        yield made


async def change(browser: Browser, place: str, name: str, **fields: str) -> Any:
    form = await browser.form(f"{PLACE}?key={quote(place)}")
    given = {"scope": "channel", "do": "set", **fields}
    return await browser.post(PLACE, token=form, key=place, name=name, **given)


async def rows(browser: Browser, place: str) -> dict[str, tuple[str, str]]:
    """Each setting of a place with its value and where it comes from."""
    page = (await browser.get(f"{PLACE}?key={quote(place)}")).text
    found = re.findall(
        r'<strong>([^<]+)</strong>.*?<div class="value">([^<]*)</div>\s*'
        r'<div class="faint">([^<]*)</div>',
        page,
        re.DOTALL,
    )
    return {name: (value, origin) for name, value, origin in found}


async def test_a_model_chosen_here_answers_the_next_question(room: Room) -> None:
    ann = await room.browser("ann")
    key = str(GENERAL)
    assert "You said" in (await ask(room, "bob", "chat", message="hello")).text
    assert (await rows(ann, key))["model"] == ("default", "as it comes")
    done = await change(ann, key, "model", value="other")
    assert done.status_code == 303
    page = (await ann.get(done.headers["location"])).text
    assert "<strong>model</strong> is set for everybody in this channel." in page
    assert (await rows(ann, key))["model"] == ("other", "chosen for this channel")
    assert "The other said" in (await ask(room, "bob", "chat", message="hello")).text
    newest = (await ChangeRecord(room.app.database).newest())[0]
    assert newest.action == "set a setting"
    assert newest.subject == f"model: {key} = other"
    assert (await change(ann, key, "model", do="clear")).status_code == 303
    assert (await rows(ann, key))["model"] == ("default", "as it comes")
    assert "You said" in (await ask(room, "bob", "chat", message="hello")).text


async def test_each_value_says_where_it_comes_from(room: Room) -> None:
    ann = await room.browser("ann")
    ops = await rows(ann, "test:team:ops")
    assert ops["persona"] == ("An operator.", "config.yaml, for this channel")
    assert ops["model"] == ("other", "config.yaml, for this channel")
    assert ops["file_over_chars"] == ("5000", "config.yaml")
    assert ops["follow_up"] == ("yes", "as it comes")
    await change(ann, "test:team", "persona", value=f"A bard {BAD}", scope="workspace")
    await change(ann, "", "follow_up", value="no", scope="default")
    await change(ann, "test:team:ops:t=7", "model", value="default", scope="conversation")
    await room.turn(place="test:team:general")
    here = await rows(ann, str(GENERAL))
    assert here["persona"][1] == "chosen for this workspace"
    assert here["follow_up"] == ("no", "chosen for everywhere")
    thread = await rows(ann, "test:team:ops:t=7")
    assert thread["model"] == ("default", "chosen for this thread")
    assert (await rows(ann, str(RANDOM)))["command.rap"] == (
        "nobody", "config.yaml, for this channel"
    )  # fmt: skip
    await change(ann, str(RANDOM), "command.rap", value="everyone")  # what is off stays off
    assert (await rows(ann, str(RANDOM)))["command.rap"][0] == "nobody"
    await change(ann, str(GENERAL), "command.rap", value="role:12 user:34")
    assert (await rows(ann, str(GENERAL)))["command.rap"] == (
        "role:12 user:34", "chosen for this channel"
    )  # fmt: skip
    assert BAD not in (await ann.get(f"{PLACE}?key={GENERAL}")).text
    assert (await rows(ann, "test:team"))["persona"][1] == "chosen for this workspace"
    assert (await rows(ann, ""))["follow_up"] == ("no", "chosen for everywhere")


NONSENSE = (
    ("file_over_chars", "many", "channel"),
    ("file_over_chars", "3", "channel"),
    ("follow_up", "perhaps", "channel"),
    ("model", "gpt-9", "channel"),
    ("command.ask", "Bob", "channel"),
    ("command.settings", "nobody", "default"),
    ("no_such_setting", "1", "channel"),
)


async def test_a_value_that_makes_no_sense_is_refused_in_the_same_words_as_in_the_chat(
    room: Room,
) -> None:
    ann = await room.browser("ann")
    for name, value, scope in NONSENSE:
        answer = await change(ann, str(GENERAL), name, value=value, scope=scope)
        assert answer.status_code in (400, 404), name
        words = re.search(r"<h1>.*?</h1>\s*<p>(.*?)</p>", answer.text)
        assert words is not None
        view = await ask(room, "ann", "settings", action="set", name=name, value=value, scope=scope)
        assert [one.text for one in view.notices] == [unescape(words[1])]
        assert view.state == "refused"


async def test_a_form_that_is_none_changes_nothing(room: Room) -> None:
    ann = await room.browser("ann")
    for fields in ({"scope": "planet"}, {"value": " "}, {"scope": "conversation"}):
        answer = await change(ann, str(GENERAL), "model", **{"value": "other", **fields})
        assert answer.status_code == 400, fields
    fields = {"key": str(GENERAL), "name": "model", "value": "other", "scope": "channel"}
    assert (await ann.post(PLACE, do="set", **fields)).status_code == 403
    assert (await rows(ann, str(GENERAL)))["model"][0] == "default"
    changes = await ChangeRecord(room.app.database).newest()
    assert all(one.action != "set a setting" for one in changes)


async def test_somebody_who_is_no_admin_chooses_for_themselves_alone(room: Room) -> None:
    await room.turn("bob")
    bob = await room.browser("bob")
    key = str(GENERAL)
    assert f"key={quote(key)}" in (await bob.get(PLACES)).text.replace(":", "%3A")
    found = await rows(bob, key)
    assert set(found) == {"model", "persona", "file_over_chars"}
    assert found["file_over_chars"][1] == "set by whoever runs me"
    page = (await bob.get(f"{PLACE}?key={key}")).text
    assert set(re.findall(r'<option value="(\w+)"', page)) == {"person"}
    for scope in ("channel", "workspace", "default"):
        answer = await change(bob, key, "model", value="other", scope=scope)
        assert answer.status_code == 400
        assert "Only admins can do this." in answer.text
        assert (await change(bob, key, "model", do="clear", scope=scope)).status_code == 400
    assert (await change(bob, key, "follow_up", value="no", scope="person")).status_code == 400
    assert (await change(bob, key, "model", value="other", scope="person")).status_code == 303
    assert "The other said" in (await ask(room, "bob", "chat", message="hello")).text
    assert "You said" in (await ask(room, "ann", "chat", message="hello")).text
    assert (await rows(bob, key))["model"] == ("other", "chosen by you")
    assert (await rows(await room.browser("ann"), key))["model"][0] == "default"
    own = await rows(bob, str(direct_of("bob")))
    assert own["model"][0] == "default"
    assert (await change(bob, str(direct_of("bob")), "persona", value="Mine")).status_code == 303
    newest = (await ChangeRecord(room.app.database).newest())[0]
    assert "Mine" not in newest.subject


async def test_places_in_which_one_is_not_are_not_here(room: Room, people: Team) -> None:
    people.apart |= {("general", "bob"), ("general", "ann")}
    bob, ann, operator = [await room.browser(one) for one in ("bob", "ann", "")]
    places = [
        str(GENERAL),
        str(direct_of("ann")),
        "test:team",
        "",
        "nonsense",
        "a:b:c:d",
        "a:b:c:u=1",
    ]
    for place in places:
        answer = await bob.get(f"{PLACE}?key={quote(place)}")
        assert answer.status_code == 404, place
        form = await bob.form(PLACES + "/place?key=" + str(direct_of("bob")))
        sent = {"key": place, "name": "model", "value": "other", "scope": "default"}
        assert (await bob.post(PLACE, token=form, do="set", **sent)).status_code == 404, place
    for browser in (ann, operator):
        for place in (str(GENERAL), str(direct_of("bob"))):
            assert (await browser.get(f"{PLACE}?key={place}")).status_code == 404, place
    await room.turn("cleo")
    for browser in (ann, operator):
        assert (await browser.get(f"{PLACE}?key={GENERAL}")).status_code == 200


async def test_whom_the_chat_refuses_the_command_is_refused_here(room: Room) -> None:
    settings = room.app.services.settings
    assert settings is not None
    await settings.put("command.settings", "admins", "default", GENERAL, "test:ann")
    bob = await room.browser("bob")
    assert (await bob.get(f"{PLACE}?key={GENERAL}")).status_code == 400
    assert "You may not" in (await bob.get(f"{PLACE}?key={GENERAL}")).text


@on_both_engines
async def test_places_with_settings_are_found_but_no_choices_of_people(room: Room) -> None:
    ann = await room.browser("ann")
    await room.turn("bob")
    await change(ann, str(GENERAL), "model", value="other")
    bob = await room.browser("bob")
    await change(bob, str(direct_of("bob")), "persona", value="Mine")
    await change(bob, str(GENERAL), "persona", value="Mine", scope="person")
    page = (await ann.get(PLACES)).text
    row = page.partition("test / team / general</a>")[2].partition("</tr>")[0]
    assert "<td>other</td>" in row
    assert '<td class="n">1</td>' in row
    assert "test / team / ops" in page
    assert "d-bob" not in page
    page = (await ann.get(f"{PLACES}?q=GENERAL")).text
    assert "test / team / general" in page
    assert "test / team / ops" not in page
    nothing = (await ann.get(f"{PLACES}?q={quote(BAD)}")).text
    assert "No place" in nothing
    assert BAD not in nothing
    page = (await bob.get(PLACES)).text
    assert "test / team / ops" not in page
    assert "Everywhere" not in page


@on_both_engines
async def test_places_come_in_pages(room: Room) -> None:
    settings = room.app.services.settings
    assert settings is not None
    for number in range(5):
        place = ConversationKey("test", f"team{number}", "")
        await settings.put("follow_up", "no", "workspace", place, "test:ann")
    search = PlaceSearch(room.app.database)
    first = await search.page(limit=3)
    assert [one.key for one in first] == ["test:team0", "test:team1", "test:team2"]
    rest = await search.page(after=first[-1].key)
    assert [(one.key, one.number) for one in rest] == [("test:team3", 1), ("test:team4", 1)]
    assert await search.page("100%") == []
