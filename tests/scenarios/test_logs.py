"""`parlance logs` and `status` after an error, beside a running bot and when it is gone."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from contextlib import suppress
from pathlib import Path

from tests.scenarios.process import Folder, end_of
from tests.until import PATIENCE_S

SECRET = "sk-" + "abcdefghij0123456789"
FAILING = {
    "backend": "scripted",
    "replies": [{"match": "fail", "error": "unavailable"}],
}


async def told_id(process: asyncio.subprocess.Process) -> str:
    """The id of the error that the person is told."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while not (
            found := re.search(rb"look it up under (\w{8})", await process.stderr.readline())
        ):
            pass
    return found[1].decode()


async def test_an_error_is_found_by_the_id_that_a_person_was_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"TEAM_API_KEY": SECRET})
    folder.configure(models={"default": FAILING, "embedder": {"backend": "scripted"}})
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"please fail\n")
        error_id = await told_id(process)
        told = await folder.run("status", "--json")
        table = (await folder.run("status")).no_trace().out
        async with folder.started("logs", "-n", "0", "--follow", "--json") as following:
            while following.returncode is None:  # it may not read yet when this is said
                process.stdin.write(b"please fail\n")
                assert following.stdout is not None
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        follow = await following.stdout.readline()
                        break
            following.send_signal(signal.SIGINT)
            followed = await end_of(following)
            assert (followed.status, followed.err) == (130, "")  # the log has traces of its own
        async with folder.started("status", "--watch", "--json") as watching:
            assert watching.stdout is not None
            twice = [json.loads(await watching.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        await end_of(process)

    (error,) = [one for one in told.json["errors"] if one.get("error_id") == error_id]
    assert error["event"] == "turn.failed"
    assert error_id in table
    assert told.json["disk"]["free"] > 0
    assert (told.json["queue"], told.json["newest_backup"]) == (0, None)
    assert all(one["running"] for one in twice)
    assert json.loads(follow)["event"], "whatever the turn logged first once it was read"

    ended = await folder.run("logs", "--turn", error_id)
    assert f"error_id={error_id}" in ended.out
    assert f"turn={error['turn']}" in ended.out
    assert ended.err == ""
    log = (tmp_path / "data" / "log" / "parlance.log").read_text("utf-8")
    assert "please fail" not in log
    assert "command_received" not in log, "who watches would fill the log"
    assert SECRET not in log
    assert (tmp_path / "data" / "log").stat().st_mode & 0o077 == 0
