"""Proposes models for this machine: which fit, what they are good for, and how fast they will be.

    found = await survey(store)
    for proposal in propose(found): ...

How fast a model will be is an estimate: the default model reads a page and writes a few words here,
which takes some seconds, and its speed is scaled by the bytes of weights that each token takes. A
model that is larger is bound by the memory's speed, where the default model may fit into the
processor's cache, so the estimate is rather too good (`Proposal.speed`, and `MEASURED` says so in
a sentence). On a graphics card nothing is estimated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from backends.base import EngineContext
from backends.errors import BackendError, SpecError
from backends.files.catalog import CATALOG, CHAT_FILE, CatalogModel
from backends.files.hub_listing import is_reachable
from backends.files.store import ModelStore
from backends.pool.spec import ModelSpec
from bot.catalogue.sentence import Sentence, say
from bot.models.local_machine import LocalMachine, look_at_machine
from bot.models.local_servers import LocalServer, ServedModel, find_servers
from bot.models.trial import Speed, try_model

log = structlog.get_logger(__name__)

Place = Literal["here", "hub", "ollama", "server"]

READ_TOKENS, WRITTEN_TOKENS = 1_000, 150
"""A typical answer: so many tokens of passages and conversation are read, and so many written."""
PATIENCE_S = 60.0
"""A model that takes longer for a typical answer is not recommended."""
MEASURED = say(
    "Estimated from the speed of the small default model here, by the size of each model; "
    "large models may be somewhat slower."
)

_TRIAL_TIMEOUT_S = 60.0
_SERVER_MEMORY_SHARE = 1.1
_DEFAULT_SPEC = ModelSpec.model_validate(
    {"backend": "llama_cpp", "source": CHAT_FILE.source, "sha256": CHAT_FILE.sha256}
)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: the machine, the servers that run, whether the hub can be reached, and how
    fast the default model is here (None where it was not measured)."""

    machine: LocalMachine
    servers: tuple[LocalServer, ...] = ()
    hub: bool = False
    default_speed: Speed | None = None
    stored: frozenset[str] = frozenset()
    """Sources of which the file is here already."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model that may be chosen. `reference` is what `parlance models use` takes; sizes in bytes,
    0 where they are unknown.

    `problem` says why it cannot be used here, "" if it can. `answer_s` is how long a typical answer
    takes, None if that cannot be told. `url` is the address of the server that has the model.
    """

    reference: str
    name: str
    place: Place
    about: str
    download_bytes: int
    memory_bytes: int
    licence: str = ""
    languages: str = ""
    tools: bool = False
    vision: bool = False
    speed: Speed | None = None
    url: str = ""
    problem: Sentence | Literal[""] = ""
    recommended: bool = False

    @property
    def fits(self) -> bool:
        return not self.problem

    @property
    def answer_s(self) -> float | None:
        return None if self.speed is None else self.speed.seconds(READ_TOKENS, WRITTEN_TOKENS)


async def survey(
    store: ModelStore,
    *,
    context: EngineContext | None = None,
    measure: bool = True,
    hub: bool = True,
) -> Survey:
    """Look at the machine, at the usual ports and at the hub, and measure; takes some seconds.

    `measure=False` leaves out the trial of the default model, `hub=False` the question to the hub.
    Never raises: what cannot be found out is left empty.
    """
    machine, servers, reachable, stored = await asyncio.gather(
        asyncio.to_thread(look_at_machine, store.root),
        find_servers(),
        is_reachable() if hub else _no(),
        asyncio.to_thread(lambda: frozenset(one.source for one in store.list())),
    )
    speed = None
    if measure:
        speed = await measure_default(context or EngineContext(store, lambda name: None))
    return Survey(machine, tuple(servers), reachable, speed, stored)


async def measure_default(context: EngineContext) -> Speed | None:
    """Return how fast the default model is here; None if its file is not, or it cannot be run."""
    try:
        return (
            await try_model("default", _DEFAULT_SPEC, context, timeout_s=_TRIAL_TIMEOUT_S)
        ).speed
    except (BackendError, SpecError) as error:
        log.info("proposals.not_measured", reason=str(error))
        return None


