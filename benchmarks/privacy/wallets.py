"""Wallet addresses with the check sums that real ones have."""

from __future__ import annotations

import hashlib
from random import Random

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_POLYNOMIAL = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_VERSIONS = {"bitcoin": 0x00, "script": 0x05, "tron": 0x41, "litecoin": 0x30}


def crypto(random: Random) -> str:
    """A wallet of Bitcoin (legacy, script, segwit), Ethereum, Tron or Litecoin."""
    kind = random.choice(("ethereum", "segwit", *_VERSIONS))
    if kind == "ethereum":
        return "0x" + random.randbytes(20).hex()
    if kind == "segwit":
        return _segwit(random)
    return _base58check(bytes([_VERSIONS[kind]]) + random.randbytes(20))


def _base58check(payload: bytes) -> str:
    check = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    value, text = int.from_bytes(payload + check, "big"), ""
    while value:
        value, rest = divmod(value, 58)
        text = _BASE58[rest] + text
    leading = len(payload) - len(payload.lstrip(b"\0"))
    return "1" * leading + text


def _segwit(random: Random) -> str:
    data = [0, *(random.randrange(32) for _ in range(32))]
    prefix = [3, 3, 0, 2, 3]  # "bc", expanded
    check = _polymod([*prefix, *data, 0, 0, 0, 0, 0, 0]) ^ 1
    return "bc1" + "".join(
        _BECH32[value] for value in [*data, *((check >> 5 * (5 - at)) & 31 for at in range(6))]
    )


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            check ^= _POLYNOMIAL[bit] if top >> bit & 1 else 0
    return check
