"""Links in an answer: one whose words are an address shows where it leads, an image is a link.

The text comes from a model, which may say what a document told it to. Renderers of Markdown differ,
so nothing here rests on one of them. A link is taken apart by a space between its words and its
address, after which it is a link to nobody: `[https://bank.example] (https://evil.example)`.
Code stays as it is, as long as it is code to every renderer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bot.control_characters import strip_controls
from bot.replies.link_words import DOTS, is_address, is_same

_MAX_LINK_TEXT_CHARACTERS = 500
"""Most characters of a link's words; of longer ones it is not known what they are."""
_MAX_BRACKET_DEPTH = 8
"""Most brackets within each other of which the words are known."""
_UNKNOWN_WORDS = "://"
"""Words that may be an address, for all that is known."""
_MAX_CODE_SPAN_CHARACTERS = 1_000
_MAX_FENCE_LINE_CHARACTERS = 200
_MAX_ADDRESS_CHARACTERS = 300
_FENCE = "```"

_SPECIAL = re.compile(r"[\\`!\[\]<>\n~]|:(?://|/?\Z)")
_NO_LANGUAGE = re.compile(r"[`!<>\[\]]")
_TICKS = re.compile(r"`+")
_BRACKETS = re.compile(r"[\[\]]")
_TILDES = re.compile(r"~+")
_IMAGE = re.compile(r"!\[([^\[\]`\\\n]{0,300})\](.?)", re.DOTALL)
_IMAGE_SO_FAR = re.compile(r"!\[[^\[\]`\\\n]{0,300}\Z")
_TAG = re.compile(r"<[A-Za-z][A-Za-z0-9-]{0,40}(?=[\s/])")
_TAG_SO_FAR = re.compile(r"<(?:[A-Za-z][A-Za-z0-9-]{0,40})?\Z")
_TARGET = re.compile(r"\(<?([^\s()<>]{1,2000})>?\)")
_TARGET_SO_FAR = re.compile(r"\(<?[^\s()<>]{0,2000}>?\Z")
_AUTHORITY = re.compile(r"://([^\s/?#<>\[\]()`\\!]{0,300})")


def sanitize_text(text: str) -> str:
    """A whole text of others as it is shown: its links are what they look like, and it holds no
    control characters."""
    links = LinkFilter()
    return links.feed(strip_controls(text)) + links.finish()


