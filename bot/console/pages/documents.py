"""The knowledge bases, their documents, and one document: looked at, removed, read in again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.commands.checks import at_this_machine, is_admin
from bot.console.pages.document_additions import DocumentAdding
from bot.console.pages.documents_access import DocumentAccess, base_title
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visit import Visit
from bot.errors import Refused
from bot.knowledge.access import is_private
from bot.knowledge.document_lookup import to_document
from bot.knowledge.index.rows import DocumentRow

MAX_SHOWN_CHARACTERS: Final = 20_000
"""So much of a document's text is shown."""
_MAX_FIELD_CHARACTERS: Final = 300
_SENT_AS_FILE: Final = say("It was sent as a file: add the file again, and it takes its place.")
_ON_THE_MACHINE: Final = say(
    "It lies on the machine that I run on: it is read again there, with `parlance docs sync`."
)


def base_path(base: str, **more: str) -> str:
    """The address of a base's page."""
    return f"{CONSOLE_PATH}/documents/in?{urlencode({'base': base, **more})}"


class DocumentPages:
    """The pages about documents that are there."""

    def __init__(self, site: Site, access: DocumentAccess, adding: DocumentAdding) -> None:
        self._site = site
        self._access = access
        self._adding = adding

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        route, one = self._site.route, "/documents/one/{document}"
        return [
            route("/documents", self._bases),
            route("/documents/in", self._base),
            route(one, self._document),
            route(f"{one}/remove", self._ask_to_remove),
            route(f"{one}/remove", self._remove, method="POST"),
            route(f"{one}/again", self._ask_to_read_again),
            route(f"{one}/again", self._read_again, method="POST"),
        ]

    async def _bases(self, _: Request, visit: Visit) -> Response:
        names = await self._access.names(visit)
        jobs = await self._adding.jobs(names)
        return self._site.page(
            visit,
            "documents.html",
            bases=await self._access.bases(visit, names),
            failures=await self._access.failures(visit, names),
            jobs=jobs,
            base="",
        )

    async def _base(self, request: Request, visit: Visit) -> Response:
        given = request.query_params
        jobs = await self._adding.jobs([given.get("base", "")])
        base = await self._access.base(visit, given.get("base", ""))
        wanted = given.get("wanted", "").strip()[:_MAX_FIELD_CHARACTERS]
        after = given.get("after", "")
        found = await self._access.list.page(base.name, wanted, after=after)
        more = {"wanted": wanted} if wanted else {}
        return self._site.page(
            visit,
            "documents_base.html",
            base=base.name,
            shown=base,
            documents=[(to_document(row), row.size) for row in found.rows],
            next=base_path(base.name, **more, after=found.next) if found.next else "",
            first=base_path(base.name, **more) if after else "",
            wanted=wanted,
            failures=await self._access.failures(visit, [base.name]),
            jobs=jobs,
            limits=self._adding.limits,
        )

    async def _document(self, request: Request, visit: Visit) -> Response:
        row, document = await self._access.document(visit, request.path_params["document"])
        permission = self._access.permission(visit)
        text = await self._access.knowledge(visit).read(row.id, base=row.base)
        may_add = await permission.allowed(f"docs.add:{row.base}")
        again = await self._why_not_again(visit, row)
        return self._site.page(
            visit,
            "document.html",
            document=document,
            size=row.size,
            base=row.base,
            base_title=base_title(row.base),
            base_path=base_path(row.base),
            text=await asyncio.to_thread(lambda: text.text[:MAX_SHOWN_CHARACTERS]),
            cut=len(text.text) > MAX_SHOWN_CHARACTERS,
            may_remove=await permission.allowed(f"docs.remove:{row.base}"),
            may_add=may_add,
            why_not_again=again,
        )

    # --- removing -------------------------------------------------------------------------------

    async def _ask_to_remove(self, request: Request, visit: Visit) -> Response:
        row, document = await self._access.document(visit, request.path_params["document"])
        await self._access.require(visit, "docs.remove", row.base)
        return self._site.page(
            visit,
            "document_confirm.html",
            document=document,
            question=say("Remove this document?"),
            told=say("It is gone from every answer at once."),
            further=say(
                "It came with others of its source, and comes back when that is read again."
            )
            if row.source != row.location
            else "",
            button=say("Remove it"),
            action="remove",
            danger=True,
        )

    async def _remove(self, request: Request, visit: Visit) -> Response:
        row, _ = await self._access.document(visit, request.path_params["document"])
        await self._access.require(visit, "docs.remove", row.base)
        await self._write_down(visit, say("removed a document"), row)
        await self._access.knowledge(visit).remove(row.id, base=row.base)
        return go_to(base_path(row.base))

    # --- reading again --------------------------------------------------------------------------

    async def _ask_to_read_again(self, request: Request, visit: Visit) -> Response:
        row, document = await self._readable_again(request, visit)
        return self._site.page(
            visit,
            "document_confirm.html",
            document=document,
            question=say("Read this document in again?"),
            told=say("It is fetched again, and takes the place of what is there if it changed."),
            further=say("All that came with it from the same source is looked at, too.")
            if row.source != row.location
            else "",
            button=say("Read it in again"),
            action="again",
            danger=False,
        )

    async def _read_again(self, request: Request, visit: Visit) -> Response:
        row, _ = await self._readable_again(request, visit)
        await self._write_down(visit, say("had a document read in again"), row)
        self._adding.begin(visit, row.base, address=row.source)
        return go_to(base_path(row.base))

    async def _readable_again(self, request: Request, visit: Visit) -> tuple[DocumentRow, object]:
        """Raises `NotFound`, `Denied`, and `Refused` for what cannot be fetched from here."""
        row, document = await self._access.document(visit, request.path_params["document"])
        await self._access.require(visit, "docs.add", row.base)
        if why := await self._why_not_again(visit, row):
            raise Refused(why)
        return row, document

    async def _why_not_again(self, visit: Visit, row: DocumentRow) -> str:
        """Why somebody cannot have a document read again, empty if they can: as in a chat, files of
        the machine are named by an admin who sits at it."""
        if row.source.startswith(("https://", "http://")):
            return ""
        if await self._access.list.source_kind(row.base, row.source) == "upload":
            return _SENT_AS_FILE
        here = at_this_machine(visit.asker) and is_admin(visit.asker)
        return "" if here else _ON_THE_MACHINE

    async def _write_down(self, visit: Visit, action: str, row: DocumentRow) -> None:
        """Note a change; what is somebody's own is not named."""
        subject = "" if is_private(row.base) else f"{row.base}: {row.title}"
        await self._site.changes.add(visit.asker.author.key, action, subject)
