"""The privacy filter: the one gate through which trajectories become training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.detectors.credentials import credential_detectors
from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.entities import PrivateEntities, has_private_entity, is_marked_private
from whetstone.privacy.filtered import Dropped, Filtered, seal
from whetstone.privacy.findings import Findings
from whetstone.privacy.names.finder import NameFinder, open_finder
from whetstone.privacy.preview import Preview, PreviewSpan, TrajectoryPreview, changes
from whetstone.privacy.redaction import UNFILTERABLE, Redactor, Survey
from whetstone.privacy.replacement.placeholders import label
from whetstone.privacy.replacement.replacer import Replacer
from whetstone.privacy.report import Counts, PrivacyReport
from whetstone.privacy.scanner import TextScanner
from whetstone.privacy.structure.content import TooDeepError, Walker
from whetstone.privacy.structure.document import DocumentWalker
from whetstone.privacy.structure.edits import Edit, apply
from whetstone.settings import Settings

_log = structlog.get_logger(__name__)

_TEXT_FIELD = "text"
# What is found while texts are rewritten may have to go elsewhere too; more rounds than this are not worth it.
_MAX_PASSES = 4

Document = dict[str, Any]


@dataclass(slots=True)
class _Case:
    """One trajectory on its way through the filter."""

    document: Document
    findings: Findings
    survey: Survey


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A trajectory that went through."""

    document: Document
    counts: Counts
    redactor: Redactor


