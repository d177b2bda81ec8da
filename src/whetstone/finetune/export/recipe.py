"""Everything that it takes to make a model again: `recipe.json`. Figures, names and digests; no rows, no paths."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import orjson
import psutil

from whetstone.finetune.export.build import ModelBuild

SCHEMA: Final = "whetstone.recipe.v1"
ATTESTATION: Final = "privacy_attestation.json"
_PACKAGES: Final = (
    "whetstone",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "mlx",
    "mlx-lm",
    "numpy",
    "tokenizers",
    "safetensors",
    "gguf",
    "xllamacpp",
)
_DATA: Final = ("rows", "tokens", "dropped", "cut", "tasks", "files", "hashes", "notes")


def recipe(build: ModelBuild) -> dict[str, Any]:
    """The recipe of `build`, as JSON."""
    spec, base = build.spec, build.base
    on_hub = base.ref.kind == "hub"
    options = spec.model_dump(
        mode="json", by_alias=True, exclude={"job_dir", "dataset_dir", "job_id", "dataset_id"}
    )
    options["model"] = build.base_name
    return {
        "schema": SCHEMA,
        "modelId": build.model_id,
        "jobId": spec.job_id,
        "createdAt": build.created_at,
        "base": {
            "name": build.base_name,
            "kind": base.ref.kind,
            "location": base.ref.location if on_hub else Path(base.ref.location).name,
            "revision": base.revision,
            "fingerprint": base.fingerprint,
            "licence": base.licence,
            "modelType": base.config.get("model_type"),
        },
        "dataset": {
            "id": spec.dataset_id,
            **{key: build.data[key] for key in _DATA if key in build.data},
            "privacy": privacy(build),
        },
        "options": options,
        "seed": spec.seed,
        "engine": dict(build.engine),
        "versions": versions(),
        "hardware": hardware(),
        "results": dict(build.results),
    }


def privacy(build: ModelBuild) -> dict[str, Any] | None:
    """Which filter the rows passed, by the attestation beside them.

    None where there is none, and where it does not name every file that was read with the bytes that were read: a
    user's own file, or one that was edited.
    """
    dataset, read = build.spec.dataset_dir, build.data.get("files")
    folder = dataset if dataset.is_dir() else dataset.parent
    try:
        attestation = orjson.loads((folder / ATTESTATION).read_bytes())
        attested = {each["name"]: each["sha256"] for each in attestation["files"]}
        if not read or any(attested.get(name) != digest for name, digest in read.items()):
            return None
        described = attestation["filter"]
        return {"filterVersion": described["version"], "configHash": described.get("configHash")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide over a result, where installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """The machine: system, processor type, cores that may be used, memory in bytes."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": usable,
        "memoryBytes": psutil.virtual_memory().total,
    }
