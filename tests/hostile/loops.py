"""Loops of ours over texts of others, each as a function of one text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from backends.base import Chunk, Tool
from backends.notations.reader import AnswerReader
from bot.adapters.discord.outbound.render import escape as escape_discord
from bot.adapters.slack.inbound.text import to_readable as readable_slack
from bot.adapters.slack.outbound import escaping
from bot.adapters.slack.outbound.stream import escaped_stable_prefix
from bot.agent.value_search import SearchedText, SoughtValue, find_addresses, name_stems
from bot.commands.parsing import parse_options, split_command
from bot.knowledge.citations.numbers import find_figures
from bot.knowledge.citations.stream_filter import CitationFilter
from bot.knowledge.citations.support import check_support
from bot.knowledge.ingestion.chunking import Chunker
from bot.knowledge.ingestion.sections import split_sections
from bot.knowledge.language.sentences import split_sentences
from bot.knowledge.language.words import extract_stems, extract_terms, to_indexed_text
from bot.knowledge.loading.block_frames import decode_blocks, encode_blocks
from bot.knowledge.loading.markup.asciidoc import read_asciidoc
from bot.knowledge.loading.markup.markdown import parse_markdown, read_markdown
from bot.knowledge.loading.markup.org import read_org
from bot.knowledge.loading.markup.rst import read_rst
from bot.knowledge.loading.pdf.document import arrange_page
from bot.knowledge.loading.pdf.drawing import Drawing
from bot.knowledge.loading.pdf.layout import lines_to_blocks
from bot.knowledge.loading.pdf.lines import Cell, Line
from bot.knowledge.loading.pdf.words import PageWords, Word
from bot.knowledge.loading.registry import LOADERS
from bot.knowledge.loading.table_text import rows_to_blocks
from bot.knowledge.retrieval.followup import is_follow_up
from bot.observability.redaction import Redactor
from bot.prompting.echo_filter import EchoFilter
from bot.prompting.foreign_text import fence
from bot.prompting.repetition_guard import RepetitionGuard
from bot.prompting.speakers import Speakers, plain_name
from bot.prompting.text_split import split_text
from bot.replies.pagination import Splitter, split
from bot.replies.tables import draw_tables
from bot.surrogates import repair_surrogates
from bot.web.decoding import decode, is_binary
from bot.web.extract import extract
from plugins.rap_battle import rap
from tests.fakes.loaded_text import searched_markdown

_SPEAKERS = Speakers({"a": "Ada", "b": "Bo", "c": "Cy"})
_REDACT = Redactor(["a-secret-of-the-operator", "another"])
_PIECE_CHARACTERS = 7


def _streamed(text: str) -> list[str]:
    return [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)]


def _chunked(text: str) -> object:
    return Chunker(lambda part: len(part) // 4, 256).chunks("A title", read_markdown(text))


def _split_as_it_grows(text: str) -> object:
    splitter = Splitter(60)
    for piece in _streamed(text):
        splitter.append(piece)
        if len(splitter.pages) > 10_000:
            break
    return splitter.pages


def _cited(text: str) -> object:
    citations = CitationFilter(4)
    return [*map(citations.feed, _streamed(text)), citations.finish()]


def _echoed(text: str) -> object:
    echo = EchoFilter()
    return [*map(echo.feed, _streamed(text)), echo.finish()]


def _thought(text: str) -> object:
    tool = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
    starts = ("", "<think>", "a <think>b", "<tool_call>", '<tool_call>{"name": "', "[TOOL_CALLS]")
    told = []
    for start in (*starts, '{"name": "look", "arguments": ', "[look(at=", "<function=look>"):
        reader = AnswerReader([tool])
        pieces = [Chunk(text=piece) for piece in (start, *_streamed(text))]
        told += [c for piece in (*pieces, Chunk(finish="stop")) for c in reader.take(piece)]
    return told


def _guarded(text: str) -> object:
    guard = RepetitionGuard()
    return [guard.feed(piece) for piece in _streamed(text)]


def _sought(text: str) -> object:
    searched, word = SearchedText(text), SoughtValue("bob@x.example")
    date = SoughtValue("2027-05-03")
    asked, quoted = name_stems("send_message"), SoughtValue("one two three four five")
    return [
        searched.holds(word),
        searched.holds(date),
        searched.names(asked),
        searched.is_quoted_in(quoted),
        list(find_addresses(text)),
        SoughtValue(text).runs,
    ]


def _rows(text: str) -> object:
    return rows_to_blocks([line.split("|") for line in text.split("\n")])


def _columns(text: str) -> object:
    return rows_to_blocks([text.split(" "), text.split(" "), [text]])


def _loaded(suffix: str) -> Callable[[str], object]:
    loader = next(one for one in LOADERS if suffix in one.suffixes)
    return lambda text: loader.load(text.encode("utf-8", "replace"), f"a{suffix}")


def _page_of_pdf(*, down: bool) -> Callable[[str], object]:
    def blocks(text: str) -> object:
        words = []
        for at, piece in enumerate(_streamed(text)):
            x, y = (50.0, 790.0 - at * 9.0) if down else (50.0 + at * 40.0, 790.0)
            words.append(Word(x, x + 30.0, y, 9.0, piece))
        found = PageWords(words, [words], 0)
        return lines_to_blocks([arrange_page(1, found, Drawing(), (0.0, 800.0))])

    return blocks


def _ruled_page_of_pdf(text: str) -> object:
    drawing = Drawing()
    words = []
    for at, piece in enumerate(_streamed(text)):
        x, y = 20.0 * (at % 6), 9.0 * (at // 6)
        words.append(Word(x + 2, x + 18, y + 2, 5.0, piece))
        drawing.add(0, y, 120, y)
        drawing.add(x, y, x, y + 9)
    found = PageWords(words, [], 0)
    return lines_to_blocks([arrange_page(1, found, drawing, (0.0, 800.0))])


LOOPS: dict[str, Callable[[str], Any]] = {
    "values looked up": _sought,
    "cut": lambda text: split_text(text, 60),
    "split": lambda text: split(text, 60),
    "split as it grows": _split_as_it_grows,
    "sections": lambda text: split_sections(read_markdown(text)),
    "markdown": read_markdown,
    "plain": lambda text: parse_markdown(text, plain=True),
    "asciidoc": read_asciidoc,
    "org": read_org,
    "rst": read_rst,
    "frames": lambda text: decode_blocks(encode_blocks(read_markdown(text))),
    "chunks": _chunked,
    "rows of tables": lambda text: searched_markdown(read_markdown(text)),
    "rows": _rows,
    "columns": _columns,
    "csv": _loaded(".csv"),
    "mail": lambda text: _loaded(".eml")(f"From: a\n\n{text}"),
    "headers of a mail": lambda text: _loaded(".eml")(f"From: a\nSubject: {text}"),
    "page": _loaded(".html"),
    "text": _loaded(".md"),
    "sentences": split_sentences,
    "figures": lambda text: find_figures(text, spelled=True),
    "support": lambda text: asyncio.run(check_support(text, [text[:2000]])),
    "stems": extract_stems,
    "terms": extract_terms,
    "indexable": to_indexed_text,
    "follow-up": is_follow_up,
    "citations": _cited,
    "echo": _echoed,
    "thoughts and calls": _thought,
    "repetition": _guarded,
    "speakers": lambda text: _SPEAKERS.said("a", text),
    "name": plain_name,
    "fence": lambda text: fence(text, "text", b"key"),
    "redaction": _REDACT,
    "repair_surrogates": repair_surrogates,
    "decoding": lambda text: (is_binary(d := text.encode("utf-8", "replace")), decode(d)),
    "plain text": lambda text: extract(text.encode("utf-8", "replace") or b"a", "a.txt"),
    "pages of Slack": lambda text: split(text, 11_000),
    "tables": draw_tables,
    "discord escape": escape_discord,
    "call in a message": lambda text: split_command(text, {"ask", "help", "stop"}),
    "options of a call": lambda text: parse_options(text, rap),
    "slack escape": escaping.escape,
    "slack settled": escaping.stable_prefix,
    "slack stream": escaped_stable_prefix,
    "slack message": lambda text: readable_slack(text, "U1"),
    "pdf, downwards": _page_of_pdf(down=True),
    "pdf, along a line": _page_of_pdf(down=False),
    "pdf, ruled": _ruled_page_of_pdf,
}
"""By what they do. What they raise for a text that they refuse is no matter here."""


def _paragraph_of_pdf() -> object:
    words = "Some words of a line that fills its column from side to side"
    lines = [Line(0, -11.0 * at, 10.0, [Cell(50, 500, words)]) for at in range(120_000)]
    return lines_to_blocks([lines])


def _margin_of_pdf() -> object:
    lines = [
        Line(0, 5.0, 10.0, [Cell(50, 500, f"{at} of these")], margin=True) for at in range(15_000)
    ]
    return lines_to_blocks([lines])


def _answer_of_marks() -> object:
    tool = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
    starts = ("", "a <think>b", "<think>a<think>b</think>", '<tool_call>{"a": "', "<tool_call>")
    marks = ("<think>", "</tool_call>", "[", ". [", " ", '"', "<|start|>", "<|end|>", "<arg_key>")
    told = []
    for start in (*starts, '{"name": "look", "arguments": {"at": "', "[look(at=", "Action:\n"):
        for mark in (*marks, '\n{"name": "look"', "<parameter=a>", "]</tool_call>", "a <think>b"):
            reader = AnswerReader([tool])
            answer = Chunk(text=start + mark * (15_000 // len(mark)), finish="stop")
            told.append(sum(1 for _ in reader.take(answer)))
    return told


LARGE: dict[str, Callable[[], Any]] = {
    "answers of nothing but marks": _answer_of_marks,
    "a text of 19 MB is cut": lambda: split_text("Some words. A. B.\n" * 1_055_000, 900),
    "a paragraph of 120,000 lines": _paragraph_of_pdf,
    "a margin of 15,000 lines": _margin_of_pdf,
}
