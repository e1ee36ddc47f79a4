"""Of a book is read what is there, and what is missing is said."""

from __future__ import annotations

import pytest

from bot.errors import Refused
from bot.knowledge.loading.registry import EPUB
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Heading, LeftOut, ListItem, Paragraph, Table
from tests.fakes.office_files import epub

_ONE = "<h1>One</h1><p>The keeper climbs the stairs.</p>"
_TWO = "<p>In the morning the fog is gone.</p>"
_READ = (Heading(1, "One"), Paragraph("The keeper climbs the stairs."))


def load(data: bytes) -> Loaded:
    return EPUB.load(data, "a.epub")


def encryption(*paths: str, method: str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc") -> str:
    listed = "".join(
        f'<EncryptedData><EncryptionMethod Algorithm="{method}"/><CipherData>'
        f'<CipherReference URI="{path}"/></CipherData></EncryptedData>'
        for path in paths
    )
    return f"<encryption>{listed}</encryption>"


def test_chapters_are_read_in_the_order_of_the_spine() -> None:
    found = load(epub({"b.xhtml": _ONE, "a.xhtml": _TWO}))
    assert found.title == "The lighthouse"
    assert found.blocks == (*_READ, Paragraph("In the morning the fog is gone."))
    assert found.left_out == ()


def test_a_missing_chapter_refused_the_book() -> None:
    found = load(epub({"a.xhtml": _ONE, "gone.xhtml": None}))
    assert (found.blocks, found.left_out) == (_READ, (LeftOut("missing chapter"),))


@pytest.mark.parametrize(
    ("old", "new"), [('href="b.xhtml"', ""), ('idref="i1"', 'idref="nobody"'), ('idref="i1"', "")]
)
def test_a_chapter_that_the_book_does_not_list_refused_it(old: str, new: str) -> None:
    from tests.fakes.office_files import zipped

    book = epub({"a.xhtml": _ONE, "b.xhtml": _TWO})
    members = unzipped(book)
    opf = members["OPS/book.opf"].decode().replace(old, new)
    found = load(zipped({**members, "OPS/book.opf": opf}))
    assert (found.blocks, found.left_out) == (_READ, (LeftOut("missing chapter"),))


def unzipped(data: bytes) -> dict[str, bytes]:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("path", ["A.XHTML", "a.xhtml#part", "./a.xhtml"])
def test_paths_in_another_case_or_with_a_fragment_lead_to_their_chapter(path: str) -> None:
    from tests.fakes.office_files import zipped

    members = unzipped(epub({"a.xhtml": _ONE}))
    opf = members["OPS/book.opf"].decode().replace("a.xhtml", path)
    assert load(zipped({**members, "OPS/book.opf": opf})).blocks == _READ


def test_an_encrypted_book_was_read_as_noise() -> None:
    closed = encryption("OPS/a.xhtml", "OPS/b.xhtml")
    with pytest.raises(Refused, match=r"a\.epub is protected, so that other programs cannot"):
        load(epub({"a.xhtml": _ONE, "b.xhtml": _TWO}, encryption=closed))


def test_an_encrypted_chapter_is_left_out() -> None:
    found = load(epub({"a.xhtml": _ONE, "b.xhtml": _TWO}, encryption=encryption("OPS/b.xhtml")))
    assert (found.blocks, found.left_out) == (_READ, (LeftOut("encrypted chapter"),))


def test_changed_fonts_protect_no_text() -> None:
    fonts = encryption("OPS/a.xhtml", method="http://www.idpf.org/2008/embedding")
    assert load(epub({"a.xhtml": _ONE}, encryption=fonts)).blocks == _READ


def test_tables_and_pictures_of_a_chapter() -> None:
    rows = "<tr><th>Town</th><th>Trams</th></tr><tr><td>Basel</td><td>13</td></tr>"
    found = load(epub({"a.xhtml": f"<table>{rows}</table><p>A bell.</p><img src='bell.png'/>"}))
    assert isinstance(found.blocks[0], Table)
    assert found.blocks[0].header == ("Town", "Trams")
    assert found.left_out == (LeftOut("picture"),)


def test_the_style_sheets_of_a_book_number_its_lists() -> None:
    """Lists that a style sheet letters were numbered 1, 2, 3."""
    from tests.fakes.office_files import zipped

    members = unzipped(epub({"a.xhtml": '<ol class="c6"><li>the cellar</li></ol>'}))
    sheets = (
        '<manifest><item id="s" href="c%20s.css" media-type="text/css"/>'
        '<item id="gone" href="gone.css" media-type="text/css"/>'
    )
    opf = members["OPS/book.opf"].decode().replace("<manifest>", sheets)
    css = b".c6 { list-style-type: lower-alpha }"
    found = load(zipped({**members, "OPS/book.opf": opf, "OPS/c s.css": css}))
    assert found.blocks == (ListItem("the cellar", "a."),)
