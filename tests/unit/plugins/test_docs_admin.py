from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.commands.declaration import Completion
from bot.errors import Denied, NotFound, Refused, UsageError
from bot.events import ContextMessage
from bot.history.protocol import StoredMessage
from bot.types import Explanation, Place, Source
from bot.values import ChangedLine
from plugins.docs_admin import docs, document_titles
from tests.unit.plugins.stage import ANN, HERE, TERMINAL, Stage, attachment

URL = "https://example.com/guide"


async def test_an_admin_adds_a_page_with_progress_and_it_is_listed(on: Stage) -> None:
    said = await on.call(docs, options={"action": "add", "what": f"<{URL}|guide>"}, admin=True)
    assert said.text == f"- {URL}: added\n"
    assert [(s.done, s.total) for s in said.statuses] == [(0, 2), (1, 2)]
    texts = [status.text for status in said.statuses]
    assert texts == [f"reading {URL}", "guide: 320 of 1,140 passages"]
    listed = await on.call(docs, options={})
    assert listed.text == f"- {URL} (1 passage): {URL}"
    assert on.shelf.documents[URL].added_by == "discord:1"


async def test_what_is_passed_over_in_a_folder_is_told_at_the_end(on: Stage) -> None:
    on.shelf.passed = "2 files of kinds that are not read were passed over: 2 .png."
    options = {"action": "add", "what": "papers"}
    said = await on.call(docs, options=options, admin=True, conversation=TERMINAL)
    assert said.text == f"- papers: added\n\n{on.shelf.passed}"


@pytest.mark.parametrize("action", ["add", "remove"])
async def test_changing_documents_needs_an_admin(action: str, on: Stage) -> None:
    with pytest.raises(Denied):
        await on.call(docs, options={"action": action, "what": URL})
    with pytest.raises(Denied):
        await on.call(docs, options={}, target=ContextMessage("Bob", URL))


async def test_attachments_are_added_and_too_large_ones_refused(on: Stage) -> None:
    files = (attachment("a.md", "# A"), attachment("b.md", "# B"))
    said = await on.call(docs, options={"action": "add"}, admin=True, attachments=files)
    assert said.text == "- a.md: added\n- b.md: added\n"
    huge = (attachment("c.md", "x", size=10**9),)
    with pytest.raises(Refused, match=r"c\.md has 954 MB; files up to 20 MB"):
        await on.call(docs, options={"action": "add"}, admin=True, attachments=huge)


async def test_a_message_is_added_from_its_menu(on: Stage) -> None:
    for target in (
        ContextMessage("Bob", "The server room is on the second floor.", id="17.4"),
        ContextMessage("Bob", f"see {URL}."),
        ContextMessage("Bob", "", attachments=(attachment("c.md", "# C"),)),
    ):
        await on.call(docs, options={}, admin=True, target=target)
    assert list(on.shelf.documents) == ["message-17-4.md", URL, "c.md"]
    with pytest.raises(UsageError, match="nothing that could be added"):
        await on.call(docs, options={}, admin=True, target=ContextMessage("Bob", " "))


async def test_a_document_is_removed_by_name(on: Stage) -> None:
    await on.call(docs, options={"action": "add", "what": URL}, admin=True)
    said = await on.call(docs, options={"action": "remove", "what": URL}, admin=True)
    assert said.notices == [f"{URL} ({URL}) is removed from default."]
    with pytest.raises(NotFound):
        await on.call(docs, options={"action": "remove", "what": URL}, admin=True)


async def test_a_search_shows_passages_with_scores_and_asks_no_model(on: Stage) -> None:
    on.shelf.put("Logs", "Rotate the logs with logrotate.", "Rotation")
    said = await on.call(docs, options={"action": "search", "what": "rotate the logs"})
    assert said.text.startswith("1 passage, enough evidence for an answer (confidence 1.00):")
    assert "**[1] Logs › Rotation** (1.00)\n> Rotate the logs" in said.text
    assert said.sources == [1]
    assert list(on.backend.requests) == []


async def test_rows_of_a_table_stay_lines_and_a_title_is_said_once(on: Stage) -> None:
    on.shelf.put(
        "Tariff", "| Group | Discount |\n|---|---|\n| Students | 20 % |", "Tariff > Groups"
    )
    said = await on.call(docs, options={"action": "search", "what": "discount for students"})
    assert "**[1] Tariff > Groups** (" in said.text
    assert "> | Group | Discount |\n> |---|---|\n> | Students | 20 % |" in said.text


async def test_a_search_names_the_page_and_a_list_what_was_not_read(on: Stage) -> None:
    on.shelf.put("Deploy", "Rotate the logs with logrotate.", "Rotation")
    on.shelf.passages[-1] = replace(on.shelf.passages[-1], place=Place(page=12))
    said = await on.call(docs, options={"action": "search", "what": "rotate the logs"})
    assert "**[1] Deploy › Rotation, page 12** (1.00)" in said.text
    await on.call(docs, options={"action": "add", "what": URL}, admin=True)
    on.shelf.documents[URL] = replace(on.shelf.documents[URL], left_out="2 pictures")
    listed = await on.call(docs, options={})
    assert listed.text == f"- {URL} (1 passage; not read: 2 pictures): {URL}"


