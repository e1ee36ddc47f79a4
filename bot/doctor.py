"""Tries each thing that a bot needs, for `parlance doctor`: models, documents, files, platforms."""

from __future__ import annotations

import asyncio
import importlib
import shlex

import structlog

from backends.base import Backend
from backends.errors import BackendError
from bot.adapters.platform import Findings
from bot.adapters.protocol import Adapter
from bot.app import App
from bot.config.mcp import KEY_VARIABLE
from bot.errors import ConfigError
from bot.installation import Installation
from bot.knowledge.embedders import create_embedders, embedder_name
from bot.knowledge.loading.scans.package import is_installed, missing_package
from bot.knowledge.retrieval.embedder import Embedder
from bot.mcp.errors import ServerUnavailable
from bot.platforms import create_adapters, find_platform
from bot.private_files import find_exposed, find_exposed_data

log = structlog.get_logger(__name__)

Row = dict[str, object]
_PLATFORM_TIMEOUT_S = 60.0


async def run_checks(app: App) -> list[Row]:
    """Run all checks of `parlance doctor`; returns one row each, with `what`, `ok` and `detail`."""
    here = app.installation
    rows: list[Row] = []
    for problem in app.plugins.problems:
        rows.append({"what": f"plugin {problem.plugin}", "ok": False, "detail": problem.text})
    rows += await _check_models(app)
    documents = await app.knowledge.list()
    rows.append(
        {
            "what": "documents",
            "ok": True,  # to have none is a choice
            "detail": f"{len(documents)} documents"
            if documents
            else "none yet; `parlance docs add` adds some",
        }
    )
    for failure in await app.knowledge.source_sync.failures():
        detail = f"not read since {failure.since.astimezone():%Y-%m-%d %H:%M}: {failure.why}"
        rows.append({"what": f"sync of {failure.location}", "ok": False, "detail": detail})
    if complaint := await app.knowledge.find_vector_problem():
        rows.append({"what": "vectors", "ok": False, "detail": complaint})
    elif server := app.knowledge.vector_server:
        rows.append({"what": "vectors", "ok": True, "detail": f"in the Chroma server at {server}"})
    if here.config.knowledge.ocr.enabled:
        rows.append(_check_text_recognition(here))
    rows += await _check_tool_servers(app)
    if app.logins:
        rows.append(await asyncio.to_thread(check_login_key, here))
    rows += await asyncio.to_thread(_check_private_files, here)
    created = create_adapters(here)
    for problem in created.problems:
        rows.append({"what": f"plugin {problem.plugin}", "ok": False, "detail": problem.text})
    if not created.alone:
        for adapter in created.adapters:
            rows += await _check_platform(here, adapter)
    elif created.adapters:
        detail = "no token is set, so `parlance run` chats in the terminal"
        rows.append({"what": "platforms", "ok": True, "detail": detail})
    return rows


def _check_text_recognition(here: Installation) -> Row:
    row: Row = {"what": "text recognition", "ok": is_installed()}
    if not row["ok"]:
        return row | {"detail": missing_package()}
    languages = ", ".join(here.config.knowledge.ocr.languages)
    return row | {"detail": f"reads scans and pictures in {languages}"}


def check_login_key(here: Installation) -> Row:
    """Whether people can log in to servers of tools: their logins are kept encrypted."""
    row: Row = {"what": "logins", "ok": False}
    if (key := here.secrets.get(KEY_VARIABLE)) is None:
        detail = f"{KEY_VARIABLE} is not set in .env; `parlance mcp key` makes one"
        return row | {"detail": detail}
    try:
        importlib.import_module("bot.mcp.sealed").Sealer(key)
    except ConfigError as error:
        return row | {"detail": str(error)}
    back = here.config.http.public_url or "this machine alone, as http.public_url is not set"
    return row | {"ok": True, "detail": f"kept encrypted; browsers come back to {back}"}


