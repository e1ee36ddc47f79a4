"""The errors of the core.

    ParlanceError
    ├── ConfigError             config.yaml or the environment; names the path of the key
    ├── PluginError             a plugin that cannot be loaded; names the plugin
    ├── StorageError            the data directory: held by another process, newer schema, full
    ├── AdapterError            what an adapter raises where only the operator can help
    └── UserFacingError         str(exc) is shown to the person who asked
        ├── UsageError          a command written the wrong way
        │   └── MissingOption   a required option is absent; a surface may ask for it
        ├── Denied              the person may not do this
        ├── Busy                come back in `retry_after_s`
        ├── NotFound            no such command, document, model …
        ├── Refused             an input that is not accepted: a URL, a file, a size
        │   └── Recording       a voice message or a video
        └── Failed              the work was tried and could not be done
            └── Gone            a page that its server no longer has

A `UserFacingError` says in one sentence what was wrong and what to do. It never contains a secret
or a stack trace.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bot.catalogue.sentence import say


class ParlanceError(Exception):
    """Base of every error of the core."""


class ConfigError(ParlanceError):
    """config.yaml or the environment is invalid."""


class PluginError(ParlanceError):
    """A plugin cannot be loaded. It is left out, and the bot starts without it."""


class StorageError(ParlanceError):
    """The data directory cannot be used: locked, full, or of a newer version."""


class UserFacingError(ParlanceError):
    """An error whose message is shown to the person who asked."""


class UsageError(UserFacingError):
    """A command was written the wrong way."""


class MissingOption(UsageError):
    """A required option is missing. `command` and `option` are names, `hint` is the message."""

    def __init__(self, command: str, option: str, hint: str) -> None:
        self.command = command
        self.option = option
        super().__init__(hint)


class Denied(UserFacingError):
    """The person may not do this."""


class Busy(UserFacingError):
    """There is no capacity now; it may be worth trying again in `retry_after_s` seconds."""

    def __init__(self, retry_after_s: float, message: str | None = None) -> None:
        self.retry_after_s = max(1.0, retry_after_s)
        super().__init__(
            message
            or say(
                "Busy just now; try again in about {seconds:.0f} s.",
                seconds=self.retry_after_s,
            )
        )


class NotFound(UserFacingError):
    """The named command, document, model or the like does not exist."""


class Refused(UserFacingError):
    """The input is not accepted: a URL, a file, a size, a character."""


class Recording(Refused):
    """A voice message, another recording or a video, which nobody here listens to or watches."""


class Failed(UserFacingError):
    """The work was tried and failed; the message says why."""


class Gone(Failed):
    """A page is not there: its server answers 404 or 410."""


class AdapterError(ParlanceError):
    """The platform refuses the bot permanently; `str(exc)` tells the operator what to change."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to `word`, or None if none is close."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None
