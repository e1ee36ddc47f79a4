"""What can go wrong in the core.

    ParlanceError
    ├── ConfigError             config.yaml or the environment; names the path of the key
    ├── PluginError             a plugin that cannot be loaded; names the plugin
    ├── StorageError            the data directory: held by another process, newer schema, full
    └── UserFacingError         str(exc) is shown to the person who asked
        ├── UsageError          a command written the wrong way
        │   └── MissingOption   a required option is absent; a surface may ask for it
        ├── Denied              the person may not do this
        ├── Busy                come back in `retry_after_s`
        ├── NotFound            no such command, document, model …
        ├── Refused             an input that is not accepted: a URL, a file, a size
        └── Failed              the work was tried and could not be done

A `UserFacingError` says in one sentence what was wrong and what to do. It never carries a secret, a
token or a stack.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ParlanceError(Exception):
    """Base of every error of the core."""


class ConfigError(ParlanceError):
    """config.yaml or the environment does not say something that can be used."""


class PluginError(ParlanceError):
    """A plugin cannot be loaded; it is left out, and the bot goes on."""


class StorageError(ParlanceError):
    """The data directory cannot be used as it stands."""


class UserFacingError(ParlanceError):
    """`str(exc)` is shown to the person who asked."""


class UsageError(UserFacingError):
    """A command was written in a way that cannot be understood."""


class MissingOption(UsageError):
    """A required option is absent. `command` and `option` are names."""

    def __init__(self, command: str, option: str, hint: str) -> None:
        self.command = command
        self.option = option
        super().__init__(hint)


class Denied(UserFacingError):
    """The person may not do this."""


class Busy(UserFacingError):
    """Everything is taken; `retry_after_s` seconds from now it may not be."""

    def __init__(self, retry_after_s: float, message: str | None = None) -> None:
        self.retry_after_s = max(1.0, retry_after_s)
        super().__init__(
            message or f"Busy just now; try again in about {self.retry_after_s:.0f} s."
        )


class NotFound(UserFacingError):
    """There is no such thing."""


class Refused(UserFacingError):
    """The input is not accepted: a URL, a file, a size, a character."""


class Failed(UserFacingError):
    """The work was tried and could not be done; the sentence says why."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, if one is close."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None
