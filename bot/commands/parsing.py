"""Parses commands that are written as text: `/rap Ada Lovelace vs Charles Babbage rounds=3`.

A text is a call where it begins with `/name`, or where it is one of `BARE_WORDS` alone. A path such
as `/etc/hosts` is free text, and so is what follows in `//name`, without its first slash.

Options are given in order or as `name=value`, quoted where they hold spaces. One of them takes what
people just write, verbatim: the one marked `takes_rest`, else the last required text, else the last
text. Named options stand before or after it. Within it, and where the name is not an option's,
`x=y` is part of the text, except behind a named option at the end: there it is an unknown option.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from bot.catalogue.sentence import say
from bot.commands.declaration import Command, Option, check_text
from bot.errors import NotFound, UsageError, nearest
from bot.types import Value

_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_TOKEN = re.compile(rf"(?:{_QUOTED})(?=\s|$)|\S+", re.DOTALL)
_FIRST = re.compile(rf"({_NAME})=({_QUOTED}|[^\s\"']\S*|)(?=\s|$)\s*", re.DOTALL)
_LAST = re.compile(rf"(?:^|(?<=\s))({_NAME})=({_QUOTED}|[^\s\"']*)\Z", re.DOTALL)
_SIMILARITY_CUTOFF = 0.8
_MIN_SIMILAR_CHARACTERS = 4
_EXTRA_CHARACTERS = 1_000
_MAX_NAMED_AT_END = 32
_MAX_NAMED_CHARACTERS = 500
"""How far from the end a `name=value` is looked for, as a search costs the square of it."""
BARE_WORDS = frozenset({"help", "stop"})
"""Names of commands that need no slash where they are all that is said."""
_MAX_BARE_CHARACTERS = 12
_CALL = re.compile(r"/([a-z0-9_-]{1,32})(?!\S)\s*", re.IGNORECASE)
_ROOT_FOLDERS = frozenset(
    (
        *("bin", "boot", "data", "dev", "etc", "home", "lib", "media", "mnt", "opt"),
        *("proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
    )
)


def split_command(text: str, commands: Collection[str]) -> tuple[str, str]:
    """Split `/ask how so?` into `("ask", "how so?")`. The name is empty for free text.

    `commands` are the names that there are: a folder such as `/tmp` is free text unless it is one
    of them; any other name may be unknown.
    """
    text = text.strip()
    said = text.lstrip(",:; ")  # "@Parlance, help"
    if len(said) <= _MAX_BARE_CHARACTERS:
        word = said.rstrip(".!?").lower()
        if word in BARE_WORDS and word in commands:
            return word, ""
    if (found := _CALL.match(said)) is not None:
        name = found[1].lower()
        if name in commands or name not in _ROOT_FOLDERS:
            return name, said[found.end() :]
    return "", text[1:] if text.startswith("//") and _CALL.match(text, 1) else text


def find_command(name: str, commands: Iterable[Command]) -> Command:
    """Return the command of that name. Raises `NotFound`, which suggests the nearest name."""
    known = {command.name: command for command in commands}
    if (found := known.get(name.lower())) is not None:
        return found
    near = nearest(name, known)
    hint = (
        say("Did you mean /{near}?", near=near) if near else say("See /help for those there are.")
    )
    raise NotFound(say("There is no command /{name}. {hint}", name=name[:40], hint=hint))


def main_option(command: Command) -> Option | None:
    """Return the option that takes text without a name: the one marked `takes_rest`, else the last
    required text, else the last text. None if the command has no text option."""
    texts = [option for option in command.options if _is_text(option)]
    marked = [option for option in texts if option.takes_rest]
    required = [option for option in texts if option.required]
    return next((group[-1] for group in (marked, required, texts) if group), None)


def parse_options(text: str, command: Command) -> dict[str, Value]:
    """Parse the text after a command's name into options by name, unchecked: `Command.bind` checks
    them. Raises `UsageError`."""
    text = text.strip()
    check_text(
        text, "That", sum(option.max_length for option in command.options) + _EXTRA_CHARACTERS
    )
    reading = _Reading(command, text)
    reading.take_named()
    reading.take_in_order()
    return reading.given


@dataclass(slots=True)
class _Reading:
    command: Command
    rest: str
    given: dict[str, Value] = field(default_factory=dict)

    @property
    def main(self) -> Option | None:
        return main_option(self.command)

    def take_named(self) -> None:
        """Take `name=value` off both ends."""
        self._check_end()
        while (found := _LAST.search(self.rest)) and self._accept(found[1]):
            self.rest = self.rest[: found.start()].rstrip()
            self._give(found[1], _unquote(found[2]))
        while (found := _FIRST.match(self.rest)) and self._accept(found[1]):
            name, value = found[1], found[2]
            rest = self.rest[found.end() :]
            if self.main is not None and name == self.main.name and not _is_quoted(value):
                value, rest = self.rest[len(name) + 1 :].strip(), ""
            self.rest = rest
            self._give(name, _unquote(value))

    def _check_end(self) -> None:
        """Raise `UsageError` for an unknown option among those at the end, where it would hide
        the ones before it."""
        rest, unknown = self.rest, ""
        for _ in range(_MAX_NAMED_AT_END):
            if (found := _LAST.search(rest, max(0, len(rest) - _MAX_NAMED_CHARACTERS))) is None:
                return
            if self.command.option(found[1]) is None:
                unknown = found[1]
            elif unknown:
                raise self.command.unknown_option(unknown)
            rest = rest[: found.start()].rstrip()

    def _accept(self, name: str) -> bool:
        """Whether `name` is an option. Raises `UsageError` if it looks like a misspelt one."""
        names = [option.name for option in self.command.options]
        if name in names:
            return True
        if len(name) >= _MIN_SIMILAR_CHARACTERS and (
            difflib.get_close_matches(name.lower(), names, n=1, cutoff=_SIMILARITY_CUTOFF)
        ):
            raise self.command.unknown_option(name)
        return False

    def _give(self, name: str, value: str) -> None:
        if name in self.given:
            raise UsageError(say("{name} is given twice; once is enough.", name=name))
        self.given[name] = value

    def take_in_order(self) -> None:
        """Assign the remaining text to the options that were not given by name."""
        main = self.main
        open_options = [o for o in self.command.options if o.name not in self.given]
        at = open_options.index(main) if main in open_options else len(open_options)
        for option in open_options[:at]:
            self._take_first(option)
        if main is not None and at < len(open_options):
            after = open_options[at + 1 :]
            for option in reversed([o for o in after if o.required or not main.required]):
                self._take_last(option)
            if self.rest:
                self._give(main.name, self.rest)
        elif self.rest:
            self._refuse_rest()

    def _take_first(self, option: Option) -> None:
        found = _TOKEN.match(self.rest)
        if found is None:
            return
        value = _unquote(found[0])
        if not _fits(option, value):
            if not (option.required or option.choices):
                return
            self._refuse_choice(option, value)
        self._give(option.name, value)
        self.rest = self.rest[found.end() :].lstrip()

    def _take_last(self, option: Option) -> None:
        """Assign the last word to an option declared after the main one, if it is a valid value."""
        words = self.rest.rsplit(maxsplit=1)
        if len(words) == 2 and not _is_text(option) and _fits(option, words[1]):
            self._give(option.name, words[1])
            self.rest = words[0]

    def _refuse_choice(self, option: Option, value: str) -> None:
        if not option.choices:
            return  # binding says what is wrong with it
        near = nearest(value, option.choices)
        hint = (
            say("did you mean {near}?", near=near)
            if near
            else say("it is one of {choices}.", choices=", ".join(option.choices))
        )
        raise UsageError(
            say(
                "/{name} does not know {value!r} as its {option}; {hint}",
                name=self.command.name,
                value=value[:40],
                option=option.name,
                hint=hint,
            )
        )

    def _refuse_rest(self) -> None:
        if self.main is not None:
            raise UsageError(say("{name} is given twice; once is enough.", name=self.main.name))
        named = _FIRST.match(self.rest)
        if named is not None or not self.command.options:
            raise self.command.unknown_option(named[1] if named is not None else "")
        raise UsageError(
            say(
                "/{name} does not know what {rest!r} is. Write: {usage}",
                name=self.command.name,
                rest=self.rest[:40],
                usage=self.command.usage,
            )
        )


def _is_text(option: Option) -> bool:
    return option.kind == "str" and not option.choices


def _fits(option: Option, word: str) -> bool:
    """Whether a word can be this option's value, by its kind and choices."""
    if option.choices:
        return word in option.choices
    if option.kind == "bool":
        return word.lower() in {"true", "yes", "on", "false", "no", "off"}
    if option.kind in ("int", "float"):
        try:
            float(word) if option.kind == "float" else int(word)
        except ValueError:
            return False
    return True


def _is_quoted(word: str) -> bool:
    return len(word) >= 2 and word[0] in "\"'" and word[-1] == word[0]


def _unquote(word: str) -> str:
    if not _is_quoted(word):
        return word
    return re.sub(r"\\([\"'\\])", r"\1", word[1:-1])
