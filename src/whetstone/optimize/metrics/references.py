"""Metrics named as `package.module:function`: for the command line, never for a name that came over HTTP."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.metrics.types import UserMetric


def is_metric_reference(name: str) -> bool:
    """Whether a name is of the form `package.module:function`, for `load_metric_reference`."""
    return ":" in name


def load_metric_reference(reference: str, directory: Path | None = None) -> UserMetric:
    """The metric that `package.module:function` names. Imports the module, so never call it with a name that came
    over HTTP. Modules are also looked for in `directory`, first.

    Raises `InvalidInputError` that says what is wrong.
    """
    module_name, _, path = reference.partition(":")
    if not module_name or not path:
        raise InvalidInputError(f"A metric is named package.module:function, not {reference!r}")
    if directory is not None and str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    found: Any
    try:
        found = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:
        raise InvalidInputError(
            f"The metric {reference} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    problem = unfit(found)
    if problem:
        raise InvalidInputError(f"The metric {reference} {problem}")
    metric: UserMetric = found
    return metric


def unfit(metric: Any) -> str | None:
    """Why something cannot be a metric; None where it can."""
    if not callable(metric):
        return "is not a function"
    if inspect.iscoroutinefunction(metric) or inspect.iscoroutinefunction(getattr(metric, "__call__", None)):  # noqa: B004
        return "is asynchronous; give a plain function"
    try:
        parameters = inspect.signature(metric)
    except (TypeError, ValueError):  # some functions written in C
        return None
    try:
        parameters.bind(None, None, **({"example": None} if "example" in parameters.parameters else {}))
    except TypeError as error:
        return f"does not take (expected, given), or these and example=: {error}"
    return None
