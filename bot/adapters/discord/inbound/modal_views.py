"""Builds the form (modal) of a command's options, and parses a submitted one.

The form's id holds the command and the interaction that opened it, and each field's id the option;
so no state is kept of an open form, and one that an earlier process opened can be submitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import discord
from discord import ui

from bot.catalogue.languages import translate
from bot.catalogue.sentence import join_sentences, say
from bot.commands.declaration import Command, Option, format_number
from bot.types import Value

FORM = "parlance:form:"
_OPTION = "option:"
_FILE = "file"
_MAX_FIELDS = 5
_MAX_CHOICES = 25
_MAX_CHOICE_CHARS = 100
_MAX_TEXT_CHARS = 4000
_MAX_LABEL_CHARS = 45
_MAX_DESCRIPTION_CHARS = 100
_MAX_TITLE_CHARS = 45

Item: TypeAlias = "ui.Item[Any]"
Payload: TypeAlias = Mapping[str, Any]


def build_form(
    command: Command, opened_by: int, given: Mapping[str, Value], locale: str | None = None
) -> ui.Modal | None:
    """A modal with a field for every option, filled with what was given already.

    Of more options than it has room for, those that matter most. None where something that was
    given, or must be, has no place in it. `opened_by` is the interaction's id, and `locale` the
    language of what is said in it. Needs a running loop.
    """
    chosen = _choose_options(command, given)
    held = {o.name for o in chosen if o.name not in given or _fits_field(o, given[o.name])}
    if not held >= {*given, *(o.name for o in command.options if o.required)}:
        return None
    modal = ui.Modal(
        title=translate(command.title or f"/{command.name}", locale)[:_MAX_TITLE_CHARS],
        custom_id=_id_of(command, opened_by),
    )
    for option in chosen:
        modal.add_item(_field(option, given.get(option.name, option.default), locale))
    if command.takes_file and len(chosen) < _MAX_FIELDS:
        upload = ui.FileUpload[Any](custom_id=_FILE, required=False, min_values=0, max_values=1)
        modal.add_item(
            ui.Label(
                text=translate(say("File"), locale),
                description=translate(say("A file to go with it"), locale),
                component=upload,
            )
        )
    modal.stop()  # so that discord.py keeps nothing of it: what is sent comes to `on_form`
    return modal


def _id_of(command: Command, opened_by: int) -> str:
    return f"{FORM}{command.name}:{opened_by}"


def form_origin(custom_id: str) -> tuple[str, str]:
    """Command and opening interaction from a form's id; empty strings if it is not the bot's."""
    if not custom_id.startswith(FORM):
        return "", ""
    name, _, opened_by = custom_id.removeprefix(FORM).rpartition(":")
    return name, opened_by


def parse_values(sent: Payload) -> dict[str, Value]:
    """The submitted values, by option; empty fields are left out."""
    found: dict[str, Value] = {}
    for field in _fields_of(sent):
        name = str(field.get("custom_id", ""))
        value = field.get("value", next(iter(field.get("values") or ()), None))
        if not name.startswith(_OPTION) or value is None:
            continue
        if isinstance(value, bool) or str(value).strip():
            found[name.removeprefix(_OPTION)] = value if isinstance(value, bool) else str(value)
    return found


def parse_files(sent: Payload) -> Sequence[Payload]:
    """The submitted files, as Discord's attachment objects."""
    known = (sent.get("resolved") or {}).get("attachments") or {}
    numbers = [
        str(number)
        for field in _fields_of(sent)
        if field.get("custom_id") == _FILE
        for number in field.get("values") or ()
    ]
    return [known[number] for number in numbers if number in known]


def _fields_of(sent: Payload) -> Iterator[Payload]:
    """The fields within their labels (or, as modals once had them, rows)."""
    for outer in sent.get("components") or ():
        inner = outer.get("component")
        yield from [inner] if inner is not None else outer.get("components") or ()


