"""AsciiDoc, Org, reStructuredText and source code as blocks."""

from __future__ import annotations

from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Code, Heading, LeftOut, ListItem, Paragraph, Table
from tests.fakes.loaded_text import load_with_text

ADOC = """= Pump manual
Ada Lovelace <ada@example.org>
:toc:

// a comment
Wear *gloves* and **b**oots; see <<safety,the rules>> and https://x.example[the site].
The tank holds 10^6^ l of H~2~O.

[[safety]]
== Safety

[source,sh]
----
= not a heading
# nor this
----

. Open the valve.
. Close it.
.. Slowly.

* [x] checked
* [ ] open

Wrench:: A tool.

.Fees
[options="header"]
|===
|Item |Fee
|Oil |3
|Wick
|4
|===

image::pump.png[The pump]

____
Said by somebody.
____
"""


def load(name: str, text: str) -> Loaded:
    return load_with_text(RawDocument(name, text.encode()), LOADERS)


def test_asciidoc() -> None:
    found = load("manual.adoc", ADOC)
    assert found.title == "Pump manual"
    assert found.left_out == (LeftOut("picture", 1),)
    assert found.blocks == (
        Heading(1, "Pump manual"),
        Paragraph("Ada Lovelace <ada@example.org>"),
        Paragraph(
            "Wear gloves and boots; see the rules and the site.\nThe tank holds 10⁶ l of H₂O."
        ),
        Heading(2, "Safety"),
        Code("= not a heading\n# nor this", "sh"),
        ListItem("Open the valve.", "1."),
        ListItem("Close it.", "2."),
        ListItem("Slowly.", "a.", 1),
        ListItem("checked", "[x]"),
        ListItem("open", "[ ]"),
        Paragraph("Wrench: A tool."),
        Table((("Item", "Fee"), ("Oil", "3"), ("Wick", "4")), 1, "Fees"),
        Paragraph("The pump"),
        Paragraph("Said by somebody.", "quote"),
    )


ORG = """#+TITLE: Org manual
#+AUTHOR: Ada
# a comment
* Pumps :tag:
:PROPERTIES:
:ID: 1
:END:
Wear *gloves*, run =make *all*= and see [[https://x.example][the site]][fn:1].
Ten to the 10^6.
** Steps
#+BEGIN_SRC sh
,* not a heading
# nor this
#+END_SRC
1. Open it.
   Slowly.
2. Close it.
   - [X] done
   - [ ] open

| Item | Fee |
|------+-----|
| Oil  |   3 |
: plain output
[fn:1] A note.
"""


def test_lists_of_asciidoc_were_all_numbered_from_one() -> None:
    text = """[loweralpha]
. the cellar
. with
[lowerroman]
.. a door
.. a key
. the roof

They go on:

[loweralpha, start=4]
. the yard

[start=7]
. seventh

Then:

. first
.. lettered
"""
    items = [block for block in load("list.adoc", text).blocks if isinstance(block, ListItem)]
    assert [(item.marker, item.depth) for item in items] == [
        *(("a.", 0), ("b.", 0), ("i.", 1), ("ii.", 1), ("c.", 0)),
        *(("d.", 0), ("7.", 0), ("1.", 0), ("a.", 1)),
    ]
    assert all("[" not in item.text for item in items)


def test_org() -> None:
    found = load("manual.org", ORG)
    assert found.title == "Org manual"
    assert found.blocks == (
        Heading(1, "Pumps"),
        Paragraph("Wear gloves, run `make *all*` and see the site¹.\nTen to the 10⁶."),
        Heading(2, "Steps"),
        Code("* not a heading\n# nor this", "sh"),
        ListItem("Open it.\nSlowly.", "1."),
        ListItem("Close it.", "2."),
        ListItem("done", "[x]", 1),
        ListItem("open", "[ ]", 1),
        Table((("Item", "Fee"), ("Oil", "3")), 1),
        Code("plain output"),
        Paragraph("¹ A note.", "note"),
    )


