"""Defuses misleading links and images in the Markdown of an answer.

The text comes from a model, which may repeat what a document told it to. Markdown renderers differ,
so this relies on none of them. A link whose text looks like another address is broken by a space,
after which no renderer takes it for a link: `[https://bank.example] (https://evil.example)`. An
image becomes a link. Code is left as it is where every renderer takes it for code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.control_characters import strip_controls
from bot.replies import link_syntax as syntax
from bot.replies.link_words import DOTS, is_address, is_same


def sanitize_text(text: str) -> str:
    """Return a complete text without misleading links and control characters."""
    links = LinkFilter()
    return links.feed(strip_controls(text)) + links.finish()


class LinkFilter:
    """Defuses misleading links in a Markdown text that arrives in pieces.

    The output does not depend on how the text was cut into pieces, and it is never revised. A piece
    that may be the beginning of a link, an image or code is held back until that is decided.
    """

    def __init__(self) -> None:
        self._held = self._last = ""
        self._at_start = True
        self._fenced = False
        self._filled = False
        self._certain = True
        """Whether all renderers agree so far on what is code."""
        self._angle = False
        self._words = ""
        """The text since the outermost open bracket."""
        self._opened: list[int] = []
        """The positions in `_words` after each open bracket."""

    def feed(self, delta: str) -> str:
        """Add a piece of text; returns what can be shown of it now."""
        self._held += delta
        return self._take(final=False)

    def finish(self) -> str:
        """Return what is still held back, at the end of the text."""
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
        """Process the text at a position; returns what is shown and the next position, or None if
        more text is needed to decide."""
        if self._fenced:
            return self._in_fence(text, at, final)
        if self._at_start and self._certain and text[at] == "`":
            fence = self._opening_fence(text, at, final)
            if fence is None or fence[1] > at:
                return fence
        if self._at_start and text[at] == "\n" and not self._certain:
            self._opened.clear()  # no link goes on after a blank line
        self._at_start = False
        found = syntax.SPECIAL.search(text, at)
        if found is None:
            return self._plain(text[at:]), len(text)
        if found.start() > at:
            return self._plain(text[at : found.start()]), found.start()
        return _HANDLERS[text[at]](self, text, at, final)

    def _plain(self, text: str) -> str:
        if self._opened:
            self._words += text
            if len(self._words) > syntax.MAX_LINK_TEXT_CHARACTERS:
                self._forget()
        return text

    def _forget(self) -> None:
        """Give up on the open brackets, whose text is too long or too deep to examine."""
        self._opened.clear()
        if not self._certain:
            self._opened.append(0)
            self._words = syntax.UNKNOWN_WORDS

    # --- code -----------------------------------------------------------------------------------

    def _opening_fence(self, text: str, at: int, final: bool) -> Step:
        """Process a code fence that opens here; an empty step if none does."""
        if not text.startswith(syntax.FENCE, at):
            begun = len(text) - at < len(syntax.FENCE) and syntax.FENCE.startswith(text[at:])
            return None if begun and not final else ("", at)
        end = text.find("\n", at, at + syntax.MAX_FENCE_LINE_CHARACTERS)
        if end < 0 and not final and len(text) - at < syntax.MAX_FENCE_LINE_CHARACTERS:
            return None
        line = text[at : end if end >= 0 else len(text)]
        if (end < 0 and not final) or syntax.NO_LANGUAGE.search(line, len(syntax.FENCE)):
            return "", at
        self._fenced, self._filled = True, False
        return text[at : at + len(line) + 1], at + len(line) + 1

    def _in_fence(self, text: str, at: int, final: bool) -> Step:
        end = text.find("\n", at)
        end = end + 1 if end >= 0 else len(text)
        mark = text.find(syntax.FENCE, at, end)
        if mark != at:
            return self._code(text, at, mark if mark >= 0 else end, final)
        line = text[at:end]
        if self._at_start and self._filled and not line.strip("` \t") and not final:
            return None if len(line) < syntax.MAX_FENCE_LINE_CHARACTERS else self._doubt(at)
        if not self._at_start or line.rstrip(" \t\n") != syntax.FENCE or not self._filled:
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
        """Treat nothing as code from here on, because renderers may disagree."""
        self._certain = self._fenced = False
        return "", at

    def _ticks(self, text: str, at: int, final: bool) -> Step:
        """Process a code span, or backticks that do not begin one."""
        run = syntax.TICKS.match(text, at, at + syntax.MAX_FENCE_LINE_CHARACTERS)
        assert run is not None
        end = run.end()
        if not self._certain:
            return self._plain(run[0]), end
        line_end = text.find("\n", end, end + syntax.MAX_CODE_SPAN_CHARACTERS)
        stop = line_end if line_end >= 0 else min(len(text), end + syntax.MAX_CODE_SPAN_CHARACTERS)
        growing = line_end < 0 and not final and stop == len(text)
        if len(run[0]) > len(syntax.FENCE):
            return self._broken_off(run[0], end)
        if end == len(text) and not final:
            return None
        for closing in syntax.TICKS.finditer(text, end, stop):
            cut = growing if closing.end() == len(text) else text[closing.end()] == "`"
            if cut or len(closing[0]) != len(run[0]):
                continue
            inside = text[end : closing.start()]
            if (
                self._angle
                or syntax.FENCE in inside
                or syntax.closes_earlier_bracket(inside, opened=bool(self._opened))
            ):
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
        run = syntax.TILDES.match(text, at)
        assert run is not None
        if len(run[0]) >= len(syntax.FENCE):
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
        found = syntax.IMAGE.match(text, at)
        if found is None or not (found[2] or final):
            growing = found is not None or syntax.IMAGE_SO_FAR.match(text, at) is not None
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
        if len(self._opened) > syntax.MAX_BRACKET_DEPTH:
            self._forget()

    def _closing(self, text: str, at: int, final: bool) -> Step:
        after = text[at + 1 : at + 2]
        if not after and not final:
            return None
        apart: bool | None = False
        if after == "(":
            apart = self._hides(text, at + 1, final)
        elif after == ":":
            apart = syntax.may_define_link(text, at + 2, final)
        if apart is None:
            return None
        if self._opened and self._certain:  # else it may be in what some take for code
            self._opened.pop()
        self._plain("]")
        return "] " if apart else "]", at + 1

    def _hides(self, text: str, at: int, final: bool) -> bool | None:
        """Whether the text of a link that ends here hides its target; None if undecided."""
        if not self._opened:
            return True
        if not any(is_address(self._words[begin:]) for begin in self._opened):
            return False
        target = syntax.TARGET.match(text, at)
        if target is None:
            growing = not final and syntax.TARGET_SO_FAR.match(text, at) is not None
            return None if growing else True
        return len(self._opened) > 1 or not is_same(self._words, target[1])

    def _tag(self, text: str, at: int, final: bool) -> Step:
        if syntax.TAG.match(text, at):
            return self._plain("< "), at + 1
        if not final and syntax.TAG_SO_FAR.match(text, at):
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
        """Remove the user name from an address where it looks like a host name."""
        found = syntax.AUTHORITY.match(text, at)
        if found is None or (
            found.end() == len(text) and len(found[1]) < syntax.MAX_ADDRESS_CHARACTERS
        ):
            if not final:
                return None
            if found is None:
                return self._plain(":"), at + 1
        who, mark, host = found[1].rpartition("@")
        kept = host if DOTS.search(who) else who + mark + host
        return self._plain("://" + kept), found.end()


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
