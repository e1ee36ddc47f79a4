from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.errors import Failed, Refused
from bot.web.fetch import Fetcher
from tests.fakes.pages import PageServer
from tests.unit.bot.web.conftest import Limits

PAGE = "<html><body><p>A page about lighthouses.</p></body></html>"


async def test_a_page_arrives_whole(pages: PageServer, limits: Limits) -> None:
    url = pages.page("/light", PAGE, "text/html; charset=iso-8859-1")
    got = await Fetcher(limits).fetch_bytes(url + "#top")
    assert got.data == PAGE.encode()
    assert (got.content_type, got.charset, got.url) == ("text/html", "iso-8859-1", url)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", bytes),
    ],
)
async def test_compressed_pages_are_unpacked(
    encoding: str, pack: type[bytes], pages: PageServer, limits: Limits
) -> None:
    body = PAGE * 500
    url = pages.page("/z", pack(body.encode()), Content_Encoding=encoding)
    assert (await Fetcher(limits).fetch_bytes(url)).data == body.encode()


async def test_a_redirect_is_followed_to_where_it_ends(pages: PageServer, limits: Limits) -> None:
    end = pages.page("/end", PAGE)
    pages.redirect("/middle", "/end")
    start = pages.redirect("/start", pages.url("/middle"))
    assert (await Fetcher(limits).fetch_bytes(start)).url == end


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://0/",
        "http://[fe80::1%25lo]/",
    ],
)
async def test_private_addresses_are_refused_directly_and_behind_a_redirect(
    target: str, pages: PageServer, limits: Limits
) -> None:
    with pytest.raises(Refused, match="private network"):
        await Fetcher(limits).fetch_bytes(target)
    with pytest.raises(Refused, match="private network"):
        await Fetcher(limits).fetch_bytes(pages.redirect("/trap", target))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("file:///etc/passwd", "Only http and https"),
        ("ftp://example.com/", "Only http and https"),
        ("javascript:alert(1)", "Only http and https"),
        ("http://user:hunter2@127.0.0.1/", "user name or password"),
        ("http://127.0.0.1:6379/", "ports 80 and 443"),
    ],
)
async def test_odd_targets_are_refused_directly_and_behind_a_redirect(
    target: str, why: str, pages: PageServer, limits: Limits
) -> None:
    for url in (target, pages.redirect("/trap", target)):
        with pytest.raises(Refused, match=why) as caught:
            await Fetcher(limits).fetch_bytes(url)
        assert "hunter2" not in str(caught.value)
    assert [seen.path for seen in pages.seen] == ["/trap"]


@pytest.mark.parametrize(
    "text", ["", "not a url", "http:///nothing", "http://[", "http://exa mple.com:99999/", "x"]
)
async def test_text_that_is_no_url_is_refused(text: str, limits: Limits) -> None:
    with pytest.raises(Refused):
        await Fetcher(limits).fetch_bytes(text)


async def test_a_url_of_absurd_length_is_refused(limits: Limits) -> None:
    with pytest.raises(Refused, match="longer than 2,000"):
        await Fetcher(limits).fetch_bytes("http://example.com/" + "a" * 2000)


async def test_the_connection_goes_to_the_checked_address_and_keeps_the_name(
    pages: PageServer, limits: Limits
) -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    allowed = replace(limits, allow_hosts=(f"docs.example:{pages.port}",))
    pages.page("/", PAGE)
    await Fetcher(allowed, lookup=lookup).fetch_bytes(pages.url(host="docs.example"))
    assert asked == ["docs.example"]
    assert pages.seen[0].host == f"docs.example:{pages.port}"


async def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    pages: PageServer, limits: Limits
) -> None:
    count = 0

    async def lookup(host: str, port: int) -> Sequence[str]:
        nonlocal count
        count += 1
        return ("203.0.113.77",) if count > 1 else ("127.0.0.1",)

    pages.page("/", PAGE)
    rebinding = replace(limits, allow_hosts=(f"rebind.example:{pages.port}",))
    await Fetcher(rebinding, lookup=lookup).fetch_bytes(pages.url(host="rebind.example"))
    assert count == 1


async def test_an_allowed_host_may_not_hand_on_to_another(
    pages: PageServer, limits: Limits
) -> None:
    url = pages.redirect("/hop", f"http://localhost:{pages.port}/secret")
    with pytest.raises(Refused):
        await Fetcher(limits).fetch_bytes(url)
    assert [seen.path for seen in pages.seen] == ["/hop"]