RST = """===========
Pump manual
===========

:Author: Ada

Wear **gloves**, run ``make *all*`` and see `the site <https://x.example>`_ [1]_.
Ten to the 10\\ :sup:`6`.

.. a comment
   of two lines

Steps
-----

.. code-block:: sh
   :linenos:

   # not a heading
   ls

Like this::

    Title
    =====

#. Open it.
   Slowly.
#. Close it.

* one

  * two

.. note:: Mind the gap.

.. image:: pump.png
   :alt: The pump

+------+-----+
| Item | Fee |
+======+=====+
| Oil  | 3   |
+------+-----+

====  ===
Item  Fee
====  ===
Wick  4
====  ===

.. [1] A note.

Notes
-----

End.
"""


def test_restructuredtext() -> None:
    found = load("manual.rst", RST)
    assert found.title == "Pump manual"
    assert found.left_out == (LeftOut("picture", 1),)
    assert found.blocks == (
        Heading(1, "Pump manual"),
        Paragraph("Author: Ada"),
        Paragraph("Wear gloves, run `make *all*` and see the site ¹.\nTen to the 10⁶."),
        Heading(2, "Steps"),
        Code("# not a heading\nls", "sh"),
        Paragraph("Like this:"),
        Code("Title\n====="),
        ListItem("Open it.\nSlowly.", "1."),
        ListItem("Close it.", "2."),
        ListItem("one"),
        ListItem("two", "-", 1),
        Paragraph("Note: Mind the gap."),
        Paragraph("The pump"),
        Table((("Item", "Fee"), ("Oil", "3")), 1),
        Table((("Item", "Fee"), ("Wick", "4")), 1),
        Paragraph("¹ A note.", "note"),
        Heading(2, "Notes"),
        Paragraph("End."),
    )


def test_source_code_is_one_listing() -> None:
    found = load("tool.py", "# a comment\r\nprint('```')\r\n")
    assert found.blocks == (Code("# a comment\nprint('```')", "python"),)
    assert found.title == "tool.py"


RST_TABLES = """
.. list-table:: Fees of *May*
   :widths: 25 75
   :header-rows: 1

   * - Item
     - Fee
   * - Oil
     - 3 euros
       a litre

       - or 10 for four
   * -
     - none

.. csv-table::
   :header: "Wick"; Length
   :delim: ;

   "flat; broad"; 12
   round; 9

After them.
"""


def test_tables_of_rst_that_are_lists_or_csv_were_no_tables() -> None:
    assert load("fees.rst", RST_TABLES).blocks == (
        Table(
            (("Item", "Fee"), ("Oil", "3 euros a litre - or 10 for four"), ("", "none")),
            header_rows=1,
            caption="Fees of May",
        ),
        Table((("Wick", "Length"), ("flat; broad", "12"), ("round", "9")), header_rows=1),
        Paragraph("After them."),
    )


def test_columns_of_a_simple_table_were_cut_through_chinese_and_korean_words() -> None:
    text = """====== ====== =====
부문   1분기  主管
====== ====== =====
가전   312.4  王小明
서비스 1,000  \\
====== ====== =====
"""
    assert load("table.rst", text).blocks == (
        Table(
            (("부문", "1분기", "主管"), ("가전", "312.4", "王小明"), ("서비스", "1,000", "\\")), 1
        ),
    )


def test_a_quotation_below_an_empty_comment_was_lost() -> None:
    """An empty comment keeps a list and the quotation below it apart."""
    text = """1. Close the valve.

..

   Wait ten minutes.

.. a comment
   over two lines

The end.
"""
    assert load("steps.rst", text).blocks == (
        ListItem("Close the valve.", "1."),
        Paragraph("Wait ten minutes."),
        Paragraph("The end."),
    )


def test_numbers_that_org_sets_and_its_dashes() -> None:
    text = "3. [@3] Press =Menu= in 1991--2020.\n4. Wait for --all.\n"
    assert load("steps.org", text).blocks == (
        ListItem("Press `Menu` in 1991–2020.", "3."),
        ListItem("Wait for --all.", "4."),
    )