def coerce_values(command: Command, values: Mapping[str, Value]) -> dict[str, Value]:
    """Convert submitted values to the options' types, as a slash command has them.

    Raises `UsageError`.
    """
    return {o.name: o.coerce(values[o.name]) for o in command.options if o.name in values}


# --- fields --------------------------------------------------------------------------------------


def _choose_options(command: Command, given: Mapping[str, Value]) -> list[Option]:
    """The options that get a field: those that need one first, in the command's order."""

    def rank(option: Option) -> int:
        if option.required or option.name in given:
            return 0
        return 1 if option.multiline else 2

    ranked = sorted(command.options, key=rank)
    needed = sum(rank(o) == 0 for o in ranked)
    room = max(needed, _MAX_FIELDS - 1) if command.takes_file else _MAX_FIELDS
    kept = {o.name for o in ranked[: min(room, _MAX_FIELDS)]}
    return [o for o in command.options if o.name in kept]


def _fits_field(option: Option, value: Value) -> bool:
    """Whether an option's field can show a value as it is."""
    return bool(_choices(option)) or option.kind == "bool" or len(str(value)) <= _max_chars(option)


def _field(option: Option, value: Value | None, locale: str | None) -> ui.Label[Any]:
    label = option.name.replace("_", " ").capitalize()[:_MAX_LABEL_CHARS]
    about = " ".join(translate(option.description, locale).split())
    if len(about) > _MAX_DESCRIPTION_CHARS:
        about = about[: _MAX_DESCRIPTION_CHARS - 1] + "…"
    return ui.Label(
        text=label,
        description=about if about and about != label else None,
        component=_component(option, value, locale),
    )


def _component(option: Option, value: Value | None, locale: str | None) -> Item:
    name = _OPTION + option.name
    if option.kind == "bool":
        return _yes_or_no(option, value, locale)
    if choices := _choices(option):
        return ui.Select(
            custom_id=name,
            required=option.required,
            min_values=1 if option.required else 0,
            options=[discord.SelectOption(label=c, value=c, default=c == value) for c in choices],
        )
    longest = _max_chars(option)
    return ui.TextInput(
        custom_id=name,
        style=discord.TextStyle.paragraph if option.multiline else discord.TextStyle.short,
        placeholder=translate(_describe_range(option), locale) or None,
        default=None if value is None else str(value)[:longest],
        required=option.required,
        max_length=longest,
    )


def _yes_or_no(option: Option, value: Value | None, locale: str | None) -> Item:
    """A box to tick; where nothing ticked must stay different from no, two choices."""
    name = _OPTION + option.name
    said = value if value is None else str(value).lower() in {"true", "yes"}
    if not option.required and option.default is not None:
        return ui.Checkbox(custom_id=name, default=bool(said))
    words = {"yes": (say("Yes"), True), "no": (say("No"), False)}
    return ui.RadioGroup(
        custom_id=name,
        required=option.required,
        options=[
            discord.RadioGroupOption(
                label=translate(word, locale), value=value, default=said is meant
            )
            for value, (word, meant) in words.items()
        ],
    )


def _choices(option: Option) -> tuple[str, ...]:
    """What can be chosen from; nothing where Discord's list could not hold it."""
    fits = all(0 < len(choice) <= _MAX_CHOICE_CHARS for choice in option.choices)
    return option.choices if fits and len(option.choices) <= _MAX_CHOICES else ()


def _max_chars(option: Option) -> int:
    return min(option.max_length, _MAX_TEXT_CHARS)


def _describe_range(option: Option) -> str:
    """The range of a numeric option in words; empty for other options."""
    if option.kind not in {"int", "float"}:
        return ""
    words: list[str] = [say("A whole number") if option.kind == "int" else say("A number")]
    if option.min_value is not None:
        words.append(say("from {min_value}", min_value=format_number(option.min_value)))
    if option.max_value is not None:
        words.append(say("up to {max_value}", max_value=format_number(option.max_value)))
    return join_sentences(words)
