"""People on the example platform: lines of text over TCP, without edits, buttons or threads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bot.adapters.protocol import Adapter
from bot.app import App
from bot.platforms import find_platform
from bot.ports import Ports
from bot.types import ActionName, Value
from tests.scenarios.harness import Person
from tests.until import until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "parlance-lines"
LINES_TOKEN = "a-token-of-the-tests"

_UNCHANGED = "a line is sent when the answer is whole, and never changed"
_NO_BUTTONS = "a line has no buttons"
CANNOT = {
    "test_who_does_not_know_the_options_is_helped": "the platform suggests nothing",
    "test_two_threads_are_two_conversations": "there are no threads",
    "test_stop_ends_it_and_keeps_what_was_written": _UNCHANGED,
    "test_others_cannot_stop_it": _UNCHANGED,
    "test_regenerate_after_a_restart": _NO_BUTTONS,
    "test_why_is_told_to_the_asker_alone": _NO_BUTTONS,
    "test_feedback_is_kept": _NO_BUTTONS,
    "test_a_deleted_question_takes_its_answer_along": "what was sent cannot be taken back",
    "test_a_typed_text_answers_and_its_passage_is_judged": _NO_BUTTONS,
    "test_a_text_typed_into_a_form_answers": "there are no forms",
    "test_who_asks_too_much_at_once_is_told_to_wait": _UNCHANGED,
    "test_a_platform_that_fails_gets_it_all_the_same": "a connection does not answer with a status",
    "test_an_answer_that_a_restart_cuts_off_says_so": _UNCHANGED,
    "test_a_list_is_for_who_asked_until_they_share_it": _NO_BUTTONS,
    "test_after_a_restart_a_list_is_asked_for_again": _NO_BUTTONS,
    "test_a_commands_answer_says_who_asked_what": _NO_BUTTONS,
    "test_an_answer_that_a_moderator_deletes_is_not_posted_again": _UNCHANGED,
    "test_stop_is_a_word": _UNCHANGED,
    "test_whoever_says_nothing_is_greeted_with_examples": "a line without a text only joins",
    "test_killed_before_anything_was_shown_it_is_told_all_the_same": _NO_BUTTONS,
    "test_why_shows_each_step": _NO_BUTTONS,
    "test_what_a_server_asks_is_filled_in": _NO_BUTTONS,
    "test_what_a_server_asks_can_be_declined": _NO_BUTTONS,
    "test_nobody_else_can_answer": _NO_BUTTONS,
    "test_a_page_to_open_is_shown_to_the_asker_alone": _NO_BUTTONS,
    "test_a_press_approves_and_the_card_says_so": _NO_BUTTONS,
    "test_the_card_keeps_what_was_decided_in_place_of_its_buttons": _NO_BUTTONS,
    "test_what_is_refused_is_not_done": _NO_BUTTONS,
    "test_the_press_of_another_person_is_refused": _NO_BUTTONS,
    "test_a_press_after_a_restart_is_carried_out_once": _NO_BUTTONS,
    "test_markup_in_an_argument_is_shown_as_it_is_written": _NO_BUTTONS,
    "test_a_long_argument_is_cut_and_can_be_read_whole": _NO_BUTTONS,
    "test_what_a_model_proposes_to_keep_is_kept_by_a_press": _NO_BUTTONS,
    "test_a_duel_is_voted_on_before_it_says_who_is_who": _NO_BUTTONS,
    "test_everybody_in_the_channel_has_one_vote_also_after_a_restart": _NO_BUTTONS,
    "test_a_reminder_over_a_restart": "who has said nothing since the restart is nowhere",
    "test_killed_in_mid_answer_nothing_is_lost_and_nothing_comes_twice": _UNCHANGED,
    "test_a_call_that_asks_is_lost_with_the_process_and_that_is_told": _NO_BUTTONS,
}
"""Stories that cannot be played here, and why."""


class LinesClient:
    """A person's client: what it reads is in `lines`, as (conversation, `all` or `you`, text)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.ended = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, port: int, hello: str) -> LinesClient:
        """Connect, say hello (`TOKEN NAME`), and read from then on."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._reading = asyncio.create_task(self._read(reader))
        self.ended.clear()
        self.write(hello)
        return self

    def write(self, line: str) -> None:
        """Send a line."""
        assert self._writer is not None
        self._writer.write(f"{line}\n".encode())

    def told(self, kind: Literal["all", "you"]) -> list[str]:
        """The texts that were read of one kind."""
        return [text for _, found, text in self.lines if found == kind]

    async def until(self, text: str) -> None:
        """Wait until a text was read."""
        await until(lambda: any(text in line[2] for line in self.lines))

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None and self._writer is not None:
            self._reading.cancel()
            self._writer.close()
            await asyncio.gather(self._reading, return_exceptions=True)
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := (await reader.readline()).decode():
                place, kind, text = line.rstrip("\n").split(" ", 2)
                self.lines.append((place, kind, text.replace("\\n", "\n").replace("\\\\", "\\")))
        except OSError:
            pass
        finally:
            self.ended.set()


class LinesDriver:
    """Writes lines in a conversation, in which somebody else reads along."""

    name = "lines"
    stops = False

    def __init__(self) -> None:
        self._clients = {name: LinesClient() for name in ("ada", "eve", "root", "watcher")}
        self._adapter: Any = None

    async def open(self) -> LinesDriver:
        return self

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def adapter(self, app: App) -> Adapter:
        here = app.installation
        platform = find_platform(here, "lines")
        context = replace(here.platform_context(platform), secret={"LINES_TOKEN": LINES_TOKEN}.get)
        adapter = platform.create(context)
        assert adapter is not None
        self._adapter = adapter
        return adapter

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        return {"plugins": {"folders": [str(EXAMPLE)]}, "lines": {"port": 0}}

    def admins(self) -> Sequence[str]:
        return ["lines:root"]

    async def connected(self) -> None:
        await until(lambda: self._adapter.connected)
        for name, client in self._clients.items():
            await client.close()
            await client.connect(self._adapter.port, f"{LINES_TOKEN} {name}")
            await client.until(f"Hello {name}.")
        self._clients["watcher"].write("general")

    async def mention(self, text: str, by: Person = "ada") -> None:
        self._clients[by].write(f"general {text}")

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        await self.mention(text, by)

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        given = " ".join(f'{key}="{value}"' for key, value in (options or {}).items())
        await self.mention(f"/{name} {given}", by)

    async def fill_in(
        self,
        name: str,
        options: Mapping[str, Value],
        typed: Mapping[str, str],
        by: Person = "ada",
    ) -> None:
        raise AssertionError("there are no forms")

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        raise AssertionError("the platform suggests nothing")

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        raise AssertionError(_NO_BUTTONS)

    async def choose(self, value: str, by: Person = "ada") -> None:
        raise AssertionError(_NO_BUTTONS)

    async def answer(self, typed: Mapping[str, str], by: Person = "ada") -> None:
        raise AssertionError("there are no forms")

    async def leave(self, label: str, by: Person = "ada") -> None:
        raise AssertionError("there are no buttons")

    async def delete_answer(self) -> None:
        raise AssertionError("what was sent cannot be taken back")

    async def delete(self) -> None:
        raise AssertionError("what was sent cannot be taken back")

    def messages(self) -> Sequence[str]:
        return self._clients["watcher"].told("all")

    def private(self) -> Sequence[str]:
        return [text for client in self._clients.values() for text in client.told("you")]

    def working(self) -> bool:
        return False

    def apart(self, config: Path) -> Sequence[str]:
        raise AssertionError(_UNCHANGED)

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        raise AssertionError("a connection does not answer with a status")

    def heal(self) -> None:
        raise AssertionError("a connection does not answer with a status")
