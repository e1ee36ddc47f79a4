"""`parlance docs`, with the real embedder, and questions about what it read in."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import yaml

from backends.files.store import ModelStore
from bot.knowledge.retrieval.evaluation_runs import RUNS_FILE, read_runs
from tests.scenarios.process import Folder

PAGE = """# Lamps

## Changing the bulb

Switch the lighthouse lamp off and let it cool for ten minutes before you unscrew the bulb.

## Cleaning

The lens is cleaned with distilled water every Monday.

![The lens](lens.png)
"""


async def test_documents_are_added_found_answered_from_and_removed(
    tmp_path: Path, embedder_files: ModelStore
) -> None:
    folder = Folder(tmp_path, {"PARLANCE_MODELS_DIR": str(embedder_files.root)})
    folder.configure(
        models={"default": {"backend": "scripted"}, "minilm": {"backend": "onnx"}},
        embedder="minilm",
    )
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text(PAGE, "utf-8")
    (papers / "empty.md").write_text("", "utf-8")
    (papers / "lamp.png").write_bytes(b"\x89PNG")

    # What is not there comes first: the others are read all the same.
    added = (await folder.run("docs", "add", str(papers / "none.md"), str(papers))).no_trace()
    assert added.status == 1
    assert "1 added" in added.out
    assert added.err.splitlines() == [
        f"There is no file or folder {str(papers / 'none.md')!r}.",
        f"{papers / 'empty.md'} is empty.",
        f"{papers / 'lamp.md'}: not read: 1 picture.",
        "1 file of a kind that is not read was passed over: 1 .png.",
    ]
    table = (await folder.run("docs", "list")).no_trace().out.splitlines()
    assert len(table) == 2  # in a pipe a document is a line, however long its name
    assert table[1].rstrip().endswith(str(papers / "lamp.md"))

    listed = (await folder.run("docs", "list", "--json")).no_trace()
    assert [(row["title"], row["passages"] > 0) for row in listed.json] == [("Lamps", True)]

    found = (await folder.run("docs", "search", "How do I change a bulb?", "--json")).no_trace()
    assert found.json["evidence"] is True
    assert found.json["passages"][0]["heading"].startswith("Lamps")
    assert "cool for ten minutes" in found.json["passages"][0]["text"]

    typed = b"/ask How do I change a bulb?\n/ask Who was Ada?\n"
    asked = (await folder.run("run", stdin=typed)).no_trace()
    assert re.search(r"^\[1\] Lamps.* · \d+ \w{3}$", asked.out, re.MULTILINE)
    assert "papers" not in asked.out
    assert "not in the documents" in asked.out
    assert asked.status == 0, asked.out
    await _collects_what_was_not_answered(folder, tmp_path / "questions.yaml")

    (papers / "lamp.md").write_text(PAGE.replace("ten minutes", "an hour"), "utf-8")
    synced = (await folder.run("docs", "sync")).no_trace()
    assert "1 changed" in synced.out
    differs = (await folder.run("docs", "changes", "Lamps")).no_trace()
    assert [line[0] for line in differs.out.splitlines()] == ["-", "+"]
    assert "cool for an hour" in differs.out.splitlines()[1]
    rebuilt = (await folder.run("docs", "rebuild")).no_trace()
    assert rebuilt.status == 0, rebuilt.err
    verified = (await folder.run("docs", "verify", "--json")).no_trace()
    assert verified.json["documents"] == 1
    assert verified.json["vectors_added"] == verified.json["vectors_removed"] == 0

    copied = (await folder.run("backup", str(papers / "copy.db"))).no_trace()
    assert copied.status == 0, copied.err
    assert "copy.db" in copied.out
    data = folder.path / "data"
    data.rename(tmp_path / "away")
    data.mkdir()
    (papers / "copy.db").rename(data / "parlance.db")
    verified = (await folder.run("docs", "verify", "--json")).no_trace()
    assert verified.json["documents"] == verified.json["vectors_added"] == 1

    removed = (await folder.run("docs", "remove", "Ropes", "Lamps")).no_trace()
    assert "Removed Lamps" in removed.out
    assert "There is no document 'Ropes'." in removed.err
    assert removed.status == 1
    assert (await folder.run("docs", "list", "--json")).json == []


async def _collects_what_was_not_answered(folder: Folder, file: Path) -> None:
    made = (await folder.run("docs", "eval", "make", "--out", str(file))).no_trace()
    assert made.out.strip() == f"Wrote 1 questions to {file}; name the documents of each."
    text = await asyncio.to_thread(file.read_text, "utf-8")
    assert "  # unanswered" in text
    assert '  - question: "Who was Ada?"\n    documents: "?"\n' in text
    assert "operator" not in text
    again = (await folder.run("docs", "eval", "make", "--out", str(file))).no_trace()
    assert again.said == f"{file} is there already; --force writes it anew."
    early = (await folder.run("docs", "eval", str(file))).no_trace()
    assert "its documents are not named yet" in early.said
    await asyncio.to_thread(file.write_text, text.replace('"?"', "none"), "utf-8")
    measured = (await folder.run("docs", "eval", "--json", str(file))).no_trace()
    assert measured.json["questions"] == 1


async def test_a_reader_is_calibrated_and_its_curve_is_used_afterwards(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    pointing = {"match": "Copy the words", "text": "cool for ten minutes"}
    folder.configure(
        models={
            "default": {"backend": "scripted", "replies": [pointing], "reads": True},
            "embedder": {"backend": "scripted"},
        }
    )
    (tmp_path / "lamp.md").write_text(PAGE, "utf-8")
    asked = [f"How long does lamp {n} cool before I unscrew the bulb?" for n in range(40)]
    golden = tmp_path / "golden.yaml"
    questions = [
        {
            "question": question,
            "documents": "none" if number % 4 else ["lamp.md"],
            "half": "tuning" if number % 8 < 4 else "test",
        }
        for number, question in enumerate(asked)
    ]
    golden.write_text(yaml.safe_dump({"questions": questions}), "utf-8")
    assert (await folder.run("docs", "add", str(tmp_path / "lamp.md"))).no_trace().status == 0

    # It finds an answer everywhere, and is right once in four times.
    fitted = (await folder.run("docs", "eval", str(golden), "--calibrate", "--json")).no_trace()
    curve = fitted.json["curve"]
    assert (curve["made_from"], curve["questions"], curve["answerable"]) == ("golden.yaml", 20, 5)
    assert fitted.json["questions"] == 20, "the other half"
    again = (await folder.run("docs", "eval", str(golden), "--reader", "--json")).no_trace()
    outcomes = again.json["outcomes"]["all"]
    assert [outcomes[name]["count"] for name in ("shown", "answered", "invented")] == [10, 0, 0]

    # Both runs are kept, to be compared in the console.
    [kept] = await asyncio.to_thread(lambda: [*tmp_path.rglob(RUNS_FILE)])
    runs = await asyncio.to_thread(read_runs, kept.parent)
    assert [(run.file, run.reader, run.questions) for run in runs] == [
        ("golden.yaml", True, 40),
        ("golden.yaml", True, 20),
    ]
