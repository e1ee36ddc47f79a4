"""Cores and memory, read from made-up trees of /proc and /sys."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import psutil
import pytest

from backends.files.catalog import EMBEDDER_FILE
from backends.files.store import ModelStore
from backends.gpt4all.options import GPT4AllOptions
from backends.llama_cpp.options import LlamaCppOptions
from backends.machine import available_memory, cpu_quota, release_file_pages, usable_cores
from backends.onnx.files import open_session

GIB = 1 << 30


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def processor(root: Path, cores: int, threads: int, name: str = "core_cpus_list") -> Path:
    """A processor whose core n has the logical CPUs n, n + cores, …"""
    for core in range(cores):
        siblings = [core + cores * thread for thread in range(threads)]
        for cpu in siblings:
            path = f"sys/devices/system/cpu/cpu{cpu}/topology/{name}"
            write(root, {path: ",".join(map(str, siblings)) + "\n"})
    return root


@pytest.mark.parametrize("name", ["core_cpus_list", "thread_siblings_list"])
@pytest.mark.parametrize(("cores", "threads"), [(2, 1), (8, 1), (4, 2), (8, 2), (16, 4)])
def test_cores_are_counted_and_not_their_threads(
    tmp_path: Path, cores: int, threads: int, name: str
) -> None:
    root = processor(tmp_path, cores, threads, name)
    assert usable_cores(root, range(cores * threads)) == cores


def test_only_the_cores_of_the_affinity_count(tmp_path: Path) -> None:
    root = processor(tmp_path, 8, 2)
    assert usable_cores(root, {0, 8, 1}) == 2
    assert usable_cores(root, {3}) == 1


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "20000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/\n"}, 8),
        ({"proc/self/cgroup": "what is this\n0:\n::\n"}, 8),
        (
            {
                "proc/self/cgroup": "0::/bots/parlance\n",
                "sys/fs/cgroup/bots/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/bots/parlance/cpu.max": "max 100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
        (
            {  # a container that sees its own groups only, under the path of the host
                "proc/self/cgroup": "0::/../../system.slice/docker-1.scope\n",
                "sys/fs/cgroup/cpu.max": "500000 100000\n",
            },
            5,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "0 0\n"}, 8),
    ],
)
def test_a_containers_quota_bounds_the_cores(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    root = write(processor(tmp_path, 8, 2), files)
    assert usable_cores(root, range(16)) == cores


def test_without_those_files_every_logical_cpu_is_a_core(tmp_path: Path) -> None:
    assert usable_cores(tmp_path, range(6)) == 6
    assert usable_cores(tmp_path, ()) == 1
    assert cpu_quota(tmp_path) is None
    assert available_memory(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8 * GIB),
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
                "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {GIB}\nactive_file 9\n",
            },
            2 * GIB,
        ),
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
            },
            8 * GIB,
        ),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": f"{GIB}\n",
                "sys/fs/cgroup/a/memory.current": f"{2 * GIB}\n",
            },
            0,
        ),
        (
            {
                "proc/self/cgroup": "9:memory:/docker/abc\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{6 * GIB}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{5 * GIB}\n",
                "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}\n",
            },
            2 * GIB,
        ),
    ],
)
def test_a_containers_limit_bounds_the_free_memory(
    tmp_path: Path, files: dict[str, str], free: int
) -> None:
    machine = {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable:   {8 * GIB // 1024} kB\n"}
    assert available_memory(write(tmp_path, {**machine, **files})) == free


def test_this_machine_gives_sensible_numbers() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    free = available_memory()
    assert free is None or 1 << 20 < free < 1 << 50


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone has affinities")
def test_every_engine_in_this_process_takes_the_cores_of_its_affinity(
    embedder_files: ModelStore,
) -> None:
    llama = LlamaCppOptions(source="file:m.gguf")
    gpt4all = GPT4AllOptions(source="file:m.gguf")
    onnx = embedder_files.path(EMBEDDER_FILE.source)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert llama.threads() == (1, 1)
        assert gpt4all.threads() == 1
        assert open_session(onnx, None).get_session_options().intra_op_num_threads == 1
    finally:
        os.sched_setaffinity(0, before)
    assert LlamaCppOptions(source="file:m.gguf", n_threads=3).threads() == (3, 3)
    assert GPT4AllOptions(source="file:m.gguf", n_threads=3).threads() == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the pages")
def test_pages_of_a_mapped_file_are_given_back_and_come_again(tmp_path: Path) -> None:
    paths = [tmp_path / "a model.gguf", tmp_path / "other.gguf"]
    content = os.urandom(1 << 20)

    def resident(path: Path) -> int:
        return sum(one.rss for one in psutil.Process().memory_maps() if one.path == str(path))

    views = []
    for path in paths:
        path.write_bytes(content)
        with path.open("rb") as file:
            views.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        assert bytes(views[-1]) == content
    assert [resident(path) for path in paths] == [1 << 20, 1 << 20]
    release_file_pages(paths[:1])
    assert [resident(path) for path in paths] == [0, 1 << 20]
    assert bytes(views[0]) == content
    for view in views:
        view.close()