async def test_paths_are_for_admins_in_the_terminal(on: Stage) -> None:
    options = {"action": "add", "what": "docs/guide.md"}
    with pytest.raises(Refused, match="Give a URL"):
        await on.call(docs, options=options, admin=True)
    with pytest.raises(Denied):
        await on.call(docs, options=options, direct=True, conversation=TERMINAL)
    said = await on.call(docs, options=options, admin=True, conversation=TERMINAL)
    assert said.text == "- docs/guide.md: added\n"


@pytest.mark.parametrize("action", ["add", "remove", "search"])
async def test_what_is_missing_is_said_with_an_example(action: str, on: Stage) -> None:
    with pytest.raises(UsageError, match=f"/docs {action}"):
        await on.call(docs, options={"action": action}, admin=True)


async def test_another_base_than_those_of_this_channel_needs_an_admin(on: Stage) -> None:
    with pytest.raises(Denied):
        await on.call(docs, options={"action": "search", "what": "x", "base": "board"})


async def test_in_a_direct_message_documents_are_the_persons_own(on: Stage) -> None:
    on.shelf.own = ("@discord:1", "default")
    await on.call(docs, options={"action": "add", "what": URL}, direct=True)
    assert on.shelf.documents[URL].base == "@discord:1"
    for base in ("default", "board"):
        options = {"action": "remove", "what": URL, "base": base}
        with pytest.raises(Denied, match="Only admins can do this"):
            await on.call(docs, options=options, direct=True)


async def test_not_even_an_admin_sees_what_a_person_added_for_themselves(on: Stage) -> None:
    with pytest.raises(Denied, match="theirs alone"):
        await on.call(docs, options={"action": "list", "base": "@discord:2"}, admin=True)


async def test_titles_are_completed(on: Stage) -> None:
    await on.call(docs, options={"action": "add", "what": URL}, admin=True)
    assert await document_titles(Completion("HTTPS://ex", ANN, HERE, on.services)) == [URL]
    on.shelf.own = ()
    assert await document_titles(Completion("", ANN, HERE, on.services)) == []


async def test_a_text_that_was_typed_becomes_a_document_of_that_title(on: Stage) -> None:
    options = {"action": "add", "what": "Holiday rules", "text": "Ask two weeks before.\n\nAlways."}
    said = await on.call(docs, options=options, admin=True)
    assert said.text == "- holiday-rules.md: added\n"
    assert on.shelf.documents["holiday-rules.md"].added_by == "discord:1"
    text = "# Where the keys are\n\nIn the drawer."
    await on.call(docs, options={"action": "add", "text": text}, direct=True)
    assert on.shelf.documents["where-the-keys-are.md"].base == "@discord:1"
    with pytest.raises(Denied):
        await on.call(docs, options=options)
    option = docs.option("text")
    assert option is not None
    assert option.multiline, "a form offers room for it"
    assert docs.form is not None
    assert docs.form({"action": "add"}), "and /docs add alone opens one"
    assert not docs.form(options)


async def test_a_file_beside_a_text_or_an_address_was_ignored(on: Stage) -> None:
    file = (attachment("a.md", "# A"),)
    options = {"action": "add", "what": "Rules", "text": "Ask two weeks before."}
    said = await on.call(docs, options=options, admin=True, attachments=file)
    assert said.text == "- rules.md: added\n- a.md: added\n"
    options = {"action": "add", "what": URL, "text": "Read this\nfirst."}
    said = await on.call(docs, options=options, admin=True, attachments=file)
    assert said.text == f"- read-this.md: added\n- {URL}: added\n- a.md: added\n"
    same = (attachment("Rules.md", "# Others"),)
    options = {"action": "add", "what": "Rules", "text": "Ask."}
    said = await on.call(docs, options=options, admin=True, attachments=same)
    assert said.text == "- rules-text.md: added\n- Rules.md: added\n", "each has its own name"


async def test_one_that_cannot_be_added_kept_the_others_back(on: Stage) -> None:
    files = (attachment("c.md", "x", size=10**9), attachment("a.md", "# A"))
    options = {"action": "add", "what": "Rules", "text": "Ask."}
    with pytest.raises(Refused, match=r"c\.md has 954 MB"):
        await on.call(docs, options=options, admin=True, attachments=files)
    assert list(on.shelf.documents) == ["rules.md", "a.md"]
    both = (files[0], attachment("d.md", "x", size=10**9))
    with pytest.raises(Refused, match=r"c\.md has 954 MB.*d\.md has 954 MB"):
        await on.call(docs, options={"action": "add"}, admin=True, attachments=both)


async def test_what_cannot_be_used_is_refused_before_anything_is_added(on: Stage) -> None:
    file = (attachment("a.md", "# A"),)
    options = {"action": "add", "what": "Rules"}
    with pytest.raises(Refused, match="'Rules' is no URL, and a file has its own title"):
        await on.call(docs, options=options, admin=True, attachments=file)
    for given in ({"text": "Ask."}, {}):
        options = {"action": "search", "what": "holiday", **given}
        with pytest.raises(UsageError, match="choose add, or leave them out"):
            await on.call(docs, options=options, attachments=() if given else file)
    assert not on.shelf.documents


