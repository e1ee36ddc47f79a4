"""Has documents with scanned pages read again, once text recognition is turned on."""

from __future__ import annotations

import sqlalchemy as sa

from bot.knowledge.index.tables import documents
from bot.knowledge.loading.block_frames import UNREAD_PAGE_KINDS
from bot.storage.database import Database


async def mark_unread_scans(database: Database) -> None:
    """Forgets the digests of documents that have pages left out which may be scans.

    The next sync then takes them for changed. With text recognition no such pages are left, so
    each document is marked once.
    """
    unread = sa.or_(*(documents.c.left_out.contains(f'"{kind}"') for kind in UNREAD_PAGE_KINDS))
    statement = sa.update(documents).where(unread, documents.c.digest != "").values(digest="")
    await database.write(lambda connection: connection.execute(statement) and None)
