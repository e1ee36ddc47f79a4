"""Pages and sitemaps that are read again: what did not change is not sent, what vanished goes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bot.errors import Failed, Refused
from bot.knowledge.loading.sitemap import settled_date
from bot.knowledge.service import KnowledgeService
from tests.unit.bot.knowledge.conftest import Drain, Room

PAGE = """<html><head><title>{0}</title></head><body><main><h1>{0}</h1>
<p>The {0} is described here at some length, so that there is something to read.</p>
</main></body></html>"""
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Site:
    """Pages with an ETag or a date, which are sent only to those who have another version."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.sent: Counter[str] = Counter()

    def page(self, name: str, *, tag: str = "", modified: str = "", text: str = "") -> str:
        async def handler(request: web.Request) -> web.StreamResponse:
            known = request.headers.get("If-None-Match") or request.headers.get("If-Modified-Since")
            headers = {"ETag": tag, "Last-Modified": modified}
            headers = {key: value for key, value in headers.items() if value}
            if known and known in (tag, modified):
                return web.Response(status=304, headers=headers)
            self.sent[name] += 1
            body = PAGE.format(text or name)
            return web.Response(text=body, content_type="text/html", headers=headers)

        return self.room.web.route(f"/{name}", handler)

    def sitemap(self, pages: dict[str, str], name: str = "sitemap.xml") -> str:
        items = "".join(
            f"<url><loc>{self.room.web.url(f'/{page}')}</loc>"
            + (f"<lastmod>{date}</lastmod></url>" if date else "</url>")
            for page, date in pages.items()
        )
        text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{items}</urlset>'
        return self.room.web.page(f"/{name}", text, "application/xml")


@pytest.fixture
def site(room: Room) -> Site:
    return Site(room)


@pytest.mark.parametrize(
    "validator", [{"tag": '"v1"'}, {"modified": "Sun, 01 Nov 2026 10:00:00 GMT"}]
)
async def test_a_page_that_did_not_change_is_not_sent_again(
    site: Site, room: Room, drain: Drain, validator: dict[str, str]
) -> None:
    url = site.page("lamp", **validator)
    await drain(room.service().add(url))
    service = room.service()  # as after a restart
    assert [e.state for e in await drain(service.sync())] == ["unchanged"]
    assert [e.state for e in await drain(service.sync())] == ["unchanged"]
    assert site.sent == {"lamp": 1}
    site.page("lamp", tag='"v2"', text="bulb")
    assert [e.state for e in await drain(service.sync())] == ["changed"]
    assert [d.title for d in await service.list()] == ["bulb"]


