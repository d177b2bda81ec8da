"""Finding near-duplicate texts in any script, in memory that does not hold the texts.

A text is the set of its 4-character shingles after normalisation. Candidates come from one-permutation MinHash
with banding, and count as near-duplicates only when the Jaccard similarity of their sets is at least 0.8.

Sources: A. Broder, "On the resemblance and containment of documents" (1997); P. Li, A. Owen and C.-H. Zhang, "One
Permutation Hashing" (2012); A. Shrivastava and P. Li, "Densifying One Permutation Hashing via Rotation" (2014).
"""

from __future__ import annotations

import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any
from zlib import crc32

THRESHOLD = 0.8

_SHINGLE = 4
_BANDS, _ROWS = 24, 5  # a pair at the threshold shares a band with probability 1 - (1 - 0.8**5)**24 > 0.9999
_BINS = _BANDS * _ROWS
_MASK = 0xFFFF_FFFF
_EXACT_SIZE = 256  # sets up to this size are kept whole: they are smaller than their sketch would be
_SETS_IN_MEMORY = 4096
_MIN_ESTIMATE = 0.6  # five standard deviations of a 120-bin estimate below the threshold
_TEMPLATE_SHARE, _TEMPLATE_MIN_TEXTS = 0.5, 10


class _Characters(dict[int, str | None]):
    """Translation table that drops punctuation and makes one space of any space, filled as characters appear."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        kept: str | None = character
        if category.startswith("Z") or character.isspace():
            kept = " "
        elif category.startswith(("P", "C")):
            kept = None
        self[code] = kept
        return kept


_CHARACTERS = _Characters()


def normalise(text: str) -> str:
    """`text` without differences of case, width, spacing and punctuation; works for every script."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_CHARACTERS)
    return " ".join(folded.split())


def text_hash(*texts: str) -> bytes:
    """16 bytes that are equal for texts that are equal after normalisation."""
    digest = sha256()
    for text in texts:
        normal = normalise(text).encode("utf-8", "surrogatepass")
        digest.update(len(normal).to_bytes(8, "big") + normal)
    return digest.digest()[:16]


def shingles(text: str) -> set[int]:
    """Hashes of the 4-character shingles of the normalised text (the text itself when it is shorter)."""
    normal = normalise(text)
    grams = {normal[i : i + _SHINGLE] for i in range(max(1, len(normal) - _SHINGLE + 1))} if normal else set()
    return {_mix(crc32(gram.encode("utf-8", "surrogatepass"))) for gram in grams}


def template_shingles(texts: Iterable[str]) -> set[int]:
    """Shingles that more than half of a sample of distinct texts share: their template.

    Prompts of one task are mostly the same words. Without this, any two of them would be near-duplicates. Fewer
    than ten texts tell a template from a repeated message too badly, and have none.
    """
    counts: Counter[int] = Counter()
    total = 0
    for text in texts:
        counts.update(shingles(text))
        total += 1
    if total < _TEMPLATE_MIN_TEXTS:
        return set()
    return {shingle for shingle, count in counts.items() if count > _TEMPLATE_SHARE * total}


