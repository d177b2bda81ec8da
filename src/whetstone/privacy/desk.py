"""What an operator asks of the filter while the service runs: previews, samples, and how the filter stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Final

from whetstone.privacy.attestation import filter_description
from whetstone.privacy.config import check_settings
from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.gate import PrivacyGate
from whetstone.privacy.kinds import SWITCHABLE
from whetstone.privacy.names.models import missing
from whetstone.privacy.policy import PolicyTable
from whetstone.privacy.preview import Preview, TrajectoryPreview
from whetstone.privacy.samples import ChangedText, changed_texts
from whetstone.settings import Settings

NAME_KINDS: Final = ("address", "location", "organization", "person")
"""What the names models are there for. Numbers of which they are sure have the kinds of the rules."""


class PrivacyDesk:
    """One gate for all questions; texts and trajectories are taken one after the other.

    Thread-safe; slow: ask it in a thread.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInputError, for the operator, where the settings of policies or detectors make no sense."""
        PolicyTable.from_settings(settings)
        check_settings(settings)
        self._settings = settings
        self._gate: PrivacyGate | None = None
        self._opening = threading.Lock()
        self._asking = threading.Lock()

    def text(self, text: str) -> Preview:
        """A text through the filter of the default policy."""
        with self._asking:
            return self._open().preview_text(text)

    def trajectory(self, document: dict[str, Any]) -> TrajectoryPreview:
        """A trajectory document through the filter of its policy. Raises TypeError for what is not JSON."""
        with self._asking:
            return self._open().preview_trajectory(document)

    def changed(self, document: dict[str, Any]) -> Iterator[ChangedText]:
        """The texts of a document that its policy changes, before and after."""
        return changed_texts(document, self.trajectory(document))

    def status(self) -> dict[str, Any]:
        """Version, configuration, models, policies and detectors of the filter, as JSON."""
        gate = self._open()
        described = filter_description(gate)
        rules = {detector.kind for detector in gate.config.detectors()}
        custom = {detector.kind for detector in gate.config.listed_detectors()} - {"env-secret"}
        return {
            "filterVersion": described["version"],
            "configHash": described["configHash"],
            "replacement": gate.replacement,
            "policies": gate.policies.to_list(),
            "detectors": {
                Tier.RULES.value: sorted(rules - custom),
                Tier.NAMES.value: list(NAME_KINDS) if described["models"] else [],
                Tier.CUSTOM.value: sorted(custom),
            },
            "disabledDetectors": described["disabledDetectors"],
            "switchable": sorted(SWITCHABLE),
            "names": {
                "available": bool(described["models"]),
                "models": described["models"],
                "why": None if described["models"] else self._why_no_names(),
            },
        }

    def _open(self) -> PrivacyGate:
        with self._opening:
            if self._gate is None:
                self._gate = PrivacyGate.from_settings(self._settings)
            return self._gate

    def _why_no_names(self) -> str:
        if absent := missing():
            return f"not installed: {', '.join(absent)}"
        return "switched off by WHETSTONE_PRIVACY_NAMES"
