"""Writes a source as flat OpenDocument (`.fodt`), which LibreOffice opens and saves as others."""

from __future__ import annotations

from xml.sax.saxutils import escape

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
)

NAMESPACES = (
    " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in {
            "office": "office",
            "style": "style",
            "text": "text",
            "table": "table",
            "fo": "xsl-fo-compatible",
            "svg": "svg-compatible",
        }.items()
    )
    + ' xmlns:xlink="http://www.w3.org/1999/xlink"'
)
_MARKS = {
    "b": '<style:text-properties fo:font-weight="bold" style:font-weight-asian="bold"/>',
    "i": '<style:text-properties fo:font-style="italic" style:font-style-asian="italic"/>',
    "code": '<style:text-properties style:font-name="DejaVu Sans Mono"/>',
    "sup": '<style:text-properties style:text-position="super 58%"/>',
    "sub": '<style:text-properties style:text-position="sub 58%"/>',
}
_HEADING_SIZES_PT = {1: 20, 2: 16, 3: 13, 4: 12}
_FONTS = (
    'style:font-name="DejaVu Serif" style:font-name-asian="{asian}" '
    'style:font-name-complex="DejaVu Sans"'
)
_ASIAN_FONTS = {"ja": "Noto Serif CJK JP", "ko": "Noto Serif CJK KR"}


def font_faces(language: str) -> str:
    """The fonts of a document, and how its text is written with them."""
    faces = ("DejaVu Serif", "DejaVu Sans", "DejaVu Sans Mono", asian_font(language))
    inner = "".join(
        f'<style:font-face style:name="{face}" svg:font-family="\'{face}\'"/>' for face in faces
    )
    return f"<office:font-face-decls>{inner}</office:font-face-decls>"


def asian_font(language: str) -> str:
    """The font for Chinese characters, which differ from language to language."""
    return _ASIAN_FONTS.get(language, "Noto Serif CJK SC")


def text_marks() -> str:
    """The styles that `flat_runs` uses."""
    return "".join(
        f'<style:style style:name="{name}" style:family="text">{properties}</style:style>'
        for name, properties in _MARKS.items()
    )


