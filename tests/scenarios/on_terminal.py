"""A person at the end of a pipe: one conversation, whoever speaks."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bot.adapters.protocol import Adapter
from bot.adapters.terminal.adapter import TerminalAdapter
from bot.app import App
from bot.ports import Ports
from bot.types import ActionName, Value
from tests.scenarios.harness import Person

_WORDS: Mapping[ActionName, str] = {
    "regenerate": "/again",
    "why": "/why",
    "source": "/source 1",
    "outdated": "/outdated 1",
}

CANNOT = {
    "test_killed_before_anything_was_shown_it_is_told_all_the_same": "a pipe always takes text",
    "test_who_does_not_know_the_options_is_helped": "a pipe suggests nothing",
    "test_a_text_typed_into_a_form_answers": "a pipe opens no form",
    "test_two_threads_are_two_conversations": "a pipe is one conversation",
    "test_two_people_in_one_thread_are_told_apart": "one person writes into a pipe",
    "test_stop_ends_it_and_keeps_what_was_written": "a pipe has nothing to press meanwhile",
    "test_stop_is_a_word": "a pipe has nothing to type meanwhile",
    "test_whoever_says_nothing_is_greeted_with_examples": "an empty line of a pipe is no message",
    "test_nobody_else_knows_what_is_kept_for_one": "one person writes into a pipe",
    "test_others_cannot_stop_it": "one person writes into a pipe",
    "test_regenerate_after_a_restart": "a new process has given no answer yet",
    "test_why_is_told_to_the_asker_alone": "one person reads a pipe",
    "test_feedback_is_kept": "a pipe has no buttons",
    "test_a_deleted_question_takes_its_answer_along": "what was typed cannot be taken back",
    "test_an_answer_that_a_moderator_deletes_is_not_posted_again": "what was printed stays",
    "test_an_admin_says_who_may_use_a_command_and_it_stays_so": "one person writes into a pipe",
    "test_what_holds_for_a_command_holds_for_a_mention": "one person writes into a pipe",
    "test_others_may_not": "whoever writes into the pipe is the operator",
    "test_who_asks_too_much_at_once_is_told_to_wait": "a pipe asks one thing after another",
    "test_a_list_is_for_who_asked_until_they_share_it": "one person reads a pipe",
    "test_after_a_restart_a_list_is_asked_for_again": "one person reads a pipe",
    "test_a_commands_answer_says_who_asked_what": "what was typed stands above its answer",
    "test_a_command_written_the_wrong_way_is_nobody_elses_business": "one person reads a pipe",
    "test_killed_in_mid_answer_nothing_is_lost_and_nothing_comes_twice": "told of a real process",
    "test_the_card_keeps_what_was_decided_in_place_of_its_buttons": "what was printed stays",
    "test_the_press_of_another_person_is_refused": "one person writes into a pipe",
    "test_nobody_else_can_answer": "one person writes into a pipe",
    "test_a_press_after_a_restart_is_carried_out_once": "a new process has given no answer yet",
    "test_what_i_may_use_and_what_waits_are_nobody_elses_business": "one person reads a pipe",
    "test_everybody_in_the_channel_has_one_vote_also_after_a_restart": "one person writes into it",
    "test_a_platform_that_fails_gets_it_all_the_same": "a pipe does not answer with a status",
    "test_a_call_that_asks_is_lost_with_the_process_and_that_is_told": "told of a real process",
}
"""Stories that cannot be played here, and why; the chat has its own tests."""


class TerminalDriver:
    """Types lines into a pipe, and reads what comes out of another."""

    name = "terminal"
    stops = False
    """A pipe has nothing to press while an answer is written; the chat has Ctrl-C."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self._keyboard = -1
        self._app: App | None = None
        self._open: list[Any] = []

    async def open(self) -> TerminalDriver:
        return self

    async def close(self) -> None:
        if self._keyboard >= 0:
            os.close(self._keyboard)
        for stream in (*self._open, self._out):
            stream.close()

    def adapter(self, app: App) -> Adapter:
        if self._keyboard >= 0:
            os.close(self._keyboard)
        read, self._keyboard = os.pipe()
        stdin = os.fdopen(read)
        self._open.append(stdin)
        self._app = app
        return TerminalAdapter(
            Path(os.devnull), "main", stdin=stdin, stdout=self._out, stderr=self._out
        )

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        return {}

    def admins(self) -> Sequence[str]:
        return ["terminal:operator"]

    async def connected(self) -> None:
        """A pipe is there as soon as it is open."""

    async def mention(self, text: str, by: Person = "ada") -> None:
        self._type(text)

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        self._type(text)

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        given = " ".join(f'{key}="{value}"' for key, value in (options or {}).items())
        self._type(f"/{name} {given}")

    async def fill_in(
        self,
        name: str,
        options: Mapping[str, Value],
        typed: Mapping[str, str],
        by: Person = "ada",
    ) -> None:
        raise AssertionError("a pipe opens no form")

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        raise AssertionError("a pipe suggests nothing")

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        self._type(_WORDS[action])

    async def choose(self, value: str, by: Person = "ada") -> None:
        self._type(f"/choose {value}")

    async def answer(self, typed: Mapping[str, str], by: Person = "ada") -> None:
        self._type("/answer " + " ".join(f'{name}="{text}"' for name, text in typed.items()))

    async def leave(self, label: str, by: Person = "ada") -> None:
        self._type(f"/{label.lower()}")

    async def delete_answer(self) -> None:
        raise AssertionError("what was printed cannot be taken back")

    async def delete(self) -> None:
        raise AssertionError("what was typed cannot be taken back")

    def messages(self) -> Sequence[str]:
        return [part for part in re.split(r"\n\n+", self._out.getvalue()) if part.strip()]

    def attached(self, text: str) -> bool:
        """Whether people can read the text of a file of the bot's."""
        lines = "\n".join(f"│ {line}" for line in text.splitlines())
        return lines in self._out.getvalue()

    def private(self) -> Sequence[str]:
        return self.messages()

    def working(self) -> bool:
        assert self._app is not None
        return len(self._app.core.open_turns) > 0

    def apart(self, config: Path) -> Sequence[str]:
        return ("-m", "bot", "run", "--config", str(config))

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        raise AssertionError("a pipe does not answer with a status")

    def heal(self) -> None:
        raise AssertionError("a pipe does not answer with a status")

    def _type(self, text: str) -> None:
        os.write(self._keyboard, f"{text}\n".encode())
