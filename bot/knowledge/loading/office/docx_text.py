"""Reads the text within one paragraph of a DOCX as Word shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from bot.knowledge.loading.office.docx_fields import PAGE_FIELD, Fields, form_value
from bot.knowledge.loading.office.docx_numbers import Styles, W, is_on, value
from bot.knowledge.loading.office.formulas import M, to_latex
from bot.knowledge.loading.office.graphics import MC, is_graphic, picture_words, shown_parts
from bot.knowledge.loading.office.symbol_fonts import needs_symbols, symbol
from bot.skills.document_tree import lowered, raised

_VALUE = f"{W}val"
_ID = f"{W}id"
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_V = "{urn:schemas-microsoft-com:vml}"
TEXT_BOX = f"{W}txbxContent"
PAGE_MARK = "\x00"
"""Stands in a text where Word shows a number of the page or of all pages."""


@dataclass(slots=True)
class Inline:
    """The text of a paragraph, and what hangs on it."""

    text: str = ""
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind (`footnote`, `endnote`, `comment`), id, and the mark in the text."""
    boxes: list[Element] = field(default_factory=list)
    """Text boxes; their paragraphs are read after this one."""
    graphics: list[Element] = field(default_factory=list)
    """The marks of charts and diagrams."""
    formulas: int = 0
    outside: bool = False
    """Whether there is text outside of formulas."""


