"""`/duel`: two models answer the same, people vote without knowing which is which."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, cast

from bot.api import (
    Action,
    Actions,
    BackendError,
    ButtonPress,
    Context,
    DuelBoard,
    DuelChoice,
    Duels,
    Example,
    Failed,
    NotFound,
    Notice,
    Option,
    Refused,
    Sampling,
    Sentence,
    Services,
    Skill,
    Standing,
    Status,
    Text,
    UsageError,
    Value,
    catalog_chat_models,
    close_fence,
    command,
    hookimpl,
    join_sentences,
    lay_out,
    model_names,
    say,
    say_number,
)
from plugins.rap_battle import battle, parse

MAX_DUEL_ANSWER_TOKENS = 500
"""Room for a few paragraphs: both answers have to be read to be compared."""
_BATTLE_ROUNDS = 2
_SIDES = ("A", "B")
_BOARD = "board"
_NAMES = "names"
_CHOICES: Mapping[str, Sentence] = {
    "a": say("A is better"),
    "b": say("B is better"),
    "tie": say("Tie"),
    "bad": say("Both bad"),
}
_BUTTONS = (
    *(Action("press", label, value) for value, label in _CHOICES.items()),
    Action("press", say("Who is who?"), _NAMES),
)
_DICE = random.SystemRandom()


def shows_board(given: Mapping[str, Value]) -> bool:
    """Whether a call with these options asks for the leaderboard."""
    return str(given.get("question", "")).strip().lower() == _BOARD


def needs_question(given: Mapping[str, Value]) -> bool:
    """Whether a call with these options says nothing to duel about."""
    return not (given.get("question") or given.get("rap"))


async def press(pressed: ButtonPress) -> str:
    """Take a vote, or tell who is who."""
    duels, person = _service(pressed.services), pressed.asker.author.key
    if pressed.value == _NAMES:
        unvoted = pressed.own or pressed.asker.admin
        found = await duels.tell_names(pressed.turn, person, unvoted=unvoted)
        return say("A is {a}, B is {b}.", a=found.model_a, b=found.model_b)
    if pressed.value not in _CHOICES:
        raise NotFound(say("There is no such vote."))
    await duels.vote(pressed.turn, person, cast(DuelChoice, pressed.value))
    return say(
        "Noted: {choice}. You can change it until you ask who is who.",
        choice=_CHOICES[pressed.value],
    )


@command(
    "duel",
    reads_history="never",
    question="question",
    private=shows_board,
    form=needs_question,
    pressed=press,
    examples=[Example("/duel Why is the sky blue?", says="**B**"), Example("/duel board")],
)
async def duel(
    ctx: Context,
    question: Annotated[
        str | None,
        Option(
            "What both answer; board shows how the models do",
            max_length=2000,
            multiline=True,
            takes_rest=True,
        ),
    ] = None,
    rap: Annotated[
        str, Option("A rap battle instead of a question: tea vs coffee", max_length=200)
    ] = "",
    a: Annotated[str | None, Option("One of the models", complete=model_names)] = None,
    b: Annotated[str | None, Option("The other model", complete=model_names)] = None,
) -> None:
    """Two models answer the same; you vote without knowing which is which."""
    duels = _service(ctx.services)
    if shows_board({"question": question or ""}):
        await ctx.say(Text(_board_words(await duels.board())))
        return
    asked = (question or "").strip()
    if bool(asked) == bool(rap.strip()):
        raise UsageError(
            say('Ask one thing: /duel Why is the sky blue? or /duel rap="tea vs coffee"')
        )
    performers = parse(rap) if rap.strip() else None
    sides = await _choose(ctx, a, b)
    ctx.record.blind = True
    try:
        if performers is not None:
            shown_as = (f"A · {performers[0]}", f"B · {performers[1]}")
            await battle(ctx, performers, sides, rounds=_BATTLE_ROUNDS, shown_as=shown_as)
        else:
            await _ask_both(ctx, asked, sides)
    except (BackendError, Failed):
        if ctx.record.usage is None:  # nothing is whole yet, so the error says it all
            raise
        words = say("The other side could not answer, so there is no vote. Ask again in a moment.")
        await ctx.say(Notice(words, "error"))
        return
    await duels.add(ctx.turn, "question" if performers is None else "battle", *sides)
    await ctx.say(Actions(_BUTTONS))
    await ctx.say(
        Notice(
            say("Two models, in an order by lot. Which is better?")
            if ctx.asker.direct
            else say("Two models, in an order by lot. Which is better? Everybody here can vote."),
            "footer",
        )
    )


async def _choose(ctx: Context, a: str | None, b: str | None) -> tuple[str, str]:
    """The models of the two sides: those that are named, others by lot, in an order by lot."""
    names = ctx.models.names()
    if len(names) < 2:
        more = next((one for one in catalog_chat_models() if one not in names), "NAME")
        call = ctx.written(lay_out("/model pull {name}", name=more))
        raise Refused(
            say(
                "A duel needs two models, and there is one. An admin fetches another: {call}.",
                call=call,
            )
        )
    named = [await ctx.model(name) for name in (a, b) if name]
    if len(set(named)) < len(named):
        raise UsageError(say("Name two different models, or let me draw them."))
    others = [name for name in names if name not in named]
    first, second = _DICE.sample([*named, *_DICE.sample(others, 2 - len(named))], 2)
    return first, second


async def _ask_both(ctx: Context, question: str, sides: tuple[str, str]) -> None:
    """Have both models answer, one after the other."""
    for number, (side, model) in enumerate(zip(_SIDES, sides, strict=True)):
        words = say("{side} answers", side=side)
        await ctx.say(Status("working", words, done=number, total=len(sides)))
        heading = f"**{side}**\n\n"
        answer = await _answer(ctx, question, model, f"\n\n{heading}" if number else heading)
        if closed := close_fence(answer):
            await ctx.say(Text(f"\n{closed}"))
    ctx.record.cut = None  # what goes on would be B alone


async def _answer(ctx: Context, question: str, model: str, heading: str) -> str:
    """Write one answer under its heading, which stands there from the first word; returns it."""
    can = await ctx.models.capabilities(model)
    fitted = await ctx.services.fitter.fit(
        ctx.models,
        model,
        system=ctx.prompts.render("system", can, persona=ctx.persona),
        compose=lambda _: question,
        answer_tokens=MAX_DUEL_ANSWER_TOKENS,
    )
    sampling = Sampling(max_tokens=fitted.max_tokens)
    written = ""
    parts = ctx.generate(fitted.messages, model=model, sampling=sampling, cache="")
    async with aclosing(parts):
        async for part in parts:
            if isinstance(part, Text):
                delta = part.delta if written else part.delta.lstrip()
                if not delta:
                    continue
                part = Text(delta if written else heading + delta)
                written += delta
            await ctx.say(part)
    if not written:
        await ctx.say(Text(heading + say("*(has no words)*")))
    return written


# --- the leaderboard ------------------------------------------------------------------------------


def _board_words(board: DuelBoard) -> Sentence:
    if not board.standings:
        return say("There are no votes yet; /duel with a question begins a duel.")
    counted = join_sentences(
        [
            say_number("{n} vote", "{n} votes", board.votes),
            say_number("{n} person", "{n} people", board.voters),
            say_number("{n} duel", "{n} duels", board.duels),
        ],
        " · ",
    )
    rows = join_sentences(map(_row, board.standings), "\n")
    note = say("Where two ranges overlap, nobody can tell yet which model is better.")
    return join_sentences([counted, rows, note], "\n\n")


def _row(one: Standing) -> Sentence:
    about: Sequence[str] = (
        say("{low:.0f} to {high:.0f}", low=one.low, high=one.high),
        say("{won} won, {tied} tied, {lost} lost", won=one.won, tied=one.tied, lost=one.lost),
        say_number("{n} voter", "{n} voters", one.voters),
        say("few votes yet") if one.is_early else "",
    )
    return lay_out(
        "- **{rating:.0f}** {model} ({about})",
        rating=one.rating,
        model=one.model,
        about=join_sentences(about, "; "),
    )


def _service(services: Services) -> Duels:
    if services.duels is None:
        raise Failed(say("There are no duels here."))
    return services.duels


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("duel", commands=(duel,))]
