"""The gate to training data: the filter that the policy of each trajectory asks for, with one report for all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from whetstone.errors import UnavailableError
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Dropped, Filtered
from whetstone.privacy.kinds import SWITCHABLE
from whetstone.privacy.names.finder import NameFinder, open_finder
from whetstone.privacy.policy import AppliedPolicy, Policy, PolicyTable
from whetstone.privacy.preview import Preview, TrajectoryPreview
from whetstone.privacy.report import PrivacyReport
from whetstone.settings import Settings

Outcome = Filtered[dict[str, Any]] | Dropped

_NO_MODELS = (
    "The privacy policy `strict` needs the names models, and they are not there: run `make install` (or install "
    "`whetstone[privacy]` and its models), leave WHETSTONE_PRIVACY_NAMES on, or choose the policy `standard`."
)


class PrivacyGate:
    """Filters trajectories by their policy. What a `PrivacyFilter` is to one run, this is with policies.

    Synchronous and busy (call it in a thread from the event loop), not safe for concurrent use.
    """

    def __init__(
        self,
        config: PrivacyConfig,
        policies: PolicyTable | None = None,
        names: NameFinder | None = None,
        *,
        replacement: str = "pseudonym",
    ) -> None:
        """`replacement` is what attestations say takes the place of personal data."""
        self.policies = policies or PolicyTable()
        self.config = config
        self.replacement = replacement
        self._has_names = names is not None
        self._full = PrivacyFilter(config, names)
        # Handles that are hashed stay hashed: an entity behind one may be private, which no policy lifts.
        kept = SWITCHABLE - {"handle"} if config.anonymizer is not None else SWITCHABLE
        self._own = PrivacyFilter(replace(config, disabled=kept))
        self.report: PrivacyReport = self._full.report
        self.report.config_hash = self._digest()
        self.report.models = tuple(model._asdict() for model in names.description) if names else ()
        self.report.disabled = tuple(sorted(config.disabled))
        self._own.report = self.report

    @classmethod
    def from_settings(cls, settings: Settings) -> PrivacyGate:
        """The gate of this service, with the secrets of its environment as of now.

        Raises InvalidInputError where the settings of policies or detectors make no sense.
        """
        policies = PolicyTable.from_settings(settings)
        config = PrivacyConfig.from_settings(settings)
        return cls(config, policies, open_finder(settings), replacement=settings.privacy_replacement)

    def trajectory(self, document: dict[str, Any]) -> Outcome:
        """A filtered copy of one trajectory document, or the reason why it must not be used."""
        return self.trajectories([document])[0]

    def trajectories(
        self, documents: Sequence[dict[str, Any]], go_on: Callable[[], None] = lambda: None
    ) -> list[Outcome]:
        """The same for several at once, in their order; `go_on` is called now and then, and may raise to stop it.

        Raises UnavailableError when one is under `strict` and the names models are missing, TypeError for what is not
        JSON.
        """
        applied = [self._admit(document) for document in documents]
        outcomes: dict[int, Outcome] = {}
        for own in (False, True):
            chosen = [
                number
                for number, (policy, _) in enumerate(applied)
                if (policy is Policy.OFF_FOR_OWN_DATA) is own
            ]
            if chosen:
                filter_ = self._own if own else self._full
                results = filter_.trajectories([documents[number] for number in chosen], go_on)
                outcomes |= dict(zip(chosen, results, strict=True))
        return [outcomes[number] for number in range(len(documents))]

    def text(self, text: str) -> str:
        """One text under the default policy, counted under the field `text`."""
        return self._filter_of(self.policies.default).text(text)

    def preview_text(self, text: str) -> Preview:
        """What `text` would do; counted nowhere."""
        return self._filter_of(self.policies.default).preview_text(text)

    def preview_trajectory(self, document: dict[str, Any]) -> TrajectoryPreview:
        """What `trajectory` would do; counted nowhere, and done without the names models where they are missing."""
        return self._filter_of(self.policies.of(document)).preview_trajectory(document)

    def residuals(self, texts: Iterable[str]) -> Counter[str]:
        """What is still found in written texts, by kind; every detector looks, switched off or not."""
        return self._full.residuals(texts)

    def _admit(self, document: dict[str, Any]) -> AppliedPolicy:
        applied = self.policies.of(document)
        if applied.policy is Policy.STRICT and not self._has_names:
            raise UnavailableError(_NO_MODELS)
        self.report.policies[applied] += 1
        return applied

    def _filter_of(self, applied: AppliedPolicy) -> PrivacyFilter:
        return self._own if applied.policy is Policy.OFF_FOR_OWN_DATA else self._full

    def _digest(self) -> str:
        """Tells two gates apart in reports: the filter's configuration and the policies."""
        parts = orjson.dumps([self.config.digest(), self.policies.to_list()])
        return hashlib.sha256(parts).hexdigest()[:16]
