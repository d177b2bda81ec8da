"""Texts before and after the filter, side by side, for the operator's eyes. Computed on the fly and stored nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from whetstone.privacy.preview import PreviewSpan, TrajectoryPreview


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
    for field, before, after in _pairs(document, preview.trajectory, ""):
        if field in spans:
            yield ChangedText(field, before, after, tuple(spans[field]))


def _pairs(before: Any, after: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Different leaves at the same place, with the paths that previews use."""
    if isinstance(before, dict) and isinstance(after, dict):
        for value, (key, new) in zip(before.values(), after.items(), strict=False):
            yield from _pairs(value, new, f"{path}.{key}" if path else key)
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for number, (value, new) in enumerate(zip(before, after, strict=False)):
            yield from _pairs(value, new, f"{path}[{number}]")
    elif before != after:
        yield path, str(before), str(after)
