"""Who comes into the console, and who does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bot.console.guard import Hosts, is_own_path
from bot.errors import Refused
from bot.sign_in.changes import ChangeRecord
from bot.sign_in.links import LINK_LIFETIME_S, MAX_OPEN_LINKS, SignInLinks, Visitor
from bot.sign_in.sessions import MAX_SESSIONS_PER_PERSON, Sessions
from bot.sign_in.tables import console_links
from bot.types import ConversationKey
from tests.unit.bot.console.conftest import PLACE, Room, on_both_engines, open_room


async def test_a_link_lets_one_person_in_once_and_looking_at_it_does_not_spend_it(
    room: Room,
) -> None:
    browser = await room.browser()
    link = (await room.link()).removeprefix(browser.base)
    for _ in range(3):  # a chat platform looks at links ahead of people
        seen = await browser.get(link)
        assert seen.status_code == 200
        assert seen.headers["cache-control"] == "no-store"
    assert (await browser.post(link)).headers["location"] == "/console/"
    assert "Sign out" in (await browser.get("/console/")).text
    again = await (await room.browser()).post(link)
    assert again.status_code == 410
    assert "used up" in again.text
    assert (await browser.get(link)).status_code == 410


async def test_without_a_session_nothing_is_shown(room: Room) -> None:
    turn = await room.turn()
    browser = await room.browser()
    for path in ("", "turns", f"turns/{turn}", "health", "now/events", "no-such-page"):
        answer = await browser.get(f"/console/{path}")
        assert answer.status_code in {401, 404}, path
        assert "A light." not in answer.text
    for path in (f"turns/{turn}/stop", f"turns/{turn}/words", "leave", "health"):
        assert (await browser.post(f"/console/{path}")).status_code == 401, path


async def test_a_session_is_a_new_one_whatever_cookie_came_along(room: Room) -> None:
    browser = await room.browser()
    browser.http.cookies.set("parlance_session", "fixed-by-somebody-else", domain="127.0.0.1")
    link = (await room.link()).removeprefix(browser.base)
    await browser.post(link)
    cookies = [one.value for one in browser.http.cookies.jar]
    assert "fixed-by-somebody-else" not in cookies[-1:]
    first = browser.http.cookies.jar
    values = [one.value for one in first if one.name == "parlance_session"]
    old = httpx.Cookies({"parlance_session": str(values[-1])})
    await browser.post((await room.link()).removeprefix(browser.base))
    async with httpx.AsyncClient(cookies=old) as other:  # the earlier session has ended
        assert (await other.get(f"{browser.base}/console/")).status_code == 401


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(room: Room) -> None:
    browser = await room.browser()
    answer = await browser.post((await room.link()).removeprefix(browser.base))
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_over_https_no_other_host_of_the_domain_can_set_the_cookie(tmp_path: Path) -> None:
    http = {"port": 0, "public_url": "https://bot.example.org"}
    async with open_room(tmp_path, http=http) as room:
        browser = await room.browser()  # the operator's link is to this machine
        public = {"host": "bot.example.org", "origin": "https://bot.example.org"}
        path = (await room.link("ann")).removeprefix("https://bot.example.org")
        # As the operator's proxy passes it on.
        answer = await browser.http.post(f"{browser.base}{path}", headers=public)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith("__host-parlance_session=")
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(cookie.split("; "))
        assert "domain" not in cookie


async def test_another_site_cannot_send_a_form(room: Room) -> None:
    browser = await room.browser("")
    form = await browser.form()
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": browser.base},
        {"sec-fetch-site": "same-site"},
        {},
    ):
        answer = await browser.http.post(
            f"{browser.base}/console/leave", data={"token": form}, headers=headers
        )
        assert answer.status_code == 403, headers
    assert "another site" in answer.text
    assert (await browser.post("/console/leave")).status_code == 403  # without the form's value
    assert (await browser.post("/console/leave", token="0" * 64)).status_code == 403
    assert (await browser.get("/console/")).status_code == 200
    assert (await browser.post("/console/leave", token=form)).status_code == 200
    assert (await browser.get("/console/")).status_code == 401


async def test_a_form_of_another_session_is_none_of_this_one(room: Room) -> None:
    one, other = await room.browser("ann"), await room.browser("bob")
    form = await other.form()
    assert (await one.post("/console/leave", token=form)).status_code == 403


async def test_a_form_is_bounded(room: Room) -> None:
    browser = await room.browser("")
    form = await browser.form()
    assert (await browser.post("/console/leave", token=form, x="y" * 100_000)).status_code == 413
    many = {f"x{n}": "y" for n in range(200)}
    assert (await browser.post("/console/leave", token=form, **many)).status_code == 400
    assert (await browser.get("/console/")).status_code == 200


async def test_a_name_that_is_not_ours_is_not_answered(room: Room) -> None:
    browser = await room.browser("")
    for host in ("evil.example", "127.0.0.1.evil.example:80", "[::1", "x" * 5000, ""):
        answer = await browser.get("/console/", headers={"host": host})
        assert answer.status_code in {400, 421}, host
    for host in ("localhost:3000", "127.0.0.1", "[::1]:1"):
        assert (await browser.get("/console/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "http://evil.example/console/", "//evil.example/console/", "/console//evil.example",
        "/console/\\evil.example", "/other", "", "console/",
    ],
)  # fmt: skip
def test_people_are_sent_on_within_the_console_alone(path: str) -> None:
    assert not is_own_path(path)
    assert is_own_path("/console/turns?status=failed")


def test_the_public_name_is_one_of_ours() -> None:
    hosts = Hosts("0.0.0.0", "https://bot.example.org/x")
    assert hosts.knows("bot.example.org")
    assert hosts.is_public("BOT.example.org:443")
    assert not hosts.knows("0.0.0.0")
    assert hosts.is_same_origin("127.0.0.1:9", "https://bot.example.org", "")
    assert not hosts.is_same_origin("127.0.0.1:9", "http://bot.example.org", "")


async def test_one_is_who_one_is_in_the_chat(room: Room) -> None:
    ann, bob = await room.browser("ann"), await room.browser("bob")
    assert "Health" in (await ann.get("/console/")).text
    assert "Health" not in (await bob.get("/console/")).text
    assert (await bob.get("/console/health")).status_code == 403
    assert (await bob.get("/console/now/events")).status_code == 403


async def test_whoever_has_left_the_platform_is_out(room: Room) -> None:
    room.people.known.discard("bob")
    bob = await room.browser("bob")
    answer = await bob.get("/console/")
    assert answer.status_code == 503
    assert "cannot tell who you are" in answer.text


async def test_who_may_not_use_it_is_not_let_in(room: Room) -> None:
    settings = room.app.services.settings
    assert settings is not None
    bob = await room.browser("bob")
    await settings.put("command.console", "admins", "default", PLACE, "test:ann")
    assert (await bob.get("/console/")).status_code == 403


async def test_what_is_done_is_written_down(room: Room) -> None:
    browser = await room.browser("ann")
    await browser.post("/console/leave", token=await browser.form())
    done = [(one.person, one.action) for one in await ChangeRecord(room.app.database).newest()]
    assert done == [("test:ann", "signed out"), ("test:ann", "signed in")]


async def test_nothing_outside_of_the_static_folder_is_served(room: Room) -> None:
    browser = await room.browser("")
    page = (await browser.get("/console/")).text
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    kept = await browser.get(style)
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in kept.headers["cache-control"]
    assert "default-src 'none'" in kept.headers["content-security-policy"]
    folder = style.removesuffix("/console.css")
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(browser.base.rpartition(":")[2])
    )
    for path in ("../console.py", "..%2fconsole.py", "%2e%2e/console.py", "//etc/passwd"):
        writer.write(f"GET {folder}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
        assert b" 404 " in head.splitlines()[0], path
    writer.close()


@on_both_engines
async def test_links_end_and_are_bounded(room: Room) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    links = SignInLinks(room.app.database, lambda: now)
    place = ConversationKey("test", "@dm", "d")
    first = await links.make(Visitor("test:a", place))
    assert await links.is_open(first)
    second = await links.make(Visitor("test:a", place))
    assert not await links.is_open(first)  # whoever asks again has lost it
    now += timedelta(seconds=LINK_LIFETIME_S)
    assert await links.spend(second) is None
    made = []
    for n in range(MAX_OPEN_LINKS + 3):
        now += timedelta(milliseconds=1)
        made.append(await links.make(Visitor(f"test:{n}", place, operator=n == 2)))
    assert [await links.is_open(one) for one in made[:5]] == [False] * 3 + [True] * 2
    last = [links.spend(made[-1]) for _ in range(2)]
    spent = await asyncio.gather(*last)
    assert [one for one in spent if one] == [Visitor(f"test:{MAX_OPEN_LINKS + 2}", place)]


async def test_a_link_ends_by_the_clock_of_the_database(room: Room) -> None:
    links = room.app.sign_in.links
    token = await links.make(Visitor("test:a", PLACE))
    room.app.database.clock_ahead = timedelta(seconds=LINK_LIFETIME_S + 1)
    assert not await links.is_open(token)


@on_both_engines
async def test_a_link_is_kept_as_a_digest_and_goes_with_the_person(room: Room) -> None:
    link = (await room.link("bob")).rpartition("/")[2]
    async with room.app.database.read() as connection:
        (row,) = (await connection.execute(select(console_links))).all()
    assert link not in str(row)
    assert row.person == "test:bob"
    assert room.app.services.forget is not None
    await room.app.services.forget("test:bob")
    assert not await room.app.sign_in.links.is_open(link)


@on_both_engines
async def test_sessions_end_and_are_bounded(room: Room) -> None:
    sessions = Sessions(room.app.database, timedelta(hours=1))
    visitor = Visitor("test:ann", PLACE)
    cookies = [await sessions.begin(visitor) for _ in range(MAX_SESSIONS_PER_PERSON + 2)]
    found = [await sessions.find(cookie) for cookie in cookies]
    assert [one is not None for one in found] == [False] * 2 + [True] * MAX_SESSIONS_PER_PERSON
    assert await sessions.find("") is None
    assert await sessions.find("x" * 10_000) is None
    short = Sessions(room.app.database, timedelta(0))
    assert await short.find(await short.begin(Visitor("test:bob", PLACE))) is None


@on_both_engines
async def test_forgetting_somebody_ends_their_sessions_and_takes_their_name_out(
    room: Room,
) -> None:
    browser = await room.browser("bob")
    assert room.app.services.forget is not None
    await room.app.services.forget("test:bob")
    assert (await browser.get("/console/")).status_code == 401
    assert [one.person for one in await ChangeRecord(room.app.database).newest()] == [""]


async def test_where_nobody_serves_it_no_link_is_made(room: Room) -> None:
    room.app.sign_in.open = None
    with pytest.raises(Refused, match="switched off"):
        await room.link("ann")


async def test_a_link_that_cannot_be_followed_is_not_made(room: Room) -> None:
    with pytest.raises(Refused, match="machine that I run on"):
        await room.app.sign_in.link("test:bob", PLACE)
