"""`.env.example` lists every setting with its default and description. Run this file to print it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from whetstone.settings import Settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"


def render() -> str:
    """The text that the settings call for."""
    lines = ["# Every setting of Whetstone with its default. Copy to .env and uncomment what you change.", ""]
    for field in Settings.model_fields.values():
        names = _names(field)
        also = f" Also: {', '.join(names[1:])}." if len(names) > 1 else ""
        lines += [f"# {field.description}{also}", f"# {names[0]}={_default(field)}", ""]
    return "\n".join(lines)


def _names(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else [str(alias)]


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == [] or isinstance(value, SecretStr):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_env_example_lists_every_setting() -> None:
    assert EXAMPLE.read_text("utf-8") == render()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


if __name__ == "__main__":
    sys.stdout.write(render())
