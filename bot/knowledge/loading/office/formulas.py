"""Writes the formulas of office documents (OMML) as LaTeX, each for itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from xml.etree.ElementTree import Element

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_VALUE = f"{M}val"
_TEXT = f"{M}t"
_COMMAND_AT_END = re.compile(r"\\[A-Za-z]+$")
_MAX_COMMAND_CHARACTERS = 24
_LINE_END = " \\\\ "
_OPERATORS = {
    "∑": "\\sum", "∏": "\\prod", "∐": "\\coprod", "∫": "\\int", "∬": "\\iint", "∭": "\\iiint",
    "∮": "\\oint", "⋃": "\\bigcup", "⋂": "\\bigcap", "⋁": "\\bigvee", "⋀": "\\bigwedge",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "\\grave", "\u0301": "\\acute", "\u0302": "\\hat", "\u0303": "\\tilde",
    "\u0304": "\\bar", "\u0305": "\\overline", "\u0306": "\\breve", "\u0307": "\\dot",
    "\u0308": "\\ddot", "\u030c": "\\check", "\u20d7": "\\vec", "\u20d6": "\\overleftarrow",
    "¯": "\\bar", "^": "\\hat", "~": "\\tilde", "˙": "\\dot", "→": "\\vec",
}  # fmt: skip
_SYMBOLS = {
    "α": "\\alpha", "β": "\\beta", "γ": "\\gamma", "δ": "\\delta", "ε": "\\varepsilon",
    "ϵ": "\\epsilon", "ζ": "\\zeta", "η": "\\eta", "θ": "\\theta", "ι": "\\iota", "κ": "\\kappa",
    "λ": "\\lambda", "μ": "\\mu", "ν": "\\nu", "ξ": "\\xi", "π": "\\pi", "ρ": "\\rho",
    "σ": "\\sigma", "τ": "\\tau", "υ": "\\upsilon", "φ": "\\varphi", "ϕ": "\\phi", "χ": "\\chi",
    "ψ": "\\psi", "ω": "\\omega", "Γ": "\\Gamma", "Δ": "\\Delta", "Θ": "\\Theta",
    "Λ": "\\Lambda", "Ξ": "\\Xi", "Π": "\\Pi", "Σ": "\\Sigma", "Φ": "\\Phi", "Ψ": "\\Psi",
    "Ω": "\\Omega", "×": "\\times", "÷": "\\div", "±": "\\pm", "∓": "\\mp", "⋅": "\\cdot",
    "·": "\\cdot", "∗": "*", "−": "-", "≤": "\\leq", "≥": "\\geq", "≠": "\\neq",
    "≈": "\\approx", "≡": "\\equiv", "∼": "\\sim", "≅": "\\cong", "∝": "\\propto",
    "∞": "\\infty", "∂": "\\partial", "∇": "\\nabla", "∈": "\\in", "∉": "\\notin",
    "⊂": "\\subset", "⊆": "\\subseteq", "∪": "\\cup", "∩": "\\cap", "∅": "\\emptyset",
    "∀": "\\forall", "∃": "\\exists", "¬": "\\neg", "∧": "\\wedge", "∨": "\\vee",
    "→": "\\to", "←": "\\leftarrow", "⇒": "\\Rightarrow", "⇔": "\\Leftrightarrow",
    "↔": "\\leftrightarrow", "…": "\\ldots", "⋯": "\\cdots", "√": "\\surd", "°": "^{\\circ}",
    "′": "'", "ℝ": "\\mathbb{R}", "ℕ": "\\mathbb{N}", "ℤ": "\\mathbb{Z}", "ℏ": "\\hbar",
    "{": "\\{", "}": "\\}", "%": "\\%", "&": "\\&", "#": "\\#", "_": "\\_", "$": "\\$",
    "\\": "\\backslash", "\u2061": "", "\u2062": "", "\u2063": "",
}  # fmt: skip
_FUNCTIONS = frozenset(
    {
        "sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "arcsin", "arccos",
        "arctan", "log", "ln", "lim", "max", "min", "exp", "det", "gcd", "inf", "sup", "arg",
        "deg", "dim", "ker",
    }
)  # fmt: skip
_MATH_LETTERS_START, _MATH_LETTERS_END = 0x1D400, 0x1D7FF
"""Italic and bold letters and figures of their own, which Word writes for plain ones."""


class NotConverted(Exception):
    """A formula has a part that is not known."""


def to_latex(formula: Element) -> str:
    """A formula (`m:oMath`) as LaTeX, or, where that cannot be done, its characters."""
    try:
        return " ".join(_inside(formula).split())
    except NotConverted:
        return formula_characters(formula)


def formula_characters(formula: Element) -> str:
    """The characters of a formula, one after another."""
    return "".join(text.text or "" for text in formula.iter(_TEXT))


def _inside(element: Element | None) -> str:
    """The formula that an element encloses; nothing for one that is left out."""
    if element is None:
        return ""
    made = ""
    for child in element:
        part = _convert(child)
        # A command ends where no letter follows.
        made += (
            " " + part
            if made and made[-1:].isalpha() and part[:1].isalpha() and (_ends_with_command(made))
            else part
        )
    return made


def _ends_with_command(text: str) -> bool:
    return bool(_COMMAND_AT_END.search(text[-_MAX_COMMAND_CHARACTERS:]))


def _convert(element: Element) -> str:
    name = element.tag.rpartition("}")[2]
    if not element.tag.startswith(M):  # runs of text, marks of changes and of spelling
        if name in ("del", "moveFrom"):
            return ""
        return _inside(element)
    if name.endswith("Pr"):
        return ""
    converter = _CONVERTERS.get(name)
    if converter is None:
        raise NotConverted(name)
    return converter(element)


def _run(element: Element) -> str:
    text = "".join(one.text or "" for one in element.iter(_TEXT))
    properties = element.find(f"{M}rPr")
    if properties is not None and properties.find(f"{M}nor") is not None and text.strip():
        return f"\\text{{{text}}}"
    made = ""
    for character in text:
        if _MATH_LETTERS_START <= ord(character) <= _MATH_LETTERS_END or character == "ℎ":
            character = unicodedata.normalize("NFKC", character)
        symbol = _SYMBOLS.get(character, character)
        if made and symbol[:1].isalpha() and _ends_with_command(made):
            made += " "
        made += symbol
    return made


def _group(element: Element, name: str) -> str:
    return _inside(element.find(f"{M}{name}"))


def _property(element: Element, name: str, otherwise: str) -> str:
    """A property of an object; an empty one is left away on purpose."""
    found = element.find(f"{M}{element.tag.rpartition('}')[2]}Pr/{M}{name}")
    return otherwise if found is None else found.get(_VALUE, "")


def _base(text: str) -> str:
    """What a raised or lowered part is put at: in braces where it is more than one sign."""
    return text if len(text) == 1 or not text else f"{{{text}}}"


def _fraction(element: Element) -> str:
    above, below = _group(element, "num"), _group(element, "den")
    kind = _property(element, "type", "bar")
    if kind == "lin":
        return f"{above}/{below}"
    if kind == "noBar":
        return f"\\genfrac{{}}{{}}{{0pt}}{{}}{{{above}}}{{{below}}}"
    return f"\\frac{{{above}}}{{{below}}}"


def _scripts(element: Element) -> str:
    made = _base(_group(element, "e"))
    below, above = element.find(f"{M}sub"), element.find(f"{M}sup")
    if below is not None:
        made += f"_{{{_inside(below)}}}"
    return made if above is None else f"{made}^{{{_inside(above)}}}"


def _scripts_before(element: Element) -> str:
    below, above = _group(element, "sub"), _group(element, "sup")
    return f"{{}}_{{{below}}}^{{{above}}}{_base(_group(element, 'e'))}"


def _root(element: Element) -> str:
    degree = _group(element, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_group(element, 'e')}}}"


def _operator(element: Element) -> str:
    sign = _property(element, "chr", "∫")
    made = _OPERATORS.get(sign, _SYMBOLS.get(sign, sign))
    below, above = _group(element, "sub"), _group(element, "sup")
    made += f"_{{{below}}}" if below else ""
    made += f"^{{{above}}}" if above else ""
    return f"{made} {_group(element, 'e')}"


def _delimiters(element: Element) -> str:
    begin, end = _property(element, "begChr", "("), _property(element, "endChr", ")")
    between = _property(element, "sepChr", "|")
    inside = between.join(_inside(one) for one in element.iterfind(f"{M}e"))
    left, right = (_SYMBOLS.get(sign, sign) or "." for sign in (begin, end))
    if len(inside) == 1 or (inside.isalnum() and begin == "(" and end == ")"):
        return f"{_SYMBOLS.get(begin, begin)}{inside}{_SYMBOLS.get(end, end)}"
    return f"\\left{left}{inside}\\right{right}"


def _function(element: Element) -> str:
    name = _group(element, "fName").strip()
    bare = name.removeprefix("\\text{").removesuffix("}") if name.startswith("\\text{") else name
    head, mark, rest = bare.partition("_")
    if head.strip("{} ") in _FUNCTIONS:
        name = f"\\{head.strip('{} ')}{mark}{rest}"
    return f"{name} {_group(element, 'e')}"


def _limit(mark: str) -> Callable[[Element], str]:
    def convert(element: Element) -> str:
        base = _group(element, "e").strip()
        named = f"\\{base}" if base in _FUNCTIONS else _base(base)
        return f"{named}{mark}{{{_group(element, 'lim')}}}"

    return convert


def _accent(element: Element) -> str:
    sign = _property(element, "chr", "\u0302")
    if sign not in _ACCENTS:
        raise NotConverted(sign)
    return f"{_ACCENTS[sign]}{{{_group(element, 'e')}}}"


def _bar(element: Element) -> str:
    command = "\\overline" if _property(element, "pos", "bot") == "top" else "\\underline"
    return f"{command}{{{_group(element, 'e')}}}"


def _brace(element: Element) -> str:
    sign, above = _property(element, "chr", "⏟"), _property(element, "pos", "bot") == "top"
    inside = _group(element, "e")
    commands = {"⏟": "\\underbrace", "⏞": "\\overbrace"}
    if sign in commands:
        return f"{commands[sign]}{{{inside}}}"
    return f"\\{'overset' if above else 'underset'}{{{_SYMBOLS.get(sign, sign)}}}{{{inside}}}"


def _matrix(element: Element) -> str:
    rows = (
        " & ".join(_inside(cell) for cell in row.iterfind(f"{M}e"))
        for row in element.iterfind(f"{M}mr")
    )
    return "\\begin{matrix}" + _LINE_END.join(rows) + "\\end{matrix}"


def _lines(element: Element) -> str:
    lines = (_inside(one) for one in element.iterfind(f"{M}e"))
    return "\\begin{array}{l}" + _LINE_END.join(lines) + "\\end{array}"


def _phantom(element: Element) -> str:
    return "" if _property(element, "show", "1") in ("0", "off") else _group(element, "e")


_CONVERTERS: dict[str, Callable[[Element], str]] = {
    "oMath": _inside,
    "oMathPara": _inside,
    "e": _inside,
    "r": _run,
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _scripts_before,
    "rad": _root,
    "nary": _operator,
    "d": _delimiters,
    "func": _function,
    "limLow": _limit("_"),
    "limUpp": _limit("^"),
    "acc": _accent,
    "bar": _bar,
    "groupChr": _brace,
    "m": _matrix,
    "eqArr": _lines,
    "box": lambda element: _group(element, "e"),
    "borderBox": lambda element: f"\\boxed{{{_group(element, 'e')}}}",
    "phant": _phantom,
}
