"""A base model as a folder that torch and MLX load, made where needed, once. Runs in the job's process."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.files import write_json
from whetstone.finetune.bases.checks import chat_template, check_folder, check_gguf
from whetstone.finetune.bases.config import readable_config
from whetstone.finetune.bases.convert import convert_gguf, convert_tokenizer
from whetstone.finetune.bases.digests import Digests, fingerprint
from whetstone.finetune.bases.gguf_header import read_header
from whetstone.finetune.bases.hub import download
from whetstone.finetune.bases.made_folders import made_folder
from whetstone.finetune.bases.names import BaseRef
from whetstone.settings import Settings

_FORMAT = 1  # counts up when folders are made in another way, so that old ones are not taken
_KEY_LENGTH = 24
_LINKED = {".safetensors", ".json", ".jinja", ".model", ".txt"}
_LICENCE = re.compile(r"^license:\s*['\"]?([^\s'\"#]+)", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on this machine.

    `folder`: a Hugging Face folder with safetensors, `config.json` (content in `config`), `tokenizer.json` and the
    chat template; never write into it. `fingerprint`: SHA-256 that stands for configuration and weights.
    `gguf`: the GGUF file that it was made from. `revision`: the hub's commit. `licence` as its card names it.
    """

    ref: BaseRef
    folder: Path
    config: dict[str, Any]
    fingerprint: str
    gguf: Path | None
    revision: str | None
    licence: str | None
    chat_template: str


def prepare_base(ref: BaseRef, settings: Settings, say: Callable[[str], None]) -> Base:
    """Fetch, unpack and check the model; `say` is told about what takes long.

    Raises `InvalidInputError`, `UnavailableError` and `NotAvailableError`, each with a sentence.
    """
    cache = settings.user_cache_dir / "bases"
    digests = Digests(cache)
    gguf, revision = None, None
    if ref.kind in {"embedded", "gguf"}:
        gguf = Path(ref.location)
        check_gguf(gguf, ref.name)
        identity = digests.of(gguf)
        folder = made_folder(
            cache,
            _key("gguf", identity),
            lambda target: convert_gguf(gguf, target, ref.name, say),
            digests,
            say,
        )
        config = check_folder(folder, ref.name)
        licence = read_header(gguf).metadata.get("general.license")
    else:
        source = Path(ref.location) if ref.kind == "folder" else download(ref, settings, say)
        revision = source.name if ref.kind == "hub" else None
        config = check_folder(source, ref.name)
        identity = fingerprint(source, config, digests)
        _check_known(config, ref.name)
        folder = _completed(source, config, cache, digests, ref.name, say)
        config = readable_config(config)
        licence = _licence(source)
    template = chat_template(folder)
    if template is None:
        raise InvalidInputError(f"The base model {ref.name!r} has no chat template")
    return Base(
        ref=ref,
        folder=folder,
        config=config,
        fingerprint=identity,
        gguf=gguf,
        revision=revision,
        licence=str(licence) if licence else None,
        chat_template=template,
    )


def _completed(
    source: Path,
    config: dict[str, Any],
    cache: Path,
    digests: Digests,
    name: str,
    say: Callable[[str], None],
) -> Path:
    """The folder itself, or a copy by links with what it lacks: `tokenizer.json`, a configuration for all readers."""
    has_tokenizer = (source / "tokenizer.json").is_file()
    readable = readable_config(config)
    if has_tokenizer and readable == config:
        return source

    files = [
        path
        for path in sorted(source.iterdir())
        if path.is_file() and (path.suffix in _LINKED or path.name.startswith(("README", "LICENSE")))
    ]

    def make(target: Path) -> None:
        if not has_tokenizer:
            say("Converting the tokenizer; this is done once")
            convert_tokenizer(source, target, name)
        for path in files:
            if path.name != "config.json" and not (target / path.name).exists():
                (target / path.name).symlink_to(path.resolve())
        write_json(target / "config.json", readable)

    content = json.dumps({path.name: digests.of(path) for path in files})
    return made_folder(cache, _key("folder", str(source.resolve()), content), make, digests, say)


def _check_known(config: dict[str, Any], name: str) -> None:
    """That transformers has this architecture itself; code that comes with a model is never run."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    if config.get("model_type") not in KNOWN:
        kind = str(config.get("model_type"))[:60]
        raise InvalidInputError(
            f"The base model {name!r} cannot be trained: the installed transformers does not know its model type {kind!r}"
        )


def _licence(folder: Path) -> str | None:
    """The licence in the head of the model's card."""
    try:
        head = _FRONT_MATTER.match((folder / "README.md").read_text("utf-8", "replace"))
    except OSError:
        return None
    found = _LICENCE.search(head[1]) if head is not None else None
    return found[1] if found is not None else None


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join([str(_FORMAT), *parts]).encode()).hexdigest()[:_KEY_LENGTH]
