"""Whether a call of a tool needs a person's approval, and the card that asks for it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.agent.provenance import Argument, Provenance, Writer
from bot.agent.value_search import is_address
from bot.catalogue.sentence import join_sentences, lay_out, say
from bot.replies.wording import as_code
from bot.skills.tool import AgentTool
from bot.types import File

APPROVE: Final[str] = "approve"
GRANT: Final[str] = "grant"
REFUSE: Final[str] = "refuse"
BUTTONS: Final = (
    (APPROVE, say("Approve")),
    (GRANT, say("For this conversation")),
    (REFUSE, say("Refuse")),
)
_MAX_SHOWN_CHARACTERS: Final = 500
_WRITERS: Final[Mapping[str, str]] = {
    "model": say("the model's own"),
    "people": say("written by somebody else"),
    "documents": say("from a document"),
    "web": say("from a web page"),
    "server": say("from another tool"),
}
_EFFECTS: Final[Mapping[str, str]] = {
    "read": say("**{tool}** would look something up:"),
    "write": say("**{tool}** would change something:"),
    "outward": say("**{tool}** would send something out:"),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a call before it is carried out. `digest` stands for exactly this call."""

    tool: AgentTool
    arguments: tuple[Argument, ...]
    digest: str
    asked_by: Writer | None = None
    """Who besides the asker wrote of what the tool does, where somebody did."""
    unattended: bool = False
    """Whether it is called on a schedule, when nobody looks on."""

    @property
    def doubtful(self) -> tuple[Argument, ...]:
        """The arguments that matter and do not stand in the asker's own words."""
        return tuple(one for one in self.arguments if one.matters and not one.trusted)

    @property
    def needs_approval(self) -> bool:
        """Whether a person must be asked. A call that only reads never needs it; another one does
        unless each argument that matters stands in the asker's words, there is one, and nobody else
        asked for what the tool does. On a schedule it always does: the asker said it long ago."""
        if self.tool.effect == "read":
            return False
        if self.unattended or self.doubtful or self.asked_by is not None:
            return True
        return not any(one.matters for one in self.arguments)

    @property
    def grantable(self) -> bool:
        """Whether an approval for the conversation covers it: nothing of it is of others, and it
        leads nowhere, since an address can carry out what was said."""
        if self.unattended or self.asked_by is not None:
            return False
        return not any(one.writer.foreign or is_address(one.value) for one in self.doubtful)


def judge(
    tool: AgentTool, given: Mapping[str, Any], provenance: Provenance, *, unattended: bool = False
) -> Judgement:
    """Find out who wrote the arguments of a call, unless it only reads."""
    digest = digest_of(tool.name, given)
    if tool.effect == "read":
        return Judgement(tool, (), digest)
    arguments, asked_by = provenance.arguments(tool, given), provenance.asked_for(tool)
    return Judgement(tool, arguments, digest, asked_by, unattended)


def digest_of(tool: str, given: Mapping[str, Any]) -> str:
    """A digest of a call: of its tool and its arguments, whatever order these stand in."""
    plain = json.dumps([tool, given], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def card(judgement: Judgement) -> str:
    """What a person reads before they approve a call: each argument with who wrote it, in bold what
    matters and is not the asker's own, and who else wrote of such a call. What is cut in it stands
    in the file of `whole_values`."""
    head = say(_EFFECTS[judgement.tool.effect], tool=judgement.tool.name)
    lines = [str(head), *_lines(judgement.arguments)]
    if judgement.asked_by is not None:
        lines.append(
            say("**A text of others speaks of this** ({who})", who=_who(judgement.asked_by))
        )
    return join_sentences(lines, "\n")


def whole_values(judgement: Judgement) -> File | None:
    """The values that the card shows only the beginning of, whole, in a file; None if there are
    none. What cannot be seen in a text is written out."""
    long = [one for one in judgement.arguments if not one.within and _is_long(one.value)]
    if not long:
        return None
    parts = [
        say(
            "{name} ({number:,} characters):\n\n{value}",
            name=one.path,
            number=len(one.value),
            value=_visible(one.value),
        )
        for one in long
    ]
    name = re.sub(r"[^\w-]+", "-", judgement.tool.name)
    return File(f"{name}.txt", "\n\n\n".join(parts).encode("utf-8", "replace"))


def outcome_line(choice: str, by: str, at: str) -> str:
    """What stands below a card after somebody has chosen; `at` is the time."""
    if not by:
        return say("Nobody approved it in time, so it was not done.")
    if choice == REFUSE:
        return say("Refused by {name}, {at}.", name=by, at=at)
    return say("Approved by {name}, {at}.", name=by, at=at)


def _lines(arguments: Sequence[Argument]) -> list[str]:
    return [_line(one) for one in arguments] or [say("- without any argument")]


def _line(one: Argument) -> str:
    text = " ".join(one.value.split())
    if _is_long(one.value):
        number = len(text)
        text = say(
            "{beginning} … ({number:,} characters)",
            beginning=text[:_MAX_SHOWN_CHARACTERS].rstrip(),
            number=number,
        )
    shown = as_code(text)
    name = say("in {name}", name=one.path) if one.within else one.path
    if one.trusted:
        line = lay_out("- {name}: {shown}", name=name, shown=shown)
    else:
        layout = "- **{name}: {shown}** ({who})" if one.matters else "- {name}: {shown} ({who})"
        line = lay_out(layout, name=name, shown=shown, who=_who(one.writer))
    return say("{line}, which is {row}", line=line, row=as_code(one.row)) if one.row else line


def _is_long(value: str) -> bool:
    return len(" ".join(value.split())) > _MAX_SHOWN_CHARACTERS


def _visible(text: str) -> str:
    return "".join(map(_visible_character, text))


def _visible_character(one: str) -> str:
    hidden = one not in "\n\t" and unicodedata.category(one)[0] == "C"
    return one.encode("unicode_escape").decode() if hidden else one


def _who(writer: Writer) -> str:
    words = _WRITERS.get(writer.origin, writer.origin)
    return lay_out("{words}: {name}", words=words, name=writer.name) if writer.name else words
