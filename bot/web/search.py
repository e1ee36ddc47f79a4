"""Searches the web by the operator's own SearXNG, which asks the search engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

import structlog

from bot.catalogue.sentence import say
from bot.control_characters import strip_controls
from bot.errors import Failed, Refused
from bot.values import FoundPage
from bot.web.late_fetch import LateFetcher

log = structlog.get_logger(__name__)

MAX_QUERY_CHARACTERS: Final = 150
"""Longest query; in an address a letter takes up to twelve characters."""
_MAX_TITLE_CHARACTERS: Final = 200
_MAX_ADDRESS_CHARACTERS: Final = 500
_MAX_TEXT_CHARACTERS: Final = 600
_ENDPOINT: Final = "/search"


class WebSearchLimits(Protocol):
    """The section `web_search` of config.yaml."""

    @property
    def url(self) -> str | None: ...

    @property
    def results(self) -> int: ...

    @property
    def timeout_s(self) -> float: ...

    @property
    def max_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _SearchFetch:
    """Limits of the fetcher: the operator's address alone may be private."""

    allow_hosts: tuple[str, ...]
    max_bytes: int
    timeout_s: float
    max_redirects: int = 2


class WebSearch:
    """The operator's search service; implements `bot.skills.services.WebSearch`."""

    def __init__(self, url: str, limits: WebSearchLimits) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        path = parts.path.rstrip("/")
        self._url = f"{parts.scheme}://{host}:{port}{path.removesuffix(_ENDPOINT)}{_ENDPOINT}"
        self._results = limits.results
        self._fetcher = LateFetcher(
            _SearchFetch((f"{host}:{port}",), limits.max_bytes, limits.timeout_s)
        )

    async def search(self, query: str) -> Sequence[FoundPage]:
        """Return the pages that fit best, as many as are configured. Raises `Failed`."""
        asked = urlencode({"q": query[:MAX_QUERY_CHARACTERS], "format": "json"})
        try:
            got = await self._fetcher.fetch_bytes(f"{self._url}?{asked}")
        except Failed as error:
            log.warning("web_search.failed", reason=str(error))
            raise Failed(
                say("The web search gives no answer at the moment; try again later.")
            ) from error
        except Refused as error:
            raise _not_usable(str(error)) from error
        answer = await asyncio.to_thread(_parse, got.data)
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise _not_usable(f"sent: {got.content_type or '-'}")
        found = (page for one in answer["results"] for page in _page(one))
        return tuple(page for page, _ in zip(found, range(self._results), strict=False))


def create_web_search(limits: WebSearchLimits) -> WebSearch | None:
    """The search service of config.yaml; None where none is configured."""
    return None if limits.url is None else WebSearch(limits.url, limits)


def _not_usable(reason: str) -> Failed:
    """What people are told of an answer that is none; an operator finds the reason in the log."""
    log.warning("web_search.not_usable", reason=reason, needs="search.formats: [html, json]")
    return Failed(say("The web search is not set up right; whoever runs me finds why in the log."))


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _page(entry: Any) -> Iterator[FoundPage]:
    """One result, if it has an address on the web."""
    if not isinstance(entry, dict):
        return
    url = _line(entry.get("url"), _MAX_ADDRESS_CHARACTERS + 1)
    if len(url) > _MAX_ADDRESS_CHARACTERS or not url.startswith(("https://", "http://")):
        return
    title = _line(entry.get("title"), _MAX_TITLE_CHARACTERS) or url
    yield FoundPage(url, title, _line(entry.get("content"), _MAX_TEXT_CHARACTERS))


def _line(value: Any, most: int) -> str:
    return (
        " ".join(strip_controls(value[: 4 * most]).split())[:most] if isinstance(value, str) else ""
    )
