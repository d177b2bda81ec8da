"""spaCy's small English model, of which only the entity recogniser is loaded.

Only the worker process imports spaCy.
"""

from __future__ import annotations

import spacy

from whetstone.privacy.names.entity import Entity
from whetstone.privacy.names.models import ENGLISH

_UNUSED = ("tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer")
_SURE = 1.0  # the model states no probability


class English:
    """The loaded model. Raises UnavailableError when its files are missing or not the known ones."""

    def __init__(self) -> None:
        self._pipeline = spacy.load(ENGLISH.verified(), exclude=list(_UNUSED))

    def entities(self, text: str) -> list[Entity]:
        """What the model finds, in text order, with its own labels (PERSON, GPE, ORG …)."""
        document = self._pipeline(text)
        return [Entity(entity.start_char, entity.end_char, entity.label_, _SURE) for entity in document.ents]
