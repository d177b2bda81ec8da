"""What a detector missed and what it found wrongly, in its context: for whoever improves the rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from benchmarks.privacy.labelled import NEUTRAL, Document
from benchmarks.privacy.scoring import Found, coverage

_AROUND = 40


def print_misses(documents: Sequence[Document], found: Sequence[Found], kind: str, limit: int) -> None:
    """Print up to `limit` missed spans of this kind (`all`: of each), and as many wrong ones (kind `wrong`)."""
    missed: defaultdict[str, list[str]] = defaultdict(list)
    for document, spans in zip(documents, found, strict=True):
        for name, line in (*_missed(document, spans), *_wrong(document, spans)):
            missed[name].append(line)
    counts = Counter({name: len(lines) for name, lines in missed.items()})
    for name, count in counts.most_common():
        if kind in ("all", name):
            print(f"\n## {name}: {count}")
            step = max(1, count // limit)
            print("\n".join(missed[name][::step][:limit]))


def _missed(document: Document, spans: Found) -> Iterator[tuple[str, str]]:
    covered = bytearray(len(document.text))
    for start, end in spans:
        covered[start:end] = b"\1" * (end - start)
    for gold in document.gold:
        if gold.kind not in NEUTRAL and (share := coverage(document.text, covered, gold)) < 1:
            yield (
                gold.kind,
                f"[{document.flavour}] {share:.0%} {_context(document.text, gold.start, gold.end)}",
            )


def _wrong(document: Document, spans: Found) -> Iterator[tuple[str, str]]:
    for start, end in spans:
        if not any(gold.start < end and start < gold.end for gold in document.gold):
            yield "wrong", f"[{document.flavour}] {_context(document.text, start, end)}"


def _context(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    return f"{before}⟦{text[start:end]}⟧{after}".replace("\n", "⏎")