class LinkFilter:
    """Makes the links of a Markdown text that grows what they look like.

    What comes out depends on the whole text alone, however it was cut into pieces, and it only
    grows. What may still become a link, an image or code is held back, for as long as it may.
    """

    def __init__(self) -> None:
        self._held = self._last = ""
        self._at_start = True
        self._fenced = False
        self._filled = False
        self._certain = True
        """Whether what looks like code is code to every renderer."""
        self._angle = False
        self._words = ""
        """What stands since the outermost bracket that is open."""
        self._opened: list[int] = []
        """Where in it those begin that are open."""

    def feed(self, delta: str) -> str:
        """What can be shown now."""
        self._held += delta
        return self._take(final=False)

    def finish(self) -> str:
        """What was held back, at the end."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> str:
        text, at = self._held, 0
        out: list[str] = []
        while at < len(text):
            step = self._step(text, at, final)
            if step is None:
                break
            out.append(step[0])
            self._last = step[0][-1:] or self._last
            at = step[1]
        self._held = text[at:]
        return "".join(out)

    def _step(self, text: str, at: int, final: bool) -> Step:
        """What is shown of the text at a place, and where it goes on; None where more is needed."""
        if self._fenced:
            return self._in_fence(text, at, final)
        if self._at_start and self._certain and text[at] == "`":
            fence = self._opening_fence(text, at, final)
            if fence is None or fence[1] > at:
                return fence
        if self._at_start and text[at] == "\n" and not self._certain:
            self._opened.clear()  # no link goes on after a blank line
        self._at_start = False
        found = _SPECIAL.search(text, at)
        if found is None:
            return self._plain(text[at:]), len(text)
        if found.start() > at:
            return self._plain(text[at : found.start()]), found.start()
        return _HANDLERS[text[at]](self, text, at, final)

    def _plain(self, text: str) -> str:
        if self._opened:
            self._words += text
            if len(self._words) > _MAX_LINK_TEXT_CHARACTERS:
                self._forget()
        return text

    def _forget(self) -> None:
        """What stands since a bracket is too much to be known."""
        self._opened.clear()
        if not self._certain:
            self._opened.append(0)
            self._words = _UNKNOWN_WORDS

    # --- code -----------------------------------------------------------------------------------

    def _opening_fence(self, text: str, at: int, final: bool) -> Step:
        """A fence that opens here, or nothing at all."""
        if not text.startswith(_FENCE, at):
            begun = len(text) - at < len(_FENCE) and _FENCE.startswith(text[at:])
            return None if begun and not final else ("", at)
        end = text.find("\n", at, at + _MAX_FENCE_LINE_CHARACTERS)
        if end < 0 and not final and len(text) - at < _MAX_FENCE_LINE_CHARACTERS:
            return None
        line = text[at : end if end >= 0 else len(text)]
        if (end < 0 and not final) or _NO_LANGUAGE.search(line, len(_FENCE)):
            return "", at
        self._fenced, self._filled = True, False
        return text[at : at + len(line) + 1], at + len(line) + 1

    def _in_fence(self, text: str, at: int, final: bool) -> Step:
        end = text.find("\n", at)
        end = end + 1 if end >= 0 else len(text)
        mark = text.find(_FENCE, at, end)
        if mark != at:
            return self._code(text, at, mark if mark >= 0 else end, final)
        line = text[at:end]
        if self._at_start and self._filled and not line.strip("` \t") and not final:
            return None if len(line) < _MAX_FENCE_LINE_CHARACTERS else self._doubt(at)
        if not self._at_start or line.rstrip(" \t\n") != _FENCE or not self._filled:
            return self._doubt(at)  # it ends here for some
        self._fenced = False
        return line, end

    def _code(self, text: str, at: int, end: int, final: bool) -> Step:
        if end == len(text) and not final:  # backticks may become a fence
            end = at + len(text[at:].rstrip("`"))
        if end == at:
            return None
        self._at_start = text[end - 1] == "\n"
        self._filled = self._filled or bool(text[at:end].strip())
        return text[at:end], end

    def _doubt(self, at: int) -> Step:
        """From here on nothing passes as code."""
        self._certain = self._fenced = False
        return "", at

    def _ticks(self, text: str, at: int, final: bool) -> Step:
        """A code span, or backticks that only look like the beginning of one."""
        run = _TICKS.match(text, at, at + _MAX_FENCE_LINE_CHARACTERS)
        assert run is not None
        end = run.end()
        if not self._certain:
            return self._plain(run[0]), end
        line_end = text.find("\n", end, end + _MAX_CODE_SPAN_CHARACTERS)
        stop = line_end if line_end >= 0 else min(len(text), end + _MAX_CODE_SPAN_CHARACTERS)
        growing = line_end < 0 and not final and stop == len(text)
        if len(run[0]) > len(_FENCE):
            return self._broken_off(run[0], end)
        if end == len(text) and not final:
            return None
        for closing in _TICKS.finditer(text, end, stop):
            cut = growing if closing.end() == len(text) else text[closing.end()] == "`"
            if cut or len(closing[0]) != len(run[0]):
                continue
            inside = text[end : closing.start()]
            if self._angle or _FENCE in inside or _closes(inside, opened=bool(self._opened)):
                break  # it ends elsewhere for some, or they read a link there
            return self._plain(text[at : closing.end()]), closing.end()
        else:
            if growing:
                return None
        return self._broken_off(run[0], end)

    def _broken_off(self, run: str, end: int) -> Step:
        self._certain = False
        return self._plain(run), end

    def _tildes(self, text: str, at: int, final: bool) -> Step:
        run = _TILDES.match(text, at)
        assert run is not None
        if len(run[0]) >= len(_FENCE):
            self._certain = False  # a fence for some
        elif run.end() == len(text) and not final:
            return None
        return self._plain(run[0]), run.end()

    # --- links ----------------------------------------------------------------------------------

    def _escaped(self, text: str, at: int, final: bool) -> Step:
        after = text[at + 1 : at + 3]
        if not final and after in ("", "]"):
            return None
        if after == "](":  # a link's end all the same, for some
            return self._plain("\\] "), at + 2
        # In HTML nothing is escaped, and elsewhere neither letters nor space.
        width = 1 if not after or after[0] == "<" or after[0].isalnum() or after[0].isspace() else 2
        return self._plain(text[at : at + width]), at + width

    def _image(self, text: str, at: int, final: bool) -> Step:
        if text[at + 1 : at + 2] != "[":
            growing = at + 1 == len(text) and not final
            return None if growing else (self._plain("!"), at + 1)
        found = _IMAGE.match(text, at)
        if found is None or not (found[2] or final):
            growing = found is not None or _IMAGE_SO_FAR.match(text, at) is not None
            return None if growing and not final else (self._plain("! "), at + 1)
        if found[2] not in ("(", "["):
            return self._plain("!"), at + 1
        if found[1].strip():
            return " " if self._last == "!" else "", at + 1
        self._open()
        return (" [" if self._last == "!" else "[") + self._plain("image"), found.end(1)

    def _opening(self, text: str, at: int, final: bool) -> Step:
        self._open()
        return "[", at + 1

    def _open(self) -> None:
        self._words = self._words + "[" if self._opened else ""
        self._opened.append(len(self._words))
        if len(self._opened) > _MAX_BRACKET_DEPTH:
            self._forget()

    def _closing(self, text: str, at: int, final: bool) -> Step:
        after = text[at + 1 : at + 2]
        if not after and not final:
            return None
        apart: bool | None = False
        if after == "(":
            apart = self._hides(text, at + 1, final)
        elif after == ":":
            apart = _defines(text, at + 2, final)
        if apart is None:
            return None
        if self._opened and self._certain:  # else it may be in what some take for code
            self._opened.pop()
        self._plain("]")
        return "] " if apart else "]", at + 1

    def _hides(self, text: str, at: int, final: bool) -> bool | None:
        """Whether a link's words, which end here, hide where it leads; None: not known yet."""
        if not self._opened:
            return True
        if not any(is_address(self._words[begin:]) for begin in self._opened):
            return False
        target = _TARGET.match(text, at)
        if target is None:
            growing = not final and _TARGET_SO_FAR.match(text, at) is not None
            return None if growing else True
        return len(self._opened) > 1 or not is_same(self._words, target[1])

    def _tag(self, text: str, at: int, final: bool) -> Step:
        if _TAG.match(text, at):
            return self._plain("< "), at + 1
        if not final and _TAG_SO_FAR.match(text, at):
            return None
        after = text[at + 1 : at + 2]
        self._certain = self._certain and after not in ("!", "?")
        self._angle = after.isalpha()
        return self._plain("<"), at + 1

    def _end_of_tag(self, text: str, at: int, final: bool) -> Step:
        self._angle = False
        return self._plain(">"), at + 1

    def _end_of_line(self, text: str, at: int, final: bool) -> Step:
        self._angle = False
        self._at_start = True
        return self._plain("\n"), at + 1

    def _address(self, text: str, at: int, final: bool) -> Step:
        """Who logs in is left out of an address where that looks like a host of its own."""
        found = _AUTHORITY.match(text, at)
        if found is None or (found.end() == len(text) and len(found[1]) < _MAX_ADDRESS_CHARACTERS):
            if not final:
                return None
            if found is None:
                return self._plain(":"), at + 1
        who, mark, host = found[1].rpartition("@")
        kept = host if DOTS.search(who) else who + mark + host
        return self._plain("://" + kept), found.end()


