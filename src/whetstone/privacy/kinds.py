"""Which kinds of private data an operator may leave in: personal data, and never a credential."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from whetstone.errors import InvalidInputError

SWITCHABLE: Final = frozenset(
    [
        "account-number", "address", "card-number", "crypto-address", "date-of-birth", "driver-license", "email",
        "geo", "handle", "iban", "ip-address", "location", "mac-address", "national-id", "organization",
        "passport", "person", "phone", "ssn", "username", "vehicle",
    ]
)  # fmt: skip
"""Kinds whose detectors may be switched off. A list of what may stay, so that a kind added later is removed always.

What is not here is a credential, a secret of this process, or on the operator's own lists.
"""


def checked_switches(kinds: Iterable[str]) -> frozenset[str]:
    """The kinds to switch off. Raises InvalidInputError for one that is unknown or must stay on."""
    wanted = frozenset(kinds)
    if refused := sorted(wanted - SWITCHABLE):
        raise InvalidInputError(
            f"WHETSTONE_PRIVACY_DISABLED_DETECTORS names {', '.join(refused)}. Credentials, secrets and the deny list "
            f"are always removed; what can be switched off: {', '.join(sorted(SWITCHABLE))}"
        )
    return wanted
