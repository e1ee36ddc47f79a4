"""`parlance db`: an installation goes from its file to a server, and goes on there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.postgresql import PostgresqlServer
from tests.scenarios.process import Folder

PASSWORD = "hunter2-hunter2"


async def test_an_installation_goes_to_a_server_and_goes_on_there(
    tmp_path: Path, postgresql: PostgresqlServer
) -> None:
    folder = Folder(tmp_path)
    folder.configure()
    said = b"hello\n/remember I work in Lisbon\n"
    assert (await folder.run("run", stdin=said)).no_trace().status == 0
    wrong = (
        await folder.run("db", "move", "--to", f"postgresql://u:{PASSWORD}@127.0.0.1:1/x")
    ).no_trace()
    assert (wrong.status, wrong.said) == (1, "The database x at 127.0.0.1: it cannot be reached.")

    address = await asyncio.to_thread(postgresql.create)
    url = address.url.set(drivername="postgresql", password=PASSWORD)
    folder.env["PARLANCE_DATABASE_URL"] = url.render_as_string(hide_password=False)
    moved = (await folder.run("db", "move")).no_trace()
    assert moved.status == 0, moved.err
    assert "are now in" in moved.out
    assert "It is used from the next start of the bot." in moved.err
    (shown,) = (await folder.run("db", "show", "--json")).no_trace().json
    assert shown["database"] == str(address)
    assert shown["schema"] == shown["newest_schema"]

    there = (await folder.run("run", stdin=b"/memory\nagain\n")).no_trace()
    assert "I work in Lisbon" in there.out, there.err
    assert "You said: again" in there.out
    for ended in (wrong, moved, there):
        assert PASSWORD not in ended.out + ended.err
    await asyncio.to_thread(postgresql.drop, address)
