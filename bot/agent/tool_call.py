"""Carries out one call of a tool: who lets it happen, the work within its time, what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from bot.agent.approval import (
    APPROVE,
    BUTTONS,
    GRANT,
    REFUSE,
    Judgement,
    card,
    judge,
    outcome_line,
    whole_values,
)
from bot.agent.call_result import CallResult, call_result
from bot.agent.kept_results import cut
from bot.agent.model_words import (
    BROKEN,
    EMPTY,
    FAILED,
    MAY_BE_DONE,
    OFFERED,
    REFUSED,
    STOPPED,
    not_done,
    too_late,
)
from bot.agent.provenance import Provenance
from bot.agent.tool_run import ToolTimedOut, run_tool
from bot.agent.tool_set import refusal_of
from bot.catalogue.sentence import say
from bot.errors import UserFacingError
from bot.history.suspensions import CARD
from bot.history.tool_calls import CallDecision, CallId, CallState, StoredCall
from bot.skills.context import Context
from bot.skills.tool import AgentTool, OutcomeUnknown, ToolResult
from bot.surrogates import repair_surrogates
from bot.types import Notice, Status

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RequestedCall:
    """A call that the model asks for, with arguments that fit the tool. `result_characters` is the
    longest result that the model's window has room for, `kept_characters` how much of a longer one
    can be kept."""

    ctx: Context = field(repr=False)
    id: CallId
    tool: AgentTool
    arguments: Mapping[str, Any] = field(repr=False)
    result_characters: int
    kept_characters: int = 0

    @property
    def result_id(self) -> str:
        """The id under which a long result is read on."""
        return f"{self.id.step}.{self.id.number}"

    @property
    def key(self) -> str:
        """What its steps are stored under."""
        return f"agent:{self.id.step}:{self.id.number}"

    async def run(self, provenance: Provenance) -> CallResult:
        """Carry it out if it may be, each part once, and return how it ended. Suspends the turn
        where a person must be asked."""
        alone = bool(self.ctx.event.occasion)
        look = partial(judge, self.tool, self.arguments, provenance, unattended=alone)
        reads = self.tool.effect == "read"  # whose arguments nobody has to look up
        judgement = look() if reads else await asyncio.to_thread(look)
        decision = await self.ctx.step(f"{self.key}:decision", partial(self._decide, judgement))
        result: CallResult = await self.ctx.step(
            f"{self.key}:result", partial(self._carry_out, decision, judgement)
        )
        return result

    async def _decide(self, judgement: Judgement) -> CallDecision:
        """Who lets it happen."""
        if not judgement.needs_approval:
            return "allowed"
        if judgement.grantable and await self._is_granted():
            return "granted"
        if self.tool.offer:
            return "offered"
        resumed = self.ctx.resumed
        if resumed is None or resumed.state.get("call") != self.key:
            await self._store("waiting", "")
            shown = card(judgement)
            await self.ctx.say(Notice(shown))
            if (whole := await asyncio.to_thread(whole_values, judgement)) is not None:
                await self.ctx.say(whole)
            buttons = [one for one in BUTTONS if one[0] != GRANT or judgement.grantable]
            asked = {"call": self.key, "digest": judgement.digest, CARD: shown}
            await self.ctx.suspend(asked, buttons=buttons)
        assert resumed is not None
        same = resumed.state.get("digest") == judgement.digest
        choice = resumed.choice if same else REFUSE
        now = f"{datetime.now(UTC):%H:%M} UTC"
        changed = say("This is not what was shown, so it was not done.")
        outcome = outcome_line(choice, resumed.by, now) if same else changed
        await self.ctx.say(Notice(outcome, choice=True))
        if choice == GRANT and judgement.grantable:
            return "granted"
        return "approved" if choice == APPROVE else "refused"

    async def _is_granted(self) -> bool:
        """Whether the person approved this tool for the conversation."""
        calls, place = self.ctx.services.calls, str(self.ctx.conversation)
        person = self.ctx.author.key
        return calls is not None and await calls.granted(self.tool.name, place, person)

    async def _carry_out(self, decision: CallDecision, judgement: Judgement) -> CallResult:
        tool = self.tool
        refusal = await refusal_of(self.ctx, tool)
        if decision == "refused" or refusal:
            await self._store("refused", decision)
            return call_result("refused", not_done(refusal or REFUSED))
        if decision == "offered":
            await self._store("offered", decision)
            return call_result("offered", OFFERED, card=card(judgement))
        found = call_result("failed", STOPPED)
        try:
            await self._store("running", decision)
            await self.ctx.say(Status("working", text=tool.status or tool.name))
            found = self._not_ended(STOPPED)
            returned = await run_tool(self._call, tool.timeout_s, tool.name)
            found = self._kept(returned)
        except OutcomeUnknown as error:
            found = self._told(error, known=False)
        except UserFacingError as error:
            found = self._told(error, known=True)
        except ToolTimedOut:
            found = self._not_ended(too_late(tool.timeout_s))
        except TimeoutError:
            found = self._not_ended(too_late(None))
        except Exception:
            log.exception("tool.failed", tool=tool.name, plugin=tool.plugin)
            found = self._not_ended(BROKEN)
        finally:
            await asyncio.shield(self._end(found))
            if found["state"] == "unknown":  # said also where the turn is stopped
                words = say("It is not known whether {tool} was done.", tool=tool.name)
                await self.ctx.say(Notice(words))
        return found

    async def _call(self) -> Any:
        return await self.tool.handler(self.ctx, **self.tool.bind(self.arguments))

    def _not_ended(self, why: str) -> CallResult:
        """What did not end as it should may have been done, unless it does no harm twice."""
        if self.tool.repeatable:
            return call_result("failed", why)
        return call_result("unknown", why, note=MAY_BE_DONE)

    def _told(self, error: Exception, *, known: bool) -> CallResult:
        """What a tool says of a call that failed: whoever writes its results wrote this."""
        text = repair_surrogates(str(error)).strip() or EMPTY
        text, _ = cut(text, self.result_characters, self.result_id, 0)
        known = known or self.tool.repeatable
        note = FAILED if known else f"{MAY_BE_DONE} {FAILED}"
        state: CallState = "failed" if known else "unknown"
        return call_result(state, text, self.tool.results, self.tool.name, note=note)

    def _kept(self, returned: Any) -> CallResult:
        """A result as it is kept; what a tool should not have returned is a result all the same,
        since the tool has done its work."""
        made = returned if isinstance(returned, ToolResult) else ToolResult(returned)
        text = "" if made.text is None else str(made.text)
        limit = min(self.tool.result_characters, self.result_characters)
        text = repair_surrogates(text).strip() or EMPTY
        text, kept = cut(text, limit, self.result_id, self.kept_characters)
        writer = made.origin or self.tool.results
        state: CallState = "failed" if made.failed else "done"
        return call_result(state, text, writer, made.name, made.sources, kept)

    # --- what is stored -----------------------------------------------------------------------

    async def _store(self, state: CallState, decision: CallDecision) -> None:
        if (calls := self.ctx.services.calls) is not None:
            call = StoredCall(self.id, self.tool.name, self.arguments, state, decision)
            await calls.save(call)

    async def _end(self, found: CallResult) -> None:
        if (calls := self.ctx.services.calls) is not None:
            await calls.end(self.id, found["state"], found["text"])