class PrivacyFilter:
    """Removes private data from trajectory documents and counts what it removed.

    One filter serves one build or export: its report and its memory belong to that run. It is synchronous and busy
    (call it in a thread from the event loop) and not safe for concurrent use.
    """

    def __init__(self, config: PrivacyConfig, names: NameFinder | None = None) -> None:
        """`names` finds persons, places and organisations; without it the rules alone are at work."""
        self.report = PrivacyReport(config.digest())
        self._config = config
        self._private_entities = PrivateEntities(config.private_entities)
        detectors = config.detectors()
        self._scanner = TextScanner(detectors, names, config.allows, config.disabled)
        self._rules = TextScanner(detectors, None, config.allows, config.disabled)
        self._every = TextScanner(detectors, names, config.allows) if config.disabled else self._scanner
        self._forbidden = TextScanner([*credential_detectors(), *config.listed_detectors()])

    @classmethod
    def from_settings(cls, settings: Settings) -> PrivacyFilter:
        """A filter with the service's configuration and the secrets of its environment as of now."""
        return cls(PrivacyConfig.from_settings(settings), open_finder(settings))

    def trajectory(self, document: Document) -> Filtered[Document] | Dropped:
        """A filtered deep copy of a trajectory document, or the reason why it must not be used.

        The document itself is never changed. Reasons: `entity-private`; `residual-private-data` when another look at
        the output still finds something; `not-filterable` when it is nested too deeply to be walked.
        Raises TypeError if the document holds values that are not JSON.
        """
        return self.trajectories([document])[0]

    def trajectories(
        self, documents: Sequence[Document], go_on: Callable[[], None] = lambda: None
    ) -> list[Filtered[Document] | Dropped]:
        """The same for several trajectories, in their order; the names in all of them are looked up at once.

        `go_on` is called now and then; it raises when nobody waits for the result any more.
        """
        self.report.trajectories += len(documents)
        opened = [self._open(document) for document in documents]
        self._scanner.prepare(
            (text for case in opened if isinstance(case, _Case) for text in case.survey.gathered), go_on
        )
        results: list[Filtered[Document] | Dropped] = []
        for document, case in zip(documents, opened, strict=True):
            go_on()
            outcome = self._close(case) if isinstance(case, _Case) else case
            if isinstance(outcome, str):
                results.append(self._drop(document, outcome))
            else:
                self.report.counts.update(outcome.counts)
                results.append(seal(outcome.document))
        return results

    def text(self, text: str) -> str:
        """One text without private data, counted under the field `text`."""
        edits = self._edits(text)
        for edit in edits:
            self.report.count(_TEXT_FIELD, edit.kind, edit.tier)
        return apply(text, edits)

    def preview_text(self, text: str) -> Preview:
        """What `text` would do; counted nowhere."""
        edits = self._edits(text)
        spans = (PreviewSpan(edit.start, edit.end, edit.kind, edit.tier, edit.replacement) for edit in edits)
        return Preview(apply(text, edits), tuple(spans))

    def preview_trajectory(self, document: Document) -> TrajectoryPreview:
        """What `trajectory` would do; counted nowhere."""
        case = self._open(document)
        outcome = self._close(case) if isinstance(case, _Case) else case
        if isinstance(outcome, str):
            return TrajectoryPreview(None, outcome)
        kinds: Counter[str] = Counter()
        for (_, kind, _), number in outcome.counts.items():
            kinds[kind] += number
        spans = changes(document, outcome.document, outcome.redactor.explain)
        return TrajectoryPreview(outcome.document, None, tuple(spans), kinds)

    def residuals(self, texts: Iterable[str]) -> Counter[str]:
        """What is still found in texts that were filtered, by kind; every detector looks, switched off or not."""
        texts = list(texts)
        self._every.prepare(texts)
        found: Counter[str] = Counter()
        for text in texts:
            redactor = self._new_redactor(Findings(), scanner=self._every)
            found.update(edit.kind for edit in redactor.text(text, None))
        return found

    def _edits(self, text: str) -> Sequence[Edit]:
        """The edits of a lone text."""
        survey = self._survey(text, findings := Findings())
        survey.learn()
        for _ in range(_MAX_PASSES):
            known = len(findings)
            redactor = self._new_redactor(findings, survey.texts)
            edits = redactor.text(text, None)
            self._survey(apply(text, edits), findings).learn()
            if len(findings) == known:
                return [
                    edit._replace(replacement=redactor.replacer.finish(edit.replacement)) for edit in edits
                ]
        return [Edit(0, len(text), label(UNFILTERABLE), UNFILTERABLE, Tier.RULES)]

    def _survey(self, subject: Document | str, findings: Findings) -> Survey:
        survey = Survey(findings, self._scanner, self._rules)
        if isinstance(subject, str):
            survey.text(subject, None)
        else:
            _walk(subject, survey)
        return survey

    def _open(self, document: Document) -> _Case | str:
        """The trajectory with all its texts known, or the reason why it is dropped."""
        if is_marked_private(document) or self._private_entities.occur_in(document):
            return "entity-private"
        try:
            return _Case(document, findings := Findings(), self._survey(document, findings))
        except (TooDeepError, RecursionError):
            return "not-filterable"

    def _close(self, case: _Case) -> _Outcome | str:
        """What comes out, or the reason why the trajectory is dropped."""
        case.survey.learn()
        for _ in range(_MAX_PASSES):
            known = len(case.findings)
            redactor = self._new_redactor(case.findings, case.survey.texts)
            filtered, counts = _walk(case.document, redactor)
            if not counts:
                return _Outcome(filtered, counts, redactor)
            again = self._survey(filtered, case.findings)
            again.learn()
            if len(case.findings) == known:
                break
        anonymizer = self._config.anonymizer
        if anonymizer is not None and has_private_entity(filtered, anonymizer):
            return "entity-private"
        if len(case.findings) > known or self._holds_more(again, case.survey):
            return "residual-private-data"
        return _Outcome(_finished(filtered, redactor.replacer), counts, redactor)

    def _holds_more(self, after: Survey, before: Survey) -> bool:
        """Whether a fresh look at what was changed finds something; what was not changed has just been scanned."""
        unchanged = set(before.texts)
        return any(self._scanner.look(text) for text in after.texts if text not in unchanged)

    def _new_redactor(
        self, findings: Findings, texts: Iterable[str] = (), scanner: TextScanner | None = None
    ) -> Redactor:
        replacer = self._config.replacer()
        for text in texts:
            replacer.reserve(text)
        for name, kind in findings.names:
            replacer.introduce(kind, name)
        return Redactor(scanner or self._scanner, findings, replacer, self._forbidden)

    def _drop(self, document: Document, reason: str) -> Dropped:
        identifier = str(document.get("trajectoryId") or document.get("id") or "")
        dropped = Dropped(apply(identifier, self._edits(identifier)), reason)
        self.report.drop(dropped)
        _log.info("trajectory dropped by the privacy filter", reason=reason)
        return dropped


def _walk(document: Document, visitor: Survey | Redactor) -> tuple[Document, Counts]:
    """The document as the visitor wants it, and what was replaced in it."""
    counts: Counts = Counter()

    def book(edits: Sequence[Edit]) -> None:
        for edit in edits:
            counts[visitor.field, edit.kind, str(edit.tier)] += 1

    return DocumentWalker(visitor, Walker(visitor, book)).document(document), counts


def _finished(value: Any, replacer: Replacer) -> Any:
    """A filtered value in its final form."""
    if isinstance(value, str):
        return replacer.finish(value)
    if isinstance(value, dict):
        return {replacer.finish(key): _finished(member, replacer) for key, member in value.items()}
    if isinstance(value, list):
        return [_finished(item, replacer) for item in value]
    return value
