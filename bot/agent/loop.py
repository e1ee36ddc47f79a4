"""Has a model call tools for the person who asks, and answer with what they return.

What the model wrote and what tools returned is stored with the turn as steps: a turn that waited
for an approval goes on, also in another process, without asking the model or a tool again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Final

from backends.base import ChatMessage, Sampling, ToolCall, UnreadCall
from bot.agent.approval import digest_of
from bot.agent.budget import StepMeter
from bot.agent.call_result import CallResult, sources_of, step_line, stored_call, words_of
from bot.agent.kept_results import READ_MORE, KeptResults, LongResult
from bot.agent.limits import AgentLimits
from bot.agent.model_words import (
    NO_MORE_CALLS,
    argument_problem,
    called_before,
    unknown_tool,
)
from bot.agent.provenance import Provenance, Writer
from bot.agent.task_context import add_descriptions
from bot.agent.tool_call import RequestedCall
from bot.agent.tool_set import FIND_TOOLS, ToolView
from bot.catalogue.sentence import say
from bot.history.tool_calls import CallId
from bot.prompting.context_window import DEFAULT_CONTEXT_TOKENS
from bot.replies.address_filter import AddressFilter
from bot.replies.shown_addresses import ShownAddresses
from bot.skills.context import Context
from bot.skills.current_turn import TurnSuspended
from bot.skills.model_call import shown_in
from bot.skills.tool import DEFAULT_RESULT_CHARACTERS, AgentTool
from bot.types import Action, Actions, Explanation, Notice, Source, Sources, Text

_CHARACTERS_PER_TOKEN: Final = 3
_LEAST_RESULT_CHARACTERS: Final = 200
_LEFT_SHARE: Final = 0.4
"""Part of what is left of the window that one result may fill, so that several have room."""
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
    run = _Run(ctx, messages, tools, task, provenance, model, sampling, limits)
    suspended = False
    try:
        return await run.run()
    except TurnSuspended:
        suspended = True
        raise
    finally:
        await asyncio.shield(run.close(suspended=suspended))


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
        self._messages, self._asked = list(messages), tuple(messages)
        self._view = ToolView(tools, task, ctx.services.likeness)
        self._provenance = provenance
        add_descriptions(provenance, tools)
        self._seen: Counter[str] = Counter()
        self._results: dict[str, str] = {}
        self._repairs = self._calls = 0
        self._steps: list[str] = []
        self._sources: dict[tuple[str, str], Source] = {}
        self._over = ""
        """Why no tool is offered any more; empty while they are."""
        self._said: list[str] = []
        """The texts of all steps, also of those before the turn was suspended."""
        self._begun = False
        self._addresses: ShownAddresses | None = None
        self._shown_results: list[tuple[str, str]] = []
        """Results whose addresses are not among these yet, each with what the call said."""
        self._offers: list[tuple[str, Action]] = []
        """What is shown below the answer of each call that was offered, and its button."""
        self._kept = KeptResults()
        self._window = DEFAULT_CONTEXT_TOKENS
        self._meter = StepMeter(ctx)

    async def run(self) -> bool:
        name = await self._ctx.model(self._model)
        found = await self._ctx.models.capabilities(name)
        self._window = found.context or DEFAULT_CONTEXT_TOKENS
        await self._view.choose()
        last = self._limits.steps - 1
        for step in range(self._limits.steps):
            if step == last:
                self._over = self._over or say("I stopped after {number} steps.", number=last)
            written = await self._ctx.step(f"agent:{step}", partial(self._ask, step))
            if written["text"]:
                self._said.append(written["text"])
            calls = [ToolCall(i, name, given) for i, name, given, _ in written["calls"]]
            if not calls or self._over:
                break
            self._messages.append(ChatMessage("assistant", written["text"], tuple(calls)))
            for number, call in enumerate(calls):
                call_id = CallId(self._ctx.turn, step, number)
                problem = written["calls"][number][-1]
                text = self._repair(problem) if problem else await self._answer(call_id, call)
                self._messages.append(ChatMessage("tool", text, tool_call_id=call.id))
        answered = bool(written["text"].strip())
        read = tuple(replace(one, number=n) for n, one in enumerate(self._sources.values(), 1))
        if self._steps:
            self._ctx.record.cut = None  # going on would begin with the first step
            why = self._ctx.record.explanation or Explanation(model=name)
            steps = tuple(self._steps)
            await self._ctx.say(replace(why, steps=steps, passages=read or why.passages))
        if read:
            await self._ctx.say(Sources(read))
        if self._over:
            await self._ctx.say(Notice(self._over, "footer") if answered else Text(self._over))
        for shown, button in self._offers:
            await self._ctx.say(Notice(shown))
            await self._ctx.say(Actions((button,)))
        return bool(self._steps)

    async def close(self, *, suspended: bool) -> None:
        """Count what was used; a call that waited and does no longer was not carried out."""
        self._meter.close()
        calls = self._ctx.services.calls
        if calls is not None and self._ctx.resumed is not None and not suspended:
            await calls.drop(self._ctx.turn)

    # --- the model ----------------------------------------------------------------------------

    async def _ask(self, step: int) -> dict[str, Any]:
        """One answer of the model, as it is stored: its text and the calls in it."""
        self._over = self._over or await self._meter.take_step()
        calls: list[ToolCall | UnreadCall] = []
        written: list[str] = []
        parts = self._ctx.generate(
            self._messages,
            model=self._model,
            sampling=self._sampling,
            tools=[] if self._over else self._view.offered,
            calls=calls,
            addresses=await self._address_filter(),
        )
        with self._meter.running():
            async with aclosing(parts):
                async for part in parts:
                    if isinstance(part, Text):
                        if self._begun and not written:
                            await self._ctx.say(Text("\n\n"))
                        written.append(part.delta)
                    await self._ctx.say(part)
        self._begun = self._begun or bool(written)
        kept = [] if self._over else calls
        return {
            "text": "".join(written),
            "calls": [stored_call(call, f"{step}.{n}") for n, call in enumerate(kept)],
        }

    async def _address_filter(self) -> AddressFilter | None:
        """What the next answer passes, where others have a say in it."""
        if not self._provenance.has_others:
            return None
        if self._addresses is None:
            self._addresses = await asyncio.to_thread(shown_in, self._asked)
        for text, said in self._shown_results:
            self._addresses.add(text, but=said)
        self._shown_results.clear()
        return AddressFilter(self._addresses, "\n\n".join(self._said))

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
            return await self._view.find(str(call.arguments.get("query", "")))
        if self._kept and call.name == READ_MORE.name:
            self._results[digest] = self._read_more(call)
            return self._results[digest]
        tool = self._view.get(call.name)
        problem = (
            unknown_tool(call.name, self._view.names)
            if tool is None
            else await argument_problem(tool, call.arguments)
        )
        if tool is None or problem:
            return self._wrong(tool, problem)
        requested = RequestedCall(
            self._ctx, call_id, tool, call.arguments, self._result_characters, self._kept.room
        )
        with self._meter.running():
            done = await requested.run(self._provenance)
        self._steps.append(step_line(call, done["state"]))
        text = self._results[digest] = self._take_in(call, requested, done)
        return text

    def _take_in(self, call: ToolCall, requested: RequestedCall, done: CallResult) -> str:
        """What the model reads of a call that has ended; notes what is to be known of it later."""
        tool, writer = requested.tool, Writer(done["origin"], done["name"])
        for source in sources_of(done):
            self._sources.setdefault((source.location, source.heading), source)
        self._provenance.add(done["text"], writer)
        said = None if tool.results == "model" else words_of(call.arguments)
        if said is not None:
            self._shown_results.append((done["text"], said))
        if shown := done.get("card"):
            button = Action("accept", tool.offer, requested.result_id)
            self._offers.append((shown, button))
        if kept := done.get("kept"):
            self._kept.keep(requested.result_id, LongResult(kept, writer, said))
            self._view.add(READ_MORE)
        text = self._shown(done["text"], writer)
        if note := done.get("note"):
            return f"{note} {text}" if writer.origin == "model" else f"{note}\n{text}"
        return text

    def _read_more(self, call: ToolCall) -> str:
        """The part of a long result that the model asks for."""
        most = min(self._result_characters, DEFAULT_RESULT_CHARACTERS)
        found = self._kept.read(call.arguments, most)
        self._steps.append(step_line(call, "done"))
        self._provenance.add(found.text, found.writer)
        if found.said is not None:
            self._shown_results.append((found.text, found.said))
        return self._shown(found.text, found.writer)

    def _wrong(self, tool: AgentTool | None, problem: str) -> str:
        """What the model reads of arguments that do not fit; a server's schema is quoted in it."""
        problem = self._repair(problem)
        if tool is None or tool.options:
            return problem
        writer = Writer(tool.results, tool.name)
        self._provenance.add(problem, writer)
        return self._shown(problem, writer)

    def _repair(self, problem: str) -> str:
        """What the model reads of a call that it has to write again."""
        self._repairs += 1
        if self._repairs > self._limits.repairs:
            self._over = say("I stopped because the model called tools the wrong way.")
        return problem

    @property
    def _result_characters(self) -> int:
        """The longest result that there is room for: a part of the window, and of what is left."""
        window = self._window * _CHARACTERS_PER_TOKEN
        left = window - sum(len(message.content) for message in self._messages)
        share = self._limits.result_share
        return max(_LEAST_RESULT_CHARACTERS, int(min(window * share, left * _LEFT_SHARE)))

    def _shown(self, text: str, writer: Writer) -> str:
        """A result as the model reads it: what others wrote stands between marks."""
        if writer.origin == "model":
            return text
        return self._ctx.prompts.render("tool_result", text=text, name=writer.name)
