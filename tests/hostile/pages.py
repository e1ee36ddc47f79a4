"""Web pages that ask for far more than they show: time, memory, depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.hostile.attacks import Attack

PAGES = (
    Attack("", "<div>", "x"),
    Attack("", "<b>", "x"),
    Attack("", "<ul><li>", "x"),
    Attack("<ol reversed>", "<li>x"),
    Attack("", "<ol reversed><li>"),
    Attack("", "<li><p>x</p>"),
    Attack("<li>", "<p>x"),
    Attack("", "<table><tr><td>"),
    Attack("<table>", "<tr><td>x"),
    Attack("<table>", "<tr><td>x", other="<td>"),
    Attack("<table><tr>", "<td rowspan=9 colspan=9>x", other="<tr><td>y"),
    Attack("<table>", "<tr><th>x"),
    Attack("<table>", "<caption>x"),
    Attack("<dl>", "<dt>x"),
    Attack("<dl>", "<dt>x", other="<dd>y"),
    Attack("", "<dl><dt>x<dd>"),
    Attack("", "<sup><sub>", "x"),
    Attack("", "<code>x</code>"),
    Attack("", "<h1>x"),
    Attack("", "<h2><div>x</div>"),
    Attack("", "<pre>x"),
    Attack("<pre>", "<div>x"),
    Attack("", "<math><mi>x</mi>"),
    Attack("<math>", "<mfrac><mi>x</mi>"),
    Attack("<p hidden>", "<p hidden><math>"),
    Attack("", "<span aria-hidden=true>x</span>"),
    Attack("", "<i class=sr-only>x</i>"),
    Attack("", "<a href=#a>x</a>"),
    Attack("", "<div><a href=#a>x</a>"),
    Attack("", "<main>x"),
    Attack("", "<article><a>x</a>"),
    Attack("", "<section><h2>x</h2>"),
    Attack("", "<header>x"),
    Attack("", "<div class=cookie>x<button>y</button>"),
    Attack("", "<figure><figcaption>x"),
    Attack("", "<details><summary>x"),
    Attack("", "<blockquote>x"),
    Attack("", "<select><option>x"),
    Attack("", "<svg><text>x"),
    Attack("<p ", "a=b "),
    Attack("", "<br>"),
    Attack("", "<x-y>z"),
    Attack("", "</div>"),
    Attack('<?xml version="1.0"?>', "<a/>"),
    Attack('<?xml version="1.0"?>', "<a "),
    Attack("", "<p style='mso-list:l0 level1'>x"),
    Attack("", "<input type=checkbox>"),
)
"""Parts of pages, over and over."""


def _nested() -> str:
    return "<div>" * 1_000_000 + "x"


def _never_closed() -> str:
    return "<p>A line of a letter.<font color=red><b>" * 20_000


def _spans() -> str:
    cell = "<td rowspan=999999999 colspan=999999999>lamp</td>"
    return f"<table>{('<tr>' + cell * 19) * 200}{'<tr><td>x' * 5_000}</table>"


def _rows() -> str:
    return f"<table>{'<tr><td>one<td>two<td>three' * 20_000}</table>"


def _attributes() -> str:
    return f"<p {' '.join(f'a{n}=x' for n in range(60_000))}>x</p>" + "<p class=x id=y>z" * 5_000


def _links() -> str:
    return "<div>" * 200 + "<p><a href=#a>link</a>" * 20_000


def _items() -> str:
    return f"<ol reversed>{'<li><p>one<p>two<ul><li>in</ul>' * 8_000}</ol>"


LARGE_PAGES: Mapping[str, Callable[[], str]] = {
    "a million elements within each other": _nested,
    "formatting that is never closed": _never_closed,
    "spans of a thousand million": _spans,
    "20,000 rows": _rows,
    "60,000 attributes": _attributes,
    "20,000 links": _links,
    "8,000 items": _items,
}
"""Whole pages, by what they have too much of."""
