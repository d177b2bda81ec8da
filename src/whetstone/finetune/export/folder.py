"""A model's folder: built under a hidden name beside its place and renamed when whole, so never half a model."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import structlog

from whetstone.errors import (
    ConflictError,
    InvalidInputError,
    NotAvailableError,
    UnavailableError,
    WhetstoneError,
)
from whetstone.files import sync_directory, write_atomic, write_json
from whetstone.finetune.adapter_files import CONFIG, WEIGHTS
from whetstone.finetune.export import manifest as places
from whetstone.finetune.export import verify
from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.architectures import Architecture
from whetstone.finetune.export.build import ModelBuild
from whetstone.finetune.export.card import card
from whetstone.finetune.export.gguf_adapter import write_gguf_adapter
from whetstone.finetune.export.gguf_model import convert_merged, write_merged_gguf
from whetstone.finetune.export.llama import is_installed
from whetstone.finetune.export.manifest import ModelFolder, read_model, write_manifest
from whetstone.finetune.export.merged import TOKENIZER_FILES, copy_file, copy_files, write_merged
from whetstone.finetune.export.recipe import recipe
from whetstone.finetune.export.tensors import tensors, weight_files
from whetstone.finetune.failures import check_disk, is_full

_log = structlog.get_logger(__name__)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SPARE_BYTES = 16 << 20


def write_model(build: ModelBuild) -> ModelFolder:
    """The folder `<models_dir>/<model_id>/` with everything that the job leaves; one that is there is returned.

    A form that cannot be had (merged, GGUF), or for which there is no room, leaves a note in the manifest instead; the
    adapter always is. Raises `InvalidInputError` for a broken adapter, `UnavailableError` when the disk is too full
    even for that, `ConflictError` when something else is at its place. Whatever is raised, nothing is left there.
    """
    if not _ID.fullmatch(build.model_id):
        raise InvalidInputError("A model's id is letters, digits, dots, dashes and underscores")
    target = build.models_dir / build.model_id
    if (there := read_model(target)) is not None:
        return there
    if target.exists():
        raise ConflictError(f"{target} is there, but it is no model that Whetstone wrote; move it away")
    build.models_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = build.models_dir / f".{build.model_id}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    exports = _exports_with_room(build)
    partial.mkdir(mode=0o700)
    try:
        content = _Writer(build, partial, exports).write()
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_directory(build.models_dir)
    return ModelFolder(build.model_id, target, content)


def _exports_with_room(build: ModelBuild) -> tuple[str, ...]:
    """All exports that were asked for, or none; raises `UnavailableError` without room for the adapter itself."""
    check_disk(needed_bytes(build, ()), build.models_dir)
    exports = tuple(build.spec.exports)
    try:
        check_disk(needed_bytes(build, exports), build.models_dir)
    except UnavailableError:
        return ()
    return exports


def needed_bytes(build: ModelBuild, exports: Sequence[str]) -> int:
    """About what the folder with these exports will take on the disk, while it is written."""
    adapter = (build.adapter / WEIGHTS).stat().st_size
    total = 3 * adapter + _SPARE_BYTES  # PEFT, and GGUF in F32 of what may be half as wide
    if not exports:
        return total
    weights = [each for path in weight_files(build.base.folder) for each in tensors(path).values()]
    merged = sum(each.raw.nbytes for each in weights)
    halves = 2 * sum(each.raw.nbytes // (4 if each.dtype == "F32" else 2) for each in weights)
    if "merged" in exports or build.base.gguf is None:
        total += merged
    return total + (halves if "gguf" in exports else 0)


class _Writer:
    """Fills one folder."""

    def __init__(self, build: ModelBuild, folder: Path, exports: Sequence[str]) -> None:
        self._build = build
        self._exports = exports
        self._folder = folder
        self._forms = {"adapter": places.ADAPTER}
        self._notes = [
            f"{places.FORMS[form]} was left out, because the disk has no room for it"
            for form in build.spec.exports
            if form not in exports
        ]
        self._checks: list[verify.Check] = []

    def write(self) -> dict[str, Any]:
        """All files; returns the manifest."""
        build, folder = self._build, self._folder
        self._write_adapter()
        copy_files(build.base.folder, folder, TOKENIZER_FILES)
        if not (folder / "chat_template.jinja").exists():
            write_atomic(folder / "chat_template.jinja", build.base.chat_template.encode())
        adapter = self._load_adapter()
        if adapter is not None:
            self._write_forms(adapter)
            self._ask_llama()
        try:
            return self._finish()
        except OSError as error:
            if not is_full(error) or len(self._forms) == 1:
                raise
        for form in [name for name in self._forms if name != "adapter"]:
            self._drop(form, f"{places.FORMS[form]} was not kept, because the disk is full")
        return self._finish()

    def _finish(self) -> dict[str, Any]:
        """The files that tell of the others; returns the manifest."""
        build, folder = self._build, self._folder
        if (gguf := folder / "gguf").is_dir() and not any(gguf.iterdir()):
            gguf.rmdir()
        if build.metrics is not None and build.metrics.is_file():
            copy_file(build.metrics, folder / places.METRICS)
        write_json(folder / places.RECIPE, recipe(build))
        write_atomic(folder / places.CARD, card(build, self._forms, self._notes).encode())
        return write_manifest(
            folder,
            {
                "modelId": build.model_id,
                "createdAt": build.created_at,
                "forms": self._forms,
                "checks": [check.to_dict() for check in self._checks],
                "notes": self._notes,
            },
        )

    def _write_adapter(self) -> None:
        build, target = self._build, self._folder / places.ADAPTER
        target.mkdir()
        copy_file(build.adapter / WEIGHTS, target / WEIGHTS)
        try:
            config = orjson.loads((build.adapter / CONFIG).read_bytes())
            alpha = float(config["lora_alpha"])
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidInputError(f"The adapter's {CONFIG} cannot be read") from None
        on_hub = build.base.ref.kind == "hub"
        write_json(
            target / CONFIG,
            {
                **config,
                # Some readers (Ollama) refuse 16.0 where they expect 16.
                "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
                "base_model_name_or_path": build.base.ref.location if on_hub else build.base_name,
                "revision": build.base.revision if on_hub else None,
            },
        )

    def _load_adapter(self) -> Adapter | None:
        folder = self._folder / places.ADAPTER
        try:
            adapter = Adapter.load(folder)
        except NotAvailableError as error:
            self._notes.append(error.message)
            return None
        before, after = tensors(self._build.adapter / WEIGHTS), tensors(folder / WEIGHTS)
        if not all(np.array_equal(each.raw, after[name].raw) for name, each in before.items()):
            raise WhetstoneError("The adapter's copy is not what was written; the disk may be failing")
        detail = f"{len(before)} finite tensors, equal to the trained ones"
        self._checks.append(verify.Check("adapter reads back", True, detail))
        return adapter

    def _write_forms(self, adapter: Adapter) -> None:
        build = self._build
        config, exports = build.base.config, self._exports
        self._form("ggufAdapter", lambda path: self._gguf_adapter(adapter, path))
        if "merged" in exports:
            self._form("merged", lambda path: self._merged(adapter, path))
        if "gguf" in exports:
            self._form("gguf", lambda path: self._gguf_model(adapter, Architecture.of(config), path))

    def _form(self, name: str, make: Callable[[Path], list[verify.Check]]) -> None:
        """Write and check one form; what cannot be had, or reads back wrong, leaves a note and no file."""
        path = self._folder / places.FORMS[name]
        try:
            path.parent.mkdir(exist_ok=True)
            checks = make(path)
        except WhetstoneError as error:
            self._drop(name, error.message)
            return
        except Exception as error:  # whatever the makers of a form raise: the training is not lost for it
            self._drop(name, f"{places.FORMS[name]} could not be made ({_kind(error)})")
            return
        self._checks += checks
        if failed := next((check for check in checks if not check.passed), None):
            self._drop(
                name,
                f"{places.FORMS[name]} was not kept, because it was not read back right: {failed.detail}",
            )
            return
        self._forms[name] = places.FORMS[name]

    def _drop(self, name: str, why: str) -> None:
        path = self._folder / places.FORMS[name]
        _log.warning("model_form_left_out", form=name, reason=why)
        self._notes.append(why)
        self._forms.pop(name, None)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)

    def _gguf_adapter(self, adapter: Adapter, path: Path) -> list[verify.Check]:
        base = self._build.base
        write_gguf_adapter(adapter, base.config, path, self._build.model_id)
        checks = [verify.check_gguf_adapter(path, adapter, base.config)]
        if base.gguf is not None:
            checks.append(verify.check_order(base.gguf, base.folder, base.config))
        return checks

    def _merged(self, adapter: Adapter, path: Path) -> list[verify.Check]:
        write_merged(adapter, self._build.base.folder, path)
        return [verify.check_merged(adapter, self._build.base.folder, path)]

    def _gguf_model(self, adapter: Adapter, architecture: Architecture, path: Path) -> list[verify.Check]:
        build = self._build
        if build.base.gguf is not None:
            write_merged_gguf(adapter, architecture, build.base.gguf, path, build.model_id)
        else:
            self._convert(adapter, path)
        return [verify.check_gguf_model(path, adapter, build.base.folder, build.base.config)]

    def _convert(self, adapter: Adapter, path: Path) -> None:
        if "merged" in self._forms:
            convert_merged(self._folder / places.MERGED, path, self._build.converter, self._build.model_id)
            return
        passing = self._folder / ".merged"
        try:
            write_merged(adapter, self._build.base.folder, passing)
            convert_merged(passing, path, self._build.converter, self._build.model_id)
        finally:
            shutil.rmtree(passing, ignore_errors=True)

    def _ask_llama(self) -> None:
        """Let llama.cpp repeat what the trained model said. Other words are noted, files it cannot load dropped."""
        build = self._build
        asked: dict[str, tuple[Path, Path | None]] = {}
        if "ggufAdapter" in self._forms and build.base.gguf is not None:
            asked["ggufAdapter"] = build.base.gguf, self._folder / places.GGUF_ADAPTER
        if "gguf" in self._forms:
            asked["gguf"] = self._folder / places.GGUF_MODEL, None
        if not build.spoken or not is_installed():
            return
        for form, (model, adapter) in asked.items():
            name = f"llama.cpp says the same with {places.FORMS[form]}"
            try:
                check = verify.says_the_same(
                    name, model, build.spoken, adapter=adapter, threads=build.threads or 1
                )
            except WhetstoneError as error:
                self._drop(form, error.message)
                continue
            except Exception as error:  # nothing is known of the file then, and it was read back right
                _log.warning("model_form_not_asked", form=form, error=type(error).__name__)
                self._notes.append(
                    f"{places.FORMS[form]} was not tried in llama.cpp ({type(error).__name__})"
                )
                continue
            self._checks.append(check)
            if not check.passed:
                self._notes.append(f"{places.FORMS[form]} answers differently in llama.cpp: {check.detail}")


def _kind(error: Exception) -> str:
    """What of an error of others goes into a model's folder: its text may name paths."""
    return "the disk is full" if is_full(error) else type(error).__name__
