"""The list of how tables are written has every table and every column, and no secret."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

from bot.portability.column_values import name_in_line
from bot.portability.export import recorded_tables
from bot.storage.personal_data import PERSONAL_DATA, PersonalData
from bot.storage.records import RECORDS, Record, Unrecorded

SECRET_COLUMNS = {"digest": {"access_tokens"}, "sealed": {"server_logins"}, "state": {"suspended"}}


def test_every_table_says_how_it_is_written() -> None:
    assert set(RECORDS) == {data.name for data in PERSONAL_DATA}


@pytest.mark.parametrize("data", PERSONAL_DATA, ids=lambda data: data.name)
def test_every_column_is_written_or_left_out_for_a_reason(data: PersonalData) -> None:
    record = RECORDS[data.name]
    if isinstance(record, Unrecorded):
        assert record.why
        return
    columns = [*record.columns.split(), *record.left_out.split()]
    assert sorted(columns) == sorted(data.table.columns.keys())
    assert bool(record.left_out) == bool(record.why)
    assert data.of, "the rows of a person are known"
    if record.part is not None:
        written = set(record.columns.split())
        for column in data.table.columns:  # what it needs comes back, or is made anew
            follows = {"platform", "seq", "id", "number", "passages"}
            follows |= {"wait_ms", "total_ms", "written"}
            assert column.nullable or column.name in written | follows, column.name


def test_no_secret_is_written() -> None:
    for data, record in recorded_tables():
        for name in record.columns.split():
            assert data.name not in SECRET_COLUMNS.get(name, set())
            assert not any(mark in name for mark in ("token", "secret", "password", "sealed"))


def test_lines_come_after_those_that_they_belong_to() -> None:
    seen: set[str] = set()
    for data, record in recorded_tables():
        for table in owners(data.table) - {data.name}:
            owner = RECORDS[table]
            assert isinstance(owner, Record)
            assert owner.kind in seen or owner.part is None, (record.kind, owner.kind)
        seen.add(record.kind)


def test_kinds_and_names_in_a_line_are_distinct() -> None:
    kinds = [record.kind for _, record in recorded_tables()]
    assert len(kinds) == len(set(kinds))
    for _, record in recorded_tables():
        names = [name_in_line(name) for name in record.columns.split()]
        assert len(names) == len(set(names))
        assert "kind" not in names


def owners(table: Table) -> set[str]:
    return {key.column.table.name for key in table.foreign_keys}
