"""Cells of HTML stand in their own column, also where others span rows and columns."""

from __future__ import annotations

from bot.web.markup import to_markdown


def table(*rows: str) -> list[str]:
    found = to_markdown(f"<html><body><table>{''.join(rows)}</table></body></html>")
    return found.split("\n")


def test_cells_beside_one_that_spans_rows_stood_in_the_wrong_column() -> None:
    assert table(
        "<tr><th>Region</th><th>Town</th><th>Trams</th></tr>",
        "<tr><td rowspan=2>North</td><td>Kiel</td><td>0</td></tr>",
        "<tr><td>Bremen</td><td>8</td></tr>",
        "<tr><td>South</td><td>Ulm</td><td rowspan=9>2</td></tr>",
        "<tr><td>West</td><td>Trier</td></tr>",
    )[2:] == [
        "| North | Kiel | 0 |",
        "| North | Bremen | 8 |",
        "| South | Ulm | 2 |",
        "| West | Trier | 2 |",
    ]


def test_a_bar_in_a_cell_cut_it_in_two() -> None:
    assert table(
        "<tr><th>Option</th><th>Type</th><th>Default</th></tr>",
        "<tr><td>limit</td><td><code>int | None</code></td><td>3</td></tr>",
    )[2] == ("| limit | `int \\| None` | 3 |")


def test_names_of_columns_in_two_rows_lost_the_upper_one() -> None:
    assert table(
        "<thead><tr><th colspan=5>Table 4: Passengers</th></tr>",
        "<tr><th rowspan=2>Town</th><th colspan=2>2023</th><th colspan=2>2024</th></tr>",
        "<tr><th>in</th><th>out</th><th>in</th><th>out</th></tr></thead>",
        "<tbody><tr><td>Kiel</td><td>1</td><td>2</td><td>3</td><td>4</td></tr></tbody>",
    ) == [
        "Table 4: Passengers",
        "",
        "| Town | 2023 in | 2023 out | 2024 in | 2024 out |",
        "| --- | --- | --- | --- | --- |",
        "| Kiel | 1 | 2 | 3 | 4 |",
    ]


def test_a_page_arranged_by_tables_was_one_line() -> None:
    assert table(
        "<tr><td><h2>Lamps</h2><p>They burn oil.</p><pre>light()\nwait()</pre></td>",
        "<td><table><tr><th>Lamp</th><th>Oil</th></tr><tr><td>A</td><td>3</td></tr></table></td></tr>",
    ) == [
        *("## Lamps", "", "They burn oil.", "", "```", "light()", "wait()", "```", ""),
        *("| Lamp | Oil |", "| --- | --- |", "| A | 3 |"),
    ]


def test_a_small_table_in_a_cell_took_the_columns_from_the_one_around_it() -> None:
    assert table(
        "<tr><th>Lamp</th><th>Burns</th><th>Since</th></tr>",
        "<tr><td>A</td><td><table><tr><td>oil</td><td>3 l</td></tr></table></td><td>1990</td></tr>",
    )[2:] == ["| A | oil; 3 l | 1990 |"]


def test_cells_that_ask_for_millions_of_others_get_a_bounded_number() -> None:
    wide = "<td rowspan=60000 colspan=1000>x</td>" * 100
    found = "\n".join(table(f"<tr>{wide}</tr>", "<tr><td>y</td></tr>" * 300))
    assert found.count("y") == 300
    assert len(found) < 1_000_000
