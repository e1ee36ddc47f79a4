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
