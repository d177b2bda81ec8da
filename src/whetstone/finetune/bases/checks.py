"""Whether a folder or a GGUF file holds a chat model that can be trained, by looking at its heads only.

What is found is told in a sentence; contents of files are never repeated but for architecture names.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.finetune.bases.gguf_header import CutOffError, NotGgufError, read_header

_LFS = b"version https://git-lfs"
_MAX_JSON = 64 << 20
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_NOT_CHAT = {"bert", "nomic-bert", "jina-bert-v2", "clip", "t5", "t5encoder", "whisper", "wavtokenizer-dec"}
_SHOWN = 60


def check_folder(folder: Path, name: str) -> dict[str, Any]:
    """The folder's configuration (`config.json`). Raises `InvalidInputError` that says what is wrong with `name`."""
    try:
        return _checked(folder, name)
    except OSError as error:  # no permission, or a disk that fails
        raise _wrong(name, f"its folder cannot be read ({error.strerror})") from None


def _checked(folder: Path, name: str) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        detail = (
            ": it holds a GGUF file; name that file" if next(folder.glob("*.gguf"), None) is not None else ""
        )
        raise _wrong(name, f"its folder has no config.json{detail}")
    config = _json(folder / "config.json", name)
    _check_architecture(config, name)
    _check_weights(folder, name)
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise _wrong(name, "its folder has no tokenizer (tokenizer.json)")
    if chat_template(folder) is None:
        raise _wrong(
            name,
            "it has no chat template, so nothing says how its conversations are written. "
            "Name the instruct variant, or put a chat_template.jinja into its folder",
        )
    return config


def check_gguf(path: Path, name: str) -> None:
    """Raises `InvalidInputError` that says why this file is no chat model to train."""
    try:
        header = read_header(path)
    except NotGgufError:
        raise _wrong(name, "it is not a GGUF file (version 2 or 3)") from None
    except CutOffError:
        raise _wrong(name, "the GGUF file is cut off. Download it again") from None
    except (OSError, ValueError):
        raise _wrong(name, "its file cannot be read") from None
    metadata, architecture = header.metadata, header.architecture
    if metadata.get("general.type", "model") != "model":
        raise _wrong(name, f"the GGUF file holds not a model but: {_short(metadata['general.type'])}")
    if metadata.get("split.count", 1) not in (0, 1):
        raise _wrong(name, "the GGUF file is one part of several. Join them with llama-gguf-split --merge")
    if not architecture or architecture in _NOT_CHAT:
        raise _wrong(name, f"the GGUF file's architecture is no chat model: {_short(architecture) or 'none'}")
    if "tokenizer.chat_template" not in metadata:
        raise _wrong(name, "the GGUF file has no chat template. Name the instruct variant")


def chat_template(folder: Path) -> str | None:
    """The folder's chat template, as transformers finds it; of several the `default` one.

    Of `chat_template.jinja`, else of `chat_template.json`, else of `tokenizer_config.json`.
    """
    try:
        if (text := (folder / "chat_template.jinja").read_text("utf-8")).strip():
            return text
    except (OSError, ValueError):
        pass
    for name in ("chat_template.json", "tokenizer_config.json"):
        try:
            found = orjson.loads((folder / name).read_bytes()).get("chat_template")
            if isinstance(found, list):
                found = next((each["template"] for each in found if each["name"] == "default"), None)
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            continue
        if isinstance(found, str) and found.strip():
            return found
    return None


def _check_architecture(config: dict[str, Any], name: str) -> None:
    quantization = config.get("quantization_config") or config.get("quantization")
    if quantization:
        method = quantization.get("quant_method") if isinstance(quantization, dict) else None
        raise _wrong(
            name,
            f"its weights are quantized ({_short(method or 'MLX')}). Name the unquantized model; for training "
            "over 4-bit weights set quantization to 4bit",
        )
    listed = config.get("architectures")
    architectures = [str(one) for one in listed] if isinstance(listed, list) else []
    if config.get("is_encoder_decoder") or not any(one.endswith("ForCausalLM") for one in architectures):
        shown = _short(", ".join(architectures) or str(config.get("model_type", "none")))
        advice = (
            " (it is more than a text model; where there is a GGUF file of its text part, name that)"
            if isinstance(config.get("text_config"), dict)
            else ""
        )
        raise _wrong(name, f"its architecture is no chat model (…ForCausalLM): {shown}{advice}")


def _check_weights(folder: Path, name: str) -> None:
    index = folder / "model.safetensors.index.json"
    files = sorted(folder.glob("*.safetensors"))
    if index.is_file():
        named = _json(index, name).get("weight_map")
        shards = {str(value) for value in named.values()} if isinstance(named, dict) else set()
        if missing := shards - {file.name for file in files}:
            raise _wrong(
                name,
                f"{len(missing)} of {len(shards)} weight files are missing, first {_short(min(missing))}",
            )
    if not files:
        if next(folder.glob("*.bin"), None) or next(folder.glob("*.pt*"), None):
            raise _wrong(
                name,
                "its weights are in pickle files, which can run code when opened. "
                "Only safetensors are read: convert them, or name another model",
            )
        raise _wrong(name, "its folder has no weights (*.safetensors)")
    for file in files:
        _check_safetensors(file, name)


def _check_safetensors(path: Path, name: str) -> None:
    """That the file is as long as its head says (https://huggingface.co/docs/safetensors: length, JSON, data)."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(len(_LFS))
            if head == _LFS:
                raise _wrong(
                    name, f"{_short(path.name)} is a Git LFS pointer. Run git lfs pull in its folder"
                )
            (length,) = struct.unpack_from("<Q", head)
            if length > min(size, _MAX_JSON):
                raise ValueError
            file.seek(8)
            tensors = orjson.loads(file.read(length))
        ends = [value["data_offsets"][1] for key, value in tensors.items() if key != "__metadata__"]
        if 8 + length + max(ends, default=0) != size:
            raise ValueError
    except (OSError, ValueError, struct.error, AttributeError, KeyError, TypeError, IndexError):
        raise _wrong(
            name, f"{_short(path.name)} is damaged or not complete. Get the model's files again"
        ) from None


def _json(path: Path, name: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise ValueError
        # The standard library's reader, because configurations may hold NaN and Infinity.
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _wrong(name, f"{path.name} is not readable as JSON")
    return content


def _short(value: object) -> str:
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _wrong(name: str, reason: str) -> InvalidInputError:
    return InvalidInputError(f"The base model {name!r} cannot be trained: {reason}")
