"""Adds documents: files that are sent, and pages by their address; and shows how far that is."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from backends.errors import BackendError
from bot.catalogue.sentence import say
from bot.console.forms import upload_of
from bot.console.pages.document_jobs import DocumentJob
from bot.console.pages.documents_access import DocumentAccess
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.uploads import MAX_UPLOADED_FILES, UploadedFile, UploadForm
from bot.console.visit import Visit
from bot.errors import Busy, Refused, UsageError, UserFacingError
from bot.knowledge.access import is_private
from bot.processes.peers import TooLongToTell
from bot.skills.permitted_services import PermittedKnowledge
from bot.values import Ingested, document_name

log = structlog.get_logger(__name__)

MAX_RUNNING_PER_PERSON: Final = 3
"""Forms of one person that are worked on at once."""
_MAX_KEPT_JOBS: Final = 60
_JOBS: Final = "console_document_jobs"
_MAX_ADDRESS_CHARACTERS: Final = 2000
_MB: Final = 1024**2
_BUSY_S: Final = 60.0
_NO_FILE: Final = say("Choose a file, or write the address of a page.")
_NO_ADDRESS: Final = say("Write an address such as https://example.com/guide.")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one form may bring, in files and bytes."""

    files: int
    file_bytes: int
    all_bytes: int

    @property
    def file_mb(self) -> int:
        """Megabytes as a chat counts them."""
        return self.file_bytes // _MB

    @property
    def all_mb(self) -> int:
        return self.all_bytes // _MB


