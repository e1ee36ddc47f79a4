"""Texts that took seconds or minutes once, or that are made like those."""

from __future__ import annotations

from tests.hostile.attacks import Attack

TEXTS = (
    Attack("1", " ", "abcd"),  # a cell of a table
    Attack("| - |", " ", "x"),  # the line under a table's names
    Attack("|", " - |", "x"),
    Attack("", "<title>"),
    Attack("", "<title"),
    Attack("<title>", "</title", ">"),
    Attack("", "```\n"),
    Attack("", "`", "x"),
    Attack("", "[", "]"),
    Attack("", "[a]("),
    Attack("", "<a|", "x"),
    Attack("", "&lt;a:", "x"),
    Attack("", "&amp;", "lt;"),
    Attack("# ", "#", "x"),
    Attack("# a", " ", "b"),
    Attack("a", ". ", "."),
    Attack("", ".", "x"),
    Attack("1", ",1", "x"),
    Attack("", "1 ", "x"),
    Attack("", "\\", "x"),
    Attack("", '"', "x"),
    Attack("a", "-", "x"),
    Attack("", "\n", "x"),
    Attack("", "\r\n ", "x"),
    Attack("", "\u3000", "x"),
    Attack("", "한", "x"),
)
"""Each is given to every pattern, and to what else reads texts of others."""

LINES = (
    Attack("", "Some words of a sentence. "),
    Attack("", "A. "),
    Attack("", "- an item of a list\n"),
    Attack("", "# A heading\n\n"),
    Attack("", "# A heading\n\ntext\n\n"),
    Attack("", "=\n"),
    Attack("", "text\n===\n"),
    Attack("|a|b|\n|-|-|\n", "|1|2|\n"),
    Attack("", "|a|b|\n|-|-|\n"),
    Attack("", "a,b\n"),
    Attack("", "a;1;"),
    Attack("", "12 kg "),
    Attack("", "1, 2 and "),
    Attack("", "Ada: yes\n"),
    Attack("", "[1] "),
    Attack("", "[1, 2"),
    Attack("", "<think>"),
    Attack("", "camelCase"),
    Attack("It says:\n", "- 5 days\n"),
    Attack("", "東京は3月です。"),
)
"""Texts made of many small things, for loops that go through them."""