async def test_a_new_tag_for_the_same_bytes_embeds_nothing(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    url = site.page("lamp", tag='"v1"')
    await drain(service.add(url))
    embedded = len(room.backend.embedded)
    site.page("lamp", tag='"v2"')
    assert [e.state for e in await drain(service.sync())] == ["unchanged"]
    assert [e.state for e in await drain(service.sync())] == ["unchanged"]
    assert site.sent == {"lamp": 2}  # the new tag was kept
    assert len(room.backend.embedded) == embedded


async def test_a_page_whose_sitemap_gives_the_same_date_is_not_asked_for(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("lamp"), site.page("door")
    url = site.sitemap({"lamp": "2026-10-01", "door": "2026-10-01T10:00:00Z"})
    await drain(service.add(url))
    room.web.seen.clear()
    assert [e.state for e in await drain(service.sync())] == ["unchanged", "unchanged"]
    assert [seen.path for seen in room.web.seen] == ["/sitemap.xml"]
    site.page("lamp", text="bulb")
    site.sitemap({"lamp": "2026-11-01", "door": "2026-10-01T10:00:00Z"})
    assert sorted(e.state for e in await drain(service.sync())) == ["changed", "unchanged"]
    assert site.sent == {"lamp": 2, "door": 1}


def test_a_date_on_which_a_page_may_still_change_is_not_trusted() -> None:
    hour = timedelta(hours=1)
    assert settled_date("2026-11-27", NOW) == "2026-11-27"
    assert settled_date("2026-11-29", NOW) == settled_date("2026-11-28", NOW) == ""
    assert settled_date((NOW - 2 * hour).isoformat(), NOW) != ""
    assert settled_date((NOW - hour / 2).isoformat(), NOW) == ""
    assert settled_date((NOW + hour).isoformat(), NOW) == ""
    assert settled_date("yesterday", NOW) == settled_date("", NOW) == ""


async def test_a_page_that_is_gone_goes_and_one_that_fails_stays(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for name in ("lamp", "door", "roof"):
        site.page(name)
    url = site.sitemap({"lamp": "", "door": "", "roof": ""})
    await drain(service.add(url))
    room.web.page("/lamp", "gone", status=410)
    room.web.page("/door", "busy", status=503)
    events = {e.location.rpartition("/")[2]: e.state for e in await drain(service.sync())}
    assert events == {"lamp": "removed", "door": "refused", "roof": "unchanged"}
    assert {d.title for d in await service.list()} == {"door", "roof"}
    assert (await service.verify()).clean


async def test_a_site_that_has_no_page_any_more_is_broken_and_loses_nothing(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("lamp"), site.page("door")
    await drain(service.add(site.sitemap({"lamp": "", "door": ""})))
    for name in ("lamp", "door"):
        room.web.page(f"/{name}", "not here", status=404)
    assert [e.state for e in await drain(service.sync())] == ["refused", "refused"]
    assert len(await service.list()) == 2


async def test_a_part_of_a_sitemap_that_fails_takes_no_page_away(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("lamp"), site.page("door")
    parts = [site.sitemap({"lamp": ""}, "one.xml"), site.sitemap({"door": ""}, "two.xml")]
    index = "".join(f"<sitemap><loc>{part}</loc></sitemap>" for part in parts)
    room.web.page("/sitemap.xml", f"<sitemapindex>{index}</sitemapindex>", "application/xml")
    await drain(service.add(room.web.url("/sitemap.xml")))
    room.web.page("/two.xml", "busy", status=503)
    assert [e.state for e in await drain(service.sync())] == ["unchanged"]
    assert {d.title for d in await service.list()} == {"lamp", "door"}


async def test_a_page_that_was_gone_was_not_told_of_where_a_part_of_its_sitemap_failed(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("lamp"), site.page("roof"), site.page("door")
    parts = [site.sitemap({"lamp": "", "roof": ""}, "1.xml"), site.sitemap({"door": ""}, "2.xml")]
    index = "".join(f"<sitemap><loc>{part}</loc></sitemap>" for part in parts)
    room.web.page("/sitemap.xml", f"<sitemapindex>{index}</sitemapindex>", "application/xml")
    await drain(service.add(room.web.url("/sitemap.xml")))
    room.web.page("/2.xml", "busy", status=503)
    room.web.page("/lamp", "gone", status=410)
    events = {e.location.rpartition("/")[2]: e.state for e in await drain(service.sync())}
    assert events == {"lamp": "refused", "roof": "unchanged"}
    assert {d.title for d in await service.list()} == {"lamp", "roof", "door"}


async def test_a_page_that_was_gone_was_not_told_of_where_it_was_added_by_itself(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("roof")
    await drain(service.add(site.page("lamp")))
    url = site.sitemap({"lamp": "", "roof": ""})
    await drain(service.add(url))
    room.web.page("/lamp", "gone", status=410)
    events = {e.location.rpartition("/")[2]: e.state for e in await drain(service.add(url))}
    assert events == {"lamp": "refused", "roof": "unchanged"}
    assert {d.title for d in await service.list()} == {"lamp", "roof"}


async def test_a_page_of_its_own_that_is_gone_is_reported_and_kept(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    url = site.page("lamp")
    await drain(service.add(url))
    room.web.page("/lamp", "not here", status=404)
    (event,) = await drain(service.sync())
    assert (event.state, event.detail) == ("refused", "127.0.0.1 answered 404 (Not Found).")
    assert len(await service.list()) == 1


async def test_a_server_that_says_not_modified_to_everything(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    url = room.web.page("/lamp", "", status=304)
    with pytest.raises((Failed, Refused), match="answered 304"):
        await drain(service.add(url))  # nobody asked whether it was modified
    assert await service.list() == []


async def test_validators_go_to_the_page_that_gave_them_alone(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("old", tag='"v1"')
    site.page("new", tag='"v1"')
    url = room.web.redirect("/lamp", room.web.url("/old"))
    await drain(service.add(url))
    room.web.redirect("/lamp", room.web.url("/new"))
    room.web.seen.clear()
    assert [e.state for e in await drain(service.sync())] == ["changed"]
    assert not any("If-None-Match" in seen.headers for seen in room.web.seen)


@pytest.mark.parametrize("tag", ['"' + "x" * 5_000 + '"', '"caf\xe9"', "", '"'])
async def test_an_odd_tag_is_not_kept(
    site: Site, room: Room, service: KnowledgeService, drain: Drain, tag: str
) -> None:
    url = site.page("lamp", tag=tag)
    await drain(service.add(url))
    assert [e.state for e in await drain(service.sync())] == ["unchanged"]
    assert all(len(seen.headers.get("If-None-Match", "")) < 600 for seen in room.web.seen)


async def test_a_tag_of_a_megabyte_refuses_the_page_and_no_other(
    site: Site, room: Room, service: KnowledgeService, drain: Drain
) -> None:
    site.page("door")
    site.page("lamp", tag='"' + "x" * 1_000_000 + '"')
    events = await drain(service.add(site.sitemap({"lamp": "", "door": ""})))
    assert sorted(e.state for e in events) == ["added", "refused"]


async def test_a_page_that_leads_into_the_machine_is_refused(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    url = room.web.page("/lamp", PAGE.format("lamp"))
    await drain(service.add(url))
    room.web.redirect("/lamp", "http://169.254.169.254/latest/meta-data/")
    (event,) = await drain(service.sync())
    assert event.state == "refused"
    assert "private network" in event.detail
    assert [d.title for d in await service.list()] == ["lamp"]
