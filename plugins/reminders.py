"""`/remind`, `/schedule`, `/timezone`, and the same as tools of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from bot.api import (
    AgentTool,
    Completion,
    Context,
    Example,
    Failed,
    Job,
    NewJob,
    Notice,
    Option,
    Schedules,
    Sentence,
    Skill,
    Text,
    UsageError,
    command,
    hookimpl,
    join_sentences,
    lay_out,
    recurrence_words,
    say,
    time_words,
    tool,
)

_MAX_LINE_CHARACTERS = 100


async def job_ids(asked: Completion) -> Sequence[str]:
    """Completes the name of a reminder or schedule of one's own."""
    if (service := asked.services.schedules) is None:
        return []
    return [job.id for job in await service.of_person(asked.author)]


@command(
    "remind",
    quick=True,
    private=True,
    question="request",
    examples=[Example("/remind me in 20 minutes to look after the oven")],
)
async def remind(
    ctx: Context,
    request: Annotated[
        str,
        Option(
            "Whom (me, here, #channel), when and of what: me tomorrow at 9 to call Bob",
            max_length=1500,
            multiline=True,
        ),
    ],
) -> None:
    """Remind you, this channel or another one, once or again and again."""
    made = await _service(ctx).remind(request, ctx.asker)
    await ctx.say(Text(_made_words(ctx, made)))


@command(
    "schedule",
    quick=True,
    private=True,
    examples=[Example("/schedule add every Friday at 17:00 what is new this week?")],
)
async def schedule(
    ctx: Context,
    action: Annotated[Literal["list", "add", "cancel"], Option("What to do")] = "list",
    what: Annotated[
        str,
        Option(
            "When and what to ask: every Friday at 17:00 what is new? To cancel: its name",
            complete=job_ids,
            max_length=1500,
            takes_rest=True,
        ),
    ] = "",
) -> None:
    """What I am to say or answer at certain times: list it, add a question, cancel one."""
    service = _service(ctx)
    if action == "list":
        await ctx.say(Text(_list_words(ctx, await service.of_person(ctx.author))))
        return
    if not what.strip():
        raise UsageError(
            say("Say when and what, as in /schedule add every Friday at 17:00 what is new?")
            if action == "add"
            else say("Name the one to cancel; /schedule list shows yours.")
        )
    if action == "cancel":
        job = await service.cancel(what, ctx.asker)
        await ctx.say(Notice(say("Cancelled: {text}", text=_short(job.text))))
        return
    made = await service.schedule(what, ctx.asker)
    await ctx.say(Text(_made_words(ctx, made)))


@command("timezone", quick=True, private=True, examples=[Example("/timezone Europe/Berlin")])
async def timezone(
    ctx: Context,
    zone: Annotated[str, Option("Your time zone, such as Europe/Berlin", max_length=60)] = "",
) -> None:
    """The time zone in which I read and say times to you."""
    service = _service(ctx)
    if not zone.strip():
        name = await service.zone_of(ctx.author)
        await ctx.say(Notice(say("Your time zone is {zone}.", zone=name)))
        return
    name = await service.choose_zone(ctx.author, zone)
    await ctx.say(
        Notice(say("Your time zone is {zone} now. What you have keeps the old one.", zone=name))
    )


@tool(name="remind", effect="write", status=say("Making a reminder"), needs=("remind",))
async def remind_tool(
    ctx: Context,
    text: Annotated[str, Option("What to remind the person of")],
    when: Annotated[str, Option("When, in words: tomorrow at 9, every Friday at 17:00")],
) -> str:
    """Remind the person who asks of something, in a private message."""
    return await _make_for_model(ctx, "remind", "me", text, when)


@tool(effect="outward", status=say("Making a reminder"), needs=("remind",))
async def remind_channel(
    ctx: Context,
    channel: Annotated[str, Option("The channel, such as #ops; here for this one")],
    text: Annotated[str, Option("What to say there")],
    when: Annotated[str, Option("When, in words: tomorrow at 9, every Friday at 17:00")],
) -> str:
    """Say something in a channel at a certain time, once or again and again."""
    named = channel.strip().lower() in {"here", ""}
    whom = "here" if named else f"#{channel.strip().lstrip('#')}"
    return await _make_for_model(ctx, "remind", whom, text, when)


@tool(name="schedule", effect="outward", status=say("Making a schedule"), needs=("schedule",))
async def schedule_tool(
    ctx: Context,
    question: Annotated[str, Option("What to answer each time")],
    when: Annotated[str, Option("When, in words: every Friday at 17:00")],
) -> str:
    """Answer a question in this channel at certain times, again and again."""
    return await _make_for_model(ctx, "ask", "here", question, when)


async def _make_for_model(
    ctx: Context, kind: Literal["remind", "ask"], whom: str, text: str, when: str
) -> str:
    """Make it, and show it to the person: what a model says of it counts for nothing."""
    made = await _service(ctx).make(kind, whom, text, when, ctx.asker)
    words = _made_words(ctx, made)
    await ctx.say(Notice(words))
    return words


def _service(ctx: Context) -> Schedules:
    if (service := ctx.services.schedules) is None:
        raise Failed(say("Nothing can be planned here."))
    return service


def _made_words(ctx: Context, made: NewJob) -> Sentence:
    job = made.job
    times = [time_words(at, job.zone) for at in made.due]
    text = _short(job.text)
    if job.kind == "ask":
        said = say("I will answer this here: {text}", text=text)
    elif job.private:
        said = say("I will remind you: {text}", text=text)
    else:
        said = say("I will say there: {text}", text=text)
    if not job.cron:
        at = say("On {at}.", at=times[0])
    else:
        next_times = say("The next times: {times}, and so on.", times=join_sentences(times, "; "))
        at = join_sentences([recurrence_words(job.cron), next_times], " ")
    end = say("To cancel it: {call}.", call=ctx.written(f"/schedule cancel {job.id}"))
    return join_sentences([said, at, end], "\n")


def _list_words(ctx: Context, jobs: Sequence[Job]) -> Sentence | str:
    if not jobs:
        return say("You have no reminders or schedules.")
    return join_sentences([_row(ctx, job) for job in jobs], "\n")


def _row(ctx: Context, job: Job) -> Sentence:
    assert job.next_at is not None
    again = recurrence_words(job.cron) if job.cron else say("Once.")
    return lay_out(
        "- `{id}` {at}: {text} ({again})",
        id=job.id,
        at=time_words(job.next_at, job.zone),
        again=again,
        text=_short(job.text),
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_LINE_CHARACTERS else line[: _MAX_LINE_CHARACTERS - 1] + "…"


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("reminders", commands=(remind, schedule, timezone))]


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [remind_tool, remind_channel, schedule_tool]
