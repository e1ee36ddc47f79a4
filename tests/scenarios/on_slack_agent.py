"""A person who writes direct messages to a Slack app that is an agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bot.types import ActionName
from tests.scenarios import on_slack
from tests.scenarios.harness import Person
from tests.scenarios.on_slack import PEOPLE, SlackDriver

CANNOT = {
    **on_slack.CANNOT,
    "test_the_press_of_another_person_is_refused": "nobody else is there",
    "test_everybody_in_the_channel_has_one_vote_also_after_a_restart": "nobody else is there",
    "test_nobody_else_can_answer": "nobody else is there",
    "test_what_i_may_use_and_what_waits_are_nobody_elses_business": "nobody else is there",
    "test_why_is_told_to_the_asker_alone": "nobody else is there",
    "test_others_cannot_stop_it": "nobody else is there",
    "test_a_list_is_for_who_asked_until_they_share_it": "nobody else is there",
    "test_after_a_restart_a_list_is_asked_for_again": "nobody else is there",
    "test_a_commands_answer_says_who_asked_what": "nobody else is there",
    "test_a_command_written_the_wrong_way_is_nobody_elses_business": "nobody else is there",
    "test_a_call_that_asks_is_lost_with_the_process_and_that_is_told": "the same as in a channel",
}
"""Stories that cannot be played here, and why."""


class AgentDriver(SlackDriver):
    """Each question begins a thread; the answer is streamed, and Stop is Slack's own."""

    name = "slack-agent"
    channel = "D1"
    kind = "im"

    async def open(self) -> AgentDriver:
        self.fake.methods.agent = True
        await super().open()
        return self

    async def mention(self, text: str, by: Person = "ada") -> None:
        self._asked = self._ts()
        await self.fake.event({
            "type": "message", "channel_type": self.kind, "channel": self.channel, "text": text,
            "user": PEOPLE[by], "ts": self._asked,
        })  # fmt: skip

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        if action == "stop":
            await self.fake.press_slacks_stop(self.channel, self._asked, PEOPLE[by])
        else:
            await super().press(action, by)

    def private(self) -> Sequence[str]:
        return self.messages()

    def working(self) -> bool:
        streaming = any(m.streaming for m in self.fake.workspace.by("UBOT"))
        processing = "processing" in self.fake.workspace.sessions.values()
        return streaming or processing or super().working()

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        methods = {
            "send": r"chat\.(startStream|postMessage)",
            "edit": r"chat\.(appendStream|stopStream|update)",
        }
        self.fake.fail_next(methods[what], status=status, times=times)
