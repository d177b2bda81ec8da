"""Configuration of a privacy filter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from whetstone.privacy.custom.allow_list import AllowList
from whetstone.privacy.custom.deny_list import DenyListDetector
from whetstone.privacy.custom.entries import entries
from whetstone.privacy.custom.patterns import CustomPatternDetector, pattern_detectors
from whetstone.privacy.detectors.address import address_detectors
from whetstone.privacy.detectors.answers import AnswerDetector
from whetstone.privacy.detectors.assignments import AssignmentDetector
from whetstone.privacy.detectors.contact import email_detectors
from whetstone.privacy.detectors.credentials import credential_detectors
from whetstone.privacy.detectors.dates import DateOfBirthDetector
from whetstone.privacy.detectors.detector import Detector
from whetstone.privacy.detectors.geo import geo_detectors
from whetstone.privacy.detectors.handles import HandleDetector
from whetstone.privacy.detectors.identity import identity_detectors
from whetstone.privacy.detectors.listed import SecretValueDetector, secret_values
from whetstone.privacy.detectors.network import network_detectors
from whetstone.privacy.detectors.phones import PhoneDetector
from whetstone.privacy.kinds import checked_switches
from whetstone.privacy.names.phrases import PhraseDetector
from whetstone.privacy.names.usernames import UsernameDetector
from whetstone.privacy.replacement.anonymizer import Anonymizer, anonymizer_of, salt_of
from whetstone.privacy.replacement.pseudonyms import Pseudonyms
from whetstone.privacy.replacement.replacer import Replacement, Replacer
from whetstone.privacy.replacement.surrogates import Surrogates
from whetstone.privacy.replacement.veiled import VeiledSurrogates
from whetstone.privacy.report import FILTER_VERSION
from whetstone.privacy.structure.markup import MarkupDetector
from whetstone.privacy.structure.tables import TableDetector
from whetstone.settings import Settings, secret_environment_values

_SECRET_SETTINGS = (
    "api_token", "server_shared_secret", "lm_api_key", "reflection_lm_api_key", "teacher_lm_api_key",
    "judge_lm_api_key", "privacy_salt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What a filter removes beyond the rules, and what it leaves. The rules themselves are always on."""

    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Values of secret-named variables, by name."""
    deny_list: tuple[str, ...] = ()
    allow_list: tuple[str, ...] = ()
    """Values that are never private data; see `AllowList`."""
    patterns: tuple[CustomPatternDetector, ...] = ()
    """The operator's own."""
    anonymizer: Anonymizer | None = None
    """Handles are replaced only when there is one."""
    private_entities: tuple[str, ...] = ()
    """Ids or handles of entities whose trajectories are dropped."""
    extra_detectors: tuple[Detector, ...] = ()
    disabled: frozenset[str] = frozenset()
    """Kinds that stay in; see `kinds.SWITCHABLE`."""
    replacement: Replacement = "pseudonym"
    seed: int = 0
    """Of the surrogates, as is the key."""
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises InvalidInputError for an allow list that allows nearly everything."""
        AllowList(self.allow_list)

    @classmethod
    def from_settings(cls, settings: Settings) -> PrivacyConfig:
        """The configuration of this service, with the secrets of its environment and settings as of now."""
        secrets = secret_environment_values()
        for name in _SECRET_SETTINGS:
            value = getattr(settings, name)
            if value is not None:
                secrets[f"SECRET_{name}"] = value.get_secret_value()
        return cls(
            secrets=secrets,
            deny_list=entries(settings.privacy_deny_list, "WHETSTONE_PRIVACY_DENY_LIST"),
            allow_list=entries(settings.privacy_allow_list, "WHETSTONE_PRIVACY_ALLOW_LIST"),
            patterns=pattern_detectors(settings.privacy_patterns),
            anonymizer=anonymizer_of(settings),
            private_entities=tuple(settings.privacy_private_entities),
            disabled=checked_switches(settings.privacy_disabled_detectors),
            replacement=settings.privacy_replacement,
            seed=settings.privacy_seed,
            key=salt_of(settings) if settings.privacy_replacement == "surrogate" else "",
        )

    def detectors(self) -> list[Detector]:
        """All detectors of a filter with this configuration."""
        detectors: list[Detector] = [
            *geo_detectors(),
            *credential_detectors(),
            AssignmentDetector(),
            *identity_detectors(),
            *email_detectors(),
            DateOfBirthDetector(),
            *address_detectors(),
            PhoneDetector(),
            AnswerDetector(),
            TableDetector(),
            MarkupDetector(),
            PhraseDetector(),
            UsernameDetector(),
            *network_detectors(),
            *self.patterns,
            *self.extra_detectors,
            *self.listed_detectors(),
        ]
        if self.anonymizer is not None:
            detectors.append(HandleDetector(self.anonymizer))
        return detectors

    @property
    def allows(self) -> Callable[[str, str], bool]:
        """Asked with a value and its kind: whether the operator named it as harmless."""
        return AllowList(self.allow_list).allows

    def replacer(self) -> Replacer:
        """What chooses the replacements of one trajectory."""
        if self.replacement == "surrogate":
            return VeiledSurrogates(Surrogates(self.seed, self.key))
        return Pseudonyms()

    def listed_detectors(self) -> list[Detector]:
        """Detectors of the very values that must never appear, not even in an identifier."""
        detectors: list[Detector] = []
        if secrets := secret_values(self.secrets):
            detectors.append(SecretValueDetector(tuple(secrets)))
        if self.deny_list:
            detectors.append(DenyListDetector(self.deny_list))
        return detectors

    def digest(self) -> str:
        """Hash that tells two configurations apart in reports. Secrets count by name, never by value."""
        description = {
            "version": FILTER_VERSION,
            "secrets": sorted(self.secrets),
            "denyList": sorted(self.deny_list),
            "allowList": sorted(self.allow_list),
            "patterns": {detector.kind: detector.pattern for detector in self.patterns},
            "anonymizer": type(self.anonymizer).__name__,
            "privateEntities": sorted(self.private_entities),
            "disabled": sorted(self.disabled),
            "replacement": [self.replacement, self.seed],
            "kinds": sorted({detector.kind for detector in self.detectors()}),
        }
        return hashlib.sha256(orjson.dumps(description)).hexdigest()[:16]


def check_settings(settings: Settings) -> None:
    """Raise InvalidInputError where the settings of detectors make no sense. Touches no state."""
    checked_switches(settings.privacy_disabled_detectors)
    pattern_detectors(settings.privacy_patterns)
    entries(settings.privacy_deny_list, "WHETSTONE_PRIVACY_DENY_LIST")
    AllowList(entries(settings.privacy_allow_list, "WHETSTONE_PRIVACY_ALLOW_LIST"))
