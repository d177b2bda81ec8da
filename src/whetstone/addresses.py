"""Names and addresses: what is this machine, what is everywhere."""

from __future__ import annotations

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_ip(host: str) -> IPAddress | None:
    """The IP address that `host` spells (brackets allowed), IPv4-mapped IPv6 reduced to IPv4; None for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_loopback(host: str) -> bool:
    """Whether `host` can only mean this machine: localhost, a name under it (RFC 6761), 127/8 or ::1."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = parse_ip(host)
    return address is not None and address.is_loopback


def is_wildcard(host: str) -> bool:
    """Whether binding to `host` listens on every interface."""
    address = parse_ip(host)
    return host in {"", "*"} or (address is not None and address.is_unspecified)


def host_of(authority: str) -> str:
    """`name` of `name:port`, `[::1]:port`, `name` or a bare IPv6 address; lower case, without brackets."""
    text = authority.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        return text.partition(":")[0].rstrip(".")
    return text.rstrip(".")
