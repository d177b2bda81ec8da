"""Whetstone's privacy filter beside its peers, in one run: `python -m benchmarks.privacy`.

Prints one table of all labelled sets and writes what was measured to `<folder>/results.json`. `--misses KIND`
(or `all`, or `wrong`) prints instead what one detector missed, or removed without need, in its context.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import orjson
from benchmarks.privacy import misses, report
from benchmarks.privacy.detectors import DETECTORS, Detection
from benchmarks.privacy.labelled import Document
from benchmarks.privacy.scoring import Score, score
from benchmarks.privacy.sets import SETS, Sources

_ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run the chosen detectors over the chosen sets."""
    options = _options()
    options.folder = options.folder.absolute()
    options.folder.mkdir(parents=True, exist_ok=True)
    sources = Sources(options.folder, options.data)
    results: dict[str, Any] = {"machine": _machine(), "sets": {}}
    for name in options.set or SETS:
        documents = SETS[name](sources)[: options.limit]
        if not documents:
            print(f"== {name}: left out, its data is not in {options.data}", flush=True)
            continue
        characters = sum(len(document.text) for document in documents)
        print(f"== {name}: {len(documents):,} documents, {characters:,} characters", flush=True)
        results["sets"][name] = {"documents": len(documents), "characters": characters, "detectors": {}}
        for key in options.only or DETECTORS:
            try:
                detection = DETECTORS[key].detect(documents, options.folder)
            except RuntimeError as problem:
                print(problem, flush=True)
                continue
            result = _figures(score(documents, detection.spans), documents, detection)
            results["sets"][name]["detectors"][key] = result
            if options.misses:
                print(f"\n# {DETECTORS[key].name}, {name}: {result['recall']:.3f}")
                misses.print_misses(documents, detection.spans, options.misses, options.show)
        (options.folder / "results.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    report.show(results)
    if options.markdown:
        options.markdown.write_text(report.markdown(results), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", choices=list(SETS), help="only this set; may be repeated")
    parser.add_argument(
        "--only", action="append", choices=list(DETECTORS), help="only this detector; may be repeated"
    )
    parser.add_argument("--limit", type=int, help="only the first so many documents of each set")
    parser.add_argument(
        "--misses", metavar="KIND", help="print what was missed of this kind, `all` or `wrong`"
    )
    parser.add_argument("--show", type=int, default=15, help="how many misses of a kind")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument(
        "--data", type=Path, default=_ROOT.parent / "shared" / "data", help="folder of banking77"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("benchmark-privacy"), help="for peers' environments and results"
    )
    return parser.parse_args()


def _figures(found: Score, documents: list[Document], detection: Detection) -> dict[str, Any]:
    size = sum(len(document.text.encode()) for document in documents)
    return {
        "recall": found.recall(),
        "recall with neutral kinds": found.recall(neutral=True),
        "partial recall": found.partial_recall(),
        "precision": found.precision,
        "f2": found.f2,
        "over-redaction": found.over_redaction,
        "kB/s": size / 1000 / max(detection.seconds, 1e-6),
        "kinds": {
            kind: {"spans": found.gold[kind], "recall": found.recall(kinds=[kind], neutral=True)}
            for kind in sorted(found.gold)
        },
    }


def _machine() -> str:
    import psutil

    return f"{psutil.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
