from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Failed, Refused
from bot.web.addresses import AddressPolicy, is_own_address, is_public
from bot.web.fetch import Fetcher
from tests.fakes.pages import PageServer
from tests.hostile.addresses import PUBLIC, REFUSED
from tests.unit.bot.web.conftest import Limits, limits, pages

__all__ = ["limits", "pages"]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_never_fetched(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(v4: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | int(v4))
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (int(v4) << 80))
    nat64 = ipaddress.IPv6Address((0x64FF9B << 96) | int(v4))
    assert is_public(str(mapped)) == is_public(str(v4))
    assert is_public(str(sixtofour)) == is_public(str(v4))
    assert is_public(str(nat64)) == is_public(str(v4))
    for mark in (0x5EFE, 0x0200_5EFE):
        isatap = ipaddress.IPv6Address((0x2606_4700 << 96) | (mark << 32) | int(v4))
        assert is_public(str(isatap)) == is_public(str(v4))


@given(st.ip_addresses())
def test_nothing_that_python_calls_local_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    local = address.is_loopback or address.is_link_local or address.is_multicast
    if local or address.is_unspecified or (address.is_private and address.version == 4):
        assert not is_public(str(address))


def policy(
    *addresses: str,
    allow: tuple[str, ...] = (),
    ours: Callable[[str], bool] = is_own_address,
) -> AddressPolicy:
    async def lookup(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise OSError("no such host")
        return addresses

    return AddressPolicy(frozenset(allow), lookup, ours)


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(Refused, match="private network"):
        await policy("8.8.8.8", "10.0.0.1").resolve("example.com", 80)


async def test_a_name_without_addresses_is_said_to_be_none() -> None:
    with pytest.raises(Failed, match=r"There is no host named 'nowhere\.example'"):
        await policy().resolve("nowhere.example", 80)


@pytest.mark.parametrize("entry", ["wiki.local", "WIKI.local", "wiki.local:8080"])
async def test_the_operator_can_allow_a_host(entry: str) -> None:
    allowing = policy("10.0.0.1", allow=(entry,))
    assert await allowing.resolve("wiki.local", 8080) == ("10.0.0.1",)
    with pytest.raises(Refused):
        await allowing.resolve("other.local", 8080)


def test_only_the_ports_of_the_web_unless_allowed() -> None:
    careful = policy(allow=("wiki.local", "[::1]:8080", "10.0.0.1:22"))
    careful.check_port("example.com", 443)
    careful.check_port("::1", 8080)
    careful.check_port("10.0.0.1", 22)
    for host, port in (("wiki.local", 22), ("example.com", 6379), ("::1", 22)):
        with pytest.raises(Refused, match="ports 80 and 443"):
            careful.check_port(host, port)


# --- this machine's own --------------------------------------------------------------------------


async def test_an_address_of_this_machine_is_refused_though_it_is_public() -> None:
    own = {"8.8.8.8"}
    with pytest.raises(Refused, match="this machine"):
        await policy("1.1.1.1", "8.8.8.8", ours=own.__contains__).resolve("me.example", 443)
    allowing = policy("8.8.8.8", allow=("me.example",), ours=own.__contains__)
    assert await allowing.resolve("me.example", 443) == ("8.8.8.8",)


def test_the_kernel_tells_which_addresses_are_of_this_machine() -> None:
    assert is_own_address("127.0.0.1")
    assert is_own_address("::ffff:127.0.0.1")
    assert not is_own_address("8.8.8.8")
    assert not is_own_address("2606:4700::1111")


_MACHINE = """
ip link set lo up
ip addr add 8.8.8.8/32 dev lo
ip -6 addr add 2600:1:2:3::5/64 dev lo nodad
ip -6 route add default dev lo
exec "$@"
"""
_ASKED = """
from bot.web.addresses import is_own_address
print(*map(is_own_address, {addresses!r}))
"""


def _on_a_machine_of_its_own(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the network is this process's alone, with two public addresses."""
    return subprocess.run(
        ["unshare", "-rn", "sh", "-ec", _MACHINE, "sh", *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def _can_have_a_network_of_its_own() -> bool:
    try:
        return _on_a_machine_of_its_own("true").returncode == 0
    except FileNotFoundError:
        return False


def test_a_machines_public_addresses_and_its_ipv6_network_are_its_own() -> None:
    if not _can_have_a_network_of_its_own():
        pytest.skip("this system makes no network for a test")
    own = ["8.8.8.8", "2600:1:2:3::5", "2600:1:2:3::99", "64:ff9b::808:808", "2002:808:808::1"]
    others = ["1.1.1.1", "8.8.4.4", "2600:1:2:4::5", "64:ff9b::101:101"]
    asked = _ASKED.format(addresses=[*own, *others])
    done = _on_a_machine_of_its_own(sys.executable, "-c", asked)
    assert done.stdout.split() == ["True"] * len(own) + ["False"] * len(others), done.stderr


# --- every hop -----------------------------------------------------------------------------------


async def test_a_name_that_changes_its_address_between_two_hops_gains_nothing(
    pages: PageServer, limits: Limits
) -> None:
    answers = iter(["127.0.0.1", "127.0.0.1", "10.0.0.1"])
    asked: list[str] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return (next(answers),)

    port = pages.port
    allowed = replace(limits, allow_hosts=(f"wiki.example:{port}",))
    start = pages.redirect("/start", "/middle").replace("127.0.0.1", "wiki.example")
    pages.redirect("/middle", "http://wiki.example.org/end")
    with pytest.raises(Refused, match="private network"):
        await Fetcher(allowed, lookup=lookup).fetch_bytes(start)
    # A connection that is there is not used again: each hop's address is looked up and checked.
    assert asked == [f"wiki.example:{port}", f"wiki.example:{port}", "wiki.example.org:80"]
