"""Generates the template of a new language, `parlance.pot`, from the sentences in the source."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

from bot.catalogue.languages import FOLDER
from bot.catalogue.sentence import Sentence

PACKAGES = ("bot", "plugins")
TEMPLATE = FOLDER / "parlance.pot"


def catalogue_template() -> str:
    """The template as text: every sentence with the files that say it, in the order of these."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import write_po

    catalogue = Catalog(project="Parlance", charset="utf-8")
    root = FOLDER.parent.parent
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            for found in find_sentences(path.read_text("utf-8")):
                key = (found.key, found.plural) if found.plural else found.key
                catalogue.add(key, locations=[(name, 0)])
    written = io.BytesIO()
    write_po(written, catalogue, width=100, omit_header=True, include_lineno=False)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return header + written.getvalue().decode()


def find_sentences(source: str) -> Iterator[Sentence]:
    """The sentences of a module: what `say` and `say_number` are given, and what a command says of
    itself: its docstring, its options, its entry in a message's menu."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="say"), args=[ast.Constant(value=str(key)), *_]):
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


def _find_command(handler: ast.AsyncFunctionDef, call: ast.Call) -> Iterator[Sentence]:
    described = ast.get_docstring(handler) or ""
    yield Sentence(" ".join(described.split("\n\n")[0].split()))
    for keyword in call.keywords:
        if keyword.arg == "menu" and isinstance(keyword.value, ast.Constant):
            yield Sentence(str(keyword.value.value))


def stale_template() -> list[Path]:
    """The template's path, if it differs from the source; else nothing."""
    current = TEMPLATE.read_text("utf-8") if TEMPLATE.exists() else ""
    return [TEMPLATE] if current != catalogue_template() else []