def jaccard(left: Set[Any], right: Set[Any]) -> float:
    """Size of the intersection by size of the union; two empty sets are equal."""
    if not left and not right:
        return 1.0
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is remembered of a set of shingles: its size, band hashes, and the set itself or a sketch of it."""

    size: int
    bands: array[int]
    exact: array[int] | None
    sketch: array[int] | None

    @classmethod
    def of(cls, hashes: Set[int]) -> Fingerprint:
        """The fingerprint of a set; an empty set is a near-duplicate of nothing."""
        if not hashes:
            return cls(0, array("q"), array("I"), None)
        bins = _one_permutation(hashes)
        # Hashes of integers are the same in every process, unlike those of text.
        bands = array("q", (hash(tuple(bins[i : i + _ROWS])) for i in range(0, _BINS, _ROWS)))
        if len(hashes) <= _EXACT_SIZE:
            return cls(len(hashes), bands, array("I", sorted(hashes)), None)
        return cls(len(hashes), bands, None, array("I", bins))


def join_near_duplicates(
    prints: Sequence[Fingerprint],
    owners: Sequence[int],
    shingles_of: Callable[[int], Set[int]],
    groups: UnionFind,
    checkpoint: Callable[[], None] = lambda: None,
) -> None:
    """Unite in `groups` the owners of every two near-duplicates; the result does not depend on their order.

    `prints[i]` belongs to `owners[i]`; `shingles_of(i)` gives its shingles where the fingerprint does not hold them.
    `checkpoint` is called often; what it raises ends the work.
    """

    @lru_cache(_SETS_IN_MEMORY)
    def exact_set(index: int) -> Set[int]:
        return frozenset(prints[index].exact or ())

    def set_of(index: int) -> Set[int]:
        return shingles_of(index) if prints[index].exact is None else exact_set(index)

    for band in range(_BANDS):
        buckets: defaultdict[int, list[int]] = defaultdict(list)
        for index, item in enumerate(prints):
            if item.size:
                buckets[item.bands[band]].append(index)
        for bucket in buckets.values():
            checkpoint()
            _join_bucket(bucket, owners, partial(_similar, prints, set_of, band), groups)


class UnionFind:
    """Disjoint sets of the integers 0 to n - 1 (union by size, path halving)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._size = [1] * count

    def find(self, item: int) -> int:
        """The representative of the set that holds `item`."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def union(self, left: int, right: int) -> None:
        """Make one set of the two that hold the items."""
        first, second = self.find(left), self.find(right)
        if first == second:
            return
        if self._size[first] < self._size[second]:
            first, second = second, first
        self._parent[second] = first
        self._size[first] += self._size[second]


def _join_bucket(
    bucket: list[int], owners: Sequence[int], similar: Callable[[int, int], bool], groups: UnionFind
) -> None:
    """Unite near-duplicates of one bucket, comparing each item only with components that it is not yet part of."""
    components: list[list[int]] = []
    for item in bucket:
        merged, apart = [item], []
        for component in components:
            joined = groups.find(owners[item]) == groups.find(owners[component[0]])
            match = None if joined else next((other for other in component if similar(item, other)), None)
            if match is not None:
                groups.union(owners[item], owners[match])
            if joined or match is not None:
                merged += component
            else:
                apart.append(component)
        components = [*apart, merged]


def _mix(value: int) -> int:
    """A CRC with its bits spread, so that its order is as good as random."""
    value = (value ^ value >> 16) * 0x85EB_CA6B & _MASK
    value = (value ^ value >> 13) * 0xC2B2_AE35 & _MASK
    return value ^ value >> 16


def _one_permutation(hashes: Set[int]) -> list[int]:
    """The least hash in each of the bins that the range of hashes is cut into; empty bins borrow from the next."""
    bins = [-1] * _BINS
    for value in hashes:
        index = value * _BINS >> 32
        if bins[index] < 0 or value < bins[index]:
            bins[index] = value
    if -1 in bins:
        filled = [index for index in range(_BINS) if bins[index] >= 0]
        nearest = filled[0] + _BINS
        for index in reversed(range(_BINS)):
            if bins[index] >= 0:
                nearest = index
            else:
                # The distance is mixed in, so that a borrowed value only equals one borrowed from as far.
                bins[index] = _mix((bins[nearest % _BINS] + 0x9E37_79B9 * (nearest - index)) & _MASK)
    return bins


def _similar(
    prints: Sequence[Fingerprint], set_of: Callable[[int], Set[int]], band: int, left: int, right: int
) -> bool:
    first, second = prints[left], prints[right]
    if min(first.size, second.size) < THRESHOLD * max(first.size, second.size):
        return False
    if any(map(int.__eq__, first.bands[:band], second.bands[:band])):
        return False  # they met in an earlier band and were compared there
    if first.sketch is not None and second.sketch is not None:
        equal = sum(map(int.__eq__, first.sketch, second.sketch))
        if equal < _MIN_ESTIMATE * _BINS:
            return False
    return jaccard(set_of(left), set_of(right)) >= THRESHOLD
