"""Reads the status of the models from the running bot, else from their engines."""

from __future__ import annotations

from bot.cli.running_bot import ask_async
from bot.installation import Installation

Row = dict[str, object]


async def read_statuses(here: Installation) -> tuple[list[Row], bool]:
    """One row for each replica of each model, and whether they come from a running bot."""
    told = await ask_async(here, "status")
    return (told["models"], True) if told is not None else (await _query_engines(here), False)


async def _query_engines(here: Installation) -> list[Row]:
    pool = here.create_pool()
    rows = []
    try:
        for name in pool.names():
            seen = await pool.replica_health(name)
            for replica, health in zip(pool.status(name), seen, strict=True):
                rows.append(
                    _row(
                        name,
                        replica.replica,
                        replica.backend,
                        ok=health.ok,
                        state="ready" if health.ok else "unwell",
                        resident=health.resident,
                        slots=health.slots or replica.slots,
                        busy=health.slots_busy,
                        last_error="" if health.ok else health.detail,
                        detail=health.detail if health.ok else "",
                    )
                )
        return rows
    finally:
        await pool.aclose()


def _row(model: str, replica: int, engine: str, **figures: object) -> Row:
    """All rows have the same columns; what is not known is empty."""
    row: Row = {"model": model, "replica": replica, "engine": engine}
    for name in (
        *("ok", "state", "resident", "slots", "busy", "queue", "tokens_per_s", "cache_hits"),
        *("last_error", "detail"),
    ):
        row[name] = figures.get(name)
    return row
