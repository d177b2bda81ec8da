"""What the filter would do to a text or a trajectory, span by span; shown to people, stored nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.structure.edits import Edit


@dataclass(frozen=True, slots=True)
class PreviewSpan:
    """`[start:end]` of the original text, in characters, is replaced."""

    start: int
    end: int
    kind: str
    tier: Tier
    replacement: str
    field: str = ""
    """Path of the text inside a trajectory, such as `steps[0].llmCalls[0].userPrompt`; empty for a lone text."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A filtered text, and the spans of the original that were replaced, in text order."""

    text: str
    spans: tuple[PreviewSpan, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """Spans by kind."""
        return Counter(span.kind for span in self.spans)


@dataclass(frozen=True, slots=True)
class TrajectoryPreview:
    """A filtered trajectory, or why it would be withheld."""

    trajectory: dict[str, Any] | None
    dropped: str | None
    """The reason; `trajectory` is None then."""
    spans: tuple[PreviewSpan, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Replacements by kind."""


Explain = Callable[[str, str], Sequence[Edit]]
"""The edits that made the second text out of the first."""


class ChangedLeaf(NamedTuple):
    """A string, number or key of a document before and after the filter."""

    path: str
    before: str
    after: str
    is_key: bool = False


def changes(before: Any, after: Any, explain: Explain) -> Iterator[PreviewSpan]:
    """The spans of every string, number and key that the filter changed in a document."""
    for leaf in changed_leaves(before, after):
        for edit in explain(leaf.before, leaf.after):
            yield PreviewSpan(edit.start, edit.end, edit.kind, edit.tier, edit.replacement, leaf.path)


def changed_leaves(before: Any, after: Any, path: str = "") -> Iterator[ChangedLeaf]:
    """What differs between a document and its filtered copy, in document order."""
    if isinstance(before, dict):
        for (key, value), (new_key, new_value) in zip(before.items(), after.items(), strict=True):
            place = f"{path}.{new_key}" if path else new_key
            if key != new_key:
                yield ChangedLeaf(f"{place}.(key)", key, new_key, is_key=True)
            yield from changed_leaves(value, new_value, place)
    elif isinstance(before, list | tuple):
        for number, (value, new_value) in enumerate(zip(before, after, strict=True)):
            yield from changed_leaves(value, new_value, f"{path}[{number}]")
    elif before != after:
        yield ChangedLeaf(path, str(before), str(after))
