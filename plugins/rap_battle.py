"""`/rap A vs B`: two performers, verse against verse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

from bot.api import (
    Capabilities,
    ChatMessage,
    Context,
    Example,
    Explanation,
    Option,
    Sampling,
    Skill,
    Status,
    Text,
    UsageError,
    command,
    hookimpl,
    model_names,
    say,
)

_VERSUS = re.compile(
    r"(?<!\s)\s++(?:vs?\.?|versus|against|gegen|contra|contre|×)\s++", re.IGNORECASE
)
_MARKUP = re.compile(r"[*_`#<>\[\]|~]+")
_MAX_NAME_CHARACTERS = 80
MAX_VERSE_TOKENS = 400
"""Room for eight lines in any language; most verses are much shorter."""


@command(
    "rap",
    reads_history="never",
    examples=[
        Example("/rap Ada Lovelace vs Charles Babbage", says="Ada Lovelace"),
        Example("/rap tea vs coffee rounds=1 style=haiku", says="coffee"),
    ],
)
async def rap(
    ctx: Context,
    matchup: Annotated[str, Option("Who battles whom: A vs B", max_length=200)],
    rounds: Annotated[int, Option("How many verses each", min_value=1, max_value=5)] = 2,
    style: Annotated[str, Option("In what style, such as old school", max_length=100)] = "",
    model: Annotated[str | None, Option("Which model answers", complete=model_names)] = None,
) -> None:
    """A rap battle between two performers, who take turns."""
    performers = parse(matchup)
    name = await ctx.model(model)
    await ctx.say(Explanation(model=name))
    await battle(ctx, performers, (name, name), rounds=rounds, style=style)


async def battle(
    ctx: Context,
    performers: tuple[str, str],
    models: tuple[str, str],
    *,
    rounds: int,
    style: str = "",
    shown_as: tuple[str, str] | None = None,
) -> None:
    """Have two performers take turns, each with the verses of a model of its own. `shown_as` is
    what stands above their verses, by default their names."""
    verses: list[tuple[str, str]] = []
    for turn in range(rounds * 2):
        side = turn % 2
        performer, opponent, model = performers[side], performers[1 - side], models[side]
        can = await ctx.models.capabilities(model)
        current = turn // 2 + 1
        heading = (shown_as or performers)[side]
        heading = heading if rounds == 1 else f"{heading} · round {current}"
        words = say("{name} takes the microphone", name=performer)
        await ctx.say(Status("working", words, done=turn, total=rounds * 2))
        await ctx.say(Text(("\n\n" if turn else "") + f"**{heading}**\n\n"))

        def compose(
            n: int,
            performer: str = performer,
            opponent: str = opponent,
            current: int = current,
            can: Capabilities = can,
        ) -> str:
            return ctx.prompts.render(
                "rap",
                can,
                performer=performer,
                opponent=opponent,
                round=current,
                rounds=rounds,
                style=style,
                previous="\n\n".join(f"{who}:\n{verse}" for who, verse in verses[-n:] if n),
            )

        fitted = await ctx.services.fitter.fit(
            ctx.models,
            model,
            system=ctx.prompts.render("system", can, persona=""),
            compose=compose,
            blocks=min(3, len(verses)),
            answer_tokens=MAX_VERSE_TOKENS,
        )
        verse = await _verse(ctx, model, fitted.messages, fitted.max_tokens)
        if not verse.strip():
            await ctx.say(Text(say("*(has no words left)*")))
        verses.append((performer, verse.strip()))
    ctx.record.cut = None  # a verse ends where its time is over


async def _verse(ctx: Context, model: str, messages: Sequence[ChatMessage], max_tokens: int) -> str:
    """Write one verse, without the blank lines that models begin with; returns it."""
    sampling = Sampling(intent="varied", max_tokens=max_tokens)
    verse = ""
    async with aclosing(ctx.generate(messages, model=model, sampling=sampling, cache="")) as parts:
        async for part in parts:
            if isinstance(part, Text):
                part = part if verse else Text(part.delta.lstrip())
                verse += part.delta
            await ctx.say(part)
    return verse


def parse(matchup: str) -> tuple[str, str]:
    """The two performers of `A vs B`. Raises `UsageError`."""
    sides = [" ".join(_MARKUP.sub(" ", side).split()) for side in _VERSUS.split(f" {matchup} ")]
    if len(sides) != 2 or not all(sides):
        raise UsageError(say("Name two performers: /rap Ada Lovelace vs Charles Babbage"))
    if max(map(len, sides)) > _MAX_NAME_CHARACTERS:
        raise UsageError(
            say(
                "A performer's name may have {limit} characters.",
                limit=_MAX_NAME_CHARACTERS,
            )
        )
    return sides[0], sides[1]


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("rap_battle", commands=(rap,))]
