"""`/console`: a link into the pages that show how the bot does."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.api import Context, Failed, Part, Refused, Skill, Text, command, hookimpl, say


@command("console", quick=True, private=True)
async def console(ctx: Context) -> AsyncIterator[Part]:
    """Open my console in a browser: what I am doing, your questions, and how I am."""
    if (console_links := ctx.services.console) is None:
        raise Failed(say("The console is switched off here."))
    if not ctx.asker.direct:
        raise Refused(say("Write this to me in a direct message: the link is for you alone."))
    link = await console_links.link(ctx.author.key, ctx.conversation, near=ctx.asker.admin)
    yield Text(
        say(
            "Here is your way into the console. It works once, within ten minutes, for you alone:"
            "\n\n{link}",
            link=link,
        )
    )


@hookimpl
def register_skills() -> list[Skill]:
    """The skill of this plugin."""
    return [Skill("console", commands=(console,))]
