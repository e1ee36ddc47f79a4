"""Writes the sheets of a source as SpreadsheetML of 2003, which LibreOffice and Gnumeric open."""

from __future__ import annotations

import datetime
from xml.sax.saxutils import escape, quoteattr

from bench.corpus.tree import Source, Value


def write_spreadsheet_xml(source: Source) -> str:
    """The source as a workbook."""
    patterns = sorted(
        {
            value.pattern
            for sheet in source.sheets
            for row in sheet.rows
            for value in row
            if value.pattern
        }
    )
    styles = "".join(
        f'<Style ss:ID="s{at}"><NumberFormat ss:Format={quoteattr(pattern)}/></Style>'
        for at, pattern in enumerate(patterns)
    )
    sheets = ""
    for sheet in source.sheets:
        names = "".join(
            f'<Cell><Data ss:Type="String">{escape(name)}</Data></Cell>' for name in sheet.columns
        )
        rows = "".join(
            "<Row>" + "".join(_cell(value, patterns) for value in row) + "</Row>"
            for row in sheet.rows
        )
        sheets += (
            f"<Worksheet ss:Name={quoteattr(sheet.name)}><Table><Row>{names}</Row>{rows}"
            "</Table></Worksheet>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        f'<Styles><Style ss:ID="Default"/>{styles}</Styles>{sheets}</Workbook>\n'
    )


def _cell(value: Value, patterns: list[str]) -> str:
    style = f' ss:StyleID="s{patterns.index(value.pattern)}"' if value.pattern else ""
    stored = value.stored
    if isinstance(stored, datetime.date):
        kind, text = "DateTime", f"{stored.isoformat()}T00:00:00.000"
    elif isinstance(stored, str):
        kind, text = "String", escape(stored)
    else:
        kind, text = "Number", repr(stored)
    return f'<Cell{style}><Data ss:Type="{kind}">{text}</Data></Cell>'
