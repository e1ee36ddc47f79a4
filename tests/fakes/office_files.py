"""Office documents made of the XML that their programs write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_NAMES = (
    f'xmlns:w="{WORD}" xmlns:r="{RELATIONS}" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
)


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip file of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def relations(kinds: Mapping[str, str]) -> str:
    """The relations of a part: targets by kind. The kind is the id, too."""
    listed = "".join(
        f'<Relationship Id="{kind}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for kind, target in kinds.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def docx(body: str, others: Mapping[str, str] | None = None, **parts: str) -> bytes:
    """A document with this body, and the insides of parts such as `styles` and `footnotes`.

    `others` are members by path; their kind is the name before the first dot.
    """
    others = others or {}
    types = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{_KIND}.{name}+xml"/>'
        for name in parts
    )
    targets = {name: f"{name}.xml" for name in parts}
    targets |= {path.partition(".")[0]: path for path in others}
    tags = {"header": "hdr", "footer": "ftr"}
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{_KIND}.document.main+xml"/>'
            f"{types}</Types>",
            "_rels/.rels": relations({"officeDocument": "word/document.xml"}),
            "word/_rels/document.xml.rels": relations(targets),
            "word/document.xml": f"<w:document {_NAMES}><w:body>{body}</w:body></w:document>",
            **{
                f"word/{name}.xml": f"<w:{tags.get(name, name)} {_NAMES}>{inside}"
                f"</w:{tags.get(name, name)}>"
                for name, inside in parts.items()
            },
            **{f"word/{path}": text for path, text in others.items()},
        }
    )


def run(text: str, look: str = "") -> str:
    """A run of text; `look` is what its properties say."""
    properties = f"<w:rPr>{look}</w:rPr>" if look else ""
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(text: str, inside: str = "", style: str = "", look: str = "") -> str:
    """A paragraph of a text and what stands `inside` it after that."""
    if style:
        look = f'<w:pStyle w:val="{style}"/>{look}'
    properties = f"<w:pPr>{look}</w:pPr>" if look else ""
    return f"<w:p>{properties}{run(text) if text else ''}{inside}</w:p>"


def listed(text: str, number: int = 1, level: int = 0) -> str:
    """A paragraph of a list."""
    numbers = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return paragraph(text, look=numbers)


def numbering(*levels: tuple[str, str], more: str = "") -> str:
    """The inside of a numbering part: list 1 has these levels (format, text)."""
    made = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for at, (form, text) in enumerate(levels)
    )
    return (
        f'<w:abstractNum w:abstractNumId="0">{made}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>{more}'
    )


def styles(**names: str) -> str:
    """The inside of a styles part: names by id, after `: ` what the style says."""
    made = ""
    for identity, name in names.items():
        called, _, inside = name.partition(": ")
        made += (
            f'<w:style w:type="paragraph" w:styleId="{identity}"><w:name w:val="{called}"/>'
            f"{inside}</w:style>"
        )
    return made


def table(*rows: str) -> str:
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def cell(text: str, look: str = "") -> str:
    properties = f"<w:tcPr>{look}</w:tcPr>" if look else ""
    return f"<w:tc>{properties}{paragraph(text)}</w:tc>"


_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SHEET_NAMES = f'xmlns="{_SHEET}" xmlns:r="{RELATIONS}"'


def xlsx(
    sheets: Mapping[str, str],
    *,
    formats: tuple[str, ...] = (),
    texts: tuple[str, ...] = (),
    states: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
) -> bytes:
    """A workbook: the insides of its sheets by name.

    Cell style 0 is General, 1 has the first of `formats`. `texts` are the insides of shared
    strings. `others` are the parts that the first sheet refers to, by path; their kind is the
    name before the first dot.
    """
    states, others = states or {}, others or {}
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="s{at}" state="{states.get(name, "visible")}"/>'
        for at, name in enumerate(sheets, 1)
    )
    parts = "".join(
        f'<Relationship Id="s{at}" Type="{RELATIONS}/worksheet" Target="worksheets/s{at}.xml"/>'
        for at in range(1, len(sheets) + 1)
    )
    shared = relations({"styles": "styles.xml", "sharedStrings": "strings.xml"})
    own = "".join(
        f'<numFmt numFmtId="{at + 164}" formatCode="{form}"/>' for at, form in enumerate(formats)
    )
    looks = "".join(f'<xf numFmtId="{at + 164}"/>' for at in range(len(formats)))
    first = relations({path.partition(".")[0]: f"../{path}" for path in others})
    return zipped(
        {
            "_rels/.rels": relations({"officeDocument": "xl/workbook.xml"}),
            "xl/workbook.xml": f"<workbook {_SHEET_NAMES}><sheets>{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": shared.replace("</R", f"{parts}</R", 1),
            "xl/styles.xml": f"<styleSheet {_SHEET_NAMES}><numFmts>{own}</numFmts><cellXfs><xf "
            f'numFmtId="0"/>{looks}</cellXfs></styleSheet>',
            "xl/strings.xml": f"<sst {_SHEET_NAMES}>"
            + "".join(f"<si>{text}</si>" for text in texts)
            + "</sst>",
            "xl/worksheets/_rels/s1.xml.rels": first,
            **{
                f"xl/worksheets/s{at}.xml": f"<worksheet {_SHEET_NAMES}>{inside}</worksheet>"
                for at, inside in enumerate(sheets.values(), 1)
            },
            **{f"xl/{path}": text for path, text in others.items()},
        }
    )


def rows(*lines: str, after: str = "") -> str:
    """The inside of a sheet: rows of cells with bars between them; a blank line is no row.

    A number may have its style before it: `1:42`.
    """
    made = ""
    for number, line in enumerate(lines, 1):
        cells = line.split("|") if line else []
        inside = "".join(
            _cell(f"{chr(65 + at)}{number}", text) for at, text in enumerate(cells) if text
        )
        made += f'<row r="{number}">{inside}</row>' if inside else ""
    return f"<sheetData>{made}</sheetData>{after}"


def _cell(reference: str, text: str) -> str:
    style, mark, number = text.rpartition(":")
    if number.replace(".", "").replace("-", "").isdecimal() and style.isdecimal() == bool(mark):
        return f'<c r="{reference}" s="{style or 0}"><v>{number}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


_SHOW = "http://schemas.openxmlformats.org/presentationml/2006/main"
_SHAPES = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SHOW_NAMES = f'xmlns:p="{_SHOW}" xmlns:a="{_SHAPES}" xmlns:r="{RELATIONS}"'


def pptx(*slides: str, others: Mapping[str, str] | None = None) -> bytes:
    """A presentation of slides, each as its shapes. `others` are the parts that the first slide
    refers to, by path; their kind is the name before the first dot."""
    others = others or {}
    listed = "".join(f'<p:sldId r:id="s{at}"/>' for at in range(1, len(slides) + 1))
    parts = "".join(
        f'<Relationship Id="s{at}" Type="{RELATIONS}/slide" Target="slides/s{at}.xml"/>'
        for at in range(1, len(slides) + 1)
    )
    first = relations({path.partition(".")[0]: f"../{path}" for path in others})
    return zipped(
        {
            "_rels/.rels": relations({"officeDocument": "ppt/presentation.xml"}),
            "ppt/presentation.xml": f"<p:presentation {_SHOW_NAMES}><p:sldIdLst>{listed}"
            "</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations({}).replace("</R", f"{parts}</R", 1),
            "ppt/slides/_rels/s1.xml.rels": first,
            **{f"ppt/slides/s{at}.xml": tree("sld", shapes) for at, shapes in enumerate(slides, 1)},
            **{f"ppt/{path}": text for path, text in others.items()},
        }
    )


def tree(root: str, shapes: str) -> str:
    """A slide (`sld`) or a page of notes (`notes`) with these shapes."""
    inside = f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>"
    return f"<p:{root} {_SHOW_NAMES}>{inside}</p:{root}>"


def shape(*lines: str, kind: str = "") -> str:
    """A shape with a paragraph for each line; `kind` makes it a placeholder.

    A line that begins with `<` is the inside of its paragraph.
    """
    mark = f'<p:ph type="{kind}"/>' if kind else ""
    made = "".join(
        f"<a:p>{line if line.startswith('<') else f'<a:r><a:t>{line}</a:t></a:r>'}</a:p>"
        for line in lines
    )
    named = f"<p:nvSpPr><p:nvPr>{mark}</p:nvPr></p:nvSpPr>"
    return f"<p:sp>{named}<p:txBody>{made}</p:txBody></p:sp>"


def epub(spine: Mapping[str, str | None], **members: str) -> bytes:
    """A book of chapters by their paths; None is one that is not there. `members` are files of
    `META-INF` by name."""
    items = "".join(f'<item id="i{at}" href="{path}"/>' for at, path in enumerate(spine))
    marks = "".join(f'<itemref idref="i{at}"/>' for at in range(len(spine)))
    return zipped(
        {
            "META-INF/container.xml": "<container><rootfiles>"
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
            "OPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<metadata><dc:title>The lighthouse</dc:title></metadata>"
            f"<manifest>{items}</manifest><spine>{marks}</spine></package>",
            **{
                f"OPS/{path}": f"<html><body>{inside}</body></html>"
                for path, inside in spine.items()
                if inside is not None
            },
            **{f"META-INF/{name}.xml": text for name, text in members.items()},
        }
    )