class FlatText:
    """Writes one document; lists of a kind get a style of their own, made as they come."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._list_styles: list[str] = []
        self._tables = 0
        self._notes = 0

    def write(self) -> str:
        """The whole document."""
        source = self._source
        title = self.heading(1, escape(source.title))
        body = title + "".join(map(self.piece, source.pieces))
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<office:document {NAMESPACES} office:version="1.3" '
            'office:mimetype="application/vnd.oasis.opendocument.text">'
            f"{font_faces(source.language)}<office:styles>{self._styles()}</office:styles>"
            f"<office:automatic-styles>{text_marks()}{''.join(self._list_styles)}"
            '<style:style style:name="box" style:family="table-cell"><style:table-cell-properties '
            'fo:border="0.5pt solid #000000" fo:padding="0.1cm"/></style:style>'
            f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
            "</office:document>\n"
        )

    def _styles(self) -> str:
        fonts = _FONTS.format(asian=asian_font(self._source.language))
        headings = "".join(
            f'<style:style style:name="Heading_20_{level}" style:display-name="Heading {level}" '
            f'style:family="paragraph" style:default-outline-level="{level}" '
            'style:parent-style-name="Standard"><style:paragraph-properties fo:margin-top="0.4cm" '
            f'fo:margin-bottom="0.2cm"/><style:text-properties fo:font-size="{size}pt" '
            f'style:font-size-asian="{size}pt" fo:font-weight="bold" '
            'style:font-weight-asian="bold"/></style:style>'
            for level, size in _HEADING_SIZES_PT.items()
        )
        others = "".join(
            f'<style:style style:name="{name}" style:family="paragraph" '
            'style:parent-style-name="Standard"/>'
            for name in ("Table", "Quotations", "Preformatted_20_Text", "Footnote")
        )
        return (
            f'<style:default-style style:family="paragraph"><style:text-properties {fonts} '
            f'fo:language="{self._source.language}" fo:font-size="11pt" '
            'style:font-size-asian="11pt"/></style:default-style>'
            '<style:style style:name="Standard" style:family="paragraph"/>'
            f"{headings}{others}"
        )

    def heading(self, level: int, text: str) -> str:
        return (
            f'<text:h text:style-name="Heading_20_{level}" text:outline-level="{level}">{text}'
            "</text:h>"
        )

    def piece(self, piece: Piece) -> str:
        match piece:
            case Title():
                return self.heading(piece.level, self.runs(piece.runs))
            case Text():
                style = "Quotations" if piece.kind == "quote" else "Standard"
                return _paragraph(self.runs(piece.runs), style)
            case Listing():
                return self.listing(piece)
            case Program():
                lines = (
                    escape(line).replace("  ", ' <text:s text:c="1"/>')
                    for line in piece.text.split("\n")
                )
                return "".join(_paragraph(line, "Preformatted_20_Text") for line in lines)
            case Definitions():
                return "".join(
                    _paragraph(f"{self.runs(term)}: {self.runs(text)}")
                    for term, text in piece.terms
                )
            case Grid():
                return self.grid(piece)

    def listing(self, listing: Listing, depth: int = 1) -> str:
        """A list; that inside of an item has a style of its own, too."""
        name = f"L{len(self._list_styles)}"
        self._list_styles.append("")
        at = len(self._list_styles) - 1
        indent = (
            "<style:list-level-properties "
            'text:list-level-position-and-space-mode="label-alignment">'
            f'<style:list-level-label-alignment text:label-followed-by="listtab" '
            f'fo:text-indent="-0.6cm" fo:margin-left="{0.7 * depth:.1f}cm"/>'
            "</style:list-level-properties>"
        )
        if listing.style:
            dot = ")" if listing.style == "a" else "."
            level = (
                f'<text:list-level-style-number text:level="{depth}" style:num-suffix="{dot}" '
                f'style:num-format="{listing.style}" text:start-value="{listing.start}">{indent}'
                "</text:list-level-style-number>"
            )
        else:
            level = (
                f'<text:list-level-style-bullet text:level="{depth}" text:bullet-char="•">{indent}'
                "</text:list-level-style-bullet>"
            )
        self._list_styles[at] = f'<text:list-style style:name="{name}">{level}</text:list-style>'
        items = "".join(self.item(item, depth) for item in listing.items)
        return f'<text:list text:style-name="{name}">{items}</text:list>'

    def item(self, item: Item, depth: int) -> str:
        box = "" if item.done is None else ("☒ " if item.done else "☐ ")
        inside = "" if item.inside is None else self.listing(item.inside, depth + 1)
        return f"<text:list-item>{_paragraph(box + self.runs(item.runs))}{inside}</text:list-item>"

    def grid(self, grid: Grid) -> str:
        self._tables += 1
        names = "".join(self.cell(self.runs(name), "") for name in grid.header)
        rows: list[str] = []
        blocked: set[tuple[int, int]] = set()
        for down, row in enumerate(grid.rows):
            made, column = "", 0
            for cell in row:
                while (down, column) in blocked:
                    made += "<table:covered-table-cell/>"
                    column += 1
                span = (
                    f' table:number-columns-spanned="{cell.columns}"'
                    f' table:number-rows-spanned="{cell.rows}"'
                    if cell.columns > 1 or cell.rows > 1
                    else ""
                )
                made += self.cell(self.runs(cell.runs), span)
                made += "<table:covered-table-cell/>" * (cell.columns - 1)
                blocked |= {
                    (down + below, column + right)
                    for below in range(1, cell.rows)
                    for right in range(cell.columns)
                }
                column += cell.columns
            while (down, column) in blocked:
                made += "<table:covered-table-cell/>"
                column += 1
            rows.append(f"<table:table-row>{made}</table:table-row>")
        caption = _paragraph(escape(grid.caption), "Table") if grid.caption else ""
        return (
            f'{caption}<table:table table:name="T{self._tables}"><table:table-column '
            f'table:number-columns-repeated="{len(grid.header)}"/><table:table-header-rows>'
            f"<table:table-row>{names}</table:table-row></table:table-header-rows>"
            f"{''.join(rows)}</table:table>{_paragraph('')}"
        )

    def cell(self, text: str, span: str) -> str:
        return (
            f'<table:table-cell table:style-name="box" office:value-type="string"{span}>'
            f"{_paragraph(text)}</table:table-cell>"
        )

    def runs(self, runs: Runs) -> str:
        made: list[str] = []
        for run in runs:
            inner = escape(run.text)
            match run.mark:
                case "":
                    made.append(inner)
                case "link":
                    made.append(f'<text:a xlink:href="{escape(run.more)}">{inner}</text:a>')
                case "ruby":
                    made.append(
                        f"<text:ruby><text:ruby-base>{inner}</text:ruby-base><text:ruby-text>"
                        f"{escape(run.more)}</text:ruby-text></text:ruby>"
                    )
                case "note":
                    self._notes += 1
                    made.append(
                        f'<text:note text:id="n{self._notes}" text:note-class="footnote">'
                        f"<text:note-citation>{self._notes}</text:note-citation><text:note-body>"
                        f"{_paragraph(inner, 'Footnote')}</text:note-body></text:note>"
                    )
                case mark:
                    made.append(f'<text:span text:style-name="{mark}">{inner}</text:span>')
        return "".join(made)


def _paragraph(text: str, style: str = "Standard") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def write_flat_text(source: Source) -> str:
    """The source as a text document."""
    return FlatText(source).write()
