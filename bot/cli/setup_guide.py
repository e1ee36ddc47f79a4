"""The last steps of `parlance setup`, beside a bot that runs: seen online, an admin, a question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import structlog

from bot.adapters.protocol import Adapter
from bot.adapters.supervisor import describe_platform
from bot.app import App
from bot.catalogue.sentence import say
from bot.cli.ingestion_view import show_ingestion
from bot.cli.setup_dialogue import Dialogue, Interrupted, interrupt, until
from bot.control.client import ask
from bot.control.protocol import OFFER_WORD, STATUS_TIMEOUT_S, WITHDRAW_WORD, WORD_STATE
from bot.errors import ParlanceError
from bot.history.tables import turns
from bot.installation import Installation
from bot.settings.admin_word import LIFETIME_S, AdminWord
from bot.setup.settings_file import add_admin
from bot.setup.state import look

log = structlog.get_logger(__name__)

ONLINE_WITHIN_S = 60.0
"""How long a platform may take to connect, before that is said."""
_LOOK_AGAIN_S = 0.5
NAMES = {"discord": "Discord", "slack": "Slack", "terminal": say("the terminal")}
QUESTION = "How do I write a skill?"


@dataclass(slots=True)
class Guidance:
    """Accompanies the first minutes of a bot. `admin` says whether one is looked for, `documents`
    whether all of them are read before the platforms connect."""

    path: Path | None
    dialogue: Dialogue
    admin: bool = True
    documents: bool = True

    async def prepare(self, app: App) -> None:
        """Read the documents, with progress."""
        if not self.documents:
            return
        self.dialogue.heading(say("Reading the documents"))
        states = await show_ingestion(app.knowledge.sync())
        number = len(await app.knowledge.list())
        self.dialogue.tell(say("Documents that can be asked now: {number}.", number=number))
        if states["refused"]:
            self.dialogue.tell(
                say(
                    "What could not be read is said above, and tried again later; in config.yaml "
                    "it stands under knowledge.sync."
                )
            )

    async def accompany(self, app: App, adapters: Sequence[Adapter]) -> None:
        """Say who is online, find the admin, and see the first question answered."""
        try:
            begun = await _last_turn(app)
            serving = await self._see_online(app, adapters)
            if self.admin and self.dialogue.asks and serving:
                await self._find_admin(app, serving)
            if serving:
                await self._first_question(app, serving, begun)
        except Interrupted:
            interrupt()
        except ParlanceError as error:
            self.dialogue.tell(str(error))
        except Exception:  # the bot serves all the same
            log.exception("setup.guide_failed")

    async def _see_online(self, app: App, adapters: Sequence[Adapter]) -> list[str]:
        serving: list[str] = []
        adapters = [adapter for adapter in adapters if adapter.name != "terminal"]
        if adapters:
            self.dialogue.heading(say("Going online"))
        for adapter in adapters:
            name = NAMES.get(adapter.name, adapter.name)

            def state(adapter: Adapter = adapter) -> tuple[str, str] | None:
                now = describe_platform(adapter, app.platforms)
                ended = now["state"] in {"connected", "failed", "ended"}
                return (now["state"], now["detail"]) if ended else None

            try:
                async with asyncio.timeout(ONLINE_WITHIN_S):
                    what, why = await until(state)
            except TimeoutError:
                text = say("{name} cannot be reached yet; I go on trying.", name=name)
            else:
                if what == "connected":
                    serving.append(adapter.name)
                    text = say("The bot is online on {name}.", name=name)
                else:
                    text = say("The bot is not online on {name}: {why}", name=name, why=why)
            self.dialogue.tell(text)
        return serving

    async def _find_admin(self, app: App, serving: Sequence[str]) -> None:
        wanted = [one for one in look(app.installation).without_admin if one in serving]
        word = app.core.policy.admin_word
        for platform in wanted:
            if word is None:
                return
            self.dialogue.heading(say("Who is an admin"))
            explain_word(self.dialogue, await word.offer(), NAMES[platform])
            try:
                hint = say("Waiting for the word … (Enter: later)")
                person = await self.dialogue.wait(_heard(word), hint)
            finally:
                await word.withdraw()
            keep_admin(self.path or app.installation.path, person, self.dialogue)

    async def _first_question(self, app: App, serving: Sequence[str], begun: int) -> None:
        self.dialogue.heading(say("The first question"))
        where = say(" or ").join(NAMES.get(name, name) for name in serving)
        text = say(
            "Ask your bot on {where}, with a mention or in a direct message, what stands in your "
            "documents, or how to write a skill.",
            where=where,
        )
        self.dialogue.tell(text)
        hint = say("Waiting for the first answer … (Enter: enough)")
        while True:
            answered = await self.dialogue.wait(_next_answer(app, serving, begun), hint)
            if answered is None:
                break
            begun, platform, source = answered
            name = NAMES.get(platform, platform)
            if source:
                text = say(
                    "The first question was answered on {name}, from {source}.",
                    name=name,
                    source=source,
                )
                self.dialogue.tell(text)
                break
            self.dialogue.tell(
                say(
                    "It was answered on {name}, without a document. Ask what stands in one.",
                    name=name,
                )
            )
        self.dialogue.tell(
            say("The bot is running. Ctrl-C ends it, and `parlance run` starts it again.")
        )


def explain_word(dialogue: Dialogue, word: str, platform: str) -> None:
    """Say what the word is for."""
    dialogue.tell(
        say(
            "Write this word to the bot on {platform}, in a direct message or with a mention. "
            "Whoever does is an admin from then on; it works once, for {minutes:.0f} minutes.",
            platform=platform,
            minutes=LIFETIME_S / 60,
        )
    )
    dialogue.show(f"   {word}")


def keep_admin(path: Path, person: str | None, dialogue: Dialogue) -> None:
    """Write down who wrote the word; empty: nobody did in time, None: somebody will later."""
    if person:
        add_admin(path, person)
        dialogue.tell(say("{person} is an admin.", person=person))
    elif person is not None:
        dialogue.tell(say("Nobody wrote it in time; `parlance setup admin` shows another."))


async def find_admin_beside(here: Installation, path: Path, dialogue: Dialogue) -> None:
    """Have the bot that runs here listen for a word. Raises `ControlError`, `NotRunning`."""
    folder = here.config.data_dir

    async def heard() -> str:
        while True:
            now = await ask(folder, WORD_STATE, STATUS_TIMEOUT_S)
            if now["heard_from"] is not None:
                return str(now["heard_from"])
            if not now["open"]:
                return ""
            await asyncio.sleep(_LOOK_AGAIN_S)

    offered = await ask(folder, OFFER_WORD, STATUS_TIMEOUT_S)
    explain_word(dialogue, str(offered["word"]), say("any platform where it is"))
    try:
        hint = say("Waiting for the word … (Enter: later)")
        person = await dialogue.wait(heard(), hint)
    finally:
        await ask(folder, WITHDRAW_WORD, STATUS_TIMEOUT_S)
    keep_admin(path, person, dialogue)


async def _heard(word: AdminWord) -> str:
    """Who wrote the word; empty if nobody did in time."""
    while True:
        still_open = await word.is_open()
        if (person := await word.heard_from()) is not None or not still_open:
            return person or ""
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _last_turn(app: App) -> int:
    async with app.database.read() as connection:
        return await connection.scalar(sa.select(sa.func.max(turns.c.seq))) or 0


async def _next_answer(app: App, serving: Sequence[str], after: int) -> tuple[int, str, str]:
    """The next answer on a platform: its number, the platform, and the title of a source."""
    query = (
        sa.select(turns.c.seq, turns.c.platform, turns.c.explanation)
        .where(turns.c.seq > after, turns.c.role == "assistant", turns.c.status == "complete")
        .where(turns.c.platform.in_(serving))
        .order_by(turns.c.seq)
        .limit(1)
    )
    while True:
        async with app.database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is not None:
            passages = json.loads(row.explanation or "{}").get("passages") or [{}]
            return row.seq, row.platform, str(passages[0].get("title") or "")
        await asyncio.sleep(_LOOK_AGAIN_S)
