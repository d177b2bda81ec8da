"""Lists of the settings whose members may be files: `Acme, @/etc/whetstone/customers.txt`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from whetstone.errors import InvalidInputError


def entries(values: Iterable[str], variable: str) -> tuple[str, ...]:
    """All values; `@path` stands for the lines of that file, without blank ones and those that begin with `#`.

    A path is recognised by a slash or a dot, so that `@alice` stays a value. `variable` is named in errors.
    Raises InvalidInputError when a file cannot be read.
    """
    result: list[str] = []
    for value in values:
        if value.startswith("@") and ("/" in value or "." in value):
            result += _lines(Path(value[1:]).expanduser(), variable)
        else:
            result.append(value)
    return tuple(result)


def _lines(path: Path, variable: str) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInputError(f"{variable}: the file {path} cannot be read: {reason}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
