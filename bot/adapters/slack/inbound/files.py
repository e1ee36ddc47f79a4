"""Downloads a message's files, from Slack's own hosts alone and up to a size limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.attachments import too_large
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.catalogue.sentence import say
from bot.errors import Failed, Refused
from bot.events import Attachment

_log = structlog.get_logger(__name__)

_DOWNLOAD_TIMEOUT_S = 60.0
_MAX_HOPS = 3
_MAX_FILES = 20
_SLACK_DOMAINS = (".slack.com", ".slack-gov.com")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
File = Mapping[str, Any]


class Files:
    """Makes attachments of Slack's file objects; a file is downloaded only when it is read."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    def attachments_of(self, message: Mapping[str, Any]) -> tuple[Attachment, ...]:
        """The files of a message, in order."""
        found = [f for f in message.get("files") or () if isinstance(f, Mapping)]
        return tuple(self._attachment(file) for file in found[:_MAX_FILES])

    def _attachment(self, file: File) -> Attachment:
        name, size = _name(file), int(file.get("size") or 0)

        async def read(limit: int) -> bytes:
            return await self._read(file, name, limit)

        return Attachment(name, size, str(file.get("mimetype") or "") or None, read)

    async def _read(self, file: File, name: str, limit: int) -> bytes:
        if file.get("file_access") == "check_file_info":
            file = await self._fetch_shared(file, name)
        _refuse_without_content(file, name)
        if (size := int(file.get("size") or 0)) > limit:
            raise too_large(name, size, limit)
        url = str(file.get("url_private_download") or file.get("url_private") or "")
        expects_html = str(file.get("mimetype") or "").startswith("text/html")
        try:
            return await self._fetch(url, name, limit, expects_html=expects_html)
        except (aiohttp.ClientError, OSError) as exc:
            raise Failed(
                say("{name} could not be fetched from Slack; please attach it again.", name=name)
            ) from exc

    async def _fetch_shared(self, file: File, name: str) -> File:
        """Look up a file of another organisation, of which the event holds the id alone."""
        try:
            answer = await self._client.files_info(file=str(file.get("id") or ""))
        except FAILURES as exc:
            _log.info("slack.file_lookup_failed", error=error_of(exc))
            raise Failed(
                say("{name} could not be fetched from Slack; please attach it again.", name=name)
            ) from exc
        found: File = answer.get("file") or {}
        return found

    async def _fetch(self, url: str, name: str, limit: int, *, expects_html: bool) -> bytes:
        timeout = aiohttp.ClientTimeout(total=_DOWNLOAD_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._client.token}"}
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for _ in range(_MAX_HOPS):
                if not self._is_slack_host(url):
                    raise Refused(
                        say("{name} is not kept by Slack itself; attach the file.", name=name)
                    )
                async with session.get(
                    url, headers=headers, allow_redirects=False, proxy=self._client.proxy
                ) as answer:
                    if answer.status in _REDIRECTS:
                        url = urljoin(url, answer.headers.get("Location", ""))
                        continue
                    answer.raise_for_status()
                    if answer.content_type == "text/html" and not expects_html:
                        break  # the page to sign in on
                    return await _read_bounded(answer, name, limit)
        raise Failed(
            say(
                "Slack does not let me read {name}; an admin has to install me "
                "again with the rights that I need (files:read).",
                name=name,
            )
        )

    def _is_slack_host(self, url: str) -> bool:
        """Whether the token may be sent there."""
        to, ours = urlsplit(url), urlsplit(self._client.base_url)
        if (to.scheme, to.netloc) == (ours.scheme, ours.netloc):
            return True
        usual = to.scheme == "https" and to.port in {None, 443} and to.username is None
        return usual and (to.hostname or "").endswith(_SLACK_DOMAINS)


async def _read_bounded(answer: aiohttp.ClientResponse, name: str, limit: int) -> bytes:
    data = bytearray()
    async for block in answer.content.iter_chunked(65536):
        data += block
        if len(data) > limit:
            raise too_large(name, len(data), limit)
    return bytes(data)


def _name(file: File) -> str:
    return str(file.get("name") or file.get("title") or "The file")[:200]


def _refuse_without_content(file: File, name: str) -> None:
    """Raise `Refused` for a file that Slack does not hold (any more)."""
    mode = str(file.get("mode") or "")
    if mode == "tombstone":
        raise Refused(say("{name} was deleted; please attach it again.", name=name))
    if mode == "hidden_by_limit":
        raise Refused(
            say("Slack hides {name} because of the workspace's plan; attach it again.", name=name)
        )
    if mode == "external" or file.get("is_external"):
        raise Refused(say("{name} is kept outside of Slack; attach the file itself.", name=name))
    if not (file.get("url_private_download") or file.get("url_private")):
        raise Refused(say("Slack does not say where {name} is; please attach it again.", name=name))
