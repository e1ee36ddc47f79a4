"""People who come through a proxy of the operator that has found out who they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from bot.config.core import ConsoleProxySettings
from bot.sign_in.links import Visitor
from bot.types import ConversationKey


class ProxySignIn:
    """Says who a request is from, by a header that is believed from the proxy's addresses alone."""

    def __init__(self, settings: ConsoleProxySettings) -> None:
        self.header = settings.header.lower()
        """The header's name, in small letters; empty: nobody comes in by one."""
        self._networks = [ipaddress.ip_network(one) for one in settings.addresses]
        self._people: Mapping[str, Visitor] = {
            name: Visitor(one.person, ConversationKey.parse(one.place))
            for name, one in settings.people.items()
        }

    def visitor(self, address: str, values: Sequence[str]) -> Visitor | None:
        """Who is named by the values of the header in a request from this address; None for nobody
        that is known. Two values are none: a proxy may have left in what somebody else wrote."""
        if not self.header or len(values) != 1 or not self._is_trusted(address):
            return None
        return self._people.get(values[0].strip())

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self._networks)
