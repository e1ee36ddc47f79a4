"""The errors that engines, the pool and the model store raise.

    BackendError
    ├── BackendUnavailable      the engine cannot be reached, or is not running
    │   ├── BackendTimeout      it was reached, and then sent nothing for too long
    │   └── AnswerInterrupted   it failed after a part of its answer had been passed on
    ├── BackendBusy             the bounded queue is full; `retry_after_s` says when to come back
    ├── BackendProtocolError    it answered something that its protocol does not allow
    ├── ContextOverflow         the prompt does not fit; carries both numbers
    ├── InvalidRequest          the request itself cannot be served (a bad schema, max_tokens < 1)
    │   └── InvalidSource       a model's `source:` is malformed; also a ValueError
    ├── DeadlineExceeded        the request's own deadline passed
    ├── ModelNotFound           no such model, or its file is missing or damaged
    └── ModelFetchError         a model's file could not be fetched; nothing was put in place

`SpecError` is none of them: entries of config.yaml that the pool cannot take.

`str(exc)` is one sentence that may be shown to a person: it never holds a secret, an address with
credentials, or a stack trace.
"""

from __future__ import annotations

from collections.abc import Sequence


class BackendError(Exception):
    """Base of every error that an engine, the pool or the model store raises."""


class BackendUnavailable(BackendError):
    """The engine cannot be reached; another replica may serve the request."""


class BackendTimeout(BackendUnavailable):
    """The engine was reached and then kept silent for longer than allowed."""


class AnswerInterrupted(BackendUnavailable):
    """The answer broke off: a part of it came, which stands, and the rest will not."""


class BackendBusy(BackendError):
    """A model takes no further request just now; `retry_after_s` is the expected wait, in
    seconds."""

    def __init__(self, retry_after_s: float, message: str | None = None) -> None:
        self.retry_after_s = max(1.0, retry_after_s)
        super().__init__(
            message or f"The model is busy; try again in about {self.retry_after_s:.0f} s."
        )


class BackendProtocolError(BackendError):
    """The engine answered something that its protocol does not allow."""


class ContextOverflow(BackendError):
    """The prompt (and the room asked for the answer) does not fit the model's context.

    `tokens` and `limit` are counted in the model's own tokens.
    """

    def __init__(self, tokens: int, limit: int) -> None:
        self.tokens = tokens
        self.limit = limit
        super().__init__(f"The prompt has {tokens:,} tokens; the model's context holds {limit:,}.")


class InvalidRequest(BackendError):
    """The request cannot be served by any replica as it stands."""


class DeadlineExceeded(BackendError):
    """The request's own deadline passed before the answer was complete."""


class ModelNotFound(BackendError):
    """There is no such model, or its file is missing, truncated or of another kind."""


class InvalidSource(InvalidRequest, ValueError):
    """The text of a model's source is malformed; the message says how it should look."""


class ModelFetchError(BackendError):
    """A model's file could not be fetched: a network or disk failure, or the wrong content."""


class SpecError(ValueError):
    """Entries of config.yaml that are invalid; `problems` has a line with a path for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))
