"""MLX on Linux takes a fast BLAS where the machine has one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("whetstone.finetune.on_mlx.runtime", exc_type=ImportError)  # first: it picks the BLAS

from whetstone.finetune.on_mlx.blas import load_openblas

MEASURE = """
import time
a, b = mx.ones((256, 576)), mx.ones((576, 1536))
mx.eval(a @ b)
best = 1e9
for _ in range(5):
    start = time.perf_counter()
    mx.eval(a @ b)
    best = min(best, time.perf_counter() - start)
print(2 * 256 * 576 * 1536 / best / 1e9)
"""


def rate(first_line: str) -> float:
    """GFLOP/s of a product in a process of its own, on one thread."""
    code = f"{first_line}\n{MEASURE}"
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MLX has a fast BLAS of its own")
def test_products_are_several_times_faster_than_with_the_wheels_own() -> None:
    here = "from whetstone.finetune.on_mlx.runtime import OPENBLAS, mx\n"
    found = subprocess.run(
        [sys.executable, "-c", f"{here}print(OPENBLAS is not None)"],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    if found.stdout.strip() != "True":
        pytest.skip("this machine has no OpenBLAS (Debian: libopenblas0-pthread)")
    assert rate(here) > 3 * rate("import mlx.core as mx")


def test_it_is_too_late_once_mlx_is_there() -> None:
    load_openblas.cache_clear()
    import mlx.core  # noqa: F401

    assert load_openblas() is None
