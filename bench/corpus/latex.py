"""Writes a source as a LaTeX document, with `tabular`, `enumerate` and `\\footnote`."""

from __future__ import annotations

from bench.corpus.tree import (
    Definitions,
    Grid,
    Item,
    Listing,
    Piece,
    Program,
    Runs,
    Source,
    Text,
    Title,
    marker,
)

_PREAMBLE = r"""\documentclass[a4paper,11pt]{article}
\usepackage{fontspec}
\usepackage[margin=2.5cm]{geometry}
\setmainfont{%s}
\setmonofont{DejaVu Sans Mono}
%s
\setcounter{secnumdepth}{0}
\begin{document}
"""
_EAST_ASIAN_FONTS = {
    "zh": "Noto Serif CJK SC",
    "ja": "Noto Serif CJK JP",
    "ko": "Noto Serif CJK KR",
}
_SPECIAL = str.maketrans(
    {character: f"\\{character}" for character in "#$%&_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_SECTIONS = {2: "section", 3: "subsection", 4: "subsubsection"}
_SIMPLE = {
    "b": "textbf",
    "i": "emph",
    "code": "texttt",
    "sup": "textsuperscript",
    "sub": "textsubscript",
    "note": "footnote",
}


def write_latex(source: Source) -> str:
    """The source for XeLaTeX."""
    breaks = ""
    if source.language in ("zh", "ja"):  # Korean has spaces to break lines at
        breaks = f'\\XeTeXlinebreaklocale "{source.language}"\n\\XeTeXlinebreakskip=0pt plus 1pt'
    font = _EAST_ASIAN_FONTS.get(source.language, "DejaVu Serif")
    body = "\n\n".join(map(_piece, source.pieces))
    return (
        f"{_PREAMBLE % (font, breaks)}{{\\LARGE\\bfseries {_escape(source.title)}\\par}}"
        f"\n\\bigskip\n\n{body}\n\\end{{document}}\n"
    )


def _piece(piece: Piece) -> str:
    match piece:
        case Title():
            return f"\\{_SECTIONS[piece.level]}{{{_text(piece.runs)}}}"
        case Text(kind="quote"):
            return f"\\begin{{quote}}\n{_text(piece.runs)}\n\\end{{quote}}"
        case Text():
            return _text(piece.runs)
        case Listing():
            return _listing(piece, 0)
        case Program():
            return f"\\begin{{verbatim}}\n{piece.text}\n\\end{{verbatim}}"
        case Definitions():
            items = "\n".join(f"\\item[{_text(a)}] {_text(b)}" for a, b in piece.terms)
            return f"\\begin{{description}}\n{items}\n\\end{{description}}"
        case Grid():
            return _grid(piece)


def _listing(listing: Listing, depth: int) -> str:
    kind = "enumerate" if listing.style else "itemize"
    items = "\n".join(_item(listing, at, item, depth) for at, item in enumerate(listing.items))
    return f"\\begin{{{kind}}}\n{items}\n\\end{{{kind}}}"


def _item(listing: Listing, at: int, item: Item, depth: int) -> str:
    label = ""
    if item.done is not None:
        label = "[☒]" if item.done else "[☐]"
    elif listing.style:
        dot = ")" if listing.style == "a" else "."
        label = f"[{marker(listing, at)}{dot}]"
    inside = "" if item.inside is None else f"\n{_listing(item.inside, depth + 1)}"
    return f"\\item{label} {_text(item.runs)}{inside}"


def _grid(grid: Grid) -> str:
    lines = [" & ".join(f"\\textbf{{{_text(name)}}}" for name in grid.header)]
    for row in grid.rows:
        cells = (
            f"\\multicolumn{{{cell.columns}}}{{l}}{{{_text(cell.runs)}}}"
            if cell.columns > 1
            else _text(cell.runs)
            for cell in row
        )
        lines.append(" & ".join(cells))
    head, *rest = (f"{line} \\\\" for line in lines)
    body = "\n".join(("\\hline", head, "\\hline", *rest, "\\hline"))
    caption = f"\\caption{{{_escape(grid.caption)}}}\n" if grid.caption else ""
    return (
        f"\\begin{{table}}[!ht]\\centering\n{caption}"
        f"\\begin{{tabular}}{{{'l' * len(grid.header)}}}\n"
        f"{body}\n\\end{{tabular}}\n\\end{{table}}"
    )


def _text(runs: Runs) -> str:
    made: list[str] = []
    for run in runs:
        inner = _escape(run.text)
        match run.mark:
            case "" | "link":
                made.append(inner)
            case "ruby":
                made.append(f"{inner}({_escape(run.more)})")
            case mark:
                made.append(f"\\{_SIMPLE[mark]}{{{inner}}}")
    return "".join(made)


def _escape(text: str) -> str:
    return text.translate(_SPECIAL)
