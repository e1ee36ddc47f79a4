from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.onnx.embedder import OnnxEmbedder
from bot.knowledge.ingestion.chunking import Chunk, Chunker
from bot.knowledge.ingestion.sections import split_sections
from bot.knowledge.language.sentences import sentence_spans, split_sentences
from bot.knowledge.loading.markup.markdown import read_markdown
from bot.knowledge.retrieval.token_ruler import TokenRuler
from bot.skills.document_tree import first_heading


def cut(chunker: Chunker, title: str, markdown: str) -> list[Chunk]:
    return chunker.chunks(title, read_markdown(markdown))


def sections(markdown: str) -> list[tuple[tuple[str, ...], str]]:
    return [(one.path, one.text) for one in split_sections(read_markdown(markdown))]


def words(text: str) -> int:
    return len(text.split())


GUIDE = """Before any heading.

# Guide

Intro.

## Install

```sh
# not a heading
make run
```

Second way
----------

Another.

# Last

End.
"""


def test_sections_know_the_headings_above_them() -> None:
    found = sections(GUIDE)
    assert [path for path, _ in found] == [
        (),
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Second way"),
        ("Last",),
    ]
    assert "# not a heading" in found[2][1]
    assert found[3][1] == "Another."
    assert first_heading(read_markdown(GUIDE)) == "Guide"
    assert first_heading(read_markdown("no heading")) == ""


def test_a_fence_that_is_never_closed_and_a_table_are_no_headings() -> None:
    assert [path for path, _ in sections("# A\n\n```\n# b\n\n## c\n")] == [("A",)]
    assert [path for path, _ in sections("| a | b |\n|---|---|\n| 1 | 2 |\n")] == [()]
    assert [path for path, _ in sections("- item\n---\ntext")] == [()]


def test_headings_are_read_without_their_marks() -> None:
    assert sections("# A\n\n## B\n\n## C\n\ntext\n\n# D") == [
        (("A",), "B"),
        (("A", "C"), "text"),
        ((), "D"),
    ]
    assert sections("# The `ask` [command](x.md) **now** #\n\ntext")[0][0] == (
        "The ask command now",
    )


def test_title_and_headings_stand_before_what_is_embedded() -> None:
    chunker = Chunker(words, 100, 50)
    chunks = cut(chunker, "Handbook", GUIDE)
    assert [chunk.heading for chunk in chunks] == ["", "Guide", "Last"]
    assert chunks[1].embedding_text.startswith("Handbook > Guide\nIntro.\n\n## Install")
    assert not chunks[1].text.startswith("Handbook")
    assert cut(chunker, "Guide", "# Guide\n\nIntro.")[0].embedding_text == "Guide\nIntro."


def test_short_neighbours_under_one_heading_go_together() -> None:
    text = "# List\n\n## A\n\none\n\n## B\n\ntwo\n\n## C\n\n" + "word " * 30
    chunks = cut(Chunker(words, 100, 40), "", text)
    assert [chunk.heading for chunk in chunks] == ["List", "List > C"]
    assert chunks[0].text == "## A\n\none\n\n## B\n\ntwo"


def test_a_long_document_is_cut_in_calls_that_are_short() -> None:
    seen: list[int] = []

    def count(text: str) -> int:
        seen.append(len(text))
        return words(text)

    text = "# Long\n\n" + " ".join(f"word{n}" for n in range(20_000))
    chunks = cut(Chunker(count, 256, 200), "Long", text)
    assert sum(len(chunk.text.split()) for chunk in chunks) == 20_000
    assert max(seen) < 20_000


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# H",
            "## H two",
            "text with words.",
            "```",
            "- item",
            "| a | b |",
            "",
            "===",
            "---",
            "漢字。",
        ]
    ),
    max_size=60,
).map("\n".join)


@given(MARKDOWN, st.sampled_from(["", "A title", "title " * 60]))
def test_no_text_is_lost_and_nothing_outgrows_the_window(text: str, title: str) -> None:
    chunks = cut(Chunker(words, 40, 30), title, text)
    for chunk in chunks:
        assert words(chunk.embedding_text) <= 38
        assert chunk.text.strip()
    kept = "".join(chunk.text + chunk.heading for chunk in chunks)
    for word in ("words", "item", "漢字"):
        assert kept.count(word) >= text.count(word)


