"""Anonymizers turn handles into entity ids; the one that comes with the filter is a salted hash."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from whetstone.errors import UnavailableError
from whetstone.files import sync_directory
from whetstone.settings import Settings

PrivacyLevel = Literal["public", "limited", "private"]

PLATFORMS: Final = (
    "telegram",
    "discord",
    "slack",
    "matrix",
    "signal",
    "whatsapp",
    "twitter",
    "instagram",
    "email",
)
"""Order in which an anonymizer is asked for a handle."""


class Anonymizer(Protocol):
    """Knows the entity behind a handle."""

    def entity_id(self, platform: str, handle: str) -> str | None:
        """An opaque id of letters, digits, `_` and `-`, or None if the handle is unknown on that platform."""

    def privacy_level(self, entity_id: str) -> PrivacyLevel:
        """How private that entity is; trajectories with a private one are dropped."""


_MIN_SALT = 16
_ADVICE = "Restore it or set WHETSTONE_PRIVACY_SALT; with another salt the same handles get other ids"


@dataclass(frozen=True, slots=True)
class HashAnonymizer:
    """Gives every handle the same id each time, by a salted hash; private handles are known by name."""

    salt: str = field(default="", repr=False)
    private_handles: Collection[str] = ()

    def entity_id(self, platform: str, handle: str) -> str:
        """First 16 hexadecimal digits of SHA-256 over `salt:platform:handle`, platform and handle in lower case."""
        text = f"{self.salt}:{platform.lower()}:{handle.lower()}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def privacy_level(self, entity_id: str) -> PrivacyLevel:
        """`private` for the handles that were named so, on any platform."""
        private = (
            self.entity_id(platform, handle.removeprefix("@"))
            for handle in self.private_handles
            for platform in PLATFORMS
        )
        return "private" if entity_id in self.private_handles or entity_id in private else "public"


def anonymizer_of(settings: Settings) -> HashAnonymizer | None:
    """The anonymizer that the settings call for; raises UnavailableError when its salt cannot be read.

    On unless it is switched off: a handle is personal data. A filter without any leaves handles, as the wire contract
    demands (§11.4).
    """
    if not settings.privacy_hash_handles:
        return None
    return HashAnonymizer(salt_of(settings), tuple(settings.privacy_private_entities))


def salt_of(settings: Settings) -> str:
    """The configured salt, else one that belongs to the state folder and is made when it is first asked for.

    Raises UnavailableError when the file of that salt can be neither read nor made.
    """
    if settings.privacy_salt is not None:
        return settings.privacy_salt.get_secret_value()
    path = settings.state_dir / "privacy" / "salt"
    try:
        if not path.exists():
            _make_salt(path)
        salt = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no salt"
        raise UnavailableError(f"The privacy salt {path} cannot be used: {reason}. {_ADVICE}") from error
    if len(salt) < _MIN_SALT:
        raise UnavailableError(f"The privacy salt {path} is too short. {_ADVICE}")
    return salt


def _make_salt(path: Path) -> None:
    """Whole or absent, for its owner only, and never a second one when several processes start together."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".salt.")  # created with mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)  # unlike a rename this fails when another process was first
        sync_directory(path.parent)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink(missing_ok=True)
