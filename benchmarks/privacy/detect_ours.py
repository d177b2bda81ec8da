"""Child process: Whetstone's filter over texts. `python -m benchmarks.privacy.detect_ours <tier>`.

Tiers: `rules` (the detectors over the plain text), `structure` (what a text holds is parsed too), `names` (everything).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.privacy.child import Spans, serve

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.scanner import TextScanner
from whetstone.settings import Settings


def detector(tier: str, state: Path) -> Callable[[str], Spans]:
    """The function that finds the spans of a text."""
    settings = Settings.model_validate({"state_dir": state, "privacy_hash_handles": True})
    config = PrivacyConfig.from_settings(settings)
    if tier == "rules":
        scanner = TextScanner(config.detectors())
        return lambda text: [(span.start, span.end) for span in scanner.spans(text)]
    if tier == "names":
        from whetstone.privacy.names.finder import open_finder

        names = open_finder(settings)
        if names is None:
            raise SystemExit("the models of the names tier are not installed")
        privacy = PrivacyFilter(config, names=names)
    else:
        privacy = PrivacyFilter(config)
    return lambda text: [(span.start, span.end) for span in privacy.preview_text(text).spans]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        serve(detector(sys.argv[1], Path(folder)))
