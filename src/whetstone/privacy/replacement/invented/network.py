"""Addresses of machines: from ranges set aside for documentation (RFC 5737, RFC 3849), and MACs without a maker."""

from __future__ import annotations

import ipaddress
import random
import re
from typing import Final

from whetstone.privacy.replacement.invented.draw import Draw

_V4 = re.compile(r"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f]*(?![\w:.])")
_NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")
_LOCAL = "02"  # administered locally: no maker has it
_HEX = re.compile(r"[0-9A-Fa-f]")


def ip_address(value: str, draw: Draw) -> str | None:
    """Hosts of one real network stay hosts of one network, each its own."""
    changed = _V4.sub(lambda match: _version_4(match[1], match[2], draw), value)
    changed = _V6.sub(lambda match: _version_6(match[0], draw), changed)
    return changed if changed != value else None


def mac_address(value: str, draw: Draw) -> str | None:
    """Six bytes, the first of which says that the address was made up here."""
    digits = "".join(_HEX.findall(value)).lower()
    if len(digits) < 12:
        return None

    def invent(chance: random.Random) -> str:
        ahead = iter(_LOCAL + "".join(chance.choice("0123456789abcdef") for _ in range(len(digits) - 2)))
        upper = any(character.isupper() for character in value)
        filled = _HEX.sub(lambda _: next(ahead), value)
        return filled.upper() if upper else filled

    return draw.choice(f"mac {digits}", invent)


def _version_4(network: str, host: str, draw: Draw) -> str:
    def invent(chance: random.Random) -> str:
        hosts = list(range(256))
        chance.shuffle(hosts)
        return f"{chance.choice(_NETWORKS)}.{hosts[int(host) % 256]}"

    # The chance is that of the network, so that its hosts never share an address.
    return draw.choice(f"network {network}", invent)


def _version_6(address: str, draw: Draw) -> str:
    try:
        number = int(ipaddress.IPv6Address(address))
    except ValueError:
        return address
    network = draw.chance(f"network {number >> 64}").getrandbits(32)

    def invent(chance: random.Random) -> str:
        documentation = int(ipaddress.IPv6Address("2001:db8::"))
        return str(ipaddress.IPv6Address(documentation | network << 64 | chance.getrandbits(64)))

    return draw.choice(f"host {number}", invent)