def propose(found: Survey) -> Sequence[Proposal]:
    """Return the models of servers that run here and of the catalogue, those that fit first.

    Of those that fit, the larger come first. The first one is recommended that has an answer ready
    within `PATIENCE_S`: on a server that runs, else from the hub, else what is here.
    """
    proposals = [*_of_servers(found), *_of_catalog(found)]
    proposals.sort(key=lambda one: (not one.fits, -one.memory_bytes))
    best = _best(proposals)
    return [_recommended(one) if one is best else one for one in proposals]


def _best(proposals: Sequence[Proposal]) -> Proposal | None:
    for places in (("ollama", "server"), ("here", "hub")):
        quick = [
            one
            for one in proposals
            if one.fits and one.place in places and (one.answer_s or 0.0) <= PATIENCE_S
        ]
        if quick:
            return quick[0]
    return None


def _recommended(proposal: Proposal) -> Proposal:
    return replace(proposal, recommended=True)


def estimate_speed(model_bytes: int, default: Speed | None) -> Speed | None:
    """Return how fast a model is whose tokens take so many bytes of weights; None if unknown."""
    if default is None or not model_bytes or not CHAT_FILE.bytes:
        return None
    return default.scaled(model_bytes / CHAT_FILE.bytes)


def _of_catalog(found: Survey) -> Iterator[Proposal]:
    for model in CATALOG:
        if model.purpose != "chat":
            continue
        here = all(file.source in found.stored for file in model.files)
        on_card = any(card.usable for card in found.machine.cards)
        speed = (
            None
            if on_card
            else estimate_speed(int(model.bytes * model.active_share), found.default_speed)
        )
        yield Proposal(
            reference=model.name,
            name=model.name,
            place="here" if here else "hub",
            about=model.summary,
            download_bytes=0 if here else model.bytes,
            memory_bytes=model.memory_mb * 1_000_000,
            licence=model.licence,
            languages=model.languages,
            tools=model.tools,
            speed=speed,
            problem=_problem(model, found, here=here),
        )


def _problem(model: CatalogModel, found: Survey, *, here: bool) -> Sentence | Literal[""]:
    machine = found.machine
    if not machine.has_memory(model.memory_mb * 1_000_000):
        return say(
            "needs {needed:.1f} GB of memory, and {free:.1f} GB are free",
            needed=model.memory_mb / 1000,
            free=(machine.model_bytes or 0) / 1e9,
        )
    if not here and not machine.has_disk(model.bytes):
        return say(
            "needs {needed:.1f} GB on the disk, and {free:.1f} GB are free",
            needed=model.bytes / 1e9,
            free=machine.disk_bytes / 1e9,
        )
    if not here and not found.hub and model.files[0].source.startswith("hf:"):
        return say("comes from Hugging Face, which cannot be reached")
    return ""


def _of_servers(found: Survey) -> Iterator[Proposal]:
    for server in found.servers:
        for model in server.models:
            if model.chats:
                yield _of_server(server, model)


def _of_server(server: LocalServer, model: ServedModel) -> Proposal:
    ollama = server.kind == "ollama"
    known = next((one for one in CATALOG if one.ollama and one.ollama == model.name), None)
    about = (
        known.summary if known else say("A model that {server} has already.", server=server.name)
    )
    return Proposal(
        reference=f"ollama:{model.name}" if ollama else f"{server.url}#{model.name}",
        name=model.name,
        place="ollama" if ollama else "server",
        about=about,
        download_bytes=0,
        memory_bytes=int(model.bytes * _SERVER_MEMORY_SHARE),
        licence=known.licence if known else "",
        languages=known.languages if known else "",
        tools=known.tools if known else False,
        vision=known.vision if known else False,
        url=server.url,
    )


async def _no() -> bool:
    return False
