"""Which addresses may be fetched: every one that a name stands for, on every hop.

A page that a person names, or a redirect that a server sends, must not make Parlance talk to the
machine it runs on, to its network, or to a cloud's metadata service. The check is on addresses, not
on spellings: `http://0x7f.1/`, `http://[::ffff:127.0.0.1]/` and a public name with a private
address all end at the same question.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.errors import Failed, Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a host name and port into the addresses that it stands for; raises `OSError`."""

PORTS = frozenset({80, 443})

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_CARRIERS = (_NAT64, ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("2002::/16"))
"""IPv6 networks whose addresses are as public as the IPv4 address inside."""

_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT; also where some clouds keep their metadata
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays, long withdrawn
        "198.18.0.0/15",  # benchmarking
        "168.63.129.16/32",  # Azure's platform address, though it looks public
        "100::/64",  # discard
        "2001::/23",  # protocol assignments, Teredo among them
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, long withdrawn
        "64:ff9b:1::/48",  # NAT64 for local use
    )
)


def embedded(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 address carries inside (mapped, compatible, 6to4, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    value = int(address)
    if value >> 32 == 0 or address in _NAT64:
        return ipaddress.IPv4Address(value & 0xFFFFFFFF)
    return None


def is_public(text: str) -> bool:
    """Whether an address, as the resolver spells it, belongs to the open internet."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = embedded(address)
    if inner is not None and not is_public(str(inner)):
        return False
    if inner is not None and any(address in network for network in _CARRIERS):
        return True  # judged by the address inside
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _SPECIAL)
    )


async def lookup(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, in its thread."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Decides on hosts, ports and addresses.

    `allow_hosts` are the operator's exceptions: `name` (any of its addresses, on the ordinary
    ports) or `name:port` (that port as well). They are compared with the host as the URL spells it.
    """

    allow_hosts: frozenset[str] = frozenset()
    lookup: Lookup = lookup

    def allowed(self, host: str, port: int) -> bool:
        """Whether the operator excepts this host from the check of addresses."""
        spelled = f"[{host}]" if ":" in host else host
        names = {host, f"{host}:{port}", f"{spelled}:{port}"}
        return bool(names & {entry.lower().rstrip(".") for entry in self.allow_hosts})

    def check_port(self, host: str, port: int) -> None:
        """Raises `Refused` for a port that pages are not served on."""
        if port in PORTS:
            return
        spelled = f"[{host}]" if ":" in host else host
        if f"{spelled}:{port}".lower() in {entry.lower() for entry in self.allow_hosts}:
            return
        raise Refused(
            f"Pages are fetched from ports 80 and 443 only, not from {port}; an operator can "
            "allow the host under fetch.allow_hosts."
        )

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to, all of them checked.

        Raises `Refused` where one of them is not public, `Failed` where the name has none.
        """
        try:
            addresses = await self.lookup(host, port)
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise Failed(f"There is no host named {host!r:.100}; check the address.")
        if not self.allowed(host, port) and not all(is_public(a) for a in addresses):
            raise Refused(
                f"{host:.100} is an address of a private network, which is never fetched; an "
                "operator can allow the host under fetch.allow_hosts."
            )
        return addresses
