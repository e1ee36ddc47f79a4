"""Puts a bug report together, for the console and for `parlance doctor --bundle`."""

from __future__ import annotations

import asyncio
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bot.adapters.protocol import Adapter
from bot.app import App
from bot.bug_report.settings_redaction import redact_settings
from bot.bug_report.text_redaction import redact_error, redact_line, redact_sentence
from bot.doctor import run_checks
from bot.notices.version_watch import installed_version
from bot.observability.log_reader import read_last_lines
from bot.observability.redaction import Redactor
from bot.status import report
from bot.storage.personal_data import PERSONAL_DATA

MAX_LOG_BYTES: Final = 256 * 1024
"""How much of the log's end is looked at."""
MAX_LOG_LINES: Final = 300
_PACKAGES: Final = (
    "llama-cpp-python", "onnxruntime", "chromadb", "SQLAlchemy", "discord.py", "slack-bolt",
)  # fmt: skip


def list_versions() -> dict[str, str]:
    """The versions of Parlance, Python, and the libraries that matter most; reads files."""
    found = {
        "Parlance": installed_version() or "from its source",
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
    }
    return found | {name: known for name in _PACKAGES if (known := installed_version(name))}


async def make_report(app: App, adapters: Sequence[Adapter], since: str) -> str:
    """Run the checks of `parlance doctor`, and write the report: JSON that people can look through
    before they hand it on. Loads every model."""
    checks = await run_checks(app)
    told = await report(app, adapters, since)
    rows = await _count_rows(app)
    return await asyncio.to_thread(_write, app, checks, told, rows)


async def _count_rows(app: App) -> dict[str, int]:
    """How many rows each table has."""
    counts = {}
    async with app.database.read() as connection:
        for name in sorted(one.name for one in PERSONAL_DATA):
            (table,) = (one.table for one in PERSONAL_DATA if one.name == name)
            counts[name] = await connection.scalar(sa.select(sa.func.count()).select_from(table))
    return {name: count or 0 for name, count in counts.items()}


def _write(
    app: App, checks: Sequence[Mapping[str, object]], told: Mapping[str, Any], rows: dict[str, int]
) -> str:
    config = app.installation.config
    made: dict[str, Any] = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "running_since": told["since"],
        "versions": list_versions(),
        "database": "a file" if isinstance(app.database.address, Path) else "PostgreSQL",
        "checks": [
            {"what": redact_sentence(one["what"]), "ok": one["ok"],
             "detail": redact_sentence(one["detail"])}
            for one in checks
        ],
        "platforms": [{key: one[key] for key in ("name", "state")} for one in told["platforms"]],
        "models": [
            {**one, "last_error": redact_error(one["last_error"])} for one in told["models"]
        ],
        "plugins": [
            {"name": one.name, "problems": len(one.problems)} for one in app.plugins.describe()
        ],
        "settings": redact_settings(config),
        "rows": rows,
        "open_turns": told["open_turns"],
        "queue": told["queue"],
        "disk": told["disk"],
        "newest_backup": told["newest_backup"],
        "troubles": [one["since"] for one in told["troubles"]],
        "errors": [redact_line(one) for one in told["errors"]],
        "log": _read_log(config.data_dir / "log"),
    }  # fmt: skip
    text = json.dumps(made, indent=1, ensure_ascii=False, default=str)
    return Redactor(app.installation.secrets.known())(text) + "\n"


def _read_log(folder: Path) -> list[dict[str, Any]]:
    lines = read_last_lines(folder, MAX_LOG_BYTES)
    return [redact_line(one.said) for one in lines][-MAX_LOG_LINES:]
