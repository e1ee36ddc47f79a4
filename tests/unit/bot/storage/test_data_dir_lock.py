"""One data directory, one process."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.data_dir_lock import LOCK_NAME, lock_data_dir

HOLDER = """
import sys
from pathlib import Path
from bot.storage.data_dir_lock import lock_data_dir
with lock_data_dir(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    process = hold(tmp_path / "data")
    try:
        with pytest.raises(StorageError) as refused, lock_data_dir(tmp_path / "data"):
            pytest.fail("two processes on one data directory")
        said = str(refused.value)
        assert f"process {process.pid} on {socket.gethostname()} since 20" in said
        assert str(tmp_path / "data") in said
        assert "\n" not in said
    finally:
        end(process)


def test_a_killed_process_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    end(hold(tmp_path))
    assert str(os.getpid()) not in (tmp_path / LOCK_NAME).read_text()
    with lock_data_dir(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK_NAME).read_text()


def test_it_can_be_taken_again_and_twice_in_one_process_not(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            lock_data_dir(tmp_path),
            pytest.raises(StorageError, match=f"process {os.getpid()}"),
            lock_data_dir(tmp_path),
        ):
            pytest.fail("held twice")
    assert "pid" not in (tmp_path / LOCK_NAME).read_text()


def test_a_lock_file_with_rubbish_in_it_still_says_something(tmp_path: Path) -> None:
    process = hold(tmp_path)
    try:
        (tmp_path / LOCK_NAME).write_bytes(b"\xff\x00[]")
        with (
            pytest.raises(StorageError, match="in use by another process"),
            lock_data_dir(tmp_path),
        ):
            pytest.fail("two processes on one data directory")
    finally:
        end(process)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with (
        pytest.raises(StorageError, match="cannot be used as data_dir"),
        lock_data_dir(tmp_path / "data"),
    ):
        pytest.fail("a file is no folder")


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageError, match=r"parlance\.lock cannot be written: File too large"):
            lock_data_dir(tmp_path).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
