"""Shows numbers as a spreadsheet does: by the format of their cell.

Numbers have a point and commas, and dates the order of their format, in whatever language the
program would run. Formats that follow the language of the program give dates of ISO 8601.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne

from bot.knowledge.loading.office.date_format import DateForm, format_date, read_date_form

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\[\]]*+)\]'
    r"|(?P<general>General)|(?P<exponent>[Ee][+-])|(?P<digit>[0#?])|(?P<other>.)",
    re.DOTALL | re.IGNORECASE,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_CURRENCY = re.compile(r"\$([^-]*)(?:-.*)?")
_COMPARISONS = {"<": lt, ">": gt, "=": eq, "<=": le, ">=": ge, "<>": ne}
_MAX_FORMAT_CHARACTERS = 500
_MAX_DECIMALS = 30
_MAX_SHOWN = 1e15
"""Numbers from here on have no places after the point, and digits that are no longer exact."""


@dataclass(frozen=True, slots=True)
class Token:
    """One sign of a format; `kind` is the name of its group in the expression above."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the digits of a number stand in a format, by the positions of its tokens."""

    before: list[int]
    after: list[int]
    """The places before and after the point."""
    exponent: int | None
    is_fraction: bool
    is_grouped: bool
    factor: Decimal
    """What the number is multiplied with: by 100 for per cent, less for commas at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """The part of a format for some numbers: positive ones, negative ones, zero."""

    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None
    kind: str
    """`general`, `text`, `date` or `number`."""
    date: DateForm | None
    layout: Layout


def format_number(value: float, form: str, *, from_1904: bool = False) -> str:
    """Returns a number as its cell shows it; plainly where the format is not understood."""
    if not math.isfinite(value):
        return str(value)
    section, shown = _choose(value, form)
    if section is None:
        return plain_number(shown)
    if section.date is not None:
        return format_date(value, section.date, from_1904=from_1904) or plain_number(value)
    if not section.tokens:
        return "" if form.strip() else plain_number(value)
    if section.kind == "general":
        return _around(section.tokens, plain_number(shown), "general")
    if section.kind == "text":
        return _around(section.tokens, plain_number(value), "other", "@")
    try:
        return " ".join(_fill(section, shown).split())
    except (ValueError, ArithmeticError):
        return plain_number(value)


def format_text(text: str, form: str) -> str:
    """Returns a text as its cell shows it: some formats put words around it."""
    sections = _sections(form)
    section = sections[-1] if len(sections) in (1, 4) else None
    if section is None or section.kind != "text":
        return text
    return _around(section.tokens, text, "other", "@")


def plain_number(value: float) -> str:
    """Returns a number without a format: all its digits, and no noise of its binary form."""
    if value == int(value) and abs(value) < _MAX_SHOWN:
        return str(int(value))
    return f"{value:.11g}".replace("e", "E")


def _choose(value: float, form: str) -> tuple[Section | None, float]:
    """The section for a number, and the number without the sign that the section writes."""
    sections = _sections(form)
    if not sections:
        return None, value
    if any(section.condition for section in sections):
        for section in sections:
            if section.condition is None:
                return section, value
            sign, limit = section.condition
            if _COMPARISONS[sign](value, limit):
                below_zero = sign in ("<", "<=") and limit <= 0
                return section, abs(value) if below_zero else value
        return None, value
    if value < 0 and len(sections) > 1:
        return sections[1], abs(value)
    if value == 0 and len(sections) > 2:
        return sections[2], value
    return sections[0], value


@lru_cache(maxsize=512)
def _sections(form: str) -> tuple[Section, ...]:
    found: list[Section] = []
    tokens: list[Token] = []
    condition: tuple[str, float] | None = None
    form = form[:_MAX_FORMAT_CHARACTERS]
    begin = 0
    for match in _TOKEN.finditer(form):
        kind = match.lastgroup or "other"
        text = match[kind]
        if kind == "other" and text == ";":
            found.append(_section(form[begin : match.start()], tuple(tokens), condition))
            tokens, condition, begin = [], None, match.end()
        elif kind == "bracket":
            limit = _CONDITION.fullmatch(text.strip())
            currency = _CURRENCY.fullmatch(text)
            if limit:
                condition = (limit[1], float(limit[2]))
            elif currency:
                tokens.append(Token("quoted", currency[1]))
        elif kind == "space":
            tokens.append(Token("quoted", " "))
        elif kind != "fill":
            tokens.append(Token("quoted" if kind == "escaped" else kind, text))
    found.append(_section(form[begin:], tuple(tokens), condition))
    return tuple(found)


def _section(form: str, tokens: tuple[Token, ...], condition: tuple[str, float] | None) -> Section:
    kind = "number"
    date = None
    if any(one.kind == "general" for one in tokens):
        kind = "general"
    elif date := read_date_form(form):
        kind = "date"
    elif Token("other", "@") in tokens:
        kind = "text"
    return Section(tokens, condition, kind, date, _layout(tokens))


def _layout(tokens: tuple[Token, ...]) -> Layout:
    digits = [at for at, one in enumerate(tokens) if one.kind == "digit"]
    signs = [(at, one.text) for at, one in enumerate(tokens) if one.kind == "other"]
    point = next((at for at, text in signs if text == "."), len(tokens))
    before = [at for at in digits if at < point]
    commas = [at for at, text in signs if text == ","]
    scale = 0  # each comma after the last place takes three digits away
    while digits and digits[-1] + scale + 1 in commas:
        scale += 1
    percent = sum(1 for _, text in signs if text == "%")
    return Layout(
        before=before,
        after=[at for at in digits if at > point][:_MAX_DECIMALS],
        exponent=next((at for at, one in enumerate(tokens) if one.kind == "exponent"), None),
        is_fraction=bool(digits) and any(text == "/" for _, text in signs),
        is_grouped=any(before and before[0] < at < before[-1] for at in commas),
        factor=Decimal(100) ** percent / Decimal(1000) ** scale,
    )


def _around(tokens: Sequence[Token], text: str, kind: str, sign: str | None = None) -> str:
    """The words of a format around a number or text that it does not change."""
    if not tokens:
        return text
    made = "".join(
        text if one.kind == kind and sign in (None, one.text) else _literal(one) for one in tokens
    )
    return " ".join(made.split()) if kind == "general" else made.strip()


def _literal(token: Token) -> str:
    return token.text if token.kind in ("quoted", "other") else ""


def _fill(section: Section, value: float) -> str:
    """Puts the digits of a number into the places of a format."""
    tokens, layout = section.tokens, section.layout
    if layout.is_fraction:
        return _fraction(tokens, value)
    if not layout.before and not layout.after:  # words alone
        return ("-" if value < 0 else "") + "".join(map(_literal, tokens))
    number = Decimal(repr(value)) * layout.factor
    if layout.exponent is not None:
        return _scientific(tokens, layout.exponent, number)
    return _place(tokens, layout, _round(number, len(layout.after)), number < 0)


def _round(number: Decimal, decimals: int) -> tuple[str, str]:
    """The digits before and after the point; halves are rounded up, as people do."""
    rounded = abs(number).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    whole, _, parts = f"{rounded:f}".partition(".")
    return whole.lstrip("0"), parts


def _place(
    tokens: tuple[Token, ...], layout: Layout, digits: tuple[str, str], negative: bool
) -> str:
    before, after = layout.before, layout.after
    whole, parts = digits
    needed = sum(1 for at in before if tokens[at].text == "0")
    first = next((n for n, at in enumerate(before) if tokens[at].text == "0"), len(before))
    whole = whole.rjust(max(needed, len(before) - first), "0") if needed else whole
    shown = _digits_by_place(before, whole, layout.is_grouped)
    kept = len(parts)
    while kept and parts[kept - 1] == "0" and tokens[after[kept - 1]].text != "0":
        kept -= 1
    shown |= {at: parts[n] if n < kept else "" for n, at in enumerate(after)}
    zero = not any(char in "123456789" for char in whole + parts)
    made = "-" if negative and not zero else ""
    for at, token in enumerate(tokens):
        if token.kind == "digit":
            made += shown.get(at, "")
        elif token.kind != "other" or token.text not in ".,":
            made += _literal(token)
        elif token.text == "." or not before or at < before[0]:
            made += token.text if token.text == "," or kept else ""
    return made


def _digits_by_place(places: list[int], whole: str, grouped: bool) -> dict[int, str]:
    """Digits from the right; those that have no place stand in the first one."""
    shown: dict[int, str] = {}
    left = whole
    for number, at in enumerate(reversed(places)):
        last = number == len(places) - 1
        piece, left = (left, "") if last else (left[-1:], left[:-1])
        if grouped:
            piece = _group(piece, number)
        shown[at] = piece
    return shown


def _group(piece: str, right: int) -> str:
    """Digits with commas, where so many others stand to the right of them."""
    made = ""
    for count, digit in enumerate(reversed(piece), right):
        made = digit + ("," if count and count % 3 == 0 else "") + made
    return made


def _scientific(tokens: tuple[Token, ...], exponent: int, number: Decimal) -> str:
    point = next((at for at, one in enumerate(tokens) if one == Token("other", ".")), exponent)
    decimals = sum(1 for one in tokens[point:exponent] if one.kind == "digit")
    width = sum(1 for one in tokens[exponent:] if one.kind == "digit")
    mantissa, _, power = f"{number:.{min(decimals, _MAX_DECIMALS)}E}".partition("E")
    sign = "-" if int(power) < 0 else "+" if tokens[exponent].text.endswith("+") else ""
    before = "".join(_literal(one) for one in tokens if one.kind == "quoted")
    return f"{mantissa}E{sign}{str(abs(int(power))).rjust(width, '0')}{before}"


def _fraction(tokens: tuple[Token, ...], value: float) -> str:
    """A number as a fraction; a denominator may be given: `# ?/8`."""
    slash = next(at for at, one in enumerate(tokens) if one == Token("other", "/"))
    below = tokens[slash + 1 :]
    fixed = "".join(one.text for one in below if one.text.isdigit())
    whole_place = (
        any(one.kind == "other" and one.text == " " for one in tokens[:slash])
        and sum(1 for one in tokens[:slash] if one.kind == "digit") > 1
    )
    places = sum(1 for one in below if one.kind == "digit")
    number = abs(Fraction(repr(value)))
    whole = int(number) if whole_place else 0
    rest = number - whole
    if fixed.strip("0"):
        above, under = round(rest * int(fixed)), int(fixed)
    else:
        near = rest.limit_denominator(10 ** min(max(places, 1), 7) - 1)
        above, under = near.numerator, near.denominator
    if above == under and whole_place:
        whole, above = whole + 1, 0
    sign = "-" if value < 0 and (whole or above) else ""
    if whole_place and not above:
        return f"{sign}{whole}"
    return f"{sign}{f'{whole} ' if whole else ''}{above}/{under}"
