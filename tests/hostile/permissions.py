"""Everything that a person can do on a platform to see documents, tried where they must not.

A walk is a list of ways in. Each is tried at home, where it shows the secret, and in places that
other people see, where neither a passage nor a title may come out. All of it is done as Ada, whose
own documents hold the secret.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.state import ADA, CHANNEL, GROUP_DM, OTHERS_DM, ROOT
from tests.fakes.slack.acting import Acting

SECRET = "tamarind"
TITLE = "Vault of the lighthouse"
TEXT = f"The code of the vault in the lighthouse is {SECRET} seven."
QUESTION = "What is the code of the vault in the lighthouse?"

OnDiscord = Callable[[FakeDiscord, int], Awaitable[object]]
OnSlack = Callable[[Acting, str], Awaitable[object]]

# --- Discord -------------------------------------------------------------------------------------

DISCORD_PLACES: Mapping[str, int] = {
    "a channel": CHANNEL,
    "a group": GROUP_DM,
    "other people's direct messages": OTHERS_DM,
}
_OWN = f"@discord:{ADA}"


def _docs(action: str, *, user: int = ADA, **options: str) -> OnDiscord:
    return lambda fake, at: fake.command(
        "docs", {"action": action, **options}, channel=at, user=user
    )


async def _form(fake: FakeDiscord, at: int) -> None:
    before = len(fake.forms)
    await fake.command("docs", {"action": "add"}, channel=at)
    await fake.until(lambda: len(fake.forms) > before, "a form")
    await fake.submit({"option:text": "Mine."})


async def _menu(fake: FakeDiscord, at: int) -> None:
    said = fake.world.add_message(at, ADA, QUESTION)
    await fake.command("Ask about this", channel=at, target=int(said["id"]))


DISCORD_WAYS: Mapping[str, OnDiscord] = {
    "list": _docs("list"),
    "list the own base": _docs("list", base=_OWN),
    "changes": _docs("changes"),
    "search": _docs("search", what=QUESTION),
    "search the own base": _docs("search", what=QUESTION, base=_OWN),
    "ask": lambda fake, at: fake.command("ask", {"question": QUESTION}, channel=at),
    "chat": lambda fake, at: fake.command("chat", {"message": QUESTION}, channel=at),
    "menu": _menu,
}
DISCORD_COMPLETIONS: Mapping[str, str] = {"what": "Vault"}
"""What is typed into which option of /docs."""
DISCORD_WRITES: Mapping[str, OnDiscord] = {
    "add": _docs("add", text="Mine."),
    "form": _form,
    "add to the own base": _docs("add", text="Mine.", base=_OWN),
    "add to an admin's own": _docs("add", text="Mine.", base=f"@discord:{ROOT}", user=ROOT),
    "add to somebody's, as an admin": _docs("add", text="Mine.", base=_OWN, user=ROOT),
    "remove": _docs("remove", what=TITLE),
    "remove from the own base": _docs("remove", what=TITLE, base=_OWN),
}
BUTTONS = ("Why this answer?", "[1]", "Regenerate")
"""Under an answer that was given at home; the second is under what the first shows."""

# --- Slack ---------------------------------------------------------------------------------------

SLACK_PLACES: Mapping[str, str] = {
    "a channel": "C1",
    "a group": "G1",
    "other people's direct messages": "D9",
}
_OWN_ON_SLACK = "@slack:U0ADA"


def _slash(name: str, text: str) -> OnSlack:
    return lambda people, at: people.slash(name, text, channel=at)


async def _slack_menu(people: Acting, at: str) -> None:
    ts = people.write(QUESTION, channel=at)
    await people.menu("parlance:menu:ask", ts, channel=at)


async def _slack_form(people: Acting, at: str) -> None:
    views = people.fake.workspace.views
    before = len(views)
    await people.slash("ask", channel=at)
    await people.fake.until(lambda: len(views) > before)
    await people.submit({"question": QUESTION})


SLACK_WAYS: Mapping[str, OnSlack] = {
    "list": _slash("docs", "list"),
    "list the own base": _slash("docs", f"list base={_OWN_ON_SLACK}"),
    "changes": _slash("docs", "changes"),
    "search": _slash("docs", f"search {QUESTION}"),
    "search the own base": _slash("docs", f'search "{QUESTION}" base={_OWN_ON_SLACK}'),
    "ask": _slash("ask", QUESTION),
    "chat": _slash("chat", QUESTION),
    "form": _slack_form,
    "menu": _slack_menu,
}

# --- plugins -------------------------------------------------------------------------------------

_BEHIND = """
from contextlib import asynccontextmanager

from bot.api import Skill, Text, command, hookimpl

raw = []


@command("behind")
async def behind(ctx):
    \"\"\"Goes behind everybody's back, to the services that a plugin is given at the start.\"\"\"
    {does}
    yield Text("done")


@hookimpl
def lifespan(services):
    @asynccontextmanager
    async def running():
        raw.append(services)
        yield

    return running()


@hookimpl
def register_skills():
    return [Skill("behind", commands=(behind,))]
"""

BEHIND_THE_BACK: Mapping[str, str] = {
    "documents": _BEHIND.format(does='await raw[-1].knowledge.search("When does the lamp burn?")'),
    "settings": _BEHIND.format(
        does='await raw[-1].settings.put("persona", "Mine", "channel", ctx.conversation, "x")'
    ),
}
"""Plugins that do something for a person without asking whether they may, by what they reach."""
