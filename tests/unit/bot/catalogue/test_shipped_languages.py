"""Every language that ships says every sentence, with the same values, commands and marks."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from gettext import c2py
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from bot.adapters.discord.inbound.command_translation import (
    COMMAND_NAME,
    MAX_DESCRIPTION_CHARS,
)
from bot.catalogue.languages import FOLDER, find_known, list_languages, set_folders
from bot.catalogue.sentence import Sentence
from bot.cli.catalogue_template import (
    TEMPLATE,
    find_page_sentences,
    find_sentences,
    update_language,
)

ROOT = FOLDER.parent.parent
FILES = sorted(FOLDER.glob("*.po"))
MARKS = (
    re.compile(r"`[^`]+`"),
    re.compile(r"(?<![\w/.:*<{}])/[a-z]+\b", re.ASCII),  # commands
    re.compile(r"https?://[\w./#:-]*[\w/]", re.ASCII),
    re.compile(r"\*\*|__|```|^-# |^- |<[#@]|\n"),
)
"""What stands in every language as it stands in English."""
NUMBERS = (0, 1, 2, 5, 100)


@cache
def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=None if path == TEMPLATE else path.stem, abort_invalid=True)


def told(catalogue: Catalog) -> dict[str, Message]:
    """The messages by their English."""
    return {key(message): message for message in catalogue if message.id}


def key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else "\0".join(message.id)


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


def values_of(text: str) -> list[str]:
    return sorted({name for _, name, _, _ in string.Formatter().parse(text) if name is not None})


def marks_of(text: str) -> list[str]:
    return sorted(one.strip() for marks in MARKS for one in marks.findall(text) if one.strip())


def faults(message: Message) -> Iterator[str]:
    """What is wrong with a translation."""
    english, translated = forms(message.id), forms(message.string)
    for form in translated:
        if not form.strip():
            yield "is not translated"
            continue
        least, most = {*values_of(english[0])}, {*values_of(english[-1])}
        if not least <= {*values_of(form)} <= most:
            yield f"has other values: {form!r}"
        if marks_of(form) != marks_of(english[-1]):
            yield f"has other commands, addresses or marks: {form!r}"
        if (form[:1].isspace(), form[-1:].isspace()) != (
            english[-1][:1].isspace(),
            english[-1][-1:].isspace(),
        ):
            yield f"begins or ends in another way: {form!r}"
    if len(english) > 1 and values_of(translated[-1]) != values_of(english[1]):
        yield f"says of many without all values: {translated[-1]!r}"


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def language(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_german_spanish_french_and_japanese_ship() -> None:
    set_folders(())
    assert list_languages() == ["de", "en", "es", "fr", "ja"]
    known = [find_known(one) for one in ("de-AT", "ja_JP", "en-GB", "it", "", None)]
    assert known == ["de", "ja", "en", None, None, None]


def test_a_language_says_every_sentence(language: Path) -> None:
    assert list(told(read(language))) == list(told(read(TEMPLATE)))


def test_a_translation_keeps_values_commands_and_marks(language: Path) -> None:
    found = [
        f"{key(message)!r} {fault}"
        for message in told(read(language)).values()
        for fault in faults(message)
    ]
    assert found == []


def test_nothing_is_fuzzy_or_obsolete(language: Path) -> None:
    catalogue = read(language)
    assert [key(message) for message in catalogue if message.fuzzy] == []
    assert list(catalogue.obsolete) == []


def test_plural_forms_are_those_of_the_language(language: Path) -> None:
    catalogue = read(language)
    assert catalogue.plural_forms == Catalog(locale=language.stem).plural_forms
    used = {c2py(catalogue.plural_expr)(n) for n in NUMBERS}
    assert used == set(range(catalogue.num_plurals))
    for message in told(catalogue).values():
        wanted = catalogue.num_plurals if message.pluralizable else 1
        assert len(forms(message.string)) == wanted


def test_names_of_commands_are_what_discord_takes(language: Path) -> None:
    names = [
        (one.string, key(one).removeprefix("command:"))
        for one in read(language)
        if key(one).startswith("command:")
    ]
    own = [str(name) for name, _ in names]
    english = {name for _, name in names}
    assert [name for name in own if not COMMAND_NAME.fullmatch(name) or name != name.lower()] == []
    assert len({*own}) == len(own)
    assert [name for name, of in names if name != of and name in english] == []


def test_descriptions_of_commands_fit_into_discords(language: Path) -> None:
    said = {one.key for one in find_command_sentences()}
    assert len(said) > 50
    assert [
        str(one.string)
        for one in read(language)
        if key(one) in said and len(str(one.string)) > MAX_DESCRIPTION_CHARS
    ] == []


def find_command_sentences() -> Iterator[Sentence]:
    """What commands say of themselves."""
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and any(
                isinstance(one, ast.Call) and getattr(one.func, "id", "") == "command"
                for one in node.decorator_list
            ):
                yield from find_sentences(ast.unparse(ast.Module([declared(node)], [])))


def declared(node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
    """A command without what it does."""
    shown = node.body[:1]  # its docstring
    return ast.AsyncFunctionDef(
        node.name, node.args, shown, node.decorator_list, node.returns, lineno=1
    )


def test_numbers_are_written_as_there(language: Path) -> None:
    sample = told(read(language))["1,234.5"].string
    assert isinstance(sample, str)
    assert re.fullmatch(r"1\D234\D5", sample)


@pytest.mark.parametrize(
    ("english", "translated"),
    [
        ("{name} is empty.", "{nmae} ist leer."),
        ("{name} is empty.", "Es ist leer."),
        ("See `parlance logs`.", "Siehe `parlance log`."),
        ("See /help.", "Siehe /hilfe."),
        ("**{name}** is empty.", "{name} ist leer."),
        ("See https://example.com/a.", "Siehe https://example.com/b."),
        (" or ", "oder"),
        ("Empty.", ""),
        (("{n} file", "{n} files"), ("{n} Datei", "Dateien")),
    ],
)
def test_the_check_sees_what_is_wrong(
    english: str | tuple[str, ...], translated: str | tuple[str, ...]
) -> None:
    assert list(faults(Message(english, translated)))


def test_a_new_sentence_is_to_be_translated_and_an_old_one_goes() -> None:
    head = 'msgid ""\nmsgstr ""\n"Language: de\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
    text = f'{head}\n\nmsgid "Old"\nmsgstr "Alt"\n\nmsgid "Kept"\nmsgstr "Behalten"\n\n'
    template = (
        'msgid ""\nmsgstr ""\n\nmsgid "{n} file"\nmsgid_plural "{n} files"\n'
        'msgstr[0] ""\nmsgstr[1] ""\n\nmsgid "Kept"\nmsgstr ""\n'
    )
    updated = update_language(text, template)
    assert updated.startswith(head)
    language = read_po(updated.splitlines(keepends=True), abort_invalid=True)
    found = {key(one): forms(one.string) for one in language if one.id}
    assert found == {"{n} file\0{n} files": ("", ""), "Kept": ("Behalten",)}
    assert update_language(updated, template) == updated


def test_a_page_lists_what_it_says() -> None:
    page = '{{ _("Turns") }} {{ _("{n} of {m}", n=1, m=2) }} {{ _n("{n} page", "{n} pages", 2) }}'
    found = [(one.key, one.plural) for one in find_page_sentences(page + "{{ _(name) }}")]
    assert found == [("Turns", ""), ("{n} of {m}", ""), ("{n} page", "{n} pages")]
