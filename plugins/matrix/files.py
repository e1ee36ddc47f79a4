"""Files of messages: fetched and decrypted, encrypted and sent."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from bot.api import Attachment, Failed, File, PortRefused, Refused, say
from plugins.matrix.account import Account
from plugins.matrix.errors import MATRIX_FAILURES
from plugins.matrix.events import SharedFile

_log = structlog.get_logger(__name__)

_KINDS = {"image": "m.image", "audio": "m.audio", "video": "m.video"}


def attachment(account: Account, file: SharedFile) -> Attachment:
    """A file of a message; it is fetched only when it is read."""

    async def read(limit: int) -> bytes:
        return await _fetch(account, file, limit)

    return Attachment(file.name, file.size, file.content_type or None, read)


async def _fetch(account: Account, file: SharedFile, limit: int) -> bytes:
    if file.size > limit:
        raise _too_large(file.name, file.size, limit)
    try:
        data = await account.homeserver.download(file.mxc, limit)
    except MATRIX_FAILURES as exc:
        _log.info("matrix.download_failed", error=str(exc)[:200])
        raise _not_fetched(file.name) from exc
    if data is None:
        raise _too_large(file.name, max(file.size, limit + 1), limit)
    return await asyncio.to_thread(_decrypt, file, data) if file.key else data


def _decrypt(file: SharedFile, data: bytes) -> bytes:
    from nio.crypto.attachments import decrypt_attachment
    from nio.exceptions import EncryptionError

    try:
        key, hashes, iv = file.key["key"]["k"], file.key["hashes"]["sha256"], file.key["iv"]
        return bytes(decrypt_attachment(data, key, hashes, iv))
    except (EncryptionError, KeyError, TypeError, ValueError) as exc:
        _log.info("matrix.file_not_decrypted", error=str(exc)[:200])
        raise _not_fetched(file.name) from exc


async def file_content(account: Account, room: str, file: File) -> dict[str, Any]:
    """Store a file, encrypted for an encrypted room; returns the content of its message. Raises
    one of `MATRIX_FAILURES`, or `PortRefused` where it is too large."""
    limit = account.max_file_bytes
    if limit is not None and len(file.data) > limit:
        raise PortRefused("the homeserver takes no file of this size")
    content_type = file.content_type.partition(";")[0].strip()
    content: dict[str, Any] = {
        "msgtype": _KINDS.get(content_type.partition("/")[0], "m.file"),
        "body": file.name,
        "filename": file.name,
        "info": {"size": len(file.data), "mimetype": content_type},
        "m.mentions": {},
    }
    upload = account.homeserver.upload
    if not account.rooms.is_encrypted(room):
        return content | {"url": await upload(file.data, content_type, file.name)}
    data, keys = await asyncio.to_thread(_encrypt, file.data)
    return content | {"file": {**keys, "url": await upload(data, "application/octet-stream", "")}}


def _encrypt(data: bytes) -> tuple[bytes, dict[str, Any]]:
    from nio.crypto.attachments import encrypt_attachment

    encrypted, keys = encrypt_attachment(data)
    return encrypted, keys


def _not_fetched(name: str) -> Failed:
    words = say(
        "{name} could not be fetched from the homeserver; please attach it again.", name=name
    )
    return Failed(words)


def _too_large(name: str, size: int, limit: int) -> Refused:
    return Refused(
        say(
            "{name} is too large: {size:,.1f} MB, where {limit:,.1f} MB are read.",
            name=name,
            size=size / 2**20,
            limit=limit / 2**20,
        )
    )
