"""Ids in paths: URL-decoded once, and made of any characters, slashes and line feeds included."""

from __future__ import annotations

from typing import Any

from fastapi import Path
from starlette.convertors import Convertor, register_url_convertor


class _IdConvertor(Convertor[str]):
    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("whetstone_id", _IdConvertor())

# The part of a route's path that takes an id. Routes with something behind it must come before those that end in it.
ID = "{id:whetstone_id}"


def id_of(what: str, example: str) -> Any:
    """The path parameter `id` of a `what`, for `Annotated`."""
    return Path(alias="id", description=f"Id of the {what}, URL-encoded.", examples=[example])


TRAJECTORY_ID = id_of("trajectory", "trajectory-1760000000000-1a2b3c4d")
DATASET_ID = id_of("dataset", "dataset-1760000000000-1a2b3c4d")
JOB_ID = id_of("job", "job-1760000000000-1a2b3c4d")
MODEL_ID = id_of("model", "model-1760000000000-1a2b3c4d")
RUN_ID = id_of("auto-training run", "run-1760000000000-1a2b3c4d")
