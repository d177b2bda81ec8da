"""Texts before and after the filter, side by side, for the operator's eyes. Computed on the fly and stored nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from whetstone.privacy.preview import PreviewSpan, TrajectoryPreview, changed_leaves


@dataclass(frozen=True, slots=True)
class ChangedText:
    """One text that the filter changed; offsets of the spans are those of `before`."""

    field: str
    before: str
    after: str
    spans: tuple[PreviewSpan, ...]


def changed_texts(document: dict[str, Any], preview: TrajectoryPreview) -> Iterator[ChangedText]:
    """The texts of a trajectory that the preview changed, in document order; none of one that is withheld."""
    if preview.trajectory is None:
        return
    spans: defaultdict[str, list[PreviewSpan]] = defaultdict(list)
    for span in preview.spans:
        spans[span.field].append(span)
    for leaf in changed_leaves(document, preview.trajectory):
        if not leaf.is_key and leaf.path in spans:
            yield ChangedText(leaf.path, leaf.before, leaf.after, tuple(spans[leaf.path]))
