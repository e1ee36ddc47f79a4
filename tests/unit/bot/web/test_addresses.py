from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Failed, Refused
from bot.web.addresses import AddressPolicy, is_public

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "2002:7f00:1::",
    "64:ff9b::a00:1",
    "64:ff9b:1::808:808",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "fec0::1",
    "no address",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
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


@given(st.ip_addresses())
def test_nothing_that_python_calls_local_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    local = address.is_loopback or address.is_link_local or address.is_multicast
    if local or address.is_unspecified or (address.is_private and address.version == 4):
        assert not is_public(str(address))


def policy(*addresses: str, allow: tuple[str, ...] = ()) -> AddressPolicy:
    async def lookup(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise OSError("no such host")
        return addresses

    return AddressPolicy(frozenset(allow), lookup)


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
