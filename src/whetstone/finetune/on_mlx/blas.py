"""A fast BLAS for MLX's CPU build on Linux, whose wheel brings the reference BLAS (measured 14 to 70 times slower)."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

_NAMES = ("libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so")  # Debian; Fedora; development packages
_FOLDERS = ("/usr/lib/*/openblas-*", "/usr/lib/*", "/usr/lib64", "/usr/lib")


class OpenBlas:
    """OpenBLAS, loaded ahead of MLX."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.name = name
        self._library = library

    def set_threads(self, count: int) -> None:
        """Compute with so many threads; the library's default is OMP_NUM_THREADS or every core."""
        self._library.openblas_set_num_threads(ctypes.c_int(count))

    @property
    def threads(self) -> int:
        return int(self._library.openblas_get_num_threads())


@cache
def load_openblas() -> OpenBlas | None:
    """Make OpenBLAS the BLAS of an MLX that is imported later; None where there is none to take.

    Works like LD_PRELOAD, but from within: a library loaded with RTLD_GLOBAL comes before a module's own
    dependencies when the dynamic linker looks up `cblas_sgemm` for `libmlx.so`. It must therefore run before the first
    `import mlx.core` of the process. macOS needs none (Accelerate). Debian's package is libopenblas0-pthread.
    """
    if sys.platform != "linux" or "mlx.core" in sys.modules:
        return None
    for name in (*_NAMES, *_files()):
        try:
            library = ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        if hasattr(library, "openblas_set_num_threads"):
            return OpenBlas(library, name)
    return None


def is_installed() -> bool:
    """Whether there is an OpenBLAS to take, as far as its usual folders tell; loads nothing."""
    return bool(_files())


def _files() -> list[str]:
    """OpenBLAS in its usual folders, some of which the dynamic linker does not search by itself."""
    root = Path("/")
    return [
        str(path)
        for folder in _FOLDERS
        for name in _NAMES
        for path in sorted(root.glob(f"{folder[1:]}/{name}"))
    ]
