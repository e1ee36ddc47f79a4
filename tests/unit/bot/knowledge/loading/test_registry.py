"""Every format that ships, made by real libraries, and what each does with bad input."""

from __future__ import annotations

import io
import itertools
import zipfile

import pytest

from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS, find_loader
from bot.skills.document_loader import Loaded
from tests.fakes.loaded_text import load_with_text
from tests.fakes.office_files import docx, epub, paragraph, pptx, rows, shape, xlsx


def read(name: str, data: bytes, content_type: str = "", charset: str | None = None) -> Loaded:
    return load_with_text(RawDocument(name, data, content_type, charset), LOADERS)


def pdf(*lines: str, password: str = "") -> bytes:
    """A PDF with one page a line."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for line in lines:
        page = writer.add_blank_page(300, 300)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({line}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({"/Title": "The handbook"})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def zipped(**members: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def test_markdown_and_text() -> None:
    found = read("a.md", b"# Title\n\nBody.")
    assert (found.text, found.title) == ("# Title\n\nBody.", "Title")
    assert read("README", b"Plain words.").text == "Plain words."


def test_the_title_before_a_text_lost_to_its_first_heading() -> None:
    text = '---\ntags: [oil]\ntitle: "Lamps and oil"\n---\n\n## Wicks\n\nCut them.'
    found = read("lamps.md", text.encode())
    assert found.title == "Lamps and oil"
    assert found.text == text.replace("---\n", "", 1).replace("\n---", "")
    rule = "---\nNo front matter.\n\ntitle: none\n\n# Wicks"
    assert read("lamps.md", rule.encode()).title == "Wicks"


def test_a_page_is_read_without_its_frame() -> None:
    page = (
        b"<html><head><title>Opening hours</title></head><body><nav>Home | Shop</nav><main>"
        b"<h1>Opening hours</h1><p>The museum opens at nine in the morning, and closes at six in "
        b"the evening, every day but Monday.</p></main></body></html>"
    )
    found = read("hours.html", page)
    assert found.title == "Opening hours"
    assert "nine in the morning" in found.text
    assert "<p>" not in found.text


def test_pdf() -> None:
    found = read("a.pdf", pdf("Trains leave at nine.", "Buses leave at ten."))
    assert found.title == "The handbook"
    assert found.text.split("\n\n") == ["Trains leave at nine.", "Buses leave at ten."]


def test_office_documents() -> None:
    rules = docx(paragraph("Travel rules") + paragraph("Go by train."))
    assert "Go by train." in read("a.docx", rules).text
    slides = read(
        "a.pptx", pptx(shape("Quarterly plan", kind="title") + shape("Ship the harbour."))
    ).text
    assert "Quarterly plan" in slides
    assert "Ship the harbour." in slides
    sheet = read("a.xlsx", xlsx({"Sheet": rows("Town|Trams", "Basel|13")})).text
    assert "Basel" in sheet
    assert "13" in sheet


def test_a_table_names_its_columns_in_every_row() -> None:
    found = read("trams.csv", "Town;Trams\nBasel;13\nZürich;14\n".encode())
    assert found.text == "| Town | Trams |\n| --- | --- |\n| Basel | 13 |\n| Zürich | 14 |"


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    found = read(
        "a.epub",
        epub(
            {
                "one 1.xhtml": "<h1>One</h1><p>The keeper climbs the stairs.</p>",
                "two.xhtml": "<h1>Two</h1><p>In the morning the fog is gone.</p>",
            }
        ),
    )
    assert found.title == "The lighthouse"
    assert found.text.index("keeper climbs") < found.text.index("fog is gone")


def test_a_chapter_keeps_its_headings_lists_and_tables() -> None:
    chapter = (
        "<html><body><h1>February</h1><p>The lamp was <em>relit</em> twice.</p><ul><li>wick</li>"
        "</ul><table><tr><th>Day</th><th>Oil</th></tr><tr><td>1</td><td>9 l</td></tr></table>"
        "</body></html>"
    )
    found = read(
        "a.epub",
        zipped(
            **{
                "META-INF__container.xml": "<container><rootfiles>"
                '<rootfile full-path="book.opf"/></rootfiles></container>',
                "book.opf": '<package><manifest><item id="n" properties="nav" href="nav.xhtml"/>'
                '<item id="a" href="a.xhtml"/></manifest><spine><itemref idref="n"/>'
                '<itemref idref="a"/></spine></package>',
                "nav.xhtml": "<html><body><h1>Contents</h1><p>February</p></body></html>",
                "a.xhtml": chapter,
            }
        ),
    )
    assert found.text == (
        "# February\n\nThe lamp was relit twice.\n\n- wick\n\n"
        "| Day | Oil |\n| --- | --- |\n| 1 | 9 l |"
    )


def test_source_code_is_one_fenced_block() -> None:
    found = read("tool.py", b'def f():\n    """Has ``` in it."""\n')
    assert found.text.startswith("````python\ndef f():")
    assert found.title == "tool.py"


@pytest.mark.parametrize(
    ("charset", "declared"),
    [("utf-8", None), ("utf-16", None), ("latin-1", None), ("shift_jis", "shift_jis")],
)
def test_other_charsets_are_read(charset: str, declared: str | None) -> None:
    word = "東京" if charset == "shift_jis" else "café"
    found = read("page.txt", f"The word is {word}.".encode(charset), "text/plain", declared)
    assert found.text == f"The word is {word}."


def test_a_word_with_a_soft_hyphen_was_two_words() -> None:
    page = "<h1>Leucht&shy;turm</h1><p>Der Leucht&shy;turm hat max_&#8203;lamps.</p>"
    found = read("a.html", f"<html><title>Leucht&shy;turm</title><body><main>{page}".encode())
    assert found.text == "# Leuchtturm\n\nDer Leuchtturm hat max_lamps."
    assert found.title == "Leuchtturm"


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_no_binary(charset: str) -> None:
    found = read("ship.txt", "The museum ship opens on Sundays – in summer.".encode(charset))
    assert found.text == "The museum ship opens on Sundays – in summer."


def test_a_charset_that_is_wrong_does_not_lose_the_text() -> None:
    found = read("page.txt", "Zürich is here.".encode(), "text/plain", "ascii")
    assert "rich is here." in found.text


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.pdf", pdf("secret", password="x"), "is encrypted; save it without a password"),
        ("a.pdf", pdf("words")[:200], "is damaged or not a PDF"),
        ("a.pdf", b"%PDF-1.7\nnothing", "is damaged or not a PDF"),
        ("a.pdf", pdf(""), r"seems to be a scan; have its text recognised \(OCR\) and"),
        ("a.docx", docx(paragraph("Go."))[:100], "is damaged or not a DOCX"),
        ("a.docx", zipped(nothing="x"), "is damaged or not a DOCX"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "encrypted or in an old"),
        ("a.docx", zipped(word="0" * 50_000_000), "unpacks to far more"),
        ("a.epub", zipped(mimetype="application/epub+zip"), "is damaged or not an EPUB"),
        ("a.txt", bytes(range(256)) * 4, "is not text"),
        ("a.csv", b"\0\1\2" * 100, "is not text"),
        ("a.py", b"\0\1\2" * 100, "is not text"),
        ("a.md", b"", "is empty"),
        ("a.md", b" \n\t\n ", "is empty"),
        ("a.py", b"\xef\xbb\xbf\n", "has no readable text"),
        ("a.html", b"<html><body><script>1</script></body></html>", "has no readable text"),
    ],
    ids=itertools.count(1),  # what some of the files hold is another thing each time
)
def test_what_cannot_be_read_is_refused_in_one_sentence(name: str, data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why) as caught:
        read(name, data)
    text = str(caught.value)
    assert text.startswith("a.")
    assert text.count(". ") == 0
    assert len(text) < 200


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(docx(paragraph("Go.")))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    with pytest.raises(Refused, match="is encrypted"):
        read("a.docx", bytes(data))


def test_a_type_that_nobody_reads_is_refused() -> None:
    with pytest.raises(Refused, match="is of the type image/png, which is not read"):
        read("picture", b"\x89PNG....", "image/png")


def test_an_earlier_loader_takes_the_place_of_one_that_ships() -> None:
    from bot.skills.document_loader import Loader

    mine = Loader("mine", frozenset({".md"}), lambda data, name: Loaded("mine"))
    assert find_loader([mine, *LOADERS], "a.md") is mine
    assert find_loader(LOADERS, "a.md") is not mine
