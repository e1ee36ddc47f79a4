"""HTML of any size and make becomes the same text."""

from __future__ import annotations

from bot.web.markup import to_markdown


def test_items_of_a_long_list_were_counted_anew_for_each() -> None:
    found = to_markdown(f"<ol start=3>{'<li>lamp</li>' * 1_000}</ol>").split("\n")
    assert (found[0], found[-1]) == ("- 3. lamp", "- 1002. lamp")
