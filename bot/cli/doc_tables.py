"""Generates the tables of the documentation, which are between markers in the pages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bot.cli.api_reference import api_reference
from bot.config import describe_keys
from bot.portability.column_values import name_in_line
from bot.portability.export import recorded_tables
from bot.storage.personal_data import PERSONAL_DATA, Forgetting, PersonalData

_REPEATED = re.compile(r"^(channels\.<name>\.|workspaces\.<name>\.commands\.)")


def configuration_table() -> str:
    """Every key of config.yaml; keys that repeat those of another place are left out."""
    lines = ["| key | type | default | what it is for |", "|---|---|---|---|"]
    for row in describe_keys():
        if _REPEATED.match(row.path):
            continue
        default = f"`{row.default}`" if row.default else ""
        meaning = row.description.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| `{row.path}` | {row.type} | {default} | {meaning} |")
    return "\n".join(lines)


def personal_data_table() -> str:
    """What each table of the database holds of a person, and when that goes."""
    lines = [
        "| table | what it holds of a person | when they are forgotten | when it is old |",
        "|---|---|---|---|",
    ]
    for data in PERSONAL_DATA:
        forgotten = f"{data.forgetting}: {data.why}" if data.why else f"{data.forgetting}"
        if data.blank:
            forgotten += "; in other rows their name is removed"
        lines.append(f"| `{data.name}` | {data.holds} | {forgotten} | {_when_old(data)} |")
    return "\n".join(lines)


def records_table() -> str:
    """What each line of a file of JSON lines holds."""
    lines = ["| kind | its values | part | not in it |", "|---|---|---|---|"]
    for _, record in recorded_tables():
        names = ", ".join(f"`{name_in_line(name)}`" for name in record.columns.split())
        if record.kind == "quoted":
            names += ", `messages`"
        missing = f"{', '.join(record.left_out.split())}: {record.why}" if record.why else ""
        lines.append(f"| `{record.kind}` | {names} | {record.part or ''} | {missing} |")
    return "\n".join(lines)


def _when_old(data: PersonalData) -> str:
    if data.keep_at_most is not None:
        return (
            f"deleted after {data.keep_at_most.days} days, or `history.keep_days` if that is less"
        )
    if data.days_setting:
        return f"deleted after `{data.days_setting}`, or `history.keep_days` if that is less"
    if data.at:
        return "deleted after `history.keep_days`"
    if data.table.foreign_keys and data.forgetting is Forgetting.DECIDED:
        return "deleted with the question"
    return "kept until it is changed or removed"


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "configuration": configuration_table,
    "api": api_reference,
    "personal_data": personal_data_table,
    "records": records_table,
}
"""What is generated, by the name in the marker before it."""

_TABLE = re.compile(r"(<!-- table: (\w+) -->\n)(?:(?!<!-- table: ).)*?(\n<!-- end -->)", re.DOTALL)


def insert_tables(page: str) -> str:
    """Return the page with its tables generated again. Raises `KeyError` for one nothing makes."""
    return _TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", page)


def find_stale_pages(docs: Path) -> list[Path]:
    """Find pages whose tables differ from the code."""
    pages = sorted(docs.rglob("*.md"))
    return [p for p in pages if insert_tables(text := p.read_text(encoding="utf-8")) != text]


def rewrite_pages(docs: Path) -> list[Path]:
    """Write the stale pages again, and return them."""
    pages = find_stale_pages(docs)
    for page in pages:
        replace_text(page, insert_tables(page.read_text(encoding="utf-8")))
    return pages


def replace_text(path: Path, text: str) -> None:
    """Write a file as a whole, or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
