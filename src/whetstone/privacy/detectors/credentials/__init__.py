"""Credentials that can be told by their shape or by the place where they stand.

The first rules and their labels are those of the wire contract (§11.2); the others follow the formats that the
providers document for their tokens.
"""

from __future__ import annotations

from whetstone.privacy.detectors.credentials.addresses import address_secret_detectors
from whetstone.privacy.detectors.credentials.blocks import block_detectors
from whetstone.privacy.detectors.credentials.commands import command_detectors
from whetstone.privacy.detectors.credentials.headers import bearer_detector, header_detectors
from whetstone.privacy.detectors.credentials.infixes import InfixDetector
from whetstone.privacy.detectors.credentials.providers import CONTRACT, TECHNICAL
from whetstone.privacy.detectors.credentials.providers_business import BUSINESS
from whetstone.privacy.detectors.credentials.sessions import session_detector
from whetstone.privacy.detectors.credentials.tokens import TokenDetector
from whetstone.privacy.detectors.detector import Detector

_BEARER = 100
_TOKENS = 200
_INFIXES = 500
_BLOCKS = 600
_COMMANDS = 700
_ADDRESSES = 710
_HEADERS = 800
_SESSIONS = 810


def credential_detectors() -> list[Detector]:
    """All detectors, the more specific before the more general."""
    return [
        TokenDetector((0, CONTRACT), (_TOKENS, (*TECHNICAL, *BUSINESS))),
        bearer_detector(_BEARER),
        InfixDetector(_INFIXES),
        *block_detectors(_BLOCKS),
        *command_detectors(_COMMANDS),
        *address_secret_detectors(_ADDRESSES),
        *header_detectors(_HEADERS),
        session_detector(_SESSIONS),
    ]
