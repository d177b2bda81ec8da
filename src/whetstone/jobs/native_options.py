"""Options of the `native` backend in a request: those keys of its specification that a client may choose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from whetstone.datasets.tasks import get_task
from whetstone.errors import InvalidInputError
from whetstone.jobs.options import check_task, picked
from whetstone.optimize.metrics.registry import JUDGE, check_metric_name
from whetstone.optimize.metrics.rubric import Rubric
from whetstone.optimize.spec import BudgetLimits, NativeSpec, resolve_optimizer

_NOT_FOR_CLIENTS = frozenset({"job_id", "job_dir", "dataset_id", "dataset_dir", "budget"})
# Flat in a request, an object in the specification.
_BUDGET_KEYS = tuple(field.alias or name for name, field in BudgetLimits.model_fields.items())


def native_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `body` that a native job knows, checked; null and blank text count as absent."""
    known = set(_BUDGET_KEYS) | {
        field.alias or name for name, field in NativeSpec.model_fields.items() if name not in _NOT_FOR_CLIENTS
    }
    given = picked(body, known)
    # Its values, not those given: what JSON cannot say, such as NaN, is null there.
    spec = native_spec(given, "", Path(), "", Path())
    resolve_optimizer(spec.optimizer)
    if spec.task is not None:
        check_task(spec.task)
    if spec.metric is not None:
        check_metric_name(spec.metric)
    _check_rubric(spec)
    return given


def native_spec(
    options: Mapping[str, Any], job_id: str, job_dir: Path, dataset_id: str, dataset_dir: Path
) -> NativeSpec:
    """The specification of a native job; `InvalidInputError` names the first option that is wrong."""
    budget = {key: options[key] for key in _BUDGET_KEYS if key in options}
    content = {
        **{key: value for key, value in options.items() if key not in _BUDGET_KEYS},
        "budget": budget,
        "jobId": job_id,
        "jobDir": str(job_dir),
        "datasetId": dataset_id,
        "datasetDir": str(dataset_dir),
    }
    try:
        # As JSON, because strictness then still lets objects be objects, but not text be a number.
        return NativeSpec.model_validate_json(orjson.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]).removeprefix("budget.")
        raise InvalidInputError(f"{where}: {first['msg']}") from None
    except TypeError:  # lone surrogates, integers over 64 bits
        raise InvalidInputError("The job's options hold text or numbers that JSON cannot carry") from None


def _check_rubric(spec: NativeSpec) -> None:
    if spec.rubric is None:
        return
    Rubric.of(spec.rubric)
    chosen = spec.metric or (get_task(spec.task).metric if spec.task else None)
    if chosen not in (None, JUDGE):  # nobody would read it
        raise InvalidInputError(f"rubric is for the metric '{JUDGE}'; this job is scored by '{chosen}'")
