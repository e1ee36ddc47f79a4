"""How the commands are called in Slack: `/ask`, with a prefix `/parlance-ask`, or `/parlance ask`.

Slack has one list of commands for all apps of a workspace, and calls the app that was installed
last where two have the same name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

ROOT_COMMAND = "parlance"
"""The command that takes the others as its first word."""
MAX_NAME_CHARS = 32
"""Longest name of a command in Slack, in characters."""
_CALL = re.compile(r"(?<![\w/])/([a-z][\w-]*+)", re.ASCII)
"""A command within a sentence."""


@dataclass(frozen=True, slots=True)
class CommandNames:
    """Translates between names of commands and what people write in Slack."""

    prefix: str = ""

    def in_slack(self, name: str) -> str:
        """The name of a command in Slack, without the slash."""
        return self.prefix + name

    def split_call(self, called: str, text: str, known: Collection[str]) -> tuple[str, str]:
        """The command and its text, e.g. of `/parlance-ask` or of `/parlance` with `ask …`.

        Without a text `/parlance` is help; with a text that begins with no command it is a
        question, and the name is empty. A command that an earlier prefix named is found, too.
        """
        called = called.removeprefix("/")
        if called != ROOT_COMMAND or called in known:
            return called.removeprefix(self.prefix), text
        word, _, rest = text.strip().partition(" ")
        name = word.removeprefix("/").removeprefix(self.prefix).lower()
        if not name:
            return "help", ""
        return (name, rest.strip()) if name in known or word.startswith("/") else ("", text.strip())

    def in_text(self, text: str, known: Collection[str]) -> str:
        """A message with the name of a command as the core knows it: `/parlance-ask how so?` and
        `/parlance ask how so?` as `/ask how so?`."""
        called = text.partition(" ")[0]
        ours = self.prefix and called.startswith(f"/{self.prefix}")
        if called != f"/{ROOT_COMMAND}" and not ours:
            return text
        name, rest = self.split_call(called, text.removeprefix(called).strip(), known)
        return f"/{name} {rest}".strip() if name else rest

    def in_notice(self, text: str, known: Collection[str]) -> str:
        """A notice that names commands as the core knows them, with the names that people type."""
        if not (self.prefix and known):
            return text
        return _CALL.sub(
            lambda call: f"/{self.prefix}{call[1]}" if call[1] in known else call[0], text
        )

    def written(self, call: str) -> str:
        """A call such as `/ask how so?` as it is written in Slack, in Markdown."""
        return f"`/{self.in_slack(call.removeprefix('/'))}`"
