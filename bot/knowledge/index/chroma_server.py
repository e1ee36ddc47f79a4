"""Chroma in a server, which several bots and several installations may use at the same time.

The server knows no users: whoever reaches its port reads and writes all of it. Its collections are
told apart by a name that begins with the id of the installation. What it holds may vanish at any
time, also without an error, so what there should be is compared with it now and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from bot.errors import StorageError
from bot.knowledge.index import chroma_files
from bot.knowledge.index.chroma_store import (
    COLLECTION_CONFIGURATION,
    ServerFails,
    VectorsUnavailable,
)
from bot.knowledge.index.late_trace_exporter import late_trace_exporter

if TYPE_CHECKING:
    import httpx
    from chromadb.api import ServerAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.types import Collection as CollectionModel

_CONNECT_TIMEOUT_S: Final = 3.0
_SILENCE_TIMEOUT_S: Final = 10.0
"""How long a server may say nothing before it counts as gone."""
_ANSWER_TIMEOUT_S: Final = 20.0
"""How long an answer may take to arrive, however slowly it trickles."""
_MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
_NAMES_PER_PAGE: Final = 500
_SPOKEN_VERSION: Final = "1."
"""What the version of a server begins with that this client understands."""

InstallationId = Callable[[], Coroutine[Any, Any, str]]


class ChromaServer:
    """Implements `ChromaStore`.

    `address` is `http://host:port` or `https://host`, with a path where a proxy has one; `token` is
    sent as a bearer token, for a proxy that asks for one. `replaced` is the folder that had the
    vectors before the server: they are removed, since nobody keeps them up to date, also when a
    person is forgotten.
    """

    readers = 1
    read_timeout_s = 5.0
    write_timeout_s = 30.0
    rest_s = 5.0

    def __init__(
        self,
        address: str,
        installation_id: InstallationId,
        token: str | None = None,
        *,
        replaced: Path | None = None,
    ) -> None:
        self.server = address.rstrip("/")
        self._installation_id = installation_id
        self._token = token
        self._replaced = replaced
        self._prefix = ""
        self._changing = threading.Lock()
        """Held while the client is exchanged, and never while it is spoken to."""
        self._api: ServerAPI | None = None

    async def prepare(self) -> None:
        """Learns the id that the names of its collections begin with."""
        if not self._prefix:
            self._prefix = f"parlance-{await self._installation_id()}-"

    def check(self) -> None:
        """Has no files that could be damaged."""

    def _open(self) -> ServerAPI:
        """Returns the client; a new one asks first who answers there."""
        with self._changing:
            api = self._api
        if api is not None:
            return api
        made = self._create()
        try:
            self._ask_version(made)
        except BaseException:
            _session(made).close()
            raise
        if self._replaced is not None:
            with suppress(OSError):
                chroma_files.remove_files(self._replaced)
        with self._changing:
            api = self._api = self._api or made
        if api is not made:  # another thread was quicker
            _session(made).close()
        return api

    def _create(self) -> ServerAPI:
        """A client that has not connected yet: what Chroma offers to everybody connects at once,
        and waits for ever."""
        with late_trace_exporter():
            import chromadb.api
        import httpx
        from chromadb.config import Settings, System

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        settings = Settings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host=self.server,
            chroma_server_http_port=0,  # must be there, and is not used beside a whole address
            chroma_server_headers=headers,
            anonymized_telemetry=False,
        )
        system = System(settings)
        api: ServerAPI = system.instance(cast(Any, chromadb.api.ServerAPI))
        system.start()
        session = _session(api)
        session.timeout = httpx.Timeout(_SILENCE_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        session.event_hooks = {"response": [self._look_at]}
        return api

    def _ask_version(self, api: ServerAPI) -> None:
        try:
            version = api.get_version()
        except VectorsUnavailable:
            raise
        except Exception as exc:
            raise self._failed_with(exc, otherwise="does not answer as a Chroma server") from exc
        if not isinstance(version, str) or not version.startswith(_SPOKEN_VERSION):
            known = f"{version:.20}" if isinstance(version, str) else "unknown"
            raise self._unavailable(
                f"has version {known}; Parlance needs one of version {_SPOKEN_VERSION}x"
            )

    def _look_at(self, response: httpx.Response) -> None:
        """Refuses what no Chroma server answers, and bounds what one does."""
        status = response.status_code
        if 300 <= status < 400:
            raise self._unavailable(
                "answers with a redirect, which is not followed; name the address that it leads to"
            )
        if status in (401, 403):
            raise self._unavailable(
                "refuses the token; see knowledge.chroma_token_env"
                if self._token
                else "asks for a token; see knowledge.chroma_token_env"
            )
        if "json" not in response.headers.get("content-type", "json"):
            raise self._unavailable(
                f"answers with the error {status}"
                if status >= 400
                else "is not one of Chroma, but something else"
            )
        too_much = self._unavailable("answers too much, or too slowly")
        response.stream = _bounded(response.stream, too_much)

    def collection(self, name: str) -> Collection:
        """Returns a collection by its name, which is made if there is none."""
        model = self._open().create_collection(
            self._prefix + name, configuration=COLLECTION_CONFIGURATION, get_or_create=True
        )
        return self._to_collection(model)

    def find(self, name: str) -> Collection | None:
        """Returns a collection to read from; None where there is none."""
        api = self._open()
        try:
            return self._to_collection(api.get_collection(self._prefix + name))
        except _not_found():
            return None

    def _to_collection(self, model: CollectionModel) -> Collection:
        from chromadb.api.models.Collection import Collection

        return Collection(client=self._open(), model=model, embedding_function=None)

    def names(self) -> set[str]:
        """Returns the names of this installation's collections, without what they begin with."""
        return {name.removeprefix(self._prefix) for name in self._stored_names()}

    def _stored_names(self) -> Iterator[str]:
        api = self._open()
        offset = 0
        while page := api.list_collections(limit=_NAMES_PER_PAGE, offset=offset):
            yield from (one.name for one in page if one.name.startswith(self._prefix))
            offset += len(page)

    def drop(self, name: str) -> None:
        """Removes a collection if it exists."""
        api = self._open()
        with suppress(_not_found()):
            api.delete_collection(self._prefix + name)

    def clear(self) -> None:
        """Removes all collections of this installation, and no other's."""
        for name in self.names():
            self.drop(name)

    def close(self) -> None:
        """Closes the connections."""
        with self._changing:
            api, self._api = self._api, None
        if api is not None:
            _session(api).close()

    def is_gone(self, error: BaseException) -> bool:
        """Whether a collection is gone: the server was emptied, or another process removed it."""
        return isinstance(error, _not_found())

    def explain(self, error: BaseException) -> StorageError | None:
        """Returns what to say of an error of the client's or the server's."""
        import httpx

        known = (httpx.HTTPError, OSError, ValueError, KeyError)
        if (
            isinstance(error, known)
            or type(error) is Exception  # as the client says what it does not know itself
            or type(error).__module__.startswith("chromadb")
        ):
            return self._failed_with(cast(Exception, error), otherwise="failed; its log says why")
        return None

    def _failed_with(self, error: Exception, *, otherwise: str) -> VectorsUnavailable:
        import httpx

        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return self._unavailable("does not answer in time")
        if isinstance(error, httpx.HTTPError | OSError):
            return self._unavailable("cannot be reached; look whether it runs")
        if type(error).__module__.startswith("chromadb"):  # by its names they mean little
            return ServerFails(
                f"The Chroma server at {self.server} cannot use its data: its folder may be gone "
                "or its disk full; look at its log, and start it again."
            )
        return self._unavailable(otherwise)

    def _unavailable(self, what: str) -> VectorsUnavailable:
        return VectorsUnavailable(f"The Chroma server at {self.server} {what}.")


def _session(api: ServerAPI) -> httpx.Client:
    """The connections of a client, which it offers no other way to bound."""
    return cast("httpx.Client", cast(Any, api)._session)


def _not_found() -> type[Exception]:
    from chromadb.errors import NotFoundError

    return NotFoundError


def _bounded(stream: Any, error: Exception) -> Any:
    """A stream that raises an error where more arrives than any answer has, or for too long."""
    import httpx

    end = time.monotonic() + _ANSWER_TIMEOUT_S

    class Bounded(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for part in stream:
                size += len(part)
                if size > _MAX_ANSWER_BYTES or time.monotonic() > end:
                    raise error
                yield part

        def close(self) -> None:
            stream.close()

    return Bounded()