def test_the_embedders_own_tokens_are_counted(embedder_model: OnnxEmbedder) -> None:
    chunker = Chunker(embedder_model.tokens, embedder_model.options.max_tokens, 200)
    text = "# Numbers\n\n" + " ".join(f"antidisestablishmentarianism{n}" for n in range(400))
    for chunk in cut(chunker, "A title", text):
        assert embedder_model.tokens(chunk.embedding_text) + 2 <= 256


def word_spans(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


@given(MARKDOWN, st.integers(2, 40))
def test_where_the_tokens_are_tells_how_many_a_part_has(text: str, step: int) -> None:
    ruler = TokenRuler(text, word_spans, words)
    for start in range(0, len(text), step):
        part = text[start : start + 2 * step]
        assert ruler(part) == words(part)
    assert ruler("not in it at all") == 5


@given(MARKDOWN, st.sampled_from(["", "A title", "title " * 60]))
def test_passages_are_the_same_with_every_part_counted_by_itself(text: str, title: str) -> None:
    asked = cut(Chunker(words, 40, 30), title, text)
    assert cut(Chunker(words, 40, 30, word_spans), title, text) == asked


def octets(text: str) -> int:
    """Tokens of a tokenizer that knows no word: a character takes one to four, a line end too."""
    return len(text.encode())


def octet_spans(text: str) -> list[tuple[int, int]]:
    return [(at, at + 1) for at, char in enumerate(text) for _ in char.encode()]


@given(
    st.lists(
        st.sampled_from(["word ", "é", "漢字", "👩‍👩‍👧", "z\u0301\u0302", "x7", "\n", "\n\n"])
    ).map("".join),
    st.sampled_from(["", "A title", "題" * 60]),
)
def test_what_did_not_fit_under_its_title_was_left_out_of_the_vector(text: str, title: str) -> None:
    chunks = cut(Chunker(octets, 66, 50, octet_spans), title, text)
    for chunk in chunks:
        assert octets(chunk.embedding_text) <= 64
        assert chunk.embedding_text.endswith(chunk.text)
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(text.split())


def test_the_embedders_tokenizer_reads_a_text_once(embedder_model: OnnxEmbedder) -> None:
    seen = 0

    def count(text: str) -> int:
        nonlocal seen
        seen += len(text)
        return embedder_model.tokens(text)

    text = "\n\n".join(f"Paragraph {n} says what the {n}th says, not more." for n in range(200))
    chunks = cut(Chunker(count, 256, 200, embedder_model.spans), "Title", text)
    assert chunks == cut(Chunker(embedder_model.tokens, 256, 200), "Title", text)
    assert seen < len(text) / 2


def test_a_text_without_spaces_keeps_within_the_window(embedder_model: OnnxEmbedder) -> None:
    text = "漢字仮名交じり文" * 200 + "\n\n" + "x7" * 400 + "\n\n" + "a-b_c.d/" * 300
    chunks = cut(Chunker(embedder_model.tokens, 256, 200, embedder_model.spans), "題", text)
    assert "".join(chunk.text for chunk in chunks).replace("\n", "") == text.replace("\n", "")
    for chunk in chunks:
        assert embedder_model.tokens(chunk.embedding_text) + 2 <= 256


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is there! Is three?", ["One is here.", "Two is there!", "Is three?"]),
        ("Dr. Smith lives at No. 5. He left.", ["Dr. Smith lives at No. 5.", "He left."]),
        ("Version 2.5 is out. It works.", ["Version 2.5 is out.", "It works."]),
        ("第一句。第二句!第三句?", ["第一句。", "第二句!第三句?"]),
        ("- first item\n- second item", ["first item", "second item"]),
        ("¿Dónde está? Está aquí.", ["¿Dónde está?", "Está aquí."]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert split_sentences(text, least=1) == expected


def test_short_sentences_join_a_neighbour() -> None:
    assert split_sentences("Yes. That is quite right, he said. No.") == [
        "Yes. That is quite right, he said. No."
    ]


@given(st.text("ab .!?。\n-|#", max_size=80))
def test_sentences_cover_everything_but_space(text: str) -> None:
    covered = "".join(text[a:b] for a, b in sentence_spans(text))
    assert re.sub(r"\s", "", covered) == re.sub(r"\s", "", text)