def _closes(code: str, *, opened: bool) -> bool:
    """Whether a bracket ends in code that was opened before it, or may have been."""
    depth = 0
    for bracket in _BRACKETS.finditer(code):
        depth += 1 if bracket[0] == "[" else -1
        if depth < 0 and (opened or code.startswith("](", bracket.start())):
            return True
    return opened and depth > 0


def _defines(text: str, at: int, final: bool) -> bool | None:
    """Whether a bracket's colon may define what `[words][label]` leads to; None: not known yet."""
    place = text[at : at + _MAX_ADDRESS_CHARACTERS]
    token = place.lstrip(" \t>\n")
    end = next((i for i, character in enumerate(token) if character.isspace()), -1)
    if end < 0 and not final:
        return None if len(place) < _MAX_ADDRESS_CHARACTERS else True
    word = token[:end] if end >= 0 else token
    return any(character in ":/&\\.<#" for character in word)


Step = tuple[str, int] | None
_HANDLERS: Final[dict[str, Callable[[LinkFilter, str, int, bool], Step]]] = {
    "\\": LinkFilter._escaped,
    "`": LinkFilter._ticks,
    "~": LinkFilter._tildes,
    "!": LinkFilter._image,
    "[": LinkFilter._opening,
    "]": LinkFilter._closing,
    "<": LinkFilter._tag,
    ">": LinkFilter._end_of_tag,
    "\n": LinkFilter._end_of_line,
    ":": LinkFilter._address,
}
