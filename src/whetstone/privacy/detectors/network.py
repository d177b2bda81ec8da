"""IP and MAC addresses."""

from __future__ import annotations

import ipaddress
import re

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

_V4 = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:/(?:3[0-2]|[12]?\d)(?![\w./]))?"
    r"(?!\w|\.\d|-[A-Za-z]|\.(?:tar|zip|whl|jar|gz|tgz|deb|rpm|exe|msi|dmg)\b)"
)
_V4_DEFANGED = re.compile(
    r"(?<![\w.])\d{1,3}(?:(?:\[\.\]|\(\.\)|\[dot\])\d{1,3}){3}(?![\w.])|(?<=\bip-)\d{1,3}(?:-\d{1,3}){3}(?![\w-])"
)
_V6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{0,4}|\d{1,3}(?:\.\d{1,3}){3})(?![\w:]|\.\d)(?:%[A-Za-z0-9]{1,15})?(?:/(?:12[0-8]|1[01]\d|\d\d?)(?!\w))?"
)
_MAC = re.compile(
    r"(?<![0-9A-Za-z:.-])(?:[0-9A-Fa-f]{2}(?P<sep>[:-])(?:[0-9A-Fa-f]{2}(?P=sep)){4}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})"
    r"(?![0-9A-Za-z]|[:.-][0-9A-Fa-f])"
)
_ANNOUNCED_MAC = re.compile(
    r"\bmac\b(?:[\s_-]?addr(?:ess)?)?[\"'`*]{0,2}[^\w\n]{1,3}(?:is\s)?[\"'`]?(?P<value>[0-9A-Fa-f]{12})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_VERSION_BEFORE = re.compile(
    r"(?:\b(?:versions?|ver|rev|release|build|firmware|driver|upgraded?|section|chapter)(?: to| from)?[\s:=v\"']{1,4}"
    r"|(?-i:\b[A-Z][A-Za-z]+/)|(?:==|~=|>=|<=|\^)\s?)\Z",
    re.IGNORECASE,
)
_CONTEXT = 24


def _is_v4(match: Match) -> bool:
    """An address that is routed somewhere, not the version of a program."""
    octets = re.findall(r"\d+", match[0].partition("/")[0])
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
    text = match[0].partition("/")[0].partition("%")[0]
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    groups = [group for group in text.split(":") if group]
    return len(groups) >= 3 or (len(groups[0]) == 4 and any(map(str.isdigit, groups[0] + groups[-1])))


def _is_mac(match: Match) -> bool:
    """Not all zeros or ones, and not a row of small decimal numbers such as a time with fractions."""
    digits = re.sub(r"[^0-9a-f]", "", match[0].lower())
    return len(set(digits)) > 1 and (match["sep"] is not None or any(map(str.isalpha, digits)))


def network_detectors() -> list[PatternDetector]:
    """Internet addresses of both versions under one kind, hardware addresses under another."""
    ip, mac = label("ip-address"), label("mac-address")
    return [
        PatternDetector("ip-address", ip, Order.NETWORK, _V4, (".",), _is_v4),
        PatternDetector(
            "ip-address", ip, Order.NETWORK, _V4_DEFANGED, ("[.]", "(.)", "[dot]", "ip-"), _is_v4
        ),
        PatternDetector("ip-address", ip, Order.NETWORK, _V6, ("::", ":"), _is_v6),
        PatternDetector("mac-address", mac, Order.NETWORK, _MAC, (":", "-", "."), _is_mac, rank=1),
        PatternDetector(
            "mac-address", mac, Order.NETWORK, _ANNOUNCED_MAC, ("mac", "MAC", "Mac"), group="value", rank=1
        ),
    ]