async def test_what_people_said_of_passages_is_for_admins(on: Stage) -> None:
    await on.call(docs, options={"action": "add", "what": URL}, admin=True)
    none = await on.call(docs, options={"action": "feedback"}, admin=True)
    assert none.text == "Nobody has said that a passage is wrong or outdated."
    guide = Source(1, "Guide", URL, "Setup", passage="Press the red button.", document=URL)
    secret = Source(2, "Diary", "diary.md", passage="Dear diary", document="diary")
    asked = StoredMessage("q0", str(HERE), "user", "How?", ANN.key, datetime.now(UTC))
    answer = replace(asked, id="a0", role="assistant", answers="q0", status="running")
    await on.history.open(asked, answer)
    why = Explanation(passages=(guide, secret))
    await on.history.finish(replace(answer, status="complete", explanation=why))
    for person in ("discord:1", "discord:2"):
        await on.history.feedback("a0", person, "outdated", "1")
    await on.history.feedback("a0", "discord:1", "wrong", "2")
    said = await on.call(docs, options={"action": "feedback"}, admin=True)
    assert "**Guide › Setup** (2 × outdated, last on " in said.text
    assert said.text.endswith("> Press the red button.")
    assert "diary" not in said.text, "it is in no base that answers here"
    with pytest.raises(Denied):
        await on.call(docs, options={"action": "feedback"})
    await on.call(docs, options={"action": "add", "what": URL}, admin=True)  # it was seen to
    again = await on.call(docs, options={"action": "feedback"}, admin=True)
    assert again.text == none.text


async def test_a_text_called_c_plus_plus_took_the_place_of_one_called_c(on: Stage) -> None:
    for title in ("C", "C++", "C#"):
        options = {"action": "add", "what": title, "text": "A language."}
        await on.call(docs, options=options, admin=True)
    assert list(on.shelf.documents) == ["c.md", "c++.md", "c#.md"]


async def test_lists_and_removals_showed_paths_of_the_server(on: Stage) -> None:
    path, folder = "/srv/anna/docs/guides/logs.md", "/srv/anna/docs"
    await on.call(docs, options={"action": "add", "what": path}, admin=True, conversation=TERMINAL)
    on.shelf.documents[path] = replace(on.shelf.documents[path], title="Logs", source=folder)
    listed = await on.call(docs, options={})
    assert listed.text == "- Logs (1 passage): guides/logs.md"
    removed = await on.call(docs, options={"action": "remove", "what": path}, admin=True)
    assert removed.notices == ["Logs (guides/logs.md) is removed from default."]


async def test_ones_own_documents_were_called_by_an_internal_name(on: Stage) -> None:
    on.shelf.own = ("@discord:1", "default")
    for base in ("@discord:1", "default"):
        await on.call(docs, options={"action": "add", "what": URL + base}, admin=True)
        on.shelf.documents[URL + base] = replace(on.shelf.documents[URL + base], base=base)
    listed = await on.call(docs, options={}, direct=True)
    assert "**your own documents**" in listed.text
    assert "**@discord:1**" not in listed.text


async def test_what_changed_is_listed_newest_first(on: Stage) -> None:
    now = datetime.now(UTC)
    for name, days in (("lamp", 2), ("door", 1), ("roof", 30)):
        on.shelf.put_document(name, at=now - timedelta(days=days))
    said = await on.call(docs, options={"action": "changes"})
    day = now - timedelta(days=1)
    assert said.text.splitlines()[0] == f"- {day:%Y-%m-%d} added: door (door)"
    assert len(said.text.splitlines()) == 2
    said = await on.call(docs, options={"action": "changes", "what": "60d"})
    assert len(said.text.splitlines()) == 3
    said = await on.call(docs, options={"action": "changes", "what": "1h"})
    assert said.text == f"No document has changed since {now - timedelta(hours=1):%Y-%m-%d}."


async def test_what_changed_in_a_document_is_quoted(on: Stage) -> None:
    now = datetime.now(UTC)
    on.shelf.put_document("lamp", at=now)
    on.shelf.lines = (
        ChangedLine("removed", "Let it cool for an hour."),
        ChangedLine("added", "Let it cool\nfor a day. " + "word " * 100),
        *(ChangedLine("added", f"Step {n}") for n in range(60)),
    )
    said = await on.call(docs, options={"action": "changes", "what": "lamp"})
    head, lines, more = said.text.split("\n\n")
    assert head == f"**lamp** changed on {now:%Y-%m-%d} (lamp):"
    assert lines.splitlines()[0] == "> − Let it cool for an hour."
    assert lines.splitlines()[1].startswith("> + Let it cool for a day. word")
    assert lines.splitlines()[1].endswith(" …")
    assert more == "And 22 more lines."
    with pytest.raises(NotFound):
        await on.call(docs, options={"action": "changes", "what": "door"})
