"""Decides which addresses may be fetched: all that a name resolves to, at every redirect.

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
from contextlib import suppress
from dataclasses import dataclass

from bot.catalogue.sentence import say
from bot.errors import Failed, Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a host name and port into the addresses that it stands for; raises `OSError`."""

PAGE_PORTS = frozenset({80, 443})

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""How the second half of an IPv6 address begins that ends with an IPv4 address, in any network."""
_UNASSIGNED_ADDRESS = "192.0.2.1"
"""An address that no machine has: it is for documentation."""
_CARRIER_NETWORKS = (
    _NAT64,
    ipaddress.IPv6Network("::ffff:0:0/96"),
    ipaddress.IPv6Network("2002::/16"),
)
"""IPv6 networks whose addresses are as public as the IPv4 address inside."""

_SPECIAL_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT; also where some clouds keep their metadata
        "192.0.0.0/24",  # protocol assignments
        "192.31.196.0/24",  # AS112: a sink for misdirected queries
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays, long withdrawn
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "168.63.129.16/32",  # Azure's platform address, though it looks public
        "100::/64",  # discard
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, long withdrawn
        "64:ff9b:1::/48",  # NAT64 for local use
    )
)


def embedded_addresses(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address carries inside (mapped, compatible, 6to4, NAT64,
    ISATAP)."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    value = int(address)
    last = ipaddress.IPv4Address(value & 0xFFFF_FFFF)
    found = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if value >> 32 == 0 or address in _NAT64 or (value >> 32) & 0xFFFF_FFFF in _ISATAP:
        found.append(last)
    return tuple(found)


def is_public(text: str) -> bool:
    """Whether an address, as the resolver spells it, belongs to the open internet."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = embedded_addresses(address)
    if not all(is_public(str(one)) for one in inner):
        return False
    if inner and any(address in network for network in _CARRIER_NETWORKS):
        return True  # judged by the address inside
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _SPECIAL_NETWORKS)
    )


def is_own_address(text: str) -> bool:
    """Whether an address is one of this machine's, or of an IPv6 network that it is part of.

    The kernel is asked without a word on the wire, and answers at once: only an address of the
    machine can be bound, and what an IPv6 address would be talked to from is in its own network
    where the machine has part in that.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if any(is_own_address(str(one)) for one in embedded_addresses(address)):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        # Where the kernel is set to bind any address, it says nothing.
        return _can_bind(str(address)) and not _can_bind(_UNASSIGNED_ADDRESS)
    with suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect((str(address), 443))  # sends nothing: it is for datagrams
        from_here = ipaddress.IPv6Address(asking.getsockname()[0].partition("%")[0])
        return int(from_here) >> 64 == int(address) >> 64
    return False


def _can_bind(address: str) -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((address, 0))
        return True
    return False


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
    ours: Callable[[str], bool] = is_own_address

    def allowed(self, host: str, port: int) -> bool:
        """Whether the operator excepts this host from the check of addresses."""
        spelled = f"[{host}]" if ":" in host else host
        names = {host, f"{host}:{port}", f"{spelled}:{port}"}
        return bool(names & {entry.lower().rstrip(".") for entry in self.allow_hosts})

    def check_port(self, host: str, port: int) -> None:
        """Raises `Refused` for a port that pages are not served on."""
        if port in PAGE_PORTS:
            return
        spelled = f"[{host}]" if ":" in host else host
        if f"{spelled}:{port}".lower() in {entry.lower() for entry in self.allow_hosts}:
            return
        raise Refused(
            say(
                "I read pages from ports 80 and 443 only, not from {port}; an "
                "operator can allow it.",
                port=port,
            )
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
            raise Failed(
                say("There is no host named {host!r}; check the address.", host=host[:100])
            )
        if self.allowed(host, port):
            return addresses
        if not all(is_public(a) and not self.ours(a) for a in addresses):
            raise Refused(
                say(
                    "{host} belongs to this machine or to a private network, so I do "
                    "not read it; an operator can allow it.",
                    host=host[:100],
                )
            )
        return addresses
