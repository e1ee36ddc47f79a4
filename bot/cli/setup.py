"""The command `parlance setup`: from nothing to a bot that answers where people are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from backends.errors import BackendError
from bot.catalogue.languages import read_environment_language, translate
from bot.catalogue.sentence import join_sentences, say
from bot.cli.bot_process import Guide, fetch_missing, serve
from bot.cli.console import console
from bot.cli.loop import run_async, run_with_app
from bot.cli.options import ConfigPath, read_installation
from bot.cli.running_bot import ask_async
from bot.cli.setup_dialogue import Dialogue, Interrupted
from bot.cli.setup_guide import QUESTION, Guidance, find_admin_beside
from bot.cli.setup_platforms import Platforms
from bot.errors import ConfigError, ParlanceError, UsageError
from bot.installation import base_folder
from bot.setup.settings_file import add_admin, add_source
from bot.setup.sources import read_source
from bot.setup.state import State, Step, look

TITLES = {
    Step.MODEL: say("A better model"),
    Step.DISCORD: say("Discord"),
    Step.SLACK: say("Slack"),
    Step.DOCUMENTS: say("Documents"),
}


class Setup:
    """One run of the command. `chosen` are the steps that were named; none: all."""

    def __init__(
        self,
        path: Path | None,
        dialogue: Dialogue,
        chosen: Sequence[Step],
        *,
        model: str | None,
        documents: Sequence[str],
        every: str | None,
        admins: Sequence[str],
    ) -> None:
        self.path = path
        self.dialogue = dialogue
        self.chosen = tuple(chosen)
        self._model = model
        self._documents = tuple(documents)
        self._every = every
        self._admins = tuple(admins)
        self.added_documents = False
        self.changed_platforms = False

    async def take_steps(self) -> State:
        """Ask what is to be asked, step by step, and write it; each is written when it is done."""
        here = read_installation(self.path)
        told = await ask_async(here, "status")
        if told is not None:
            self.dialogue.tell(
                say(
                    "Parlance runs here (process {pid}). What is set up now holds from its next "
                    "start on: `parlance stop`, then `parlance run`.",
                    pid=told["pid"],
                )
            )
        elif self.dialogue.asks and not self.chosen:
            self.dialogue.tell(
                say(
                    "This takes about a quarter of an hour. Enter leaves a step for later, and "
                    "Ctrl-C ends; what is done stays."
                )
            )
        for step in self.chosen or tuple(TITLES):
            if step in TITLES:
                await self._take(step)
        for person in self._admins:
            add_admin(here.path, person)
            self.dialogue.tell(say("{person} is an admin.", person=person))
        here = read_installation(self.path)
        if told is not None and Step.ADMIN in self.chosen and self.dialogue.asks:
            await find_admin_beside(here, here.path, self.dialogue)
        return look(here)

    async def _take(self, step: Step) -> None:
        done = look(read_installation(self.path)).is_done(step)
        given = {Step.MODEL: self._model, Step.DOCUMENTS: self._documents}.get(step)
        if done and not given and step not in self.chosen and not self._checks(step):
            text = say(
                "{step}: done already; `parlance setup {name}` does it again.",
                step=TITLES[step],
                name=step.value,
            )
            self.dialogue.tell(text)
            return
        if not given and not self.dialogue.asks and step is Step.DOCUMENTS:
            return
        self.dialogue.heading(TITLES[step])
        match step:
            case Step.MODEL:
                from bot.cli.setup_model import set_up_model

                await set_up_model(self.path, self.dialogue, self._model)
            case Step.DISCORD:
                self.changed_platforms |= await Platforms(self.path, self.dialogue).discord()
            case Step.SLACK:
                self.changed_platforms |= await Platforms(self.path, self.dialogue).slack()
            case Step.DOCUMENTS:
                await self._add_documents()

    def _checks(self, step: Step) -> bool:
        """Whether a step that is done is looked at again: tokens of the environment are checked,
        and kept."""
        return not self.dialogue.asks and step in {Step.DISCORD, Step.SLACK}

    async def _add_documents(self) -> None:
        here = read_installation(self.path)
        folder = base_folder(here.path)
        given = list(self._documents)
        tell = self.dialogue.tell
        if not given:
            tell(say("What should it know? A folder, a page, or a Git repository is kept in sync."))
        while True:
            said = given.pop(0) if given else ""
            if not said and not self._documents:
                said = await self.dialogue.ask(say("Folder or address (Enter: later)"))
            if not said:
                return
            try:
                source = read_source(said, folder, self._every)
                add_source(here.path, source)
            except UsageError as error:
                if not self.dialogue.asks or self._documents:
                    raise
                tell(str(error))
                continue
            self.added_documents = True
            every = source["every"]
            tell(say("{what} is kept in sync: read every {every}.", what=said, every=every))
            if not self._documents:
                return


def setup(
    steps: Annotated[
        list[Step] | None, typer.Argument(help="Only these steps; all where none is named.")
    ] = None,
    config: ConfigPath = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Ask nothing: take flags and the environment's tokens."),
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Fetch this model, and make it the default one.")
    ] = None,
    documents: Annotated[
        list[str] | None, typer.Option(help="Keep a folder, page or Git repository in sync.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="How often they are read again: 30m, 1h, 7d.")
    ] = None,
    admin: Annotated[
        list[str] | None, typer.Option(help="Make somebody an admin, as discord:80351110224678912.")
    ] = None,
    start: Annotated[bool, typer.Option(help="Start the bot at the end.")] = True,
) -> None:
    """Set Parlance up, step by step: a model, Discord, Slack, documents, an admin, a question.

    What is set up already is passed over, so it can be called again at any time.
    """
    asks = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    if not asks and not yes:
        why = say(
            "Setup asks questions, and nobody is at a keyboard here: add --yes, and see --help."
        )
        raise UsageError(translate(why, read_environment_language()))
    this = Setup(
        config, Dialogue(asks=asks), steps or (), model=model, documents=documents or (),
        every=every, admins=admin or (),
    )  # fmt: skip
    raise typer.Exit(run_setup(this, start=start))


def run_setup(this: Setup, *, start: bool = True) -> int:
    """Take the steps, then serve, and accompany the first minutes; returns the exit status."""
    dialogue = this.dialogue
    try:
        state = run_async(this.take_steps())
    except (Interrupted, KeyboardInterrupt):
        console.print()
        dialogue.tell(_stopped(this))
        return 130
    except (ParlanceError, BackendError) as error:
        dialogue.tell(str(error))
        dialogue.tell(_stopped(this))
        return 1
    from bot.storage.data_dir_lock import find_holder

    here = read_installation(this.path)
    if not start or find_holder(here.config.data_dir) is not None:
        return 0
    guidance = Guidance(this.path, dialogue, documents=not this.chosen or this.added_documents)
    seen = this.changed_platforms or Step.ADMIN in this.chosen or not this.chosen
    if not seen or not (state.platforms or dialogue.asks):
        if this.added_documents:
            fetch_missing(here)
            run_with_app(this.path, guidance.prepare)
        return 0
    if not state.platforms:
        dialogue.heading(say("The first question"))
        dialogue.tell(say("Ask your bot here in the terminal:"))
        dialogue.show(f"   /ask {QUESTION}")
    return serve(here, guide=Guide(guidance.prepare, guidance.accompany))


def _stopped(this: Setup) -> str:
    """What has been done, and how to go on."""
    further = say("`parlance setup` goes on from here.")
    try:
        state = look(read_installation(this.path))
    except ConfigError:  # that is why it stopped
        return further
    done = [str(TITLES[step]) for step in TITLES if state.is_done(step)]
    names = ", ".join(done) if done else say("nothing yet")
    return join_sentences((say("Set up: {names}.", names=names), further))


def offer(path: Path | None) -> int | None:
    """Ask once, at the first start in a terminal, whether to set Parlance up; the exit status of
    that, None where nobody wants it now."""
    dialogue = Dialogue(asks=True)
    dialogue.tell(
        say(
            "Welcome to Parlance. Setup finds a better model, brings your bot to Discord or Slack, "
            "and reads your documents; `parlance setup` does so at any later time."
        )
    )
    try:
        if not run_async(dialogue.confirm(say("Set it up now?"))):
            return None
    except (Interrupted, KeyboardInterrupt):
        return 130
    return run_setup(Setup(path, dialogue, (), model=None, documents=(), every=None, admins=()))
