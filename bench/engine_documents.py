"""Eight people asking the same documents: the first questions of XQuAD English, with the prompt of
`/ask` as it ships, beside llama-server.

Every question is somebody else's, in a conversation of its own. What the prompts have in common is
what an engine can compute once; both sides begin without having seen any of it.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from backends.base import Capabilities, Sampling
from backends.llama_cpp import LlamaCppBackend
from bench.asking import asking_services
from bench.documents import Corpus, drain, opened, real_embedder, written, xquad
from bench.engine_load import (
    THREADS,
    Load,
    Messages,
    Timing,
    answer,
    engine,
    in_turn,
)
from bench.engine_peers import NO_SERVER, LlamaServer, fastest
from bench.reading import asking_context
from bench.rows import Row, at_least, at_most, unmeasured
from bot.answering.prompt import AskPrompt, fit_prompt, lay_out_passages
from bot.skills.services import Searching, Services
from bot.testing.models import ScriptedModels

USERS = 8
QUESTIONS = 50
ANSWER = Sampling(temperature=0.0, max_tokens=64)
CACHE_TOKENS = 8192
"""Half of what llama-server has."""


class Asked(ScriptedModels):
    """The default model, asked as larger ones are; itself it is so small that it would quote."""

    async def capabilities(self, model: str) -> Capabilities:
        return replace(await super().capabilities(model), parameters=0)


async def rows(
    path: Path, server: str | None, variants: Sequence[Sequence[str]], *, quick: bool
) -> list[Row]:
    """Our engine, and where there is one a llama-server with the best of these sets of flags, over
    the same prompts."""
    async with engine(path) as backend:
        prompts = await _prompts(backend, 16 if quick else QUESTIONS)
    name = f"{USERS} users asking the same documents"
    if prompts is None:
        return [unmeasured(name, "XQuAD is not there")]
    ours: list[Load] = []
    theirs: list[Load] = []
    if server is not None:
        trial = partial(_asked, prompts[:12])
        flags = (await fastest(server, path, THREADS, name, trial, variants))[0]
    for _ in range(1 if quick else 2):
        ours.append(await _ours(path, prompts))
        if server is not None:
            async with LlamaServer.running(server, path, THREADS, flags) as peer:
                theirs.append(await _asked(prompts, peer))
    return _rows(name, ours, theirs)


def _rows(name: str, ours: Sequence[Load], theirs: Sequence[Load]) -> list[Row]:
    middle = statistics.median
    asked = f"{name}: prompt tokens computed of {len(ours[0].answers)} questions"
    table = [
        Row(f"{name}", middle(load.rate for load in ours), "tokens/s", "", None),
        Row(asked, middle(load.computed for load in ours), "", "", None),
    ]
    beside = {
        "tokens/s": ("rate", at_least, 1.5),
        "median first token": ("median_first_s", at_most, 0.5),
        "worst first token": ("worst_first_s", at_most, 0.8),
        "prompt tokens computed": ("computed", at_most, 0.5),
    }
    for what, (figure, judge, target) in beside.items():
        row = f"{name}: {what} beside llama-server"
        if not theirs:
            table.append(unmeasured(row, NO_SERVER))
            continue
        pairs = zip(ours, theirs, strict=True)
        ratio = middle(getattr(a, figure) / getattr(b, figure) for a, b in pairs)
        table.append(judge(row, ratio, "x", target))
    return table


async def _ours(path: Path, prompts: Sequence[Messages]) -> Load:
    conversations = itertools.count()
    async with engine(path, cache_tokens=CACHE_TOKENS) as backend:

        async def ask(messages: Messages, sampling: Sampling) -> Timing:
            return await answer(backend, messages, sampling, f"c{next(conversations)}")

        return await in_turn(ask, prompts, ANSWER, USERS)


async def _asked(prompts: Sequence[Messages], peer: LlamaServer) -> Load:
    return await in_turn(peer.ask, prompts, ANSWER, USERS)


async def _prompts(backend: LlamaCppBackend, questions: int) -> list[Messages] | None:
    """The prompts of the first questions, in their order; None where XQuAD is not there."""
    corpus = xquad()
    if corpus is None:
        return None
    async with real_embedder() as embedder:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(Path(folder), embedder) as knowledge:
                await drain(knowledge.add(str(written(Path(folder) / "x", _articles(corpus)))))
                services = asking_services(Asked(backend), knowledge, Searching())
                asked = enumerate(corpus.questions[:questions])
                return [await _prompt(services, one, number) for number, (one, _) in asked]


def _articles(corpus: Corpus) -> dict[int, str]:
    """The documents: the paragraphs of each article, which XQuAD has five of."""
    texts = corpus.paragraphs
    return {at: "\n\n".join(texts[at : at + 5]) for at in range(0, len(texts), 5)}


async def _prompt(services: Services, question: str, number: int) -> Messages:
    """What `/ask` would have a model answer."""
    context = asking_context(services, question, f"q{number}")
    able = await services.models.capabilities("bench")
    system = context.prompts.render("system", able, persona="", several=False)
    prompt = AskPrompt("bench", system)
    found = await services.knowledge.search(question)
    found = await lay_out_passages(context, prompt, question, found)
    return (await fit_prompt(context, prompt, question, found)).messages
