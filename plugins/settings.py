"""`/settings` for admins, and `/forget` for everyone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Literal

from bot.api import (
    Completion,
    Context,
    Example,
    Failed,
    Notice,
    Option,
    Part,
    Scope,
    Skill,
    Text,
    UsageError,
    command,
    hookimpl,
    is_admin,
)

Width = Literal["channel", "workspace", "default"]
WORDS: Mapping[Scope | None, str] = {
    "channel": "chosen for this channel",
    "workspace": "chosen for this workspace",
    "default": "chosen for everywhere",
    "conversation": "chosen here",
    None: "from config.yaml",
}


async def setting_names(asked: Completion) -> Sequence[str]:
    """Completes the name of a setting."""
    if asked.services.settings is None:
        return []
    names = asked.services.settings.names()
    return [name for name in names if name.startswith(asked.prefix)]


@command("settings", checks=is_admin, quick=True, examples=[Example("/settings show")])
async def settings(
    ctx: Context,
    action: Annotated[Literal["show", "set", "clear"], Option("What to do")] = "show",
    name: Annotated[str, Option("Which setting", complete=setting_names, max_length=100)] = "",
    value: Annotated[str, Option("Its new value", max_length=2000, multiline=True)] = "",
    scope: Annotated[Width, Option("Where it holds")] = "channel",
) -> AsyncIterator[Part]:
    """How I behave here: persona, model, documents, threads, follow-ups, who may use a command."""
    service = ctx.services.settings
    if service is None:
        raise Failed("Settings cannot be changed here; an operator sets them in config.yaml.")
    if action == "show":
        rows = await service.show(ctx.conversation)
        yield Text(
            "\n".join(
                f"- **{row.name}**: {row.value or '(nothing)'} ({WORDS[row.scope]}). "
                f"{row.description}."
                for row in rows
            )
        )
        return
    if not name:
        raise UsageError("Name the setting; /settings show lists them.")
    if action == "clear":
        await service.clear(name, scope, ctx.conversation)
        yield Notice(f"{name} is no longer chosen for the {scope}.")
        return
    if not value:
        raise UsageError(f"Give a value: /settings set {name} VALUE")
    await service.put(name, value, scope, ctx.conversation, ctx.author.key)
    yield Notice(f"{name} is set for the {scope}; it holds from the next message on.")


@command("forget", quick=True)
async def forget(
    ctx: Context,
    confirm: Annotated[bool, Option("Write confirm=yes to delete it for good")] = False,
) -> AsyncIterator[Part]:
    """Delete what I have kept of you: messages, answers, documents of your own, feedback."""
    if ctx.services.forget is None:
        raise Failed("Nothing can be deleted here; ask the operator.")
    if not confirm:
        yield Notice(
            "This deletes your messages, my answers to them, your own documents and your feedback, "
            "everywhere and for good. To do it, write /forget confirm=yes.",
            private=True,
        )
        return
    turns = await ctx.services.forget(ctx.author.key)
    yield Notice(
        f"Forgotten: {turns} turns are deleted. Backups that were made before may hold them for a "
        "while.",
        private=True,
    )


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("settings", commands=(settings, forget))]
