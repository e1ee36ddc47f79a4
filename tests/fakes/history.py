"""A second implementation of the history's protocol, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.history.attachments import AttachmentSnapshot
from bot.history.protocol import Report, StoredMessage, Verdict

_IN_PROMPTS = {"complete", "cancelled", "interrupted"}


class MemoryHistoryStore:
    """Keeps conversations as long as it lives."""

    def __init__(self) -> None:
        self.turns: dict[str, StoredMessage] = {}
        self.superseded: set[str] = set()
        self.verdicts: dict[tuple[str, str, str], Verdict] = {}
        self.materials: dict[str, AttachmentSnapshot] = {}
        self._claimed: set[tuple[str, str]] = set()

    async def claim(self, platform: str, event_id: str) -> bool:
        fresh = (platform, event_id) not in self._claimed
        self._claimed.add((platform, event_id))
        return fresh

    async def open(
        self, question: StoredMessage, answer: StoredMessage, *, claim: bool = False
    ) -> bool:
        platform = question.conversation.partition(":")[0]
        if claim and not await self.claim(platform, question.event_id):
            return False
        stored = self.turns.setdefault(question.id, question)
        self.turns[question.id] = replace(
            stored,
            text=question.text,
            command=question.command,
            options=question.options,
            remember=question.remember,
        )
        self.turns[answer.id] = answer
        return True

    async def progress(self, turn: str, text: str) -> None:
        if (old := self.turns.get(turn)) is not None and old.status == "running":
            self.turns[turn] = replace(old, text=text)

    async def finish(self, answer: StoredMessage, *, before: StoredMessage | None = None) -> None:
        if (old := self.turns.get(answer.id)) is not None and old.status == "running":
            self.turns[answer.id] = answer

    async def reopen(self, turn: str) -> bool:
        old = self.turns.get(turn)
        if old is None or old.status != "complete" or old.cut is None or turn in self.superseded:
            return False
        self.turns[turn] = replace(old, status="running")
        return True

    async def recent(
        self, conversation: str, *, limit: int = 200, until: str | None = None
    ) -> Sequence[StoredMessage]:
        found: list[StoredMessage] = []
        for question in self.turns.values():
            if until is not None and question.id == self.turns[until].answers:
                break
            answers = [
                turn
                for turn in self.turns.values()
                if turn.answers == question.id
                and turn.remember
                and turn.status in _IN_PROMPTS
                and turn.id not in self.superseded
            ]
            if question.conversation == conversation and question.role == "user" and answers:
                found += [question, *answers]
        return found[-limit:] if limit > 0 else []

    async def get(self, turn: str) -> StoredMessage | None:
        return self.turns.get(turn)

    async def supersede(self, turn: str) -> None:
        self.superseded.add(turn)

    async def by_event(self, platform: str, event_id: str) -> StoredMessage | None:
        for turn in self.turns.values():
            if turn.event_id == event_id and turn.conversation.startswith(f"{platform}:"):
                return turn
        return None

    async def answer_to(self, question: str) -> StoredMessage | None:
        found = [turn for turn in self.turns.values() if turn.answers == question]
        return found[-1] if found else None

    async def keep(self, question: str, material: AttachmentSnapshot) -> None:
        if question in self.turns:
            self.materials[question] = material

    async def material(self, question: str) -> AttachmentSnapshot | None:
        return self.materials.get(question)

    async def interrupt_running(self) -> Sequence[StoredMessage]:
        dead = [t for t in self.turns.values() if t.status == "running"]
        for turn in dead:
            self.turns[turn.id] = replace(turn, status="interrupted")
        return [self.turns[turn.id] for turn in dead]

    async def feedback(self, turn: str, person: str, verdict: Verdict, passage: str = "") -> None:
        self.verdicts[turn, person, passage] = verdict

    async def reports(self, workspace: str, *, limit: int = 200) -> Sequence[Report]:
        found = []
        for (turn, person, passage), verdict in self.verdicts.items():
            said = self.turns.get(turn)
            if said is None or verdict not in {"wrong", "outdated"}:
                continue
            if said.conversation.startswith(f"{workspace}:"):
                why = said.explanation.passages if said.explanation is not None else ()
                about = next((s for s in why if passage in {str(s.number), s.document}), None)
                found.append(Report(verdict, person, datetime.now(UTC), about))
        return found[::-1][:limit]

    async def forget(self, *, person: str | None = None, conversation: str | None = None) -> int:
        asked = {
            t.id
            for t in self.turns.values()
            if (person and t.author == person)
            or (conversation is not None and t.conversation == conversation)
        }
        about = set[str]()
        for question, kept in self.materials.items() if person is not None else ():
            if kept.target is not None and kept.target.by == person:
                about.add(question)
            self.materials[question] = kept.without(person or "")
        for turn in [t.id for t in self.turns.values() if t.id in about or t.answers in about]:
            del self.turns[turn]
            self.materials.pop(turn, None)
        gone = [t.id for t in self.turns.values() if t.id in asked or t.answers in asked]
        for turn in gone:
            del self.turns[turn]
            self.materials.pop(turn, None)
        return len(gone)
