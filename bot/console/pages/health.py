"""How well the bot is: the doctor's checks, versions, disk, backups, what was done here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.bug_report.report import list_versions, make_report
from bot.catalogue.sentence import say
from bot.console.site import Site
from bot.console.visit import Visit
from bot.doctor import run_checks
from bot.status import report


def routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this page. The checks run when somebody asks for them: they load models."""

    async def show(_: Request, visit: Visit) -> Response:
        return await page(visit, None)

    async def check(_: Request, visit: Visit) -> Response:
        await site.changes.add(visit.asker.author.key, say("ran the checks"))
        return await page(visit, await run_checks(site.app))

    async def bundle(_: Request, visit: Visit) -> Response:
        await site.changes.add(visit.asker.author.key, say("made a bug report"))
        text = await make_report(site.app, site.adapters, site.since)
        name = f"parlance-report-{datetime.now(UTC):%Y%m%d-%H%M}.json"
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment;filename="{name}"',
        }
        return Response(text, headers=headers, media_type="application/json")

    async def page(visit: Visit, checks: list[dict[str, object]] | None) -> Response:
        return site.page(
            visit,
            "health.html",
            told=await report(site.app, site.adapters, site.since),
            checks=checks,
            versions=(await asyncio.to_thread(list_versions)).items(),
            changes=await site.changes.newest(),
        )

    return [
        site.route("/health", show, admins=True),
        site.route("/health", check, method="POST", admins=True),
        site.route("/health/report", bundle, method="POST", admins=True),
    ]
