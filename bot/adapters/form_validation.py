"""Form handling shared by all platforms: when a command needs a form, and validation of one."""

from __future__ import annotations

from collections.abc import Mapping

from backends.lru import LruDict
from bot.commands.declaration import Command
from bot.errors import UsageError
from bot.types import Value

ALREADY_SUBMITTED = "This form was sent already; its answer is in the channel."
_MAX_REMEMBERED_FORMS = 1000


class SubmittedForms:
    """Remembers the latest accepted forms, by their id on the platform, to detect duplicates."""

    def __init__(self) -> None:
        self._submitted_forms: LruDict[str, None] = LruDict(_MAX_REMEMBERED_FORMS)

    def submit_once(self, form: str) -> bool:
        """Record a form as submitted. Returns False if it was recorded before."""
        if form in self._submitted_forms:
            return False
        self._submitted_forms[form] = None
        return True


def wants_form(command: Command, given: Mapping[str, Value]) -> bool:
    """Whether a command asks for a form although no required option is missing."""
    return command.form is not None and command.form(given)


def validate_form(command: Command, given: Mapping[str, Value]) -> dict[str, str]:
    """Check the values of a form. Returns one sentence for each invalid field, by option name."""
    wrong = {
        name: f"/{command.name} has no option {name:.40} any more; please open the form again."
        for name in given
        if command.option(name) is None
    }
    for option in command.options:
        try:
            if option.name in given:
                option.coerce(given[option.name])
            elif option.required:
                raise UsageError(f"{option.name} is missing.")
        except UsageError as exc:
            wrong[option.name] = str(exc)
    return wrong
