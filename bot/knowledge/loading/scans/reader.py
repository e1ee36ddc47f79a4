"""Adds the text of scanned pages to a document, and says which pages could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from bot.catalogue.sentence import say, say_number
from bot.config.scans import ScanSettings
from bot.errors import Refused
from bot.knowledge.loading.block_frames import may_be_scans
from bot.knowledge.loading.document import RawDocument, count_characters
from bot.knowledge.loading.process import IDLE_TIMEOUT_S
from bot.knowledge.loading.scans.process import PageOutcome, ScannedPage, ScanProcess
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, RecognizedPage
from bot.skills.document_tree import Block, first_heading, list_left_out

log = structlog.get_logger(__name__)

MAX_CHAT_PAGES = 10
_MAX_FAILURES_IN_A_ROW = 3
"""After so many pages the others of a document are not tried."""
_MAX_ILLEGIBLE_FIRST_PAGES = 5
"""A document that begins with so many is refused: a sync tries it again each time."""


class ScanReader:
    """Reads scanned pages and pictures; its child process is started for the first one."""

    def __init__(self, settings: ScanSettings, *, idle_s: float = IDLE_TIMEOUT_S) -> None:
        self._settings = settings
        self._process = ScanProcess(settings, idle_s=idle_s)

    @property
    def pid(self) -> int | None:
        """The id of the child process, or None if none is running."""
        return self._process.pid

    async def read_picture(self, raw: RawDocument, *, for_search: bool = True) -> Loaded:
        """Reads the pages of a picture file. Raises `Refused` or `LoaderFailed`."""
        count = await self._process.count_pages(raw.title, raw.data)
        pages = tuple(range(1, count + 1))
        return await self._read(raw, Loaded(unread_pages=pages), pdf=False, for_search=for_search)

    async def read_pages(
        self, raw: RawDocument, loaded: Loaded, *, for_search: bool = True
    ) -> Loaded:
        """Reads the unread pages of a PDF. Raises `Refused` or `LoaderFailed`."""
        return await self._read(raw, loaded, pdf=True, for_search=for_search)

    async def aclose(self) -> None:
        """Ends the child process. Safe to call twice."""
        await self._process.aclose()

    async def _read(
        self, raw: RawDocument, loaded: Loaded, *, pdf: bool, for_search: bool
    ) -> Loaded:
        most = self._settings.pages if for_search else min(self._settings.pages, MAX_CHAT_PAGES)
        wanted = loaded.unread_pages
        read: dict[int, ScannedPage] = {}
        in_a_row = illegible = characters = 0
        for page in wanted[:most]:
            if in_a_row == _MAX_FAILURES_IN_A_ROW or characters > MAX_CHARACTERS:
                read[page] = ScannedPage(PageOutcome.FAILED)
                continue
            if illegible == _MAX_ILLEGIBLE_FIRST_PAGES and not characters and not loaded.blocks:
                read[page] = ScannedPage(PageOutcome.ILLEGIBLE)
                continue
            found = await self._process.read_page(raw.title, raw.data, page, pdf=pdf)
            in_a_row = in_a_row + 1 if found.outcome is PageOutcome.FAILED else 0
            illegible += found.outcome is PageOutcome.ILLEGIBLE
            characters += count_characters(found.blocks)
            read[page] = found
        made = _merge(loaded, read, len(wanted) - len(read))
        if not made.blocks:
            raise _no_text(raw.title, read.values())
        return made


def _merge(loaded: Loaded, read: dict[int, ScannedPage], beyond: int) -> Loaded:
    left_out = Counter(
        {one.what: one.count for one in loaded.left_out if not may_be_scans(one.what)}
    )
    for page in read.values():
        match page.outcome:
            case PageOutcome.PICTURE:
                left_out["picture"] += 1
            case PageOutcome.ILLEGIBLE:
                left_out["page that could not be read well enough"] += 1
            case PageOutcome.FAILED:
                left_out["page that could not be read"] += 1
        if page.partly:
            left_out["page of which a part could not be read well enough"] += 1
    left_out["page in excess of the limit"] += beyond
    blocks = _insert(loaded.blocks, read)
    return replace(
        loaded,
        title=loaded.title or " ".join(first_heading(blocks).split())[:200],
        blocks=blocks,
        left_out=list_left_out(left_out),
        unread_pages=(),
        recognized=tuple(
            RecognizedPage(number, page.confidence)
            for number, page in read.items()
            if page.outcome is PageOutcome.READ
        ),
    )


def _insert(blocks: Sequence[Block], read: dict[int, ScannedPage]) -> tuple[Block, ...]:
    """The blocks with those of the pages that were read in their places."""
    made: list[Block] = []
    waiting = sorted(read)
    for block in blocks:
        while waiting and waiting[0] < block.place.page:
            made += read[waiting.pop(0)].blocks
        made.append(block)
    for page in waiting:
        made += read[page].blocks
    return tuple(made)


def _no_text(called: str, pages: Iterable[ScannedPage]) -> Refused:
    outcomes = Counter(page.outcome for page in pages)
    if outcomes[PageOutcome.ILLEGIBLE]:
        return Refused(
            say_number(
                "{called} is a scan, and its page could not be read well enough. Printed text in "
                "Latin letters, Chinese and Japanese is read.",
                "{called} is a scan, and its {n:,} pages could not be read well enough. Printed "
                "text in Latin letters, Chinese and Japanese is read.",
                outcomes[PageOutcome.ILLEGIBLE],
                called=called,
            )
        )
    if outcomes[PageOutcome.FAILED]:
        return Refused(
            say(
                "{called} is a scan, and could not be read: it is damaged, or its pages are too "
                "large.",
                called=called,
            )
        )
    return Refused(say("{called} has no readable text.", called=called))
