"""Child process: scrubadub with its default detectors."""

from __future__ import annotations

import scrubadub  # type: ignore[import-not-found]
from benchmarks.privacy.child import Spans, serve


def main() -> None:
    """Serve with the scrubber as it comes."""
    scrubber = scrubadub.Scrubber()

    def detect(text: str) -> Spans:
        return [(filth.beg, filth.end) for filth in scrubber.iter_filth(text)]

    serve(detect)


if __name__ == "__main__":
    main()
