"""`parlance export` and `import`: an installation goes elsewhere and answers there as here."""

from __future__ import annotations

import json
from pathlib import Path

from tests.scenarios.process import Folder

PAGE = "# Lamps\n\nSwitch the lighthouse lamp off before you unscrew the bulb.\n"
SAID = (
    b"hello\n/remember I work in Lisbon\n/settings set persona Short.\n/ask lighthouse lamp bulb\n"
)


async def test_an_installation_goes_elsewhere(tmp_path: Path) -> None:
    here, there = Folder(tmp_path / "here"), Folder(tmp_path / "there")
    for folder in (here, there):
        folder.path.mkdir()
        folder.configure()
    (here.path / "lamp.md").write_text(PAGE, "utf-8")
    file, again = tmp_path / "all.jsonl", tmp_path / "again.jsonl"
    missing = await here.run("export", "--to", str(file))
    assert (missing.status, file.exists()) == (1, False)
    assert "nothing to export" in missing.no_trace().said

    assert (await here.run("docs", "add", str(here.path / "lamp.md"))).status == 0
    assert (await here.run("run", "--conversation", "x", stdin=SAID)).no_trace().status == 0
    exported = (await here.run("export", "--to", str(file))).no_trace()
    assert exported.status == 0, exported.err
    assert file.stat().st_mode & 0o077 == 0
    assert "is there already" in (await here.run("export", "--to", str(file))).said

    imported = (await there.run("import", str(file))).no_trace()
    assert imported.status == 0, imported.err
    assert (await there.run("export", "--to", str(again))).status == 0
    assert again.read_bytes() == file.read_bytes()
    twice = (await there.run("import", str(file))).no_trace()
    assert "0 records were imported" in twice.out
    asked = ("docs", "search", "lighthouse bulb", "--json")
    found = [(await folder.run(*asked)).json for folder in (here, there)]
    assert found[0]["passages"]
    assert found[0]["passages"][0]["text"] == found[1]["passages"][0]["text"]
    assert (await there.run("docs", "verify")).no_trace().status == 0
    settings = (await there.run("run", "--conversation", "x", stdin=b"/memory\n/settings\n")).out
    assert "I work in Lisbon" in settings
    assert "Short." in settings

    own = tmp_path / "own.jsonl"
    person = ("--person", "terminal:operator")
    assert (await here.run("export", "--to", str(own), *person)).status == 0
    kinds = {json.loads(line)["kind"] for line in own.read_text("utf-8").splitlines()}
    assert {"turn", "memory", "choice"} <= kinds
    nobody = await here.run("export", "--to", str(tmp_path / "no"), "--person", "discord:1")
    assert "Nothing of the kind is kept of discord:1." in nobody.said
    assert not (tmp_path / "no").exists()
    wrong = await here.run("export", "--to", str(tmp_path / "no"), "--person", "ann")
    assert "PLATFORM:ID" in wrong.said
    file.write_bytes(file.read_bytes()[:-50])
    cut = await there.run("import", str(file))
    assert (cut.status, "is cut off" in cut.no_trace().said) == (1, True)


async def test_in_the_terminal_the_file_is_saved(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.configure()
    told = (await folder.run("run", stdin=b"hello\n/mydata\n")).no_trace()
    assert told.status == 0, told.err
    (saved,) = (tmp_path / "data" / "files").iterdir()
    assert str(saved.name) in told.out
    assert saved.stat().st_mode & 0o077 == 0
    assert '"text":"hello"' in saved.read_text("utf-8")
    await folder.run("run", stdin=b"/forget confirm=yes\n")
    assert not (tmp_path / "data" / "files").exists()
