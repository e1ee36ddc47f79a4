"""Generates the template of a new language, `parlance.pot`, from the sentences in the source and in
the pages, and brings what is new there into each language that ships, to be translated."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.catalogue.languages import FOLDER
from bot.catalogue.sentence import Sentence, name_of_command

PACKAGES = ("bot", "plugins")
TEMPLATE = FOLDER / "parlance.pot"
_WIDTH = 100


def catalogue_template() -> str:
    """The template as text: every sentence with the files that say it, in the order of these."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import write_po

    catalogue = Catalog(project="Parlance", charset="utf-8")
    root = FOLDER.parent.parent
    for package in PACKAGES:
        for pattern, find in (("*.py", find_sentences), ("*.html", find_page_sentences)):
            for path in sorted((root / package).rglob(pattern)):
                name = path.relative_to(root).as_posix()
                for found in find(path.read_text("utf-8")):
                    key = (found.key, found.plural) if found.plural else found.key
                    catalogue.add(key, locations=[(name, 0)])
    written = io.BytesIO()
    write_po(written, catalogue, width=_WIDTH, omit_header=True, include_lineno=False)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return header + written.getvalue().decode()


def update_language(text: str, template: str) -> str:
    """The text of a language's file with the sentences of the template, in its order: new ones not
    translated yet, and without those that nobody says any more. Its head stays as it is."""
    from babel.messages.pofile import read_po, write_po

    head, _, _ = text.partition("\n\n")
    language = read_po(io.StringIO(text))
    language.update(read_po(io.StringIO(template)), no_fuzzy_matching=True)
    written = io.BytesIO()
    write_po(
        written, language, width=_WIDTH, omit_header=True, no_location=True, ignore_obsolete=True
    )
    return f"{head}\n\n{written.getvalue().decode()}"


def find_sentences(source: str) -> Iterator[Sentence]:
    """The sentences of a module: what `say` and `say_number` are given, and what a command says of
    itself: its name, its docstring, its options, its entry in a message's menu."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="say" | "say_here"), args=[ast.Constant(value=str(key)), *_]
            ):
                yield Sentence(key)
            case ast.Call(
                func=ast.Name(id="say_number"),
                args=[ast.Constant(value=str(key)), ast.Constant(value=str(plural)), *_],
            ):
                yield Sentence(key, key, plural)
            case ast.Call(func=ast.Name(id="Option"), args=[ast.Constant(value=str(key)), *_]):
                yield Sentence(key)
            case ast.AsyncFunctionDef(decorator_list=decorators):
                for call in decorators:
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "command":
                        yield from _find_command(node, call)


def find_page_sentences(source: str) -> Iterator[Sentence]:
    """The sentences of a page's template: what `_` and `_n` are given."""
    from jinja2 import Environment
    from jinja2.ext import extract_from_ast

    for _, name, given in extract_from_ast(Environment().parse(source), ("_", "_n")):
        match name, given:
            case "_", str(key) | (str(key), *_):
                yield Sentence(key)
            case "_n", (str(key), str(plural), *_):
                yield Sentence(key, key, plural)


def _find_command(handler: ast.AsyncFunctionDef, call: ast.Call) -> Iterator[Sentence]:
    match call.args:
        case [ast.Constant(value=str(name)), *_]:
            yield name_of_command(name)
    described = ast.get_docstring(handler) or ""
    yield Sentence(" ".join(described.split("\n\n")[0].split()))
    for keyword in call.keywords:
        if keyword.arg == "menu" and isinstance(keyword.value, ast.Constant):
            yield Sentence(str(keyword.value.value))


def find_stale_languages() -> Mapping[Path, str]:
    """The template and the languages that ship, as far as they differ from the source, with what
    they should be."""
    template = catalogue_template()
    wanted = {TEMPLATE: template}
    for path in sorted(FOLDER.glob("*.po")):
        wanted[path] = update_language(path.read_text("utf-8"), template)
    current = {path: path.read_text("utf-8") if path.exists() else "" for path in wanted}
    return {path: text for path, text in wanted.items() if current[path] != text}
