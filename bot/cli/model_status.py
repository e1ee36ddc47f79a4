"""Reads the status of the models from the running bot's metrics, else from their engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bot.installation import Installation
from bot.observability.metrics import PREFIX

Row = dict[str, object]
_METRICS_TIMEOUT_S = 2.0


async def read_statuses(here: Installation) -> tuple[list[Row], bool]:
    """One row for each replica of each model, and whether they come from a running bot."""
    try:
        told = list(_parse_metrics(await _fetch_metrics(here)))
    except (ValueError, LookupError):  # the port is somebody else's
        told = []
    return (told, True) if told else (await _query_engines(here), False)


async def _fetch_metrics(here: Installation) -> str:
    """The running bot's metrics page; empty if it serves none or does not run."""
    metrics = here.config.metrics
    if not metrics.port:
        return ""
    host = "127.0.0.1" if metrics.host in ("0.0.0.0", "::", "") else metrics.host
    host = f"[{host}]" if ":" in host else host
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_METRICS_TIMEOUT_S)) as session,
            session.get(f"http://{host}:{metrics.port}/metrics") as answer,
        ):
            return await answer.text() if answer.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError):
        return ""


def _parse_metrics(text: str) -> Iterator[Row]:
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    words: dict[tuple[str, str, str], dict[str, str]] = {}
    queues: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name, labels = sample.name.removeprefix(f"{PREFIX}_"), sample.labels
            if name == "model_queue":
                queues[labels["model"]] = sample.value
            if not name.startswith("replica_"):
                continue
            key = labels["model"], labels["replica"], labels["engine"]
            for word in ("state", "error"):
                if word in labels and sample.value:
                    words.setdefault(key, {})[word] = labels[word]
            found.setdefault(key, {})[name.removeprefix("replica_")] = sample.value
    for (model, replica, engine), values in found.items():
        said = words.get((model, replica, engine), {})
        yield _row(
            model,
            int(replica),
            engine,
            ok=bool(values.get("up")),
            state=said.get("state", ""),
            resident=bool(values["resident"]) if "resident" in values else None,
            slots=int(values.get("slots", 0)),
            busy=int(values.get("slots_busy", 0)),
            queue=int(queues.get(model, 0)),
            tokens_per_s=values.get("tokens_per_second"),
            cache_hits=_cache_hit_share(values),
            last_error=said.get("error", ""),
        )


def _cache_hit_share(values: Mapping[str, float]) -> float | None:
    """The part of prompt tokens that came from the cache, 0 to 1."""
    prompt = values.get("prompt_tokens_total", 0.0)
    return round(values.get("cached_tokens_total", 0.0) / prompt, 3) if prompt else None


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
