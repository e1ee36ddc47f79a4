"""Coming into the console through a proxy that has found out who somebody is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.config import Config
from bot.config.core import ConsoleProxySettings
from bot.config.root import find_contradictions
from bot.sign_in.changes import ChangeRecord
from bot.sign_in.proxy import ProxySignIn
from tests.unit.bot.console.conftest import Room, open_room

HEADER = "X-Forwarded-Email"
ANN, BOB = {HEADER: "ann@example.org"}, {HEADER: "bob@example.org"}
PROXY = {
    "header": HEADER,
    "addresses": ["127.0.0.1"],
    "people": {
        "ann@example.org": {"person": "test:ann", "place": "test:@dm:d1"},
        "bob@example.org": {"person": "test:bob", "place": "test:team:general"},
    },
}


async def base_of(room: Room) -> str:
    assert room.app.sign_in.open is not None
    return await room.app.sign_in.open()


async def test_whoever_the_proxy_names_is_in_without_a_link(tmp_path: Path) -> None:
    async with open_room(tmp_path, console={"proxy": PROXY}) as room:
        base = await base_of(room)
        async with httpx.AsyncClient(base_url=base) as browser:
            page = await browser.get("/console/", headers=ANN)
            assert page.status_code == 200
            assert "Health" in page.text
            (cookie,) = browser.cookies.jar
            again = await browser.get("/console/health", headers=ANN)
            assert again.status_code == 200
            assert [one.value for one in browser.cookies.jar] == [cookie.value]
            form = page.text.partition('name="token" value="')[2].partition('"')[0]
            # Another person sits down at the same browser: what Ann had is not theirs.
            sent = await browser.post(
                "/console/leave", data={"token": form}, headers={**BOB, "origin": base}
            )
            assert sent.status_code == 401
            other = await browser.get("/console/", headers=BOB)
            assert "Health" not in other.text
            assert (await browser.get("/console/health", headers=BOB)).status_code == 403
        async with httpx.AsyncClient(
            base_url=base, cookies={cookie.name: str(cookie.value)}
        ) as old:
            assert (await old.get("/console/")).status_code == 401
        done = [(one.person, one.action) for one in await ChangeRecord(room.app.database).newest()]
        assert done == [("test:bob", "signed in"), ("test:ann", "signed in")]


@pytest.mark.parametrize(
    "headers",
    [
        [(HEADER, "eve@example.org")], [(HEADER, "")], [],
        [(HEADER, "ann@example.org"), (HEADER, "eve@example.org")],
        [("X-Forwarded-User", "ann@example.org")],
    ],
)  # fmt: skip
async def test_nobody_else_is(headers: list[tuple[str, str]], tmp_path: Path) -> None:
    async with (
        open_room(tmp_path, console={"proxy": PROXY}) as room,
        httpx.AsyncClient() as browser,
    ):
        answer = await browser.get(f"{await base_of(room)}/console/", headers=headers)
        assert answer.status_code == 401
        assert not browser.cookies


@pytest.mark.parametrize(
    "proxy", [{}, {**PROXY, "addresses": ["192.0.2.7", "2001:db8::/32"]}], ids=["off", "elsewhere"]
)
async def test_the_header_is_believed_from_the_proxy_alone(
    proxy: dict[str, Any], tmp_path: Path
) -> None:
    async with (
        open_room(tmp_path, console={"proxy": proxy}) as room,
        httpx.AsyncClient() as browser,
    ):
        assert (
            await browser.get(f"{await base_of(room)}/console/", headers=ANN)
        ).status_code == 401


def test_addresses_are_compared_as_networks() -> None:
    proxy = ProxySignIn(
        ConsoleProxySettings.model_validate({**PROXY, "addresses": ["192.0.2.0/24", "::1"]})
    )
    for address in ("192.0.2.9", "::ffff:192.0.2.9", "::1"):
        assert proxy.visitor(address, ["ann@example.org"]), address
    for address in ("192.0.3.9", "::2", "", "unix:"):
        assert proxy.visitor(address, ["ann@example.org"]) is None, address


@pytest.mark.parametrize("wrong", ["everywhere", "0.0.0.0/0", "::/0", "192.0.2.1/24"])
def test_what_would_be_anybody_is_no_address(wrong: str) -> None:
    with pytest.raises(ValueError, match="addresses"):
        ConsoleProxySettings.model_validate({**PROXY, "addresses": [wrong]})


def test_a_header_needs_addresses() -> None:
    config = Config.model_validate({"console": {"proxy": {**PROXY, "addresses": []}}})
    assert [path for path, _ in find_contradictions(config)] == ["console.proxy.addresses"]
