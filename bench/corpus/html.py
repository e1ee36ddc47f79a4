"""Writes a source as a plain HTML page, as somebody writes one by hand."""

from __future__ import annotations

from html import escape

from bench.corpus.tree import (
    Cell,
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
)

_STYLE = """
body { font-family: "DejaVu Serif", "Noto Serif CJK SC", serif; font-size: 11pt; }
table { border-collapse: collapse; } th, td { border: 1px solid #888; padding: 2pt 5pt; }
th { background: #eee; }
"""
_LETTERS = {"a": "lower-alpha", "A": "upper-alpha", "i": "lower-roman"}
_SIMPLE = {"b": "b", "i": "em", "code": "code", "sup": "sup", "sub": "sub"}


def write_html(source: Source) -> str:
    """The source as a page, its footnotes at the end."""
    return _Page().write(source)


class _Page:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def write(self, source: Source) -> str:
        body = "\n".join(self.piece(piece) for piece in source.pieces)
        notes = "".join(f'<p id="n{n}"><sup>{n}</sup> {text}</p>' for n, text in self.numbered())
        direction = ' dir="rtl"' if source.language in ("ar", "he") else ""
        return (
            f'<!DOCTYPE html>\n<html lang="{source.language}"{direction}>'
            f'<head><meta charset="utf-8"><title>'
            f"{escape(source.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
            f"<h1>{escape(source.title)}</h1>\n{body}\n{notes}\n</body></html>\n"
        )

    def numbered(self) -> list[tuple[int, str]]:
        return list(enumerate(self.notes, 1))

    def piece(self, piece: Piece) -> str:
        match piece:
            case Title():
                return f"<h{piece.level}>{self.text(piece.runs)}</h{piece.level}>"
            case Text(kind="quote"):
                return f"<blockquote><p>{self.text(piece.runs)}</p></blockquote>"
            case Text():
                return f"<p>{self.text(piece.runs)}</p>"
            case Listing():
                return self.listing(piece)
            case Program():
                return f"<pre><code>{escape(piece.text)}</code></pre>"
            case Definitions():
                rows = (f"<dt>{self.text(a)}</dt><dd>{self.text(b)}</dd>" for a, b in piece.terms)
                return f"<dl>{''.join(rows)}</dl>"
            case Grid():
                return self.grid(piece)

    def listing(self, listing: Listing) -> str:
        items = "\n".join(map(self.item, listing.items))
        if not listing.style:
            return f"<ul>\n{items}\n</ul>"
        start = f' start="{listing.start}"' if listing.start != 1 else ""
        style = _LETTERS.get(listing.style, "")
        if style:
            style = f' type="{listing.style}" style="list-style-type: {style}"'
        return f"<ol{start}{style}>\n{items}\n</ol>"

    def item(self, item: Item) -> str:
        box = ""
        if item.done is not None:
            box = f'<input type="checkbox"{" checked" if item.done else ""} disabled> '
        inside = "" if item.inside is None else f"\n{self.listing(item.inside)}"
        return f"<li>{box}{self.text(item.runs)}{inside}</li>"

    def grid(self, grid: Grid) -> str:
        caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
        names = "".join(f"<th>{self.text(name)}</th>" for name in grid.header)
        rows = "\n".join(f"<tr>{''.join(map(self.cell, row))}</tr>" for row in grid.rows)
        return f"<table>{caption}<thead><tr>{names}</tr></thead>\n<tbody>{rows}</tbody></table>"

    def cell(self, cell: Cell) -> str:
        spans = _span("col", cell.columns) + _span("row", cell.rows)
        return f"<td{spans}>{self.text(cell.runs)}</td>"

    def text(self, runs: Runs) -> str:
        made: list[str] = []
        for run in runs:
            inner = escape(run.text, quote=False)
            match run.mark:
                case "note":
                    self.notes.append(inner)
                    number = len(self.notes)
                    made.append(f'<sup><a href="#n{number}">{number}</a></sup>')
                case "link":
                    made.append(f'<a href="{escape(run.more)}">{inner}</a>')
                case "ruby":
                    made.append(f"<ruby>{inner}<rt>{escape(run.more)}</rt></ruby>")
                case "":
                    made.append(inner)
                case mark:
                    made.append(f"<{_SIMPLE[mark]}>{inner}</{_SIMPLE[mark]}>")
        return "".join(made)


def _span(kind: str, count: int) -> str:
    return f' {kind}span="{count}"' if count > 1 else ""
