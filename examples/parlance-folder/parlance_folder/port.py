"""The messages of one reply: files below its question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.api import (
    File,
    Limits,
    MessagePort,
    View,
    button_row,
    fit_pages,
    notice_text,
    shown_status,
    source_line,
)
from parlance_folder.buttons import STATUS_MARK, buttons_text, without_buttons
from parlance_folder.files import add_page, write

MAX_PAGE_CHARACTERS = 20_000
EDIT_INTERVAL_S = 1.0


class FolderPort(MessagePort[str]):
    """Writes the messages of one reply as files below the question `stem`, and what is for the
    asker alone into their own folder."""

    limits = Limits(MAX_PAGE_CHARACTERS, EDIT_INTERVAL_S, ephemeral=True, files="apart")

    def __init__(self, root: Path, place: str, stem: str, person: str) -> None:
        self._root, self._place, self._stem, self._person = root, place, stem, person
        self.direct = place.startswith("@")

    def render(self, view: View) -> Sequence[str]:
        """The pages; the last has the status, sources, notices and buttons below it."""
        pages = [*fit_pages(view, MAX_PAGE_CHARACTERS, without_buttons)] or [""]
        pages[0] = "\n\n".join(filter(None, [view.heading, pages[0]]))
        status = shown_status(view)
        below = [
            status and STATUS_MARK + status,
            *source_line(view.sources, _source, MAX_PAGE_CHARACTERS, view.locale),
            *(
                without_buttons(notice_text(notice, view.locale))
                for notice in view.notices
                if self.direct or not notice.private
            ),
            buttons_text(button_row(view), view.turn),
        ]
        pages[-1] = "\n\n".join(filter(None, [pages[-1], *below]))
        return [page for page in pages if page]

    async def post(self, message: str, key: str) -> str:
        """Write a new file."""
        return await asyncio.to_thread(add_page, self._root / self._place, self._stem, message)

    async def edit(self, message_id: str, message: str) -> None:
        """Write a file again."""
        await asyncio.to_thread(write, self._root / message_id, message.encode())

    async def delete(self, message_id: str) -> None:
        """Delete a file."""
        await asyncio.to_thread((self._root / message_id).unlink, missing_ok=True)

    async def ephemeral(self, message: str) -> None:
        """Write a new file where only the asker looks."""
        folder = self._root / f"@{self._person}"
        await asyncio.to_thread(add_page, folder, self._stem, message)

    async def upload(self, file: File) -> None:
        """Write a file that comes with the answer."""
        folder = self._root / self._place / f"{self._stem}.files"
        await asyncio.to_thread(write, folder / Path(file.name).name, file.data)


def _source(title: str, url: str) -> str:
    return f"{title} ({url})" if url and url != title else title
