"""The fields of a DOCX: instructions that are not shown, and results that are."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from bot.knowledge.loading.office.docx_numbers import W, is_on, value, whole

PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)


class Fields:
    """The fields that are open at a place in a text."""

    def __init__(self) -> None:
        self._open: list[str] = []
        """Their instructions; `=` begins one whose result is read."""

    @property
    def hide_text(self) -> bool:
        """Whether a text here is the instruction of a field, or a page's number."""
        return any(not one.startswith("=") or PAGE_FIELD.match(one[1:]) for one in self._open)

    def instruct(self, text: str) -> None:
        """Take a piece of an instruction."""
        if self._open and not self._open[-1].startswith("="):
            self._open[-1] += text

    def take(self, mark: str) -> str:
        """Take a mark: `begin`, `separate` or `end`. Returns the instruction that is known now."""
        if mark == "begin":
            self._open.append("")
        elif mark == "separate" and self._open:
            instruction = self._open[-1]
            self._open[-1] = f"={instruction}"
            return instruction
        elif mark == "end" and self._open:
            ended = self._open.pop()
            return "" if ended.startswith("=") else ended
        return ""


def form_value(data: Element) -> str:
    """What a form field of the old kind shows: a box, or the chosen line of a list."""
    box, listed = data.find(f"{W}checkBox"), data.find(f"{W}ddList")
    if box is not None:
        checked = box.find(f"{W}checked")
        return "[x]" if is_on(box.find(f"{W}default") if checked is None else checked) else "[ ]"
    if listed is not None:
        lines = [one.get(f"{W}val", "") for one in listed.iterfind(f"{W}listEntry")]
        at = whole(value(listed, "result", otherwise=value(listed, "default", otherwise="0")), -1)
        return lines[at] if 0 <= at < len(lines) else ""
    return ""
