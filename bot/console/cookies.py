"""The cookie of a session."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from bot.console.visit import COOKIE, SECURE_COOKIE

COOKIE_IN_EFFECT: Final = "console.cookie"
"""The entry of a request's scope with the cookie that it is answered by, where that is not the one
of the browser."""


def cookie_of(request: Request) -> str:
    """The session's cookie: the browser's, or the one of somebody whom the proxy has let in."""
    in_effect: str | None = request.scope.get(COOKIE_IN_EFFECT)
    if in_effect is not None:
        return in_effect
    name = SECURE_COOKIE if request.url.scheme == "https" else COOKIE
    return request.cookies.get(name, "")


def set_cookie(request: Request, response: Response, value: str, max_age_s: int) -> None:
    """Set the session's cookie, or with an empty value take it away."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        value,
        max_age=max_age_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
