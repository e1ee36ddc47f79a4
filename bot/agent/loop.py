"""Has a model call tools for the person who asks, and answer with what they return.

What the model wrote and what tools returned is stored with the turn as steps: a turn that waited
for an approval goes on, also in another process, without asking the model or a tool again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog

from backends.base import ChatMessage, Sampling, ToolCall
from bot.agent.approval import (
    APPROVE,
    BUTTONS,
    GRANT,
    REFUSE,
    Judgement,
    card,
    digest_of,
    judge,
    outcome_line,
)
from bot.agent.call_result import CallResult, call_result, sources_of, step_line
from bot.agent.limits import AgentLimits
from bot.agent.model_words import (
    BROKEN,
    EMPTY,
    NO_MORE_CALLS,
    REFUSED,
    STOPPED,
    argument_problem,
    called_before,
    failed,
    head_and_tail,
    may_be_done,
    not_done,
    too_late,
    unknown_tool,
)
from bot.agent.provenance import Provenance, Writer
from bot.agent.tool_set import FIND_TOOLS, ToolView, refusal_of
from bot.catalogue.sentence import say
from bot.errors import UserFacingError
from bot.history.tool_calls import CallDecision, CallId, CallState, StoredCall
from bot.prompting.context_window import DEFAULT_CONTEXT_TOKENS
from bot.skills.context import Context
from bot.skills.tool import AgentTool, ToolResult
from bot.types import Explanation, Notice, Source, Sources, Status, Text

log = structlog.get_logger(__name__)

_CHARACTERS_PER_TOKEN: Final = 3
_LEAST_RESULT_CHARACTERS: Final = 200
_DEFAULT_LIMITS: Final = AgentLimits()


async def act(
    ctx: Context,
    messages: Sequence[ChatMessage],
    tools: Sequence[AgentTool],
    *,
    task: str,
    provenance: Provenance,
    model: str | None = None,
    sampling: Sampling | None = None,
    limits: AgentLimits = _DEFAULT_LIMITS,
) -> bool:
    """Call the model with tools until it answers without a call; the answer is added to the reply.
    Returns whether any tool was called.

    `task` is what the asker said, by which the tools are chosen that the model is shown first.
    `provenance` has the texts of `messages` with who wrote them; results of tools are added to it.
    What a person must approve suspends the turn, so the skill must come here again by the same way
    when it is resumed. Raises what `Context.generate` raises.
    """
    return await _Run(ctx, messages, tools, task, provenance, model, sampling, limits).run()


class _Run:
    """One turn of a model with tools."""

    def __init__(
        self,
        ctx: Context,
        messages: Sequence[ChatMessage],
        tools: Sequence[AgentTool],
        task: str,
        provenance: Provenance,
        model: str | None,
        sampling: Sampling | None,
        limits: AgentLimits,
    ) -> None:
        self._ctx, self._model, self._sampling, self._limits = ctx, model, sampling, limits
        self._messages = list(messages)
        self._view = ToolView(tools, task)
        self._provenance = provenance
        self._seen: Counter[str] = Counter()
        self._results: dict[str, str] = {}
        self._repairs = self._calls = 0
        self._steps: list[str] = []
        self._sources: dict[tuple[str, str], Source] = {}
        self._over = ""
        """Why no tool is offered any more; empty while they are."""
        self._said = False
        self._window = DEFAULT_CONTEXT_TOKENS

    async def run(self) -> bool:
        name = await self._ctx.model(self._model)
        found = await self._ctx.models.capabilities(name)
        self._window = found.context or DEFAULT_CONTEXT_TOKENS
        last = self._limits.steps - 1
        for step in range(self._limits.steps):
            if step == last:
                self._over = self._over or say("I stopped after {number} steps.", number=last)
            written = await self._ctx.step(f"agent:{step}", partial(self._ask, step))
            calls = [ToolCall(*one) for one in written["calls"]]
            if not calls or self._over:
                break
            self._messages.append(ChatMessage("assistant", written["text"], tuple(calls)))
            for number, call in enumerate(calls):
                text = await self._answer(CallId(self._ctx.turn, step, number), call)
                self._messages.append(ChatMessage("tool", text, tool_call_id=call.id))
        if self._steps:
            self._ctx.record.cut = None  # going on would begin with the first step
            why = self._ctx.record.explanation or Explanation(model=name)
            await self._ctx.say(replace(why, steps=tuple(self._steps)))
        if self._sources:
            numbered = (replace(one, number=n) for n, one in enumerate(self._sources.values(), 1))
            await self._ctx.say(Sources(tuple(numbered)))
        if self._over:
            answered = bool(written["text"].strip())
            await self._ctx.say(Notice(self._over, "footer") if answered else Text(self._over))
        return bool(self._steps)

    # --- the model ----------------------------------------------------------------------------

    async def _ask(self, step: int) -> dict[str, Any]:
        """One answer of the model, as it is stored: its text and the calls in it."""
        calls: list[ToolCall] = []
        written: list[str] = []
        async for part in self._ctx.generate(
            self._messages,
            model=self._model,
            sampling=self._sampling,
            tools=[] if self._over else self._view.offered,
            calls=calls,
        ):
            if isinstance(part, Text):
                if self._said and not written:
                    await self._ctx.say(Text("\n\n"))
                written.append(part.delta)
            await self._ctx.say(part)
        self._said = self._said or bool(written)
        kept = [] if self._over else calls
        return {
            "text": "".join(written),
            "calls": [
                [call.id or f"{step}.{n}", call.name, dict(call.arguments)]
                for n, call in enumerate(kept)
            ],
        }

    # --- one call -----------------------------------------------------------------------------

    async def _answer(self, call_id: CallId, call: ToolCall) -> str:
        """What the model reads of a call: its result, or in one sentence why there is none."""
        digest = digest_of(call.name, call.arguments)
        self._seen[digest] += 1
        if digest in self._results:
            if self._seen[digest] > self._limits.same_calls:
                self._over = say("I stopped because the model asked for the same again and again.")
            return called_before(self._results[digest])
        if self._over:
            return NO_MORE_CALLS
        self._calls += 1
        if self._calls > self._limits.calls:
            self._over = say("I stopped after {number} calls.", number=self._limits.calls)
            return NO_MORE_CALLS
        if self._view.searchable and call.name == FIND_TOOLS.name:
            return self._view.find(str(call.arguments.get("query", "")))
        tool = self._view.get(call.name)
        problem = (
            unknown_tool(call.name, self._view.names)
            if tool is None
            else await argument_problem(tool, call.arguments)
        )
        if tool is None or problem:
            self._repairs += 1
            if self._repairs > self._limits.repairs:
                self._over = say("I stopped because the model called tools the wrong way.")
            return problem
        key = f"agent:{call_id.step}:{call_id.number}"
        judgement = await asyncio.to_thread(judge, tool, call.arguments, self._provenance)
        decision = await self._ctx.step(
            f"{key}:decision", partial(self._decide, key, call_id, judgement, call.arguments)
        )
        done = await self._ctx.step(
            f"{key}:result", partial(self._carry_out, call_id, tool, call.arguments, decision)
        )
        self._steps.append(step_line(call, done["state"]))
        for source in sources_of(done):
            self._sources.setdefault((source.location, source.heading), source)
        writer = Writer(done["origin"], done["name"])
        self._provenance.add(done["text"], writer)
        text = self._shown(done["text"], writer)
        self._results[digest] = text
        return text

    async def _decide(
        self,
        key: str,
        call_id: CallId,
        judgement: Judgement,
        arguments: Mapping[str, Any],
    ) -> CallDecision:
        """Who lets a call happen. Suspends the turn where a person must be asked."""
        if not judgement.needs_approval:
            return "allowed"
        tool = judgement.tool.name
        if judgement.grantable and await self._granted(tool):
            return "granted"
        resumed = self._ctx.resumed
        if resumed is None or resumed.state.get("call") != key:
            await self._store(call_id, judgement.tool, arguments, "waiting", "")
            await self._ctx.say(Notice(card(judgement)))
            buttons = [one for one in BUTTONS if one[0] != GRANT or judgement.grantable]
            await self._ctx.suspend({"call": key, "digest": judgement.digest}, buttons=buttons)
        assert resumed is not None
        same = resumed.state.get("digest") == judgement.digest
        choice = resumed.choice if same else REFUSE
        now = f"{datetime.now(UTC):%H:%M}"
        await self._ctx.say(Notice(outcome_line(judgement, choice, resumed.by, now)))
        if choice == GRANT and judgement.grantable:
            return "granted"
        return "approved" if choice == APPROVE else "refused"

    async def _granted(self, tool: str) -> bool:
        """Whether the person approved this tool for the conversation."""
        calls = self._ctx.services.calls
        place = str(self._ctx.conversation)
        return calls is not None and await calls.granted(tool, place, self._ctx.author.key)

    async def _carry_out(
        self,
        call_id: CallId,
        tool: AgentTool,
        arguments: Mapping[str, Any],
        decision: CallDecision,
    ) -> CallResult:
        """Carry out a call that was decided on; the result is as it is stored."""
        refusal = await refusal_of(self._ctx, tool)
        if decision == "refused" or refusal:
            reason = refusal or REFUSED
            await self._store(call_id, tool, arguments, "refused", decision)
            return call_result("refused", not_done(reason))
        await self._store(call_id, tool, arguments, "running", decision)
        await self._ctx.say(Status("working", text=tool.status or tool.name))
        # What is stopped on the way may have been done, unless it does no harm twice.
        state: CallState = "failed" if tool.repeatable else "unknown"
        found = call_result(state, STOPPED)
        try:
            async with asyncio.timeout(tool.timeout_s) as scope:
                returned = await tool.handler(self._ctx, **tool.bind(arguments))
            found = self._kept(tool, returned)
        except UserFacingError as error:
            found = call_result("failed", failed(str(error)))
        except TimeoutError:
            late = too_late(tool.timeout_s if scope.expired() else None)
            found = call_result(state, late if tool.repeatable else may_be_done(late))
        except Exception:
            log.exception("tool.failed", tool=tool.name, plugin=tool.plugin)
            found = call_result("failed", BROKEN)
        finally:
            await asyncio.shield(self._end(call_id, found["state"], found["text"]))
        if found["state"] == "unknown":
            words = say("It is not known whether {tool} was done.", tool=tool.name)
            await self._ctx.say(Notice(words, "footer"))
        return found

    def _kept(self, tool: AgentTool, returned: ToolResult | str) -> CallResult:
        made = ToolResult(returned) if isinstance(returned, str) else returned
        limit = min(tool.result_characters, self._result_characters)
        text = head_and_tail(made.text.strip() or EMPTY, limit)
        return call_result("done", text, made.origin or tool.results, made.name, made.sources)

    @property
    def _result_characters(self) -> int:
        tokens = self._window * self._limits.result_share
        return max(_LEAST_RESULT_CHARACTERS, int(tokens) * _CHARACTERS_PER_TOKEN)

    def _shown(self, text: str, writer: Writer) -> str:
        """A result as the model reads it: what others wrote stands between marks."""
        if writer.origin == "model":
            return text
        return self._ctx.prompts.render("tool_result", text=text, name=writer.name)

    # --- what is stored -----------------------------------------------------------------------

    async def _store(
        self,
        call_id: CallId,
        tool: AgentTool,
        arguments: Mapping[str, Any],
        state: CallState,
        decision: CallDecision,
    ) -> None:
        if (calls := self._ctx.services.calls) is not None:
            await calls.save(StoredCall(call_id, tool.name, arguments, state, decision))

    async def _end(self, call_id: CallId, state: CallState, result: str) -> None:
        if (calls := self._ctx.services.calls) is not None:
            await calls.end(call_id, state, result)
