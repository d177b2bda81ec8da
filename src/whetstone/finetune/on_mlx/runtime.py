"""MLX, imported where it finds a fast BLAS. Everything in this package that computes takes MLX from here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from whetstone.finetune.on_mlx.blas import load_openblas

OPENBLAS = load_openblas()
"""None on macOS, without OpenBLAS, and where something imported MLX earlier."""

# Typed as Any, so that the type checker's findings do not depend on whether MLX, an option, is installed.
mx: Any = import_module("mlx.core")
nn: Any = import_module("mlx.nn")
optimizers: Any = import_module("mlx.optimizers")
trees: Any = import_module("mlx.utils")
caches: Any = import_module("mlx_lm.models.cache")


def on_gpu() -> bool:
    """Whether MLX computes on a GPU (Metal) rather than with its CPU build."""
    return bool(mx.default_device().type == mx.gpu)