async def test_redirects_have_an_end(pages: PageServer, limits: Limits) -> None:
    url = pages.redirect("/round", "/round")
    with pytest.raises(Failed, match="redirects more than 3 times"):
        await Fetcher(limits).fetch_bytes(url)
    assert len(pages.seen) == 4


async def test_a_page_that_says_it_is_too_large_is_not_read(
    pages: PageServer, limits: Limits
) -> None:
    url = pages.page("/big", b"x" * 100_001)
    with pytest.raises(Refused, match="larger than 100,000 bytes"):
        await Fetcher(limits).fetch_bytes(url)
    assert len((await Fetcher(limits).fetch_bytes(url, max_bytes=200_000)).data) == 100_001


async def test_a_page_without_end_is_cut_off(pages: PageServer, limits: Limits) -> None:
    url = pages.endless("/endless", b"x" * 10_000)
    with pytest.raises(Refused, match="larger than"):
        await Fetcher(limits).fetch_bytes(url)


async def test_a_compression_bomb_is_stopped_while_it_unfolds(
    pages: PageServer, limits: Limits
) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < limits.max_bytes
    url = pages.page("/bomb", bomb, Content_Encoding="gzip")
    with pytest.raises(Refused, match="larger than"):
        await Fetcher(limits).fetch_bytes(url)


async def test_a_page_that_drips_runs_out_of_time(pages: PageServer, limits: Limits) -> None:
    url = pages.endless("/drip", b"x", pause_s=0.02)
    with pytest.raises(Failed, match=r"within 0.2 s"):
        await Fetcher(replace(limits, timeout_s=0.2)).fetch_bytes(url)


@pytest.mark.parametrize(
    ("status", "error", "why"),
    [
        (401, Refused, "without a login"),
        (403, Refused, "without a login"),
        (404, Failed, r"404 \(Not Found\)"),
        (500, Failed, r"500 \(Internal Server Error\)"),
        (299, Failed, "299"),
    ],
)
async def test_what_a_server_refuses_is_said_in_one_sentence(
    status: int, error: type[Exception], why: str, pages: PageServer, limits: Limits
) -> None:
    url = pages.page("/no", "no", status=status)
    with pytest.raises(error, match=why):
        await Fetcher(limits).fetch_bytes(url + "?token=hush")


async def test_a_damaged_stream_and_an_unknown_packing_are_failures(
    pages: PageServer, limits: Limits
) -> None:
    with pytest.raises(Failed, match="damaged"):
        await Fetcher(limits).fetch_bytes(pages.page("/d", b"junk!", Content_Encoding="gzip"))
    with pytest.raises(Failed, match="cannot be read"):
        await Fetcher(limits).fetch_bytes(pages.page("/b", b"junk!", Content_Encoding="br"))


async def test_a_server_that_is_not_there_is_said_to_be_so(
    pages: PageServer, limits: Limits
) -> None:
    url = pages.url("/gone")
    await pages.__aexit__(None, None, None)
    with pytest.raises(Failed, match="cannot be reached"):
        await Fetcher(limits).fetch_bytes(url)


async def test_proxies_of_the_environment_are_not_used(
    pages: PageServer, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert (await Fetcher(limits).fetch_bytes(pages.page("/", PAGE))).data == PAGE.encode()


async def test_a_configured_proxy_is_used_and_the_target_is_still_checked(
    pages: PageServer, limits: Limits
) -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ("93.184.216.34",) if host == "example.com" else ("10.0.0.1",)

    pages.page("/page", PAGE)
    fetcher = Fetcher(limits, proxy=pages.url(""), lookup=lookup)
    assert (await fetcher.fetch_bytes("http://example.com/page")).data == PAGE.encode()
    assert pages.seen[0].host == "example.com"
    with pytest.raises(Refused):
        await fetcher.fetch_bytes("http://intranet/page")
    assert len(pages.seen) == 1


async def test_nothing_is_remembered_between_fetches(pages: PageServer, limits: Limits) -> None:
    url = pages.page("/", PAGE, Set_Cookie="session=1")
    fetcher = Fetcher(limits)
    await fetcher.fetch_bytes(url)
    await fetcher.fetch_bytes(url)
    assert "Cookie" not in pages.seen[1].headers
