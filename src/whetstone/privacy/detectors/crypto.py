"""Addresses of cryptocurrencies, by their prefixes and checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

KIND: Final = "crypto-address"
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_TARGETS: Final = (1, 0x2BC830A3)  # BIP 173 and BIP 350

_BASE58 = re.compile(r"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{25,36}(?![A-Za-z0-9])")
_SEGWIT = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:bc|tb|ltc|bcrt)1[02-9ac-hj-np-z]{14,74}|BC1[02-9AC-HJ-NP-Z]{14,74})(?![A-Za-z0-9])"
)
_ETHEREUM = re.compile(r"(?<![A-Za-z0-9])0[xX][0-9a-fA-F]{40}(?![A-Za-z0-9])")
_MONERO = re.compile(
    r"(?<![A-Za-z0-9])[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?:[1-9A-HJ-NP-Za-km-z]{11})?(?![A-Za-z0-9])"
)
_CARDANO = re.compile(
    r"(?<![A-Za-z0-9])(?:addr|stake|cosmos|osmo|juno)1[02-9ac-hj-np-z]{38,104}(?![A-Za-z0-9])"
)
_CASH = re.compile(r"(?<![A-Za-z0-9])bitcoincash:[qp][02-9ac-hj-np-z]{41}(?![A-Za-z0-9])")
_SOLANA = re.compile(
    r"\b(?:sol|solana|phantom|spl)\b[^\n]{0,24}?[^A-Za-z0-9\n](?P<value>[1-9A-HJ-NP-Za-km-z]{32,44})(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def _decode(text: str, alphabet: str, length: int) -> bytes | None:
    number = 0
    for character in text:
        index = alphabet.find(character)
        if index < 0:
            return None
        number = number * 58 + index
    try:
        return number.to_bytes(length, "big")
    except OverflowError:
        return None


def is_base58check(text: str, alphabet: str = _ALPHABET) -> bool:
    """Whether 21 bytes and the first four of their double SHA-256 are written in base 58."""
    data = _decode(text, alphabet, 25)
    if data is None:
        return False
    return hashlib.sha256(hashlib.sha256(data[:21]).digest()).digest()[:4] == data[21:]


def is_bech32(text: str) -> bool:
    """Whether the checksum of BIP 173 or BIP 350 is right."""
    prefix, _, data = text.lower().rpartition("1")
    values = (
        [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    )
    values += [_BECH32.find(character) for character in data]
    if min(values) < 0:
        return False
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum in _BECH32_TARGETS


def _is_base58_address(match: Match) -> bool:
    text = match[0]
    if not any(map(str.isdigit, text)):
        return False
    return is_base58check(text) or (text[0] == "r" and is_base58check(text, _RIPPLE))


def _is_segwit_address(match: Match) -> bool:
    return is_bech32(match[0])


def _is_hex_address(match: Match) -> bool:
    """The zero address, the dead one and the precompiled contracts belong to nobody."""
    return len(set(match[0][2:].lower().lstrip("0"))) > 4


def _is_solana(match: Match) -> bool:
    value = match["value"]
    return (
        any(map(str.isdigit, value))
        and any(map(str.isupper, value))
        and any(map(str.islower, value))
        and _decode(value, _ALPHABET, 32) is not None
    )


def crypto_detectors() -> list[PatternDetector]:
    """Bitcoin and its relatives, Ethereum, Tron, Ripple, Monero, Cardano; Solana where its name stands before."""

    def detector(
        pattern: re.Pattern[str],
        *triggers: str,
        accept: Callable[[Match], bool] | None = None,
        group: str | int = 0,
    ) -> PatternDetector:
        return PatternDetector(
            KIND, label(KIND), Order.IDENTITY, pattern, triggers, accept, group=group, rank=2
        )

    return [
        detector(_BASE58, accept=_is_base58_address),
        detector(_SEGWIT, "bc1", "BC1", "tb1", "ltc1", "bcrt1", accept=_is_segwit_address),
        detector(_ETHEREUM, "0x", "0X", accept=_is_hex_address),
        detector(_MONERO, "4", "8"),
        detector(_CARDANO, "addr1", "stake1", "cosmos1", "osmo1", "juno1", accept=_is_segwit_address),
        detector(_CASH, "bitcoincash:"),
        detector(_SOLANA, "ol", "OL", "hantom", "spl", accept=_is_solana, group="value"),
    ]
