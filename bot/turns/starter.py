"""Starts the turn of each question and command in its lane, where a conversation has one at a time;
owns their tasks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from bot.catalogue.sentence import say
from bot.errors import Busy, Denied
from bot.events import ActionCall, CommandCall, Message
from bot.history.protocol import StoredMessage
from bot.processes.crew import Crew
from bot.processes.shared_lanes import SharedLanes
from bot.replies.protocol import Sink
from bot.turns.admission import Entrance
from bot.turns.lanes import Lanes, LaneTicket
from bot.turns.platforms import Platforms
from bot.turns.router import Router
from bot.turns.runner import TurnDependencies, TurnRunner
from bot.turns.turn import Turn, unless_cancelled
from bot.types import ConversationKey

log = structlog.get_logger(__name__)

_CANCEL_TIMEOUT_S: Final = 0.3


class TurnStarter:
    """Routes an event to its skill, and runs the turn. `entrance` says who asks, and whether they
    may."""

    def __init__(
        self,
        router: Router,
        dependencies: TurnDependencies,
        entrance: Entrance,
        platforms: Platforms,
        crew: Crew,
    ) -> None:
        self._router = router
        self._dependencies = dependencies
        self._entrance = entrance
        self._open_turns = dependencies.open_turns
        self._platforms = platforms
        self._crew = crew
        self._lanes = Lanes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runners: set[TurnRunner] = set()
        self.draining = False
        """Whether new work is refused, as the process is about to end."""
        self._closing = False
        """Whether every turn is being stopped, as it ends now."""

    @property
    def crowded(self) -> bool:
        """Whether so many tasks are open that the adapters should wait for theirs."""
        return self._closing or len(self._tasks) > 2 * self._dependencies.limits.max_turns

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run the work of an event in a task of its own, which ends with this process."""
        task = asyncio.create_task(work, name=f"turn {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self, within_s: float) -> None:
        """Refuse new work, and wait until what was accepted has ended, at most `within_s` seconds.
        Quick commands and buttons of what runs, such as Stop, go on working."""
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def close(self, within_s: float) -> None:
        """Stop every turn, store what was written and end the replies; tasks that take longer than
        `within_s` seconds are cancelled."""
        self.draining = self._closing = True
        for runner in tuple(self._runners):
            runner.shut_down()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                log.warning("turn.cancelled_at_shutdown", turns=len(late))
                await asyncio.wait(late, timeout=_CANCEL_TIMEOUT_S)

    # --- one turn -----------------------------------------------------------------------------

    def create(
        self,
        event: Message | CommandCall,
        sink: Sink,
        *,
        claimed: bool = False,
        replaces: StoredMessage | None = None,
        question: StoredMessage | None = None,
    ) -> TurnRunner:
        """Route an event and enter it in its lane; awaits nothing, so events keep their order."""
        route, refused = None, self.capacity_error(event)
        actions: tuple[str, ...] = ()
        if refused is None or (isinstance(event, CommandCall) and not self._closing):
            try:
                route = self._router.resolve(event)
                refused = None if route.quick else refused
            except Exception as error:  # noqa: BLE001 - told to the person by the turn's task
                refused, actions = error, self._router.actions_of(event)
        turn = Turn(
            uuid.uuid4().hex,
            event,
            self._entrance.asker(event),
            route,
            quick=refused is not None or (route is not None and route.quick),
            first_asked_by=question.author if question is not None else "",
            question=question.id if question is not None else "",
        )
        return self._open(
            turn,
            sink,
            refused=refused,
            actions=actions,
            claimed=claimed or self._closing,  # the store may be closed before us
            replaces=replaces,
            question=question,
        )

    def resume(
        self,
        turn: Turn,
        sink: Sink,
        *,
        question: StoredMessage,
        answer: StoredMessage,
        refused: Exception | None,
    ) -> asyncio.Task[None]:
        """Run a turn on that was suspended or cut, in its lane; returns its task."""
        if refused is None and not self._entrance.admits(turn.event):
            refused = Denied(say("I may not go on with this here just now."))
        if refused is None:
            try:
                turn.route = self._router.resolve(turn.event)
            except Exception as error:  # noqa: BLE001 - told to the person by the turn's task
                refused = error
        runner = self._open(
            turn, sink, refused=refused, claimed=True, question=question, continues=answer
        )
        return self.start(self.run(runner), turn.id)

    def _open(self, turn: Turn, sink: Sink, **more: Any) -> TurnRunner:
        ticket: LaneTicket | None = None
        if not turn.quick:
            place, route = turn.event.conversation, turn.route
            alone = route is None or route.reads_history(place)
            ticket = self._lanes_of(place).enter(str(place), alone=alone)
        runner = TurnRunner(self._dependencies, turn, sink, ticket=ticket, **more)
        self._open_turns.add(turn)
        self._runners.add(runner)
        return runner

    def _lanes_of(self, place: ConversationKey) -> Lanes | SharedLanes:
        """Where the turns of a conversation queue: with those of other processes, if its events may
        come to any of them, or are given to them."""
        shared = self._crew.lanes
        if shared is None:
            return self._lanes
        together = self._crew.divided or self._platforms.serves_everywhere(place.platform)
        return shared if together else self._lanes

    def capacity_error(self, event: Message | CommandCall | ActionCall) -> Exception | None:
        """Why no turn can be opened for an event just now; None if one can."""
        limits = self._dependencies.limits
        if self.draining:
            return Busy(10, say("I am being restarted; please ask again in a moment."))
        if self._open_turns.count_all() >= limits.max_turns:
            return Busy(30, say("Too many questions are open just now; try again in about 30 s."))
        if self._open_turns.count_for_person(event.author) >= limits.per_person:
            return Busy(
                10,
                say(
                    "You have {number} questions open; wait for an answer, or /stop.",
                    number=limits.per_person,
                ),
            )
        if self._open_turns.count_in_channel(event.conversation) >= limits.per_channel:
            return Busy(
                30, say("Too many questions are open in this channel; try again in about 30 s.")
            )
        return None

    async def run(self, runner: TurnRunner) -> None:
        """Run a turn to its end."""
        turn = runner.turn
        with bound_contextvars(turn=turn.id, conversation=str(turn.event.conversation)):
            try:
                await unless_cancelled(runner.run())
            except Exception:  # a task's top: nothing above it would report this
                log.exception("turn.lost")
            finally:
                self._open_turns.end(turn)
                self._runners.discard(runner)