async def _check_tool_servers(app: App) -> list[Row]:
    rows: list[Row] = []
    for name in app.servers.names:
        row: Row = {"what": f"tools of {name}", "ok": False}
        try:
            listing = await app.servers.refresh(name)
        except ServerUnavailable as error:
            said = app.servers.last_words(name)
            rows.append(row | {"detail": f"{error.why}; it said: {said}" if said else error.why})
            continue
        offered = app.servers.offered(name)
        rows.append(row | {"ok": True, "detail": f"{len(offered)} tools"})
        rows += [row | {"detail": problem} for problem in listing.problems]
        if changed := [tool.name for _, tool, to in offered if to == "changed"]:
            detail = f"changed, so for admins alone: {', '.join(changed)}; look at them with "
            detail += f"`parlance mcp list`, then run `parlance mcp accept {name}`"
            rows.append(row | {"detail": detail})
    return rows


async def _check_models(app: App) -> list[Row]:
    config = app.installation.config
    bases = {embedder_name(config, base): base for base in ("", *config.knowledge.bases)}
    give = create_embedders(config, app.pool)
    rows: list[Row] = []
    for name in app.pool.names():
        try:
            able = await app.pool.probe(name)
            embedder = await give(bases[name]) if name in bases else None
        except BackendError as error:
            rows.append({"what": f"model {name}", "ok": False, "detail": str(error)})
            continue
        detail = f"embeds, {able.dimension} dimensions" if not able.chat else "answers"
        if able.context:
            detail += f", context {able.context:,} tokens"
        if embedder is not None:
            detail += _describe_embedder(embedder, app.pool.backend(name))
        rows.append({"what": f"model {name}", "ok": True, "detail": detail})
    return rows


async def _check_platform(here: Installation, adapter: Adapter) -> list[Row]:
    platform = find_platform(here, adapter.name)

    def rows(found: Findings) -> list[Row]:
        said = [(False, text) for text in found.problems] + [(True, text) for text in found.notes]
        return [{"what": platform.name, "ok": ok, "detail": text} for ok, text in said]

    if platform.doctor is None:
        return rows(Findings(notes=["configured; it has no check of its own"]))
    try:
        async with asyncio.timeout(_PLATFORM_TIMEOUT_S):
            found = await platform.doctor(here.platform_context(platform))
        well = [] if found.problems else ["token and permissions work"]
        return rows(Findings(found.problems, [*well, *found.notes]))
    except (Exception, SystemExit, asyncio.CancelledError) as error:  # it may be anybody's
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # we are cancelled, and not something within the check
        log.warning("platform.check_failed", platform=platform.name, exc_info=True)
        return rows(Findings([f"its check failed: {type(error).__name__}: {error}"]))


def _check_private_files(here: Installation) -> list[Row]:
    """Check for files that other users may read, and for keys too short to be redacted."""
    found = [*find_exposed_data(here.config.data_dir), *find_exposed(here.path.parent / ".env")]
    rows: list[Row] = [
        {
            "what": "private files",
            "ok": False,
            "detail": f"others may read {path}; run `chmod {mode:o} {shlex.quote(str(path))}`",
        }
        for path, mode in found
    ]
    if not found:
        detail = "only their owner can read the data"
        rows.append({"what": "private files", "ok": True, "detail": detail})
    if short := here.secrets.find_short_secrets():
        detail = f"{', '.join(short)}: too short to be taken out of what is shown and logged"
        rows.append({"what": "keys", "ok": True, "detail": detail})
    return rows


def _describe_embedder(embedder: Embedder, backend: Backend) -> str:
    """How an embedder differs from the default one; a mistake there shows nowhere else."""
    told = []
    if embedder.query_prefix:
        told.append(f"{embedder.query_prefix!r} before questions")
    if embedder.passage_prefix:
        told.append(f"{embedder.passage_prefix!r} before passages")
    pooling = getattr(backend, "pooling", "mean")  # other engines than ONNX know by themselves
    if pooling != "mean":
        told.append(f"pooling {pooling}")
    return "".join(f", {one}" for one in told)