class TextReader:
    """Reads paragraphs of one document. Pictures are counted in `pictures`."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._note_marks: dict[tuple[str, str], str] = {}
        self._note_counts = {"footnote": 0, "endnote": 0}
        self.pictures = 0
        self.unknown_symbols = 0

    def read(self, paragraph: Element) -> Inline:
        """The text of a paragraph (or of anything with runs)."""
        return _Paragraph(self, self._styles).read(paragraph)

    def mark_note(self, kind: str, number: str) -> str:
        """The mark of a note: they are numbered in the order in which they are met."""
        made = self._note_marks.get((kind, number))
        if made is None:
            self._note_counts[kind] += 1
            count = str(self._note_counts[kind])
            plain = count if kind == "footnote" else f"[{count}]"
            made = self._note_marks[kind, number] = raised(count) if kind == "footnote" else plain
        return made


class _Paragraph:
    def __init__(self, reader: TextReader, styles: Styles) -> None:
        self._reader = reader
        self._styles = styles
        self._made = Inline()
        self._parts: list[str] = []
        self._reading: list[str] = []
        """Readings of the characters just before; they follow the last of them."""
        self._fields = Fields()

    def read(self, paragraph: Element) -> Inline:
        self._walk(paragraph)
        self._end_reading()
        self._made.text = "".join(self._parts)
        return self._made

    def _walk(self, element: Element) -> None:
        for child in element:
            handler = _HANDLERS.get(child.tag)
            if handler is not None:
                handler(self, child)

    def _put(self, text: str) -> None:
        if not text or self._fields.hide_text:
            return
        self._end_reading()
        self._parts.append(text)
        if not text.isspace():
            self._made.outside = True

    def _end_reading(self) -> None:
        if self._reading:
            self._parts.append(f"({''.join(self._reading)})")
            self._reading.clear()

    # --- Runs ------------------------------------------------------------------------------------

    def _run(self, run: Element) -> None:
        look = run.find(f"{W}rPr")
        shift = font = ""
        if look is not None:
            taken = self._styles.get(value(look, "rStyle"))
            hidden = look.find(f"{W}vanish")
            if taken.hidden if hidden is None else is_on(hidden):
                self._hidden(run)
                return
            shift = value(look, "vertAlign", otherwise=taken.shift) or _shift_by_position(look, run)
            fonts = look.find(f"{W}rFonts")
            font = "" if fonts is None else fonts.get(f"{W}ascii", "")
        pieces: list[str] = []
        for child in run:
            text = self._characters(child, font)
            if text is not None:
                pieces.append(text)
                continue
            self._put_shifted("".join(pieces), shift)
            pieces.clear()
            handler = _HANDLERS.get(child.tag)
            if handler is not None:
                handler(self, child)
        self._put_shifted("".join(pieces), shift)

    def _hidden(self, run: Element) -> None:
        """A run that is not shown may still begin or end a field."""
        for child in run:
            if child.tag in (f"{W}fldChar", f"{W}instrText"):
                _HANDLERS[child.tag](self, child)

    def _put_shifted(self, text: str, shift: str) -> None:
        if shift in ("superscript", "subscript") and text.strip():
            inner = text.strip()
            moved = raised(inner) if shift == "superscript" else lowered(inner)
            text = text.replace(inner, moved, 1)
        self._put(text)

    def _characters(self, child: Element, font: str) -> str | None:
        """The characters that a part of a run stands for; None where it is something else."""
        tag = child.tag
        if tag == f"{W}t":
            return self._from_font(child.text or "", font)
        if tag == f"{W}sym":
            try:
                code = int(child.get(f"{W}char", ""), 16)
            except ValueError:
                return ""
            return self._symbol(code, child.get(f"{W}font", ""))
        if tag == f"{W}br":
            return "\n" if child.get(f"{W}type", "textWrapping") == "textWrapping" else " "
        return _CHARACTERS.get(tag)

    def _from_font(self, text: str, font: str) -> str:
        if not needs_symbols(text, font):
            return text
        return "".join(self._symbol(ord(one), font) for one in text)

    def _symbol(self, code: int, font: str) -> str:
        known = symbol(code, font)
        if known is None:
            self._reader.unknown_symbols += 1
        return known or ""

    # --- Fields ----------------------------------------------------------------------------------

    def _field_mark(self, mark: Element) -> None:
        data = mark.find(f"{W}ffData")
        if data is not None:
            self._put(form_value(data))
        self._note_field(self._fields.take(mark.get(f"{W}fldCharType", "")))

    def _instruction(self, part: Element) -> None:
        self._fields.instruct(part.text or "")

    def _simple_field(self, element: Element) -> None:
        self._fields.take("begin")
        self._fields.instruct(element.get(f"{W}instr", ""))
        self._note_field(self._fields.take("separate"))
        self._walk(element)
        self._fields.take("end")

    def _note_field(self, instruction: str) -> None:
        if PAGE_FIELD.match(instruction):
            self._parts.append(PAGE_MARK)

    # --- What is not a run -----------------------------------------------------------------------

    def _control(self, control: Element) -> None:
        box = control.find(f"{W}sdtPr/{_W14}checkbox")
        content = control.find(f"{W}sdtContent")
        if box is not None:
            checked = box.find(f"{_W14}checked")
            on = checked is not None and checked.get(f"{_W14}val") in ("1", "true", "on")
            self._put("[x]" if on else "[ ]")
        elif content is not None:
            self._walk(content)

    def _ruby(self, ruby: Element) -> None:
        base, reading = ruby.find(f"{W}rubyBase"), ruby.find(f"{W}rt")
        readings = [] if self._fields.hide_text else self._reading[:]
        self._reading.clear()
        if base is not None:
            self._walk(base)
        if reading is not None:
            readings += [text.text or "" for text in reading.iter(f"{W}t")]
        self._reading = readings

    def _formula(self, formula: Element) -> None:
        latex = to_latex(formula)
        if latex and not self._fields.hide_text:
            self._end_reading()
            self._parts.append(f"${latex}$")
            self._made.formulas += 1

    def _formulas(self, paragraph: Element) -> None:
        for formula in paragraph.iterfind(f"{M}oMath"):
            self._formula(formula)

    def _alternative(self, element: Element) -> None:
        chosen = element.find(f"{MC}Choice")
        if chosen is None:
            chosen = element.find(f"{MC}Fallback")
        if chosen is not None:
            self._walk(chosen)

    def _drawing(self, drawing: Element) -> None:
        """A picture, shape, chart or diagram; what is described says so where it stands."""
        for part in shown_parts(drawing, TEXT_BOX):
            if part.tag == TEXT_BOX:
                self._made.boxes.append(part)
            elif part.tag in (f"{_A}blip", f"{_V}imagedata"):
                self._reader.pictures += 1
            elif part.tag == f"{_WP}docPr":
                self._put(picture_words(part))
            elif part.tag == f"{_V}textpath":
                self._put(part.get("string", ""))
            elif is_graphic(part):
                self._made.graphics.append(part)

    def _note(self, mark: Element) -> None:
        kind = mark.tag.removeprefix(W).removesuffix("Reference")
        number = mark.get(_ID, "")
        made = "" if kind == "comment" else self._reader.mark_note(kind, number)
        if mark.get(f"{W}customMarkFollows") in ("1", "true", "on"):
            made = ""
        self._put(made)
        self._made.notes.append((kind, number, made))


def _shift_by_position(look: Element, run: Element) -> str:
    """Figures may be moved up or down by hand."""
    moved = value(look, "position")
    if not moved.strip("-0") or not "".join(one.text or "" for one in run).strip("+-−").isdigit():
        return ""
    return "subscript" if moved.startswith("-") else "superscript"


_CHARACTERS = {
    f"{W}tab": "\t",
    f"{W}ptab": "\t",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "-",
    f"{W}softHyphen": "",
}
_HANDLERS: dict[str, Callable[[_Paragraph, Element], None]] = {
    f"{W}r": _Paragraph._run,
    f"{W}fldChar": _Paragraph._field_mark,
    f"{W}instrText": _Paragraph._instruction,
    f"{W}fldSimple": _Paragraph._simple_field,
    f"{W}sdt": _Paragraph._control,
    f"{W}ruby": _Paragraph._ruby,
    f"{M}oMath": _Paragraph._formula,
    f"{M}oMathPara": _Paragraph._formulas,
    f"{MC}AlternateContent": _Paragraph._alternative,
    f"{W}drawing": _Paragraph._drawing,
    f"{W}pict": _Paragraph._drawing,
    f"{W}object": _Paragraph._drawing,
    f"{W}footnoteReference": _Paragraph._note,
    f"{W}endnoteReference": _Paragraph._note,
    f"{W}commentReference": _Paragraph._note,
    **dict.fromkeys(
        (f"{W}{name}" for name in ("hyperlink", "ins", "moveTo", "smartTag", "customXml", "dir",
                                   "bdo", "p")),
        _Paragraph._walk,
    ),
}  # fmt: skip
"""What each part of a paragraph is read with; deleted text and properties are not listed."""
