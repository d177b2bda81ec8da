"""IP addresses."""

from __future__ import annotations

import ipaddress
import re

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

_V4 = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d|-[A-Za-z]|\.(?:tar|zip|whl|jar|gz|tgz|deb|rpm|exe|msi|dmg)\b)"
)
_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_VERSION_BEFORE = re.compile(
    r"(?:\b(?:versions?|ver|rev|release|build|firmware|driver|upgraded?|section|chapter)(?: to| from)?[\s:=v\"']{1,4}"
    r"|(?-i:\b[A-Z][A-Za-z]+/)|(?:==|~=|>=|<=|\^)\s?)\Z",
    re.IGNORECASE,
)
_CONTEXT = 24


def _is_v4(match: Match) -> bool:
    """An address that is routed somewhere, not the version of a program."""
    octets = match[0].split(".")
    if any(len(octet) > 1 and octet[0] == "0" for octet in octets) or any(
        int(octet) > 255 for octet in octets
    ):
        return False
    if octets[0] in ("0", "127", "255"):  # this network, loopback, netmasks: the same on every machine
        return False
    before = match.string[max(0, match.start() - _CONTEXT) : match.start()]
    return _VERSION_BEFORE.search(before) is None


def _is_v6(match: Match) -> bool:
    """Valid, and not what code looks like: `a::b`, `x[1::2]`, `::1`."""
    text = match[0]
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    groups = [group for group in text.split(":") if group]
    return len(groups) >= 3 or len(groups[0]) == 4


def network_detectors() -> list[PatternDetector]:
    """Addresses of both versions under one label."""
    return [
        PatternDetector("ip-address", label("ip-address"), Order.NETWORK, _V4, (".",), _is_v4),
        PatternDetector("ip-address", label("ip-address"), Order.NETWORK, _V6, ("::", ":"), _is_v6),
    ]