class DocumentAdding:
    """Takes what is sent, and reads it in the background. `close` must be called at the end."""

    def __init__(self, site: Site, access: DocumentAccess) -> None:
        self._site = site
        self._access = access
        self._jobs: list[DocumentJob] = []
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._peers = site.app.crew.peers
        if self._peers is not None:
            self._peers.answer(_JOBS, self._tell_jobs)
        sizes = site.uploads
        self.limits = UploadLimits(MAX_UPLOADED_FILES, sizes.max_file_bytes, sizes.max_bytes)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        return [
            self._site.route("/documents/add", self._add, method="POST", files=True),
            self._site.route("/documents/jobs", self._progress),
        ]

    async def jobs(self, bases: Collection[str]) -> Sequence[DocumentJob]:
        """What `jobs_here` says, of all processes. Raises `StorageError`."""
        found = [*self.jobs_here(bases)]
        if self._peers is not None and self._site.app.crew.accompanied:
            with suppress(TooLongToTell):  # of so many bases what is done here is shown
                for told in await self._peers.ask(_JOBS, {"bases": [*bases]}):
                    found += [DocumentJob.read(one) for one in told]
        return sorted(found, key=lambda job: job.began_at, reverse=True)

    async def _tell_jobs(self, asked: Mapping[str, Any]) -> Any:
        told = [job.written() for job in self.jobs_here(asked["bases"])]
        return told[:_MAX_KEPT_JOBS] or None

    def jobs_here(self, bases: Collection[str]) -> Sequence[DocumentJob]:
        """What is being added to some bases, also from chats and by schedules, and what was added
        here of late, as it is at this moment. A page asks for it before it lists
        documents: then what is done here is in the list."""
        own = [replace(job, outcomes=[*job.outcomes]) for job in self._jobs if job.base in bases]
        known = {(job.base, job.name) for job in own if job.running}
        others = [
            DocumentJob(
                one.base,
                document_name(one.location),
                one.by,
                one.began_at,
                "working",
                one.latest.within if one.latest is not None else "",
                one.latest.done if one.latest is not None else 0,
                one.latest.total if one.latest is not None else 0,
            )
            for one in self._site.app.knowledge.running(bases)
            if (one.base, one.location) not in known
        ]
        return [*own, *others]

    def begin(
        self, visit: Visit, base: str, *, address: str = "", form: UploadForm | None = None
    ) -> None:
        """Begin to add an address, and the files of a form, which are closed when they are read.
        Raises `Busy`."""
        person = visit.asker.author.key
        if sum(one == person for one in self._tasks.values()) >= MAX_RUNNING_PER_PERSON:
            raise Busy(_BUSY_S, say("Wait until what you have added before is read."))
        taken = form.take() if form is not None else None
        files = taken.files if taken is not None else ()
        names = [*([address] if address else []), *(file.name for file in files)]
        now = datetime.now(UTC)
        jobs = [DocumentJob(base, name, person, now) for name in names]
        self._jobs = [*self._jobs, *jobs]
        ended = [job for job in self._jobs if not job.running][:-_MAX_KEPT_JOBS]
        self._jobs = [job for job in self._jobs if job not in ended]
        work = self._work(self._access.knowledge(visit), jobs, address, taken)
        task = asyncio.create_task(work, name="console: adding documents")
        self._tasks[task] = person
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def close(self) -> None:
        """End what is being read."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- the work -------------------------------------------------------------------------------

    async def _work(
        self,
        knowledge: PermittedKnowledge,
        jobs: Sequence[DocumentJob],
        address: str,
        form: UploadForm | None,
    ) -> None:
        """One after the other; what cannot be added keeps no other back."""
        try:
            left = [*jobs]
            if address:
                job = left.pop(0)
                await self._follow(job, knowledge.add(address, base=job.base, by=job.by))
            for job, file in zip(left, form.files if form is not None else (), strict=True):
                await self._follow(job, self._read(knowledge, job, file))
                await asyncio.to_thread(file.close)
        finally:
            if form is not None:
                await form.close()

    async def _read(
        self, knowledge: PermittedKnowledge, job: DocumentJob, file: UploadedFile
    ) -> AsyncGenerator[Ingested, None]:
        limit = self.limits.file_bytes
        if file.size > limit:
            raise Refused(
                say(
                    "{name} has {size:.0f} MB; files up to {limit:.0f} MB are added.",
                    name=file.name[:100],
                    size=file.size / _MB,
                    limit=limit / _MB,
                )
            )
        data = await file.read(limit)
        added = knowledge.add_bytes(file.name, data, base=job.base, by=job.by)
        async with aclosing(added) as steps:
            async for step in steps:
                yield step

    async def _follow(self, job: DocumentJob, steps: AsyncGenerator[Ingested, None]) -> None:
        job.state = "working"
        try:
            async with aclosing(steps) as reports:
                async for step in reports:
                    job.note(step)
        except UserFacingError as error:
            job.end(str(error))
        except BackendError as error:
            log.warning("console.document_not_added", reason=str(error))
            job.end(say("The model that reads documents does not answer. Try again later."))
        except asyncio.CancelledError:
            job.end(say("It was interrupted. Add it again."))
            raise
        except Exception:  # a job's top: whatever it was, the others are read
            error_id = secrets.token_hex(4)
            log.exception("console.document_failed", error_id=error_id)
            job.end(
                say(
                    "Something went wrong on our side. The log says what under {error_id}.",
                    error_id=error_id,
                )
            )
        else:
            job.end()

    # --- the pages ------------------------------------------------------------------------------

    async def _add(self, request: Request, visit: Visit) -> Response:
        form = upload_of(request)
        base = form.fields.get("base", "")
        await self._access.require(visit, "docs.add", base)
        address = read_address(form.fields.get("address", ""))
        if not (address or form.files):
            raise UsageError(_NO_FILE)
        names = [*([address] if address else []), *(file.name for file in form.files)]
        subject = "" if is_private(base) else f"{base}: {', '.join(names)}"
        await self._site.changes.add(visit.asker.author.key, say("added documents"), subject)
        self.begin(visit, base, address=address, form=form)
        return go_to(f"{CONSOLE_PATH}/documents/in?{urlencode({'base': base})}")

    async def _progress(self, request: Request, visit: Visit) -> Response:
        """The part of a page that says what is being added; it is asked for until all is done, and
        then the page is loaded once more, with what is there."""
        base = request.query_params.get("base", "")
        names = await self._access.names(visit)
        if base:
            names = [base] if base in names else []
        jobs = await self.jobs(names)
        html = self._site.render("documents_jobs.html", jobs=jobs, base=base)
        headers = {"cache-control": "no-store"}
        if not any(job.running for job in jobs):
            headers["hx-refresh"] = "true"
        return HTMLResponse(html, headers=headers)


def read_address(text: str) -> str:
    """The address of a page that somebody wrote, empty for none. Raises `UsageError` for anything
    else: a path of the machine above all."""
    text = text.strip()
    if not text:
        return ""
    try:
        split = urlsplit(text)
        good = split.scheme.lower() in ("http", "https") and bool(split.hostname)
    except ValueError:
        good = False
    if not good or len(text) > _MAX_ADDRESS_CHARACTERS or any(one.isspace() for one in text):
        raise UsageError(_NO_ADDRESS)
    return text
