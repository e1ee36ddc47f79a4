"""The tool `run_python`: a program in a sandbox without files, network and other packages.

Each run has a process of its own, which ends with it: nothing is left for the next one, and there
is none while nobody needs it.
"""

from __future__ import annotations

import ast
import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

from bot.api import AgentTool, Context, Failed, Option, ToolResult, hookimpl, say, tool

if TYPE_CHECKING:
    from pydantic_monty import ResourceLimits

MAX_CODE_CHARACTERS: Final = 20_000
MAX_OUTPUT_CHARACTERS: Final = 30_000
MAX_RUNS: Final = 2
"""Most programs that run at once; the others wait."""
_LIMITS: Final[ResourceLimits] = {
    "max_feed_duration_secs": 5.0,
    "max_memory": 64_000_000,
    "max_recursion_depth": 500,
    "max_total_sleep_secs": 1.0,
}
_ANSWER_TIMEOUT_S: Final = 8.0
"""How long the process may be silent, in seconds; it is ended then."""
_ERROR_CHARACTERS: Final = 2_000
_TOO_MUCH: Final = "(It printed too much and was ended; print less.)"
_ENDED: Final = "(It took too much time or memory and was ended.)"
_NOTHING: Final = "(It printed nothing; print what you want to know.)"


class SandboxedRun:
    """One run of a program. `run` belongs into a thread; `stop` ends it from another one."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._pid: int | None = None
        self._stopped = self._too_much = False
        self._printed: list[str] = []
        self._characters = 0

    def run(self) -> str:
        """Run it, and return what it printed, and why it failed if it did."""
        from pydantic_monty import Monty, MontyCrashedError, MontyError  # slow to import

        code = _with_last_value_printed(self._code)
        problem = ""
        try:
            with (
                Monty(request_timeout=_ANSWER_TIMEOUT_S, max_processes=1) as pool,
                pool.checkout(limits=_LIMITS) as session,
            ):
                self._pid = session.worker_pid
                try:
                    if not self._stopped:
                        session.feed_run(code, print_callback=self._keep)
                finally:
                    self._pid = None
        except MontyCrashedError:
            problem = _TOO_MUCH if self._too_much else _ENDED
        except MontyError as error:
            problem = _traceback(error)
        return "\n".join(filter(None, ("".join(self._printed).rstrip(), problem))) or _NOTHING

    def stop(self) -> None:
        """End it, whatever it does."""
        self._stopped = True
        if pid := self._pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _keep(self, stream: str, text: str) -> None:
        self._printed.append(text[: max(0, MAX_OUTPUT_CHARACTERS - self._characters)])
        self._characters += len(text)
        if self._characters > MAX_OUTPUT_CHARACTERS and not self._too_much:
            self._too_much = True
            self.stop()


def _traceback(error: Any) -> str:
    """The end of an error, which names it; a program chooses how long its text is."""
    text = error.display("traceback") if hasattr(error, "display") else str(error)
    return str(text)[-_ERROR_CHARACTERS:]


def _with_last_value_printed(code: str) -> str:
    """The program so that it prints the value of an expression in its last line, as a notebook
    shows it. The value itself is not asked for: it can be of any size."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        module = ast.parse(code)
        if module.body and isinstance(last := module.body[-1], ast.Expr):
            shown = ast.parse("_last = 0\nif _last is not None:\n    print(_last)\n_last = None")
            assert isinstance(shown.body[0], ast.Assign)
            shown.body[0].value = last.value
            module.body[-1:] = shown.body
            return ast.unparse(module)
    return f"{code}\nNone"


def python_tool() -> AgentTool:
    """Return the tool, with places for its runs."""
    places = asyncio.Semaphore(MAX_RUNS)

    @tool(status=say("Running a program"), timeout_s=60, result_characters=MAX_OUTPUT_CHARACTERS)
    async def run_python(
        ctx: Context,
        code: Annotated[str, Option("The program", max_length=MAX_CODE_CHARACTERS, multiline=True)],
    ) -> ToolResult:
        """Run a Python program; returns what it prints, and the value of its last line. It has no
        files, network or packages, and no class inheritance, properties, generators or input.
        Modules: json, re, math, datetime, random, itertools, collections, functools, decimal, csv,
        base64, hashlib, bisect, dataclasses."""
        async with places:
            run = SandboxedRun(code)
            running = asyncio.ensure_future(asyncio.to_thread(run.run))
            try:
                text = await asyncio.shield(running)
            except ImportError:
                raise Failed(say("No program can be run on this machine.")) from None
            except asyncio.CancelledError:
                run.stop()
                await asyncio.wait([running])
                raise
        # What it made of the texts of others is theirs, and cannot be told from its own.
        return ToolResult(text, origin="server")

    return run_python


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [python_tool()]
