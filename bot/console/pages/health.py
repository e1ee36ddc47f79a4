"""How well the bot is: the doctor's checks, versions, disk, backups, what was done here."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.site import Site
from bot.console.visit import Visit
from bot.doctor import run_checks
from bot.notices.version_watch import installed_version
from bot.status import report

_PACKAGES: Final = (
    "llama-cpp-python", "onnxruntime", "chromadb", "SQLAlchemy", "discord.py", "slack-bolt",
)  # fmt: skip


def routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this page. The checks run when somebody asks for them: they load models."""

    async def show(_: Request, visit: Visit) -> Response:
        return await page(visit, None)

    async def check(_: Request, visit: Visit) -> Response:
        await site.changes.add(visit.asker.author.key, say("ran the checks"))
        return await page(visit, await run_checks(site.app))

    async def page(visit: Visit, checks: list[dict[str, object]] | None) -> Response:
        return site.page(
            visit,
            "health.html",
            told=await report(site.app, site.adapters, site.since),
            checks=checks,
            versions=await asyncio.to_thread(list_versions),
            changes=await site.changes.newest(),
        )

    return [
        site.route("/health", show, admins=True),
        site.route("/health", check, method="POST", admins=True),
    ]


def list_versions() -> list[tuple[str, str]]:
    """The versions of Parlance, Python, and the libraries that matter most."""
    found = [
        ("Parlance", installed_version() or say("from its source")),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()} ({platform.machine()})"),
    ]
    found += [(name, number) for name in _PACKAGES if (number := installed_version(name))]
    return found
