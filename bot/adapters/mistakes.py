"""What is wrong with a form that was filled in; every platform that has forms says the same."""

from __future__ import annotations

from collections.abc import Mapping

from bot.command import Command
from bot.errors import UsageError
from bot.types import Value


def mistakes(command: Command, given: Mapping[str, Value]) -> dict[str, str]:
    """One sentence for each field whose value is not accepted, by the option's name."""
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
