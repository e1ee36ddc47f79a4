"""Builds the form (modal) of a command's options, and parses a submitted one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.slack.command_names import CommandNames
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.commands.declaration import Command, Option, format_number
from bot.errors import UsageError
from bot.types import Value

FORM = "parlance:form"
FILE = "file "
"""Id of the block for a file; it cannot be an option's name, as it contains a space."""
_MAX_FIELDS = 99
_MAX_CHOICES = 100
_MAX_CHOICE_CHARS = 75
_MAX_TEXT_CHARS = 3000
_MAX_LABEL_CHARS = 2000
_MAX_TITLE_CHARS = 24


def build_form(
    command: Command,
    channel: str,
    given: Mapping[str, Value],
    names: CommandNames,
    locale: str | None = None,
) -> dict[str, Any] | None:
    """A modal with a field for every option, filled with what was given already; its title is the
    command's name in Slack, and what is said in it is in the language of `locale`.

    None where a text that was given is longer than its field.
    """
    if any(o.name in given and not _fits_field(o, given[o.name]) for o in command.options):
        return None
    title = translate(command.title or f"/{names.in_slack(command.name)}", locale)
    options = command.options[:_MAX_FIELDS]
    fields = [_field(o, given.get(o.name, o.default), locale) for o in options]
    if command.takes_file:
        fields.append(_file_field(locale))
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps({"command": command.name, "channel": channel}),
        "title": _plain(title[:_MAX_TITLE_CHARS]),
        "submit": _plain(translate(say("Send"), locale)),
        "close": _plain(translate(say("Cancel"), locale)),
        "blocks": fields,
    }


def form_origin(view: Mapping[str, Any]) -> tuple[str, str]:
    """Command and channel of a form; empty strings if it is not the bot's. Never raises."""
    try:
        place = json.loads(str(view.get("private_metadata") or "{}"))
        return str(place["command"]), str(place["channel"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def field_ids(view: Mapping[str, Any]) -> list[str]:
    """The ids of a form's fields, in order; errors can be shown at these alone."""
    shown = [str(block.get("block_id")) for block in view.get("blocks") or ()]
    return list(dict.fromkeys([*shown, *((view.get("state") or {}).get("values") or {})]))


def parse_values(view: Mapping[str, Any]) -> dict[str, Value]:
    """The submitted values, by option; empty fields are left out."""
    return dict(_entries((view.get("state") or {}).get("values") or {}))


def format_values(values: Mapping[str, Value]) -> str:
    """The values as readable text."""
    return "\n\n".join(f"{name}:\n{value}" for name, value in values.items())


def parse_files(view: Mapping[str, Any]) -> Mapping[str, Any]:
    """The submitted files, in the shape of a message with files."""
    values = (view.get("state") or {}).get("values") or {}
    entry = (values.get(FILE) or {}).get("value") or {}
    return {"files": entry.get("files") or []}


def _entries(values: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for name, block in values.items():
        for entry in block.values():
            value = entry.get("value") or (entry.get("selected_option") or {}).get("value")
            if value is not None and str(value).strip():
                yield str(name), str(value)


def _fits_field(option: Option, value: Value) -> bool:
    """Whether an option's field can show the whole of a value."""
    return bool(_choices(option)) or option.kind != "str" or len(str(value)) <= _max_chars(option)


def _field(option: Option, value: Value | None, locale: str | None) -> dict[str, Any]:
    label = translate(option.description or option.name, locale)
    return {
        "type": "input",
        "block_id": option.name,
        "optional": not option.required,
        "label": _plain(label[:_MAX_LABEL_CHARS]),
        "element": _element(option, value),
    }


def _file_field(locale: str | None) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": FILE,
        "optional": True,
        "label": _plain(translate(say("A file"), locale)),
        "element": {"type": "file_input", "action_id": "value", "max_files": 1},
    }


def _element(option: Option, value: Value | None) -> dict[str, Any]:
    element: dict[str, Any] = {"action_id": "value"}
    if choices := _choices(option):
        element |= {"type": "static_select", "options": [_choice(one) for one in choices]}
        word = ("yes" if value else "no") if isinstance(value, bool) else value
        if word in choices:
            element["initial_option"] = _choice(str(word))
        return element
    if option.kind in {"int", "float"}:
        element |= {"type": "number_input", "is_decimal_allowed": option.kind == "float"}
        if option.min_value is not None:
            element["min_value"] = format_number(option.min_value)
        if option.max_value is not None:
            element["max_value"] = format_number(option.max_value)
        if value not in (None, "") and _is_within(option, value):
            element["initial_value"] = str(value)
        return element
    longest = _max_chars(option)
    element |= {"type": "plain_text_input", "multiline": option.multiline, "max_length": longest}
    if value not in (None, ""):
        element["initial_value"] = str(value)[:longest]
    return element


def _choices(option: Option) -> tuple[str, ...]:
    """What can be chosen from; nothing where Slack's list could not hold it."""
    choices = ("yes", "no") if option.kind == "bool" else option.choices
    fits = len(choices) <= _MAX_CHOICES and all(0 < len(c) <= _MAX_CHOICE_CHARS for c in choices)
    return choices if fits else ()


def _max_chars(option: Option) -> int:
    return min(option.max_length, _MAX_TEXT_CHARS)


def _is_within(option: Option, value: Value) -> bool:
    try:
        option.coerce(value)
    except UsageError:
        return False
    return True


def _choice(choice: str) -> dict[str, Any]:
    return {"text": _plain(choice), "value": choice}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
