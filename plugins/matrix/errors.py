"""What goes wrong between the bot and a homeserver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bot.api import PortError, PortRefused, RateLimited

_GONE_CODES = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"})
_MISSING_CODES = frozenset({"M_FORBIDDEN", "M_NOT_FOUND"})
_REFUSED_CODES = _MISSING_CODES | {"M_TOO_LARGE", "M_BAD_JSON"}
_DEFAULT_WAIT_S = 5.0


class MatrixError(Exception):
    """The homeserver did not do what it was asked.

    `code` is its own (`M_FORBIDDEN`), or empty; `status` that of HTTP, 0 where there was no answer.
    """

    def __init__(
        self, text: str, code: str = "", status: int = 0, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{code} {text}".strip())
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def is_rate_limit(self) -> bool:
        """Whether it has taken too many requests."""
        return self.status == 429 or self.code == "M_LIMIT_EXCEEDED"

    @property
    def is_dead_token(self) -> bool:
        """Whether the access token is not valid any more."""
        return self.code in _GONE_CODES

    @property
    def is_missing(self) -> bool:
        """Whether there is no such thing, or none that the bot may see."""
        return self.code in _MISSING_CODES

    @property
    def is_refusal(self) -> bool:
        """Whether asking again would not help."""
        return self.code in _REFUSED_CODES or self.is_dead_token

    @property
    def wait_s(self) -> float:
        """How long to wait before the next try after a rate limit, in seconds."""
        return _DEFAULT_WAIT_S if self.retry_after_s is None else self.retry_after_s


MATRIX_FAILURES = (MatrixError, OSError)
"""What a request to a homeserver may raise; `TimeoutError` is an `OSError`."""


@contextmanager
def as_port_errors() -> Iterator[None]:
    """Raise what a homeserver did not do as a port's errors."""
    try:
        yield
    except MatrixError as exc:
        if exc.is_rate_limit:
            raise RateLimited(str(exc), exc.wait_s) from exc
        raise (PortRefused if exc.is_refusal else PortError)(str(exc)) from exc
    except OSError as exc:
        raise PortError(str(exc) or type(exc).__name__) from exc
