"""Settings of a command: the environment, with the command line's options on top."""

from __future__ import annotations

import typer
from pydantic import ValidationError

from whetstone.settings import Settings


def settings_with(**overrides: object) -> Settings:
    """Settings from the environment; options that are not None outrank it. Raises typer.BadParameter."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise typer.BadParameter(problems) from error
