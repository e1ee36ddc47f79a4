"""Has documents with scanned pages read again, once text recognition is turned on."""

from __future__ import annotations

import sqlalchemy as sa

from bot.knowledge.index.tables import documents
from bot.knowledge.loading.block_frames import decode_left_out, may_be_scans
from bot.storage.database import Database


async def mark_unread_scans(database: Database) -> None:
    """Forgets the digests of documents that have pages left out which may be scans.

    The next sync then takes them for changed. With text recognition no such pages are left, so
    each document is marked once.
    """
    told = sa.select(documents.c.left_out).where(documents.c.left_out != "").distinct()
    async with database.read() as connection:
        texts = [str(text) for (text,) in await connection.execute(told)]
    unread = [
        text for text in texts if any(may_be_scans(one.what) for one in decode_left_out(text))
    ]
    if unread:
        statement = sa.update(documents).where(documents.c.left_out.in_(unread)).values(digest="")
        await database.write(lambda connection: connection.execute(statement) and None)
