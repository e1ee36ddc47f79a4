"""Over MCP nobody comes in without a token of theirs, whatever they send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.mcp.tokens import PersonalTokens
from bot.mcp.wrong_tokens import MAX_WRONG_TOKENS, WINDOW_S, WrongTokens
from tests.fakes.mcp_server import Served, home, serving, text_of
from tests.hostile.mcp_requests import FOREIGN_HOSTS, FOREIGN_ORIGINS, WRONG_TOKENS
from tests.until import PATIENCE_S

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path, "ann", "bob") as served:
        yield served


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(verify=False, timeout=PATIENCE_S) as http:
        yield http


def bearer(token: str, **more: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


async def test_a_wrong_token_is_refused_and_told_what_is_needed(
    served: Served, http: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in WRONG_TOKENS[:MAX_WRONG_TOKENS]:
        headers = [(b"authorization", b"Bearer " + wrong.encode("latin-1"))]
        answer = await http.post(served.url, json=LIST, headers=headers)
        assert answer.status_code == 401, wrong
        said = answer.headers["www-authenticate"]
        where = said.split('resource_metadata="')[1].rstrip('"')
        described = (await http.get(where)).json()
        assert described["resource"] == served.url
        assert described["bearer_methods_supported"] == ["header"]
    for headers_given in ({}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer"}):
        answer = await http.post(served.url, json=LIST, headers=headers_given)
        assert answer.status_code == 401
    out = "".join(capsys.readouterr())
    assert "AAAAAAAA" not in out


async def test_a_token_that_has_ended_is_refused(served: Served, http: httpx2.AsyncClient) -> None:
    past = PersonalTokens(served.app.database, clock=lambda: datetime.now(UTC) - timedelta(days=91))
    token = await past.make("test:ann", home("ann"))
    assert (await http.post(served.url, json=LIST, headers=bearer(token))).status_code == 401


async def test_who_guesses_is_no_longer_looked_at_and_shuts_nobody_out(
    served: Served, http: httpx2.AsyncClient
) -> None:
    known = await served.token()
    fresh = await served.token("bob")
    good = await http.post(served.url, json=LIST, headers=bearer(known))
    assert good.status_code not in (401, 429)
    found = [
        (await http.post(served.url, json=LIST, headers=bearer(f"parlance_{n}"))).status_code
        for n in range(100)
    ]
    assert found == [401] * MAX_WRONG_TOKENS + [429] * (100 - MAX_WRONG_TOKENS)
    # From the same address: one that was right before is let in, another has to wait.
    again = await http.post(served.url, json=LIST, headers=bearer(known))
    assert again.status_code == good.status_code
    later = await http.post(served.url, json=LIST, headers=bearer(fresh))
    assert later.status_code == 429
    assert 0 < int(later.headers["retry-after"]) <= WINDOW_S + 1


def test_a_guesser_is_looked_at_again_later() -> None:
    now = [0.0]
    wrong = WrongTokens(lambda: now[0])
    for _ in range(MAX_WRONG_TOKENS):
        assert not wrong.wait_s("a", "x")
        wrong.was_wrong("a")
    assert wrong.wait_s("a", "x") == WINDOW_S
    assert not wrong.wait_s("b", "x")
    now[0] = WINDOW_S
    assert not wrong.wait_s("a", "x")


async def raw(served: Served, head: str, body: bytes = b"") -> int:
    """Send a request as it stands; the status of the answer."""
    host, _, port = served.url.removeprefix("http://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), PATIENCE_S)
        return int(line.split()[1])
    finally:
        writer.close()


@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-protected-resource/mcp"])
async def test_another_name_is_refused_before_the_token_is_looked_at(
    served: Served, path: str
) -> None:
    token = await served.token()
    for host in FOREIGN_HOSTS:
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            "Connection: close\r\n\r\n"
        )
        assert await raw(served, head) in (400, 421), host


async def test_a_page_of_another_site_is_refused(served: Served, http: httpx2.AsyncClient) -> None:
    token = await served.token()
    for origin in FOREIGN_ORIGINS:
        answer = await http.post(served.url, json=LIST, headers=bearer(token, origin=origin))
        assert answer.status_code == 403, origin


async def test_a_large_body_is_not_read(served: Served, http: httpx2.AsyncClient) -> None:
    token = await served.token()
    large = json.dumps({**LIST, "params": {"x": "y" * 10_000_000}}).encode()
    headers = bearer(token, content_type="application/json")
    assert (await http.post(served.url, content=large, headers=headers)).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 1_000_000

    assert (await http.post(served.url, content=pieces(), headers=headers)).status_code == 413
    # Without a token it is not even looked at.
    assert (await http.post(served.url, content=large)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"jsonrpc": "2.0"}', b"\xff\xfe", b"1e999"],
)
async def test_what_is_no_message_is_refused(
    served: Served, http: httpx2.AsyncClient, body: bytes
) -> None:
    headers = bearer(await served.token(), content_type="application/json")
    answer = await http.post(served.url, content=body, headers=headers)
    assert 400 <= answer.status_code < 500


async def test_other_paths_and_methods(served: Served, http: httpx2.AsyncClient) -> None:
    token = await served.token()
    for path, status in (("/x", 404), ("/callback", 404), ("/../metrics", 404)):
        assert (await http.get(served.url + path, headers=bearer(token))).status_code == status
    described = served.url.replace("/mcp", "/.well-known/oauth-protected-resource")
    assert (await http.post(described)).status_code == 405
    assert (await http.get(f"{described}/other")).status_code == 404


async def test_what_a_person_writes_over_mcp_is_bounded_as_in_a_chat(served: Served) -> None:
    long: dict[str, Any] = {"question": "x" * 500_000}
    async with served.client(await served.token()) as client:
        answer = await client.call_tool("ask", long)
        assert answer.is_error
        many = [client.call_tool("ask", {"question": f"q {n}?"}) for n in range(30)]
        done = await asyncio.gather(*many)
        refused = [one for one in done if one.is_error]
        assert all("questions open" in text_of(one) for one in refused)
