"""Configuration of a privacy filter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import orjson

from whetstone.privacy.detectors.address import address_detectors
from whetstone.privacy.detectors.assignments import AssignmentDetector
from whetstone.privacy.detectors.contact import PhoneDetector, email_detector
from whetstone.privacy.detectors.credentials import credential_detectors
from whetstone.privacy.detectors.detector import Detector
from whetstone.privacy.detectors.geo import geo_detectors
from whetstone.privacy.detectors.handles import Anonymizer, HandleDetector, HashAnonymizer
from whetstone.privacy.detectors.identity import identity_detectors
from whetstone.privacy.detectors.listed import DenyListDetector, SecretValueDetector, secret_values
from whetstone.privacy.detectors.network import network_detectors
from whetstone.privacy.report import FILTER_VERSION
from whetstone.settings import Settings, secret_environment_values


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What a filter removes beyond the rules, and what it leaves. The rules themselves are always on."""

    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Values of secret-named variables, by name."""
    deny_list: tuple[str, ...] = ()
    allow_list: tuple[str, ...] = ()
    """Values that are never private data, compared as a whole and without case."""
    anonymizer: Anonymizer | None = None
    """Handles are replaced only when there is one."""
    private_entities: tuple[str, ...] = ()
    """Ids or handles of entities whose trajectories are dropped."""
    extra_detectors: tuple[Detector, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> PrivacyConfig:
        """The configuration of this service, with the secrets of its environment and settings as of now."""
        secrets = secret_environment_values()
        for name in ("api_token", "server_shared_secret", "lm_api_key", "privacy_salt"):
            value = getattr(settings, name)
            if value is not None:
                secrets[f"SECRET_{name}"] = value.get_secret_value()
        salt = settings.privacy_salt.get_secret_value() if settings.privacy_salt else ""
        private = tuple(settings.privacy_private_entities)
        return cls(
            secrets=secrets,
            deny_list=tuple(settings.privacy_deny_list),
            allow_list=tuple(settings.privacy_allow_list),
            anonymizer=HashAnonymizer(salt, private) if settings.privacy_hash_handles else None,
            private_entities=private,
        )

    def detectors(self) -> list[Detector]:
        """All detectors of a filter with this configuration."""
        detectors: list[Detector] = [
            *geo_detectors(),
            *credential_detectors(),
            AssignmentDetector(),
            *identity_detectors(),
            email_detector(),
            *address_detectors(),
            PhoneDetector(),
            *network_detectors(),
            *self.extra_detectors,
            *self.listed_detectors(),
        ]
        if self.anonymizer is not None:
            detectors.append(HandleDetector(self.anonymizer))
        return detectors

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
            "anonymizer": type(self.anonymizer).__name__,
            "privateEntities": sorted(self.private_entities),
            "kinds": sorted({detector.kind for detector in self.detectors()}),
        }
        return hashlib.sha256(orjson.dumps(description)).hexdigest()[:16]
