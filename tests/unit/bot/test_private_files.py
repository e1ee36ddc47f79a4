"""What is kept in the data directory: for its owner alone, and written whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml

from bot.installation import Installation
from bot.platforms import find_platform
from bot.private_files import PrivateFolder, find_exposed_data, replace_file
from bot.storage.data_dir_lock import lock_data_dir


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("platform", ["discord", "slack"])
def test_a_data_folder_with_what_a_platform_keeps_is_tightened_at_the_start(
    tmp_path: Path, platform: str
) -> None:
    data = tmp_path / "data"
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"data_dir": str(data)}))
    here = Installation.read(config)
    folder = here.platform_context(find_platform(here, platform)).folder
    with lock_data_dir(data):
        folder.write_json("state.json", {"since": 7})
    for path in (data, folder.path.parent, folder.path):
        assert mode(path) == 0o700
        path.chmod(0o755)
    assert {path for path, _ in find_exposed_data(data)} == {data, folder.path.parent}
    with lock_data_dir(data):
        assert mode(data) == 0o700
    assert not find_exposed_data(data)
    assert folder.read_json("state.json") == {"since": 7}


class TestPrivateFolder:
    def test_its_files_are_private_whatever_the_umask_is(self, tmp_path: Path) -> None:
        folder = PrivateFolder(tmp_path / "platforms" / "toy")
        before = os.umask(0)
        try:
            keys = folder.make_file("keys.db")
            folder.write_json("state.json", {"since": 7})
        finally:
            os.umask(before)
        assert mode(keys) == mode(folder.path / "state.json") == 0o600
        assert mode(folder.path) == mode(folder.path.parent) == 0o700

    def test_a_file_that_is_there_is_left_as_it_is(self, tmp_path: Path) -> None:
        folder = PrivateFolder(tmp_path / "toy")
        folder.make_file("keys.db").write_text("keys")
        assert folder.make_file("keys.db").read_text() == "keys"

    @pytest.mark.parametrize("found", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
    def test_what_is_no_object_is_read_as_empty(self, tmp_path: Path, found: bytes) -> None:
        folder = PrivateFolder(tmp_path)
        assert folder.read_json("state.json") == {}
        (tmp_path / "state.json").write_bytes(found)
        assert folder.read_json("state.json") == {}

    def test_a_write_that_fails_leaves_what_was_there(self, tmp_path: Path) -> None:
        folder = PrivateFolder(tmp_path)
        folder.write_json("state.json", {"since": 7})
        with pytest.raises(TypeError):
            folder.write_json("state.json", {"since": object()})
        assert folder.read_json("state.json") == {"since": 7}
        assert os.listdir(tmp_path) == ["state.json"]


def test_what_a_killed_process_of_the_same_id_has_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".config.yaml.{os.getpid()}").write_text("half of")
    replace_file(tmp_path / "config.yaml", b"whole")
    assert (tmp_path / "config.yaml").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["config.yaml"]
