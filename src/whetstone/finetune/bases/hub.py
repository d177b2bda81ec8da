"""Models of the Hugging Face hub, through its own client: downloaded into its own cache, or only looked up there."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whetstone.errors import InvalidInputError, NotAvailableError, UnavailableError, WhetstoneError
from whetstone.finetune.bases.hub_cache import DEFAULT_REVISION, hub_cache_dir
from whetstone.finetune.bases.names import BaseRef
from whetstone.machine import free_bytes, size_text
from whetstone.settings import Settings

# Weights without pickle, the tokenizer's files, the model card. Files in subfolders are other formats' copies.
_WANTED = (
    "*.safetensors",
    "*.json",
    "*.jinja",
    "*.model",
    "merges.txt",
    "vocab.txt",
    "README.md",
    "LICENSE*",
)
_UNWANTED = ("*/*", "consolidated*", "adapter_model*", "adapter_config.json")
_SPARE_DISK = 64 << 20
_TELL_SECONDS = 5.0


def download(ref: BaseRef, settings: Settings, say: Callable[[str], None]) -> Path:
    """The folder of the model's files; what is not in the cache is fetched, unless the hub is off.

    Raises `InvalidInputError` (no such model or revision, or no permission) and `UnavailableError` (no connection,
    or the disk is full).
    """
    try:
        import huggingface_hub
    except ImportError:
        raise NotAvailableError(
            "Models of the Hugging Face hub need its client. Run `pip install 'whetstone[cpu]'`"
        ) from None
    cache = hub_cache_dir(settings)
    options: dict[str, Any] = {
        "repo_id": ref.location,
        "revision": ref.revision,
        "cache_dir": cache,
        "allow_patterns": list(_WANTED),
        "ignore_patterns": list(_UNWANTED),
        "endpoint": settings.hub_endpoint,
        "token": settings.hub_token.get_secret_value() if settings.hub_token is not None else None,
        "tqdm_class": _progress(say),
    }
    try:
        if settings.hub_offline:
            return Path(huggingface_hub.snapshot_download(**options, local_files_only=True))
        try:
            plan = huggingface_hub.snapshot_download(**options, dry_run=True)
        except huggingface_hub.errors.DryRunError as error:
            # The hub cannot be asked. This takes what the cache has, or says why not.
            say(f"The Hugging Face hub does not answer; looking for {ref.location} in its cache")
            if isinstance(error.__cause__, huggingface_hub.errors.RepositoryNotFoundError):
                raise error.__cause__ from None
            return Path(huggingface_hub.snapshot_download(**options, local_files_only=True))
        missing = sum(file.file_size or 0 for file in plan if file.will_download)
        if missing:
            _check_disk(missing, cache, ref)
            say(f"Downloading {ref.location}: {size_text(missing)}")
        return Path(huggingface_hub.snapshot_download(**options))
    except WhetstoneError:
        raise
    except Exception as error:  # OSError, and the client's HTTP library raises its own
        raise _explained(error, ref, settings) from error


def _check_disk(missing: int, cache: Path, ref: BaseRef) -> None:
    free = free_bytes(cache)
    if missing + _SPARE_DISK > free:
        raise UnavailableError(
            _disk_full(ref, f"{size_text(missing)} are needed, {size_text(free)} are free")
        )


def _explained(error: Exception, ref: BaseRef, settings: Settings) -> WhetstoneError:
    from huggingface_hub import errors

    name = ref.location
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return InvalidInputError(
            f"The base model {name!r} is gated: accept its terms on the hub, and set HF_TOKEN to a token of that account"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return InvalidInputError(
            f"The base model {name!r} has no revision {ref.revision or DEFAULT_REVISION!r}"
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
        advice = (
            "The token in HF_TOKEN may lack the right to see it"
            if settings.hub_token is not None
            else "If it is private, set HF_TOKEN"
        )
        return InvalidInputError(f"The Hugging Face hub has no model {name!r}. {advice}")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnavailableError(_disk_full(ref, "the download was broken off"))
    if settings.hub_offline:
        return UnavailableError(
            f"The base model {name!r} is not whole in the Hugging Face cache, and HF_HUB_OFFLINE is set"
        )
    where = settings.hub_endpoint or "the Hugging Face hub"
    return UnavailableError(
        f"The base model {name!r} cannot be fetched from {where} ({type(error).__name__}). "
        "Check the connection, or name a folder or a GGUF file"
    )


def _disk_full(ref: BaseRef, detail: str) -> str:
    return (
        f"The disk is too full for the base model {ref.location!r}: {detail}. Make room, or set HF_HOME to a folder "
        "on another disk"
    )


def _progress(say: Callable[[str], None]) -> type:
    """A progress bar for the client that tells about the bytes every few seconds instead of drawing."""
    from tqdm import tqdm

    told = time.monotonic()

    class Progress(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._bytes = options.get("unit") == "B"
            self._told_name = str(options.pop("name", ""))
            options["disable"] = False
            super().__init__(*arguments, **options)

        def display(self, *_: Any, **__: Any) -> bool:
            nonlocal told
            now = time.monotonic()
            if (
                self._bytes
                and not self._told_name.endswith(".transfer")
                and self.total
                and now - told >= _TELL_SECONDS
            ):
                told = now
                say(f"Downloaded {size_text(int(self.n))} of {size_text(int(self.total))}")
            return True

    return Progress
