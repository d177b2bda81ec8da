"""Whether a trajectory takes part of somebody who wants to stay private."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from whetstone.privacy.replacement.anonymizer import Anonymizer
from whetstone.privacy.replacement.placeholders import ENTITY

_LEVEL_KEYS = ("privacyLevel", "privacy_level", "entityPrivacyLevel")
_HOLDERS = ("entity", "contact", "contactPreferences", "user")


def is_marked_private(document: dict[str, Any]) -> bool:
    """Whether the document's metadata says that its entity has the privacy level `private`."""
    metadata = document.get("metadata")
    holders = [document, metadata]
    if isinstance(metadata, dict):
        holders += [metadata.get(key) for key in _HOLDERS]
    return any(
        isinstance(level, str) and level.lower() == "private"
        for holder in holders
        if isinstance(holder, dict)
        for level in (holder.get(key) for key in _LEVEL_KEYS)
    )


class PrivateEntities:
    """Entities that the operator named as private: by id (a whole string of the document) or by `@handle`."""

    def __init__(self, names: Collection[str]) -> None:
        cleaned = sorted({name.strip().removeprefix("@") for name in names} - {""})
        body = "|".join(map(re.escape, cleaned))
        self._pattern = (
            re.compile(rf"(?:\"(?:{body})(?=\\{{0,8}}\")|(?<![\w@.])@(?:{body})(?![\w@-]))", re.IGNORECASE)
            if cleaned
            else None
        )

    def occur_in(self, document: dict[str, Any]) -> bool:
        """Whether one of them is named anywhere in the document, JSON inside strings included."""
        if self._pattern is None:
            return False
        return (
            self._pattern.search(json.dumps(document, ensure_ascii=False, separators=(",", ":"))) is not None
        )


def has_private_entity(filtered: dict[str, Any], anonymizer: Anonymizer) -> bool:
    """Whether an entity id that the anonymizer put into the document belongs to a private entity."""
    ids = set(ENTITY.findall(json.dumps(filtered)))
    return any(anonymizer.privacy_level(entity_id) == "private" for entity_id in ids)
