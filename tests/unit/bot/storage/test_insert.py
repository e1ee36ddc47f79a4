"""Inserts over rows that are there already are written for either database."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy.dialects import registry

import bot
from bot.storage.insert import DIALECTS, InsertStatement


def statements() -> Iterator[tuple[str, InsertStatement]]:
    for found in pkgutil.walk_packages(bot.__path__, "bot."):
        if found.name.startswith(("bot.history.", "bot.settings.", "bot.models.")):
            module = import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, InsertStatement):
                    yield f"{found.name}.{name}", value


def test_there_are_some() -> None:
    assert len(dict(statements())) >= 5


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("name", "statement"), [*statements()])
def test_each_is_compiled_by_its_dialect(
    name: str, statement: InsertStatement, dialect: str
) -> None:
    made = statement.for_dialect(dialect)
    assert type(made).__module__ == f"sqlalchemy.dialects.{dialect}.dml"
    columns = None if made.select is not None else [column.name for column in made.table.columns]
    compiled = made.compile(dialect=registry.load(dialect)(), column_keys=columns)
    assert "ON CONFLICT" in str(compiled)


def test_no_module_imports_the_inserts_of_one_dialect() -> None:
    guilty = []
    for path in sorted(Path(*bot.__path__).rglob("*.py")):
        if "storage" in path.parent.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and "sqlalchemy.dialects" in (node.module or ""):
                guilty.append(path.name)
    assert guilty == []
