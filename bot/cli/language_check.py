"""What `parlance check` says of languages: of those that do not ship, and of those that config.yaml
names."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.catalogue.languages import ENGLISH, FOLDER

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

    from bot.installation import Installation

SHIPPED_LANGUAGES: Final = frozenset({"de", "es", "fr", "ja"})
"""Languages whose own files the tests look through."""
_TEMPLATE = FOLDER / "parlance.pot"
_MAX_FAULTS = 5
Row = dict[str, object]


def check_languages(here: Installation) -> Iterator[Row]:
    """A row for each file of a language that does not ship, and for each language that is named and
    is not there. Blocks."""
    known = {*SHIPPED_LANGUAGES, ENGLISH}
    for folder in (*map(Path, here.plugins.language_folders), FOLDER):
        if not folder.is_dir():
            yield _row("languages", f"{folder}: a plugin names this folder, and it is not there")
        for path in sorted(folder.glob("*.po")):
            if folder != FOLDER or path.stem not in SHIPPED_LANGUAGES:
                if _is_locale(path.stem):
                    known.add(path.stem)
                    yield from _check_file(path)
                else:
                    what = "it has to be called as its language is: it.po, pt_BR.po"
                    yield _row("languages", f"{path}: {what}")
    for where, language in _named(here):
        if not known.intersection({language, language.partition("_")[0]}):
            there = ", ".join(sorted(known))
            yield _row("languages", f"{where}: there is no language {language}; there are: {there}")


def _row(what: str, detail: str, *, ok: bool = False) -> Row:
    return {"what": what, "ok": ok, "detail": detail}


def _is_locale(name: str) -> bool:
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(name)) == name
    except (UnknownLocaleError, ValueError):
        return False


def _check_file(path: Path) -> Iterator[Row]:
    """How much of a language a file has, and what of it cannot be said."""
    what = f"language {path.stem}"
    try:
        catalogue = _read(path)
    except Exception as error:  # noqa: BLE001 - whatever the file's parsers raise
        yield _row(what, f"{path} cannot be read: {error}")
        return
    said = {_key(one): one for one in catalogue if one.id and any(_forms(one))}
    own = {_key(one) for one in _read(_TEMPLATE) if one.id}
    count = len(own.intersection(said))
    rest = "" if count == len(own) else "; the others are said in English"
    more = f", and {len(said) - count} of plugins" if len(said) > count else ""
    yield _row(what, f"{path}: {count:,} of {len(own):,} sentences{more}{rest}", ok=True)
    faults = [fault for one in said.values() for fault in _faults(one)]
    for fault in faults[:_MAX_FAULTS]:
        yield _row(what, f"{path}: {fault}")
    if len(faults) > _MAX_FAULTS:
        yield _row(what, f"{path}: and {len(faults) - _MAX_FAULTS} more like these")


@cache
def _read(path: Path) -> Catalog:
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        return read_po(file, locale=None if path == _TEMPLATE else path.stem, abort_invalid=True)


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _faults(message: Message) -> Iterator[str]:
    """Values that a translation puts in and the English does not have."""
    english = (message.id,) if isinstance(message.id, str) else message.id
    given = set().union(*map(_values, english))
    for form in _forms(message):
        try:
            unknown = sorted(_values(form) - given)
        except ValueError as error:
            yield f"line {message.lineno}: {form!r}: {error}"
            continue
        for name in unknown:
            yield f"line {message.lineno}: {{{name}}} is no value of {_key(message)!r}"


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _named(here: Installation) -> Iterator[tuple[str, str]]:
    """The languages that config.yaml names, with the keys that name them."""
    config = here.config
    yield from _language_of("chat.language", config.chat.language)
    groups: Mapping[str, Mapping[str, object]] = {
        "channels": config.channels,
        "workspaces": config.workspaces,
    }
    for group, places in groups.items():
        for name, place in places.items():
            yield from _language_of(f"{group}.{name}.language", getattr(place, "language", None))


def _language_of(where: str, language: str | None) -> Iterator[tuple[str, str]]:
    if language:
        name, _, region = language.replace("-", "_").partition("_")
        yield where, f"{name.lower()}_{region.upper()}" if region else name.lower()
