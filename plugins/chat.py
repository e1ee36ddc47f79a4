"""Free text: a mention, a direct message, a line in the terminal; and `/chat`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from bot.api import (
    AgentTool,
    AttachedFiles,
    Capabilities,
    Context,
    ContextMessage,
    EchoFilter,
    Example,
    Explanation,
    Notice,
    Opening,
    Option,
    Refused,
    Sampling,
    Skill,
    StoredMessage,
    Text,
    Trusted,
    act,
    add_summary,
    answer_from,
    answer_to,
    command,
    courtesy,
    fit_conversation,
    hookimpl,
    is_small,
    join_sentences,
    list_documents,
    look_up,
    model_names,
    open_prompt,
    plain_name,
    quoted,
    read_attached,
    read_provenance,
    say,
    say_number,
    small_note,
    usable_tools,
)

MAX_FILE_PIECES = 64
PIECE_TOKENS = 256


async def answer(ctx: Context) -> None:
    """Answer what was said, from the documents where they hold the answer."""
    await converse(ctx, ctx.event.text or "")


@command(
    "chat",
    remember=True,
    question="message",
    takes_file=True,
    examples=[Example("/chat What is a good name for a lighthouse?")],
)
async def chat(
    ctx: Context,
    message: Annotated[str, Option("What you want to say", multiline=True)],
    model: Annotated[str | None, Option("Which model answers", complete=model_names)] = None,
) -> None:
    """Talk with the model."""
    await converse(ctx, message, model)


async def converse(ctx: Context, said: str, model: str | None = None) -> None:
    """One turn of a conversation."""
    said = said.strip()
    name = await ctx.model(model)
    near = [file for quote in ctx.event.context for file in quote.attachments]
    files = await read_attached(ctx, (*ctx.attachments, *near[-3:]), name)
    if not said and not files:
        notes = files.notes or [say("Your message is empty; ask me something.")]
        raise Refused(notes[0])
    for note in files.notes if ctx.resumed is None else ():
        await ctx.say(Notice(note, kind="footer"))
    question = said or say("Say in a few sentences what this is about.")
    capabilities = await ctx.models.capabilities(name)
    history = await ctx.history.recent(str(ctx.conversation))
    small = small_note(ctx, name, history) if is_small(capabilities) else None
    if is_small(capabilities) and not files and (kind := courtesy(said)):
        await ctx.say(Text(answer_to(kind, ctx)))
        if small:
            await ctx.say(small)
        return
    opening = await open_prompt(ctx, name, history)
    system = opening.system
    from_documents = not files and await ctx.allowed("ask")
    bases = await ctx.knowledge.bases(ctx.asker) if from_documents else []
    if bases and ctx.resumed is None and not _is_single_word(question):
        asking: dict[str, Any] = {"system": opening.instructions, "memories": opening.memories}
        asking |= {"model": name, "history": history}
        if await list_documents(ctx, question, bases=bases, **asking):
            return
        found = await look_up(ctx, question, bases=bases, **asking)
        if found.outcome == "answer":
            await ctx.say_all(answer_from(ctx, question, found, **asking))
            return
    tools = (await usable_tools(ctx)).tools if capabilities.tools else ()
    if tools:
        system = join_sentences((system, ctx.prompts.render("agent", capabilities)), "\n")
    asked = _Prompt(name, capabilities, system, question, history, opening, tools)
    used_tools = await _plain(ctx, asked, files)
    if bases and not used_tools:
        await ctx.say(Notice(say("Plain conversation, not from the documents."), kind="footer"))
    if small:
        await ctx.say(small)


@dataclass(frozen=True, slots=True)
class _Prompt:
    """What a model is asked, but for what is read with it."""

    model: str
    can: Capabilities
    system: str
    question: str
    history: Sequence[StoredMessage]
    opening: Opening
    tools: Sequence[AgentTool] = ()


async def _plain(ctx: Context, asked: _Prompt, attached: AttachedFiles) -> bool:
    """Answer without the documents; returns whether tools were called."""
    model, history = asked.model, asked.history
    fitter = ctx.services.fitter
    quotes = _context_lines(ctx, history)
    pieces: list[tuple[str, str]] = []
    longer: set[str] = set()
    for page in attached.pages:
        split = await fitter.split(ctx.models, model, page.text, PIECE_TOKENS, most=MAX_FILE_PIECES)
        pieces.extend((page.title, text) for text in split.pieces)
        if split.more:
            longer.add(page.title)

    def compose(n: int) -> str:
        # the nearest messages of the platform come first, then the files, each from its beginning
        near, shown = quotes[max(0, len(quotes) - n) :], pieces[: max(0, n - len(quotes))]
        files = [
            {
                "name": name,
                "text": "\n".join(text for of, text in shown if of == name),
                "cut": name in longer
                or sum(of == name for of, _ in shown) < sum(of == name for of, _ in pieces),
            }
            for name in dict.fromkeys(name for name, _ in shown)
        ]
        return ctx.prompts.render(
            "chat",
            asked.can,
            question=Trusted(asked.opening.said(ctx, asked.question)),
            quotes="\n".join(near),
            files=files,
        )

    fitted = await fit_conversation(
        ctx,
        model,
        system=asked.system,
        compose=compose,
        blocks=len(quotes) + len(pieces),
        history=history,
        who=asked.opening.who,
        pictures=attached.pictures,
    )
    missing = len(quotes) + len(pieces) - fitted.blocks
    left_out: list[str] = []
    if missing:
        left_out.append(
            say("{number} pieces of messages and files that did not fit", number=missing)
        )
    if unseen := len(attached.pictures) - fitted.pictures:
        lost = say_number("{n} picture did not fit.", "{n} pictures did not fit.", unseen)
        await ctx.say(Notice(lost, kind="footer"))
        left_out.append(lost)
    await ctx.say(
        Explanation(
            model=model,
            turns_used=fitted.turns_used,
            turns_left_out=fitted.turns_left_out,
            summary=fitted.summary.id if fitted.summary is not None else 0,
            left_out=tuple(left_out),
        )
    )
    sampling = Sampling(max_tokens=fitted.max_tokens)
    if asked.tools:
        provenance = read_provenance(ctx, asked.question, history, attached.pages)
        asked.opening.add_to(provenance, ctx.author.key)
        add_summary(provenance, fitted.summary, ctx.author.key)
        return await act(
            ctx,
            fitted.messages,
            asked.tools,
            task=asked.question,
            provenance=provenance,
            model=model,
            sampling=sampling,
        )
    echo = EchoFilter()
    async with aclosing(ctx.generate(fitted.messages, model=model, sampling=sampling)) as parts:
        async for part in parts:
            if not isinstance(part, Text):
                await ctx.say(part)
            elif text := echo.feed(part.delta):
                await ctx.say(Text(text))
    if rest := echo.finish():
        await ctx.say(Text(rest))
    return False


def _is_single_word(said: str) -> bool:
    """A single short word is a greeting or a thank-you, whatever the documents have of it."""
    return len(said) < 16 and len(said.split()) == 1 and said.isascii() and "?" not in said


def _context_lines(ctx: Context, history: Sequence[StoredMessage]) -> list[str]:
    """Messages around this one that the conversation's own turns do not hold already."""
    known = {turn.event_id for turn in history} | {turn.text.strip() for turn in history}
    return [
        _line(quote)
        for quote in ctx.event.context
        if quote.text.strip()
        and quote.id not in known - {""}
        and quote.text.strip() not in known
        and not (quote.from_us and history)
    ]


def _line(quote: ContextMessage) -> str:
    return quoted(plain_name(quote.author), quote.text)


SKILL = Skill("chat", commands=(chat,), answer=answer, priority=1000)
"""Last in line: whatever free text no other skill wants."""


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [SKILL]
