"""Values that the operator calls harmless: a public support address, the hosts of a demo."""

from __future__ import annotations

from collections.abc import Collection

from whetstone.errors import InvalidInputError
from whetstone.privacy.kinds import SWITCHABLE

_MIN_LETTERS = 3
_MAX_LENGTH = 512


class AllowList:
    """Values compared as a whole and without case; `*` stands for any run of characters but blanks and `@`.

    An entry without `*` allows exactly that value, whatever it is. A wildcard never lets a credential or a
    deny-listed word through. Raises InvalidInputError for a wildcard that would allow nearly everything.
    """

    def __init__(self, entries: Collection[str]) -> None:
        folded = {entry.strip().casefold() for entry in entries} - {""}
        self._exact = frozenset(entry for entry in folded if "*" not in entry)
        globs = sorted(folded - self._exact)
        for glob in globs:
            if sum(map(str.isalnum, glob)) < _MIN_LETTERS:
                raise InvalidInputError(
                    f"WHETSTONE_PRIVACY_ALLOW_LIST: {glob} would allow nearly everything. "
                    f"Give a wildcard at least {_MIN_LETTERS} letters or digits, as in *.example.com"
                )
        self._globs = tuple(glob.split("*") for glob in globs)

    def __bool__(self) -> bool:
        """Whether it allows anything at all."""
        return bool(self._exact or self._globs)

    def allows(self, value: str, kind: str) -> bool:
        """Whether a value that was found as private data of a kind may stay."""
        if not self:
            return False
        folded = value.strip().casefold()
        if folded in self._exact:
            return True
        if kind not in SWITCHABLE or len(folded) > _MAX_LENGTH:
            return False
        return any(_fits(folded, parts) for parts in self._globs)


def _fits(value: str, parts: list[str]) -> bool:
    """Whether the fixed parts stand in order in the value, with nothing between them that a wildcard may not cover."""
    if not value.startswith(parts[0]):
        return False
    position = len(parts[0])
    for part in parts[1:-1]:
        found = value.find(part, position)
        if found < 0 or not _coverable(value[position:found]):
            return False
        position = found + len(part)
    end = len(value) - len(parts[-1])
    return end >= position and value.endswith(parts[-1]) and _coverable(value[position:end])


def _coverable(run: str) -> bool:
    return not any(character.isspace() or character == "@" for character in run)
