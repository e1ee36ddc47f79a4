"""Where the parts of the HTTP port are mounted."""

from __future__ import annotations

from bot.http.messages import ASGIApp, Message, Receive, Response, Send, respond


class Routes:
    """An ASGI app that passes each request on to the part that is mounted at its path.

    A part gets the paths under its own as well, and its own one as `root_path`.
    """

    def __init__(self) -> None:
        self._parts: dict[str, ASGIApp] = {}

    def __bool__(self) -> bool:
        return bool(self._parts)

    def mount(self, path: str, part: ASGIApp) -> None:
        """Mount a part at a path such as `/metrics`. Raises `ValueError` if there is one."""
        if not path.startswith("/") or path.endswith("/") or path in self._parts:
            raise ValueError(f"nothing can be mounted at {path}")
        self._parts[path] = part

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        found = [at for at in self._parts if path == at or path.startswith(f"{at}/")]
        if scope["type"] != "http" or not found:
            await respond(send, Response(404))
            return
        at = max(found, key=len)
        await self._parts[at]({**scope, "root_path": at}, receive, send)
