"""Collects the parts of a reply and renders them as views for a platform."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.control_characters import strip_controls
from bot.errors import Failed
from bot.observability.redaction import Redactor
from bot.replies.bidi import DirectionControls
from bot.replies.links import LinkFilter, sanitize_text
from bot.replies.pagination import MIN_PAGE_CHARACTERS, Splitter
from bot.replies.wording import notice_text
from bot.types import (
    Action,
    Actions,
    Audience,
    Explanation,
    File,
    Limits,
    Notice,
    Part,
    Source,
    Sources,
    State,
    Status,
    Text,
    View,
)

MAX_ANSWER_CHARACTERS = 400_000
"""Longest answer; far beyond what a model writes unless it runs wild."""
MAX_SLICE_CHARACTERS = 3_000
"""How much of a text is taken in at once: at worst it takes some milliseconds."""
MAX_EXTRAS = 50
"""Most notices of one reply, most files, and most buttons."""

STOP = Action("stop", say("Stop"))
REGENERATE = Action("regenerate", say("Regenerate"))
FEEDBACK = (Action("good", "👍"), Action("bad", "👎"), Action("why", say("Why this answer?")))
AFTER_ANSWER = (REGENERATE, *FEEDBACK)
TRY_AGAIN = (Action("regenerate", say("Try again")),)
SHARE = (Action("share", say("Share")),)
MAX_SHAREABLE_CHARACTERS = 20_000
"""Longest text for the asker alone that can be shared with everybody."""


class Draft:
    """Collects the parts of one turn; `view` returns the reply as it stands.

    A long text that was added is taken in by what reads it, which holds the event loop; call
    `take_in` before, which does not.

    Secrets are redacted everywhere. `text` is the answer for the history; the views are also free
    of control characters and of misleading links and images. `model` says that a model may answer,
    so that the reply gets a Stop button. `after` are the buttons of a complete answer. An answer
    longer than `file_over_chars` characters is attached as a file as well (0: never). `opening` is
    shown before the first text, and is no part of the answer: the code fence that a reply goes on
    in.

    A `private` reply is for the asker alone, and so is every refusal; in a `direct` conversation
    nobody else is there, and nothing is kept from anybody. `heading` stands above a public reply.

    Sentences are put into the language of the reply, `locale`; None is English.
    """

    def __init__(
        self,
        turn: str,
        limits: Limits,
        *,
        model: bool = False,
        file_over_chars: int = 0,
        redact: Redactor | None = None,
        private: bool = False,
        direct: bool = False,
        heading: str = "",
        opening: str = "",
        locale: str | None = None,
    ) -> None:
        self.turn = turn
        self._locale = locale
        self._opening = opening
        self.file_over_chars = file_over_chars
        self.state: State = "working"
        self.characters = 0
        self._limits = limits
        self._model = model
        self.after: tuple[Action, ...] = ()
        self._redact = redact or Redactor()
        self._direct = direct
        self._audience: Audience = "asker" if private and not direct else "everyone"
        self._occasion = heading
        self._heading = self._write_heading()
        self._splitter = self._new_splitter()
        self._growing = self._redact.growing()
        self._links = LinkFilter()
        self._controls = DirectionControls()
        self._fresh: list[str] = []
        self._text: list[str] = []
        self._shown: list[str] = []
        self._status: Status | None = None
        self._sources: tuple[Source, ...] = ()
        self._wanted: list[Action] = []
        self._actions: tuple[Action, ...] = (STOP,) if model else ()
        self._files: list[File] = []
        self._notices: list[Notice] = []

    def speak(self, locale: str | None) -> None:
        """Choose the language of the reply, before anything is added to it."""
        self._locale = locale
        self._heading = self._write_heading()
        self._splitter = self._new_splitter()

    @property
    def text(self) -> str:
        """The answer so far, without an end that may be the beginning of a secret."""
        self._redact_new_text()
        return _join(self._text)

    @property
    def whole_text(self) -> str:
        """The complete answer; call it only when nothing more will be added."""
        self._redact_new_text(whole=True)
        return _join(self._text)

    @property
    def wordless(self) -> bool:
        """Whether the reply has neither text nor a file yet."""
        # What is held back because it may be the beginning of a secret is never blank.
        return not (self._files or self.text.strip() or self._growing.held)

    @property
    def empty(self) -> bool:
        """Whether nothing of the reply answers yet: a status or a small print does not."""
        noticed = any(notice.kind != "footer" for notice in self._notices)
        return self.wordless and not noticed and not self._sources

    @property
    def refused(self) -> bool:
        """Whether the skill yielded a refusal."""
        return any(notice.kind == "refusal" for notice in self._notices)

    @property
    def failed(self) -> bool:
        """Whether the skill yielded an error."""
        return any(notice.kind == "error" for notice in self._notices)

    def add(self, part: Part) -> None:
        """Add a part. Raises `Failed` if the answer becomes longer than `MAX_ANSWER_CHARACTERS`."""
        if isinstance(part, Text):
            # redacted as it is read: a secret may come in two pieces
            self._write(self._translate(part.delta))
            return
        part = self._redact.part(self._translated(part))
        match part:
            case Status("writing", ""):
                self._status = None  # the model's words show it
            case Status():
                self._status = replace(part, text=sanitize_text(part.text)) if part.text else part
            case Sources(items):
                self._sources = tuple(map(_sanitize_source, items))
            case Actions(items):
                self._wanted = [*self._wanted, *map(_sanitize_action, items)][:MAX_EXTRAS]
            case File():
                self._attach(part)
            case Notice():
                if len(self._notices) < MAX_EXTRAS:
                    self._notices.append(_sanitize_notice(part))
            case Explanation():
                pass  # kept with the turn, shown only when asked for

    def end(self, state: State, notice: Notice | None = None, *, again: bool = False) -> None:
        """End the reply. The text stays; `again` adds a button to try once more."""
        self.state = state
        self._status = None
        self._redact_new_text(whole=True)
        self._show(self._links.finish())
        self._splitter.finish()
        if self.wordless:  # then there is nothing that a small print could be about
            self._notices = [one for one in self._notices if one.kind != "footer"]
            self._sources = () if state == "failed" else self._sources
        if notice is not None:
            notice = self._redact.part(self._translated_notice(notice))
            notice = _sanitize_notice(notice)
            self._notices.append(notice)
            self._wanted += notice.actions
        text = _join(self._shown)
        if state == "refused" and not self._direct:
            self._refuse_privately(text)
        if state in ("complete", "waiting"):
            written = state == "complete" and bool(text.strip())
            self._actions = (*self._wanted, *self._buttons_below(text) * written)
        else:
            offered = notice.actions if notice is not None else ()
            self._actions = offered or (TRY_AGAIN if again and self._model else ())
        long = len(self._splitter.pages) > 1 and len(text) > self.file_over_chars
        if self._audience == "everyone" and self.file_over_chars and long:
            self._attach(File("answer.md", text.encode(), "text/markdown; charset=utf-8"))

    def _buttons_below(self, text: str) -> tuple[Action, ...]:
        """The buttons below a complete answer, besides those of the skill."""
        if self._audience == "asker":
            return SHARE if len(text) <= MAX_SHAREABLE_CHARACTERS else ()
        return self.after

    def _refuse_privately(self, text: str) -> None:
        """Keep a refusal from everybody else; what was done before it stays where it is."""
        if text.strip() or self._files or self._sources:
            self._notices = [
                replace(notice, private=True) if notice.kind == "refusal" else notice
                for notice in self._notices
            ]
        else:
            self._audience = "asker"

    def _new_splitter(self) -> Splitter:
        size = self._limits.max_chars - (len(self._heading) + 1 if self._heading else 0)
        return Splitter(max(MIN_PAGE_CHARACTERS, size))

    def withdraw(self) -> None:
        """Empty the reply and end it, because its question was deleted."""
        self._growing = self._redact.growing()
        self._links = LinkFilter()
        self._controls = DirectionControls()
        self._fresh.clear()
        self._text.clear()
        self._shown.clear()
        self._splitter = self._new_splitter()
        self._files.clear()
        self._notices.clear()
        self._wanted.clear()
        self._sources = ()
        self.end("cancelled")

    async def take_in(self) -> None:
        """Take in the text added so far, in slices between which others have their turn."""
        while self._fresh:
            self._take_slice()
            if self._fresh:
                await asyncio.sleep(0)

    def view(self) -> View:
        """Return the reply as it stands now."""
        self._redact_new_text()
        return View(
            turn=self.turn,
            text=_join(self._shown),
            pages=self._splitter.pages,
            status=self._status,
            sources=self._sources,
            actions=tuple(map(self._translated_action, self._actions)),
            files=tuple(self._files),
            notices=tuple(self._notices),
            state=self.state,
            audience=self._audience,
            heading=self._heading if self._audience == "everyone" else "",
            locale=self._locale,
        )

    def _write_heading(self) -> str:
        return sanitize_text(self._redact(" ".join(self._translate(self._occasion).split())))

    def _translate(self, text: str) -> str:
        return translate(text, self._locale)

    def _translated(self, part: Part) -> Part:
        """The part in the language of the reply."""
        match part:
            case Status(text=text) if text:
                return replace(part, text=self._translate(text))
            case Actions(items):
                return Actions(tuple(map(self._translated_action, items)))
            case Notice():
                return self._translated_notice(part)
        return part

    def _translated_notice(self, notice: Notice) -> Notice:
        text = notice_text(notice, self._locale)
        return replace(
            notice, text=text, actions=tuple(map(self._translated_action, notice.actions))
        )

    def _translated_action(self, action: Action) -> Action:
        return replace(action, label=self._translate(action.label))

    def _write(self, delta: str) -> None:
        self.characters += len(delta)
        if self.characters > MAX_ANSWER_CHARACTERS:
            raise Failed(
                say(
                    "The answer grew beyond {limit:,} characters and was ended there.",
                    limit=MAX_ANSWER_CHARACTERS,
                )
            )
        for at in range(0, len(delta), MAX_SLICE_CHARACTERS):
            self._fresh.append(delta[at : at + MAX_SLICE_CHARACTERS])

    def _redact_new_text(self, *, whole: bool = False) -> None:
        """Redact the text added since the last call. Done only when the text is read."""
        while self._fresh:
            self._take_slice()
        if whole and self._growing.held:
            self._add_redacted(self._growing.take("", whole=True))

    def _take_slice(self) -> None:
        size = count = 0
        while count < len(self._fresh) and size < MAX_SLICE_CHARACTERS:
            size += len(self._fresh[count])
            count += 1
        text = "".join(self._fresh[:count])
        del self._fresh[:count]
        self._add_redacted(self._growing.take(text))
        self._splitter.take_in()

    def _add_redacted(self, text: str) -> None:
        self._text.append(text)
        if text:
            text, self._opening = self._opening + text, ""
        self._show(self._links.feed(strip_controls(self._controls.feed(text))))

    def _show(self, text: str) -> None:
        self._shown.append(text)
        self._splitter.append(text)

    def _attach(self, file: File) -> None:
        if len(self._files) >= MAX_EXTRAS:
            return
        size, max_bytes = len(file.data), self._limits.max_file_bytes
        if size <= max_bytes:
            self._files.append(replace(file, name=strip_controls(file.name)))
        elif len(self._notices) < MAX_EXTRAS:
            self._notices.append(
                Notice(
                    say(
                        "{name} has {size:.1f} MB, and {limit:.1f} MB can be attached "
                        "here; it was left out.",
                        name=file.name,
                        size=size / 1_000_000,
                        limit=max_bytes / 1_000_000,
                    )
                )
            )


def _join(pieces: list[str]) -> str:
    """Join the pieces, and replace them in the list by the result."""
    pieces[:] = ["".join(pieces)]
    return pieces[0]


def _sanitize_action(action: Action) -> Action:
    return replace(action, label=strip_controls(action.label))


def _sanitize_notice(notice: Notice) -> Notice:
    actions = tuple(map(_sanitize_action, notice.actions))
    return replace(notice, text=sanitize_text(notice.text), actions=actions)


def _sanitize_source(source: Source) -> Source:
    on_the_web = source.location.startswith(("https://", "http://"))
    return replace(
        source,
        title=sanitize_text(source.title),
        heading=sanitize_text(source.heading),
        location=(strip_controls if on_the_web else sanitize_text)(source.location),
        place=replace(source.place, sheet=sanitize_text(source.place.sheet)),
    )
