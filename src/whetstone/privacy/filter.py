"""The privacy filter: the one gate through which trajectories become training data."""

from __future__ import annotations

from collections import Counter
from typing import Any

import structlog

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.detectors.credentials import credential_detectors
from whetstone.privacy.entities import PrivateEntities, has_private_entity, is_marked_private
from whetstone.privacy.filtered import Dropped, Filtered, seal
from whetstone.privacy.report import PrivacyReport
from whetstone.privacy.scanner import TextScanner
from whetstone.privacy.structure.content import ContentFilter, TooDeepError
from whetstone.privacy.structure.document import DocumentFilter
from whetstone.settings import Settings

_log = structlog.get_logger(__name__)

_TEXT_FIELD = "text"


class PrivacyFilter:
    """Removes private data from trajectory documents and counts what it removed.

    One filter serves one build or export: its report and its cache belong to that run. It is synchronous and busy
    (call it in a thread from the event loop) and not safe for concurrent use.
    """

    def __init__(self, config: PrivacyConfig) -> None:
        self.report = PrivacyReport(config.digest())
        self._anonymizer = config.anonymizer
        self._private_entities = PrivateEntities(config.private_entities)
        self._content = ContentFilter(TextScanner(config.detectors(), config.allow_list))
        forbidden = TextScanner([*credential_detectors(), *config.listed_detectors()])
        self._document = DocumentFilter(self._content, forbidden)

    @classmethod
    def from_settings(cls, settings: Settings) -> PrivacyFilter:
        """A filter with the service's configuration and the secrets of its environment as of now."""
        return cls(PrivacyConfig.from_settings(settings))

    def trajectory(self, document: dict[str, Any]) -> Filtered[dict[str, Any]] | Dropped:
        """A filtered deep copy of a trajectory document, or the reason why it must not be used.

        The document itself is never changed. Reasons: `entity-private`; `residual-private-data` when a second scan
        of the output still finds something; `not-filterable` when it is nested too deeply to be walked.
        Raises TypeError if the document holds values that are not JSON.
        """
        self.report.trajectories += 1
        if is_marked_private(document) or self._private_entities.occur_in(document):
            return self._drop(document, "entity-private")
        try:
            filtered, counts = self._document.filter(document)
            # What was not changed has just been scanned in this very form.
            residual = self._document.filter(filtered)[1] if counts else Counter()
        except (TooDeepError, RecursionError):
            return self._drop(document, "not-filterable")
        if self._anonymizer is not None and has_private_entity(filtered, self._anonymizer):
            return self._drop(document, "entity-private")
        if residual:
            return self._drop(document, "residual-private-data")
        self.report.counts.update(counts)
        return seal(filtered)

    def text(self, text: str) -> str:
        """One text without private data, counted under the field `text`."""
        redaction = self._content.text(text)
        for kind, number in redaction.counts.items():
            self.report.counts[_TEXT_FIELD, kind] += number
        return redaction.text

    def _drop(self, document: dict[str, Any], reason: str) -> Dropped:
        identifier = str(document.get("trajectoryId") or document.get("id") or "")
        dropped = Dropped(self._content.text(identifier).text, reason)
        self.report.drop(dropped)
        _log.info("trajectory dropped by the privacy filter", reason=reason)
        return dropped
