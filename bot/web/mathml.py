"""Writes formulas of MathML as LaTeX: as their page has them, else by their tree."""

from __future__ import annotations

import re
from typing import Any

from bot.web.html_tree import tag_of

_STYLE = re.compile(r"\{?\\(?:displaystyle|textstyle)\s*(.*?)\}?", re.DOTALL)
_MAX_DEPTH = 60
_FENCES = {"⟨": r"\langle ", "⟩": r"\rangle ", "{": r"\{", "}": r"\}"}
_ACCENTS = {"¯": "bar", "‾": "bar", "^": "hat", "~": "tilde", "→": "vec", "˙": "dot", "_": "bar"}
_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064"))


def formula_of(math: Any) -> str:
    """The formula of a `math` element: its own LaTeX, else what its tree says."""
    for note in math.iter():
        if tag_of(note).startswith("annotation") and "tex" in (note.get("encoding") or "").lower():
            return _tidy("".join(note.itertext()))
    written = math.get("alttext")
    return _tidy(written) if written else _tidy(_join(math, 0))


def _tidy(formula: str) -> str:
    formula = " ".join(formula.split())
    styled = _STYLE.fullmatch(formula)
    return styled[1].strip() if styled else formula


def _join(element: Any, depth: int) -> str:
    return "".join(_write(part, depth + 1) for part in element if isinstance(part.tag, str))


def _write(element: Any, depth: int) -> str:
    if depth > _MAX_DEPTH:
        return "".join(element.itertext())
    tag = tag_of(element)
    if tag in ("annotation", "annotation-xml", "mphantom"):
        return ""
    if tag in ("mi", "mn", "mo", "ms", "mtext"):
        text = " ".join("".join(element.itertext()).split()).translate(_INVISIBLE)
        return _FENCES.get(text, text) if tag == "mo" else text
    if tag == "mspace":
        return " "
    if tag == "mtable":
        rows = (
            " & ".join(_join(cell, depth + 2) for cell in row if isinstance(cell.tag, str))
            for row in element
            if isinstance(row.tag, str)
        )
        return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"
    if tag == "msqrt":
        return rf"\sqrt{{{_join(element, depth)}}}"
    if tag == "mfenced":
        parts = [_write(part, depth + 1) for part in element if isinstance(part.tag, str)]
        return f"{element.get('open', '(')}{', '.join(parts)}{element.get('close', ')')}"
    parts = [_write(part, depth + 1) for part in element if isinstance(part.tag, str)]
    return _write_scripts(tag, parts) or "".join(parts)


def _write_scripts(tag: str, parts: list[str]) -> str:
    """What has a fixed number of parts: fractions, roots, indices and exponents."""
    match tag, parts:
        case "mfrac", [above, below]:
            return rf"\frac{{{above}}}{{{below}}}"
        case "mroot", [inside, index]:
            return rf"\sqrt[{index}]{{{inside}}}"
        case "msup", [base, raised]:
            return f"{base}^{_group(raised)}"
        case ("msub", [base, lowered]) | ("munder", [base, lowered]):
            return f"{base}_{_group(lowered)}"
        case ("msubsup", [base, lowered, raised]) | ("munderover", [base, lowered, raised]):
            return f"{base}_{_group(lowered)}^{_group(raised)}"
        case "mover", [base, above]:
            accent = _ACCENTS.get(above.strip())
            return rf"\{accent}{{{base}}}" if accent else f"{base}^{_group(above)}"
    return ""


def _group(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"
