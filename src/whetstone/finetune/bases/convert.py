"""A GGUF file as a Hugging Face folder: weights dequantized to fp32, tokenizer, chat template."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from whetstone.errors import InvalidInputError, NotAvailableError, UnavailableError
from whetstone.files import write_json
from whetstone.finetune.bases.checks import chat_template
from whetstone.finetune.bases.config import readable_config
from whetstone.finetune.bases.gguf_header import GgufHeader, read_header
from whetstone.machine import free_bytes, memory_available

_BYTES = 4  # fp32: the packed formats' scales are not exact in bf16
_MEMORY_FACTOR = 1.5  # the largest tensors are there twice for a moment
_SPARE_DISK = 64 << 20
_TOKENIZER_NOISE = ("is_local", "local_files_only", "backend", "name_or_path")


def convert_gguf(path: Path, folder: Path, name: str, say: Callable[[str], None]) -> None:
    """Write the model in `path` into the existing, empty `folder`. Its numbers are those that the file stands for.

    Raises `NotAvailableError` without the libraries, `UnavailableError` when disk or memory is short, and
    `InvalidInputError` for an architecture that transformers cannot read.
    """
    header = read_header(path)
    _check_space(header, folder, name)
    say(f"Unpacking {name} ({header.parameters / 1e6:,.0f} million parameters); this is done once")
    try:
        import gguf
        import torch
        import transformers
    except ImportError as error:
        raise NotAvailableError(
            f"To unpack a GGUF file, {error.name} is needed. Run `pip install 'whetstone[cpu]'`"
        ) from None
    # In a folder of its own, so that nothing that lies beside the file is taken for a part of the model.
    with TemporaryDirectory() as alone, _quiet(transformers), _parsing_once(gguf):
        (Path(alone) / "model.gguf").symlink_to(path)
        source: dict[str, Any] = {"gguf_file": "model.gguf", "local_files_only": True}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(alone, **source)
            model, info = transformers.AutoModelForCausalLM.from_pretrained(
                alone,
                **source,
                quantization_config=transformers.GgufConfig(dequantize=True),
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, RuntimeError) as error:
            first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise InvalidInputError(
                f"The base model {name!r} cannot be unpacked: transformers {transformers.__version__} cannot read "
                f"this GGUF file of architecture {header.architecture!r} ({first})"
            ) from error
    lacking = sorted({*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])})
    if lacking:  # they would be random numbers
        raise InvalidInputError(
            f"The base model {name!r} cannot be unpacked: its GGUF file lacks {len(lacking)} weights, first {lacking[0]}"
        )
    with _quiet(transformers):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    _tidy(folder, header)


def convert_tokenizer(source: Path, folder: Path, name: str) -> None:
    """Write `tokenizer.json` and its configuration, made from the sentencepiece or vocabulary files of `source`."""
    import transformers

    try:
        with _quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source, local_files_only=True, trust_remote_code=False
            )
            tokenizer.save_pretrained(folder)
    except Exception as error:  # of many kinds, depending on the tokenizer's library
        raise InvalidInputError(
            f"The tokenizer of the base model {name!r} cannot be read ({type(error).__name__}); it needs a tokenizer.json"
        ) from error
    if not (folder / "tokenizer.json").is_file():
        raise InvalidInputError(f"The tokenizer of the base model {name!r} has no fast form (tokenizer.json)")


def _check_space(header: GgufHeader, folder: Path, name: str) -> None:
    weights = header.parameters * _BYTES
    if free_bytes(folder) < weights + _SPARE_DISK:
        raise UnavailableError(
            f"The disk is too full to unpack {name}: {weights >> 20} MiB are needed in {folder.parent}. "
            "Make room, or set XDG_CACHE_HOME to a folder on another disk"
        )
    if memory_available() < weights * _MEMORY_FACTOR:
        raise UnavailableError(
            f"There is too little memory to unpack {name}: about {int(weights * _MEMORY_FACTOR) >> 20} MiB are needed, "
            f"{memory_available() >> 20} MiB are free"
        )


def _tidy(folder: Path, header: GgufHeader) -> None:
    """Make the files what other readers, and older versions, understand."""
    config = json.loads((folder / "config.json").read_bytes())
    config.pop("_model_name_or_path", None)
    write_json(folder / "config.json", readable_config(config))
    path = folder / "tokenizer_config.json"
    tokenizer = {
        key: value for key, value in json.loads(path.read_bytes()).items() if key not in _TOKENIZER_NOISE
    }
    if tokenizer.get("tokenizer_class") == "TokenizersBackend":
        tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    tokenizer["model_max_length"] = config.get("max_position_embeddings", 2048)
    write_json(path, tokenizer)
    template = header.metadata.get("tokenizer.chat_template")
    if chat_template(folder) is None and isinstance(template, str):
        (folder / "chat_template.jinja").write_text(template, "utf-8")


@contextmanager
def _parsing_once(gguf: Any) -> Iterator[None]:
    """Let the `gguf` library remember the file's head and the table of tensor names within this block.

    transformers asks for the head three times and for the table once a layer; each costs seconds of pure Python.
    """
    slow = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    for name, function in slow.items():
        setattr(gguf, name, functools.cache(function))
    try:
        yield
    finally:
        for name, function in slow.items():
            setattr(gguf, name, function)


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without progress bars and advice on the job's output."""
    from transformers import modeling_gguf_pytorch_utils as unpacking

    logging, drawn = transformers.utils.logging, getattr(unpacking, "tqdm", None)
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    unpacking.tqdm = lambda items, **_: items  # heeds none of the switches
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        unpacking.tqdm = drawn
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
