"""A model server with a bounded number of slots that notes who came when, and what ran then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import BODY


@dataclass(frozen=True)
class Arrival:
    """A chat, by its question; `running` are those that held a slot when it came."""

    question: str
    running: tuple[str, ...]
    queued: bool


class CrowdedServer(OpenAIServer):
    """Runs `slots` chats side by side, in order of arrival; the others wait, unanswered.

    A chat says nothing until `let_go` names its question, or all of a person: a question is
    `PERSON NUMBER`.
    """

    def __init__(self, slots: int, *, llama: bool = True) -> None:
        super().__init__(llama=llama)
        self.slots = slots
        self.arrivals: list[Arrival] = []
        self.running: list[str] = []
        self.most_inside = 0
        """Chats that ran or waited at once."""
        self._inside = 0
        self._free = asyncio.Semaphore(slots)
        self._let_go: set[str] = set()
        self._news = asyncio.Condition()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        question = request[BODY]["messages"][-1]["content"]
        queued = self._free.locked()
        self.arrivals.append(Arrival(question, tuple(self.running), queued))
        self._inside += 1
        self.most_inside = max(self.most_inside, self._inside)
        try:
            async with self._free:
                self.running.append(question)
                try:
                    await self._until_let_go(question)
                    return await super()._chat(request)
                finally:
                    self.running.remove(question)
        finally:
            self._inside -= 1

    async def let_go(self, *names: str) -> None:
        """Answer these questions, or those of these people, whether they are here or yet come."""
        self._let_go.update(names)
        async with self._news:
            self._news.notify_all()

    async def _until_let_go(self, question: str) -> None:
        person = question.split()[0]
        async with self._news:
            await self._news.wait_for(lambda: self._let_go & {question, person})

    def asked(self, person: str) -> list[Arrival]:
        """The chats of a person, in order of arrival."""
        return [each for each in self.arrivals if each.question.split()[0] == person]
