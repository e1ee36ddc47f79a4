"""People who each write to the bot alone, on Matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.types import Value
from tests.peers import on_synapse
from tests.peers.on_synapse import SynapseDriver
from tests.scenarios.harness import Person

_NOBODY_ELSE = "nobody else is there"
_ONE_CONVERSATION = "a direct room is one conversation"
CANNOT = {
    **on_synapse.CANNOT,
    "test_everybody_in_the_channel_has_one_vote_also_after_a_restart": _NOBODY_ELSE,
    "test_a_page_to_open_is_shown_to_the_asker_alone": _NOBODY_ELSE,
    "test_two_threads_are_two_conversations": _ONE_CONVERSATION,
    "test_who_asks_too_much_at_once_is_told_to_wait": _ONE_CONVERSATION,
    "test_two_people_in_one_thread_are_told_apart": _NOBODY_ELSE,
    "test_the_thread_is_summed_up_for_who_asks": _NOBODY_ELSE,
    "test_others_cannot_stop_it": _NOBODY_ELSE,
    "test_why_is_told_to_the_asker_alone": _NOBODY_ELSE,
    "test_a_list_is_for_who_asked_until_they_share_it": _NOBODY_ELSE,
    "test_after_a_restart_a_list_is_asked_for_again": _NOBODY_ELSE,
    "test_a_commands_answer_says_who_asked_what": _NOBODY_ELSE,
    "test_a_command_written_the_wrong_way_is_nobody_elses_business": _NOBODY_ELSE,
    "test_the_press_of_another_person_is_refused": _NOBODY_ELSE,
    "test_what_i_may_use_and_what_waits_are_nobody_elses_business": _NOBODY_ELSE,
}
"""Stories that cannot be played here, and why."""


class DirectDriver(SynapseDriver):
    """Everybody writes and reads in a direct room of their own; what the bot says to anybody counts
    as said."""

    def place(self, by: Person) -> str:
        return self.rooms[by]

    def mentioning(self, text: str) -> dict[str, Any]:
        """A message as it is written where nobody has to be named."""
        return {"msgtype": "m.text", "body": text, "m.mentions": {}}

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        await self.mention(text, by)

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        """Call a command; what is set is set for everybody, as their rooms are not the admin's."""
        given = dict(options or {})
        if name == "settings" and given.get("action") == "set":
            given["scope"] = "workspace"
        await super().command(name, given, by)

    def contents(self) -> Sequence[Mapping[str, Any]]:
        return [
            content for name, room in self.rooms.items() for content in self.shown_to(name, room)
        ]

    def private(self) -> Sequence[str]:
        return self.messages()
