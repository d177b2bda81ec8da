"""Options of weight training: what is taken, what is refused, and in which words."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from whetstone.api.models.create_job import CreateJob
from whetstone.errors import InvalidInputError
from whetstone.finetune.backends import Availability, Device
from whetstone.finetune.spec import FineTuneSpec
from whetstone.jobs import finetune_backend
from whetstone.jobs.finetune_backend import (
    check_finetuning,
    check_material,
    finetune_options,
    finetune_spec,
)
from whetstone.jobs.options import JobOptions
from whetstone.settings import Settings

EVERY_OPTION: dict[str, Any] = {
    "backend": "mlx",
    "model": "eliza-1-2b",
    "method": "dpo",
    "task": "response",
    "includeUnverified": True,
    "trainOn": "all",
    "maxLength": 512,
    "overlong": "drop",
    "iterations": 100,
    "maxSeconds": 60,
    "patience": 3,
    "batchSize": 8,
    "gradientAccumulation": 2,
    "learningRate": 0.0001,
    "scheduler": "cosine",
    "warmupSteps": 5,
    "weightDecay": 0.01,
    "maxGradNorm": 0.5,
    "seed": 7,
    "beta": 0.2,
    "loraRank": 8,
    "loraAlpha": 24,
    "loraDropout": 0.05,
    "targetModules": ["q_proj", "v_proj"],
    "useRslora": True,
    "useDora": True,
    "initLoraWeights": "gaussian",
    "precision": "fp32",
    "gradientCheckpointing": True,
    "processes": 2,
    "evalEvery": 10,
    "saveEvery": 20,
    "testRows": 0,
    "exports": ["merged", "gguf"],
}
WITHOUT = {"epochs": 2.5, "quantization": "4bit"}  # these do not go with others of them


def spec_of(options: dict[str, Any]) -> FineTuneSpec:
    return finetune_spec(options, "job-1", Path("job"), "dataset-1", Path("dataset"))


def test_every_option_a_client_may_choose_is_taken() -> None:
    assert finetune_options(EVERY_OPTION) == EVERY_OPTION
    assert EVERY_OPTION.keys() | WITHOUT.keys() == FineTuneSpec.option_names()
    defaults, chosen = spec_of({}), spec_of(EVERY_OPTION)
    own = {"job_id", "job_dir", "dataset_id", "dataset_dir", "epochs", "quantization"}
    same = {name for name in FineTuneSpec.model_fields if getattr(chosen, name) == getattr(defaults, name)}
    assert same == own, "a field that no option reaches"
    assert finetune_options(WITHOUT) == WITHOUT


def test_every_option_is_documented() -> None:
    assert FineTuneSpec.option_names() <= CreateJob.model_json_schema()["properties"].keys()


def test_what_the_dashboard_sends_means_the_defaults() -> None:
    body = {
        "datasetId": "d",
        "backend": "cpu",
        "model": "",
        "iterations": None,
        "batchSize": None,
        "task": " ",
    }
    options = JobOptions.parse(body)
    chosen = finetune_options({**options.more, **options.to_dict()})
    assert chosen == {"backend": "cpu"}
    assert spec_of(chosen) == spec_of({})


def test_options_of_others_are_left_to_them() -> None:
    assert finetune_options({"jobDir": "/etc", "datasetDir": "/", "optimizer": "auto", "backend": "cpu"}) == {
        "backend": "cpu"
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batchSize": 0}, "batchSize must be a whole number from 1 to 4096"),
        ({"batchSize": -1}, "batchSize must be a whole number from 1 to 4096"),
        ({"batchSize": 10**30}, "batchSize must be a whole number from 1 to 4096"),
        ({"batchSize": 2.5}, "batchSize must be a whole number from 1 to 4096"),
        ({"batchSize": "4"}, "batchSize must be a whole number from 1 to 4096"),
        ({"batchSize": True}, "batchSize must be a whole number from 1 to 4096"),
        ({"iterations": 10**9}, "iterations must be a whole number from 1 to 1000000"),
        ({"learningRate": float("nan")}, "learningRate must be a number above 0 and up to 1"),
        ({"learningRate": float("inf")}, "learningRate must be a number above 0 and up to 1"),
        ({"learningRate": -0.1}, "learningRate must be a number above 0 and up to 1"),
        ({"learningRate": 1e5}, "learningRate must be a number above 0 and up to 1"),
        ({"epochs": float("nan")}, "epochs must be a number above 0 and up to 1000"),
        ({"maxSeconds": -1}, "maxSeconds must be a number above 0"),
        ({"loraAlpha": 1.5}, "loraAlpha must be a whole number from 1 to 8192"),
        ({"loraDropout": 1}, "loraDropout must be a number of 0 or more and below 1"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2147483647"),
        ({"method": "ppo"}, "method must be one of 'sft', 'dpo', 'kto'"),
        ({"useDora": "yes"}, "useDora must be true or false"),
        ({"quantization": "8bit"}, "quantization must be '4bit'"),
        ({"exports": ["onnx"]}, "exports must be a list, each one of 'merged', 'gguf'"),
        ({"targetModules": []}, "targetModules: name at least one module"),
        ({"targetModules": ["../x"]}, "targetModules must be 'all-linear' or a list"),
        ({"iterations": 5, "epochs": 1}, "give iterations or epochs, not both"),
        ({"processes": 8}, "processes must be at most batchSize"),
        ({"task": "cooking"}, "Task 'cooking' is not known. Known tasks: "),
        ({"model": "\ud800"}, "The job's options hold text"),
    ],
)
def test_absurd_option_is_refused_with_its_range(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        finetune_options(options)
    assert caught.value.message.startswith(sentence)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"learningRate": 0}, "learningRate must be a number above 0 and up to 1"),
        ({"iterations": "many"}, "iterations must be a whole number from 1 to 1000000"),
        ({"batchSize": 0}, "batchSize must be a whole number from 1 to 4096"),
    ],
)
def test_the_first_look_at_an_option_names_its_range_too(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        JobOptions.parse({"backend": "cpu", **options})
    assert caught.value.message == sentence
    with pytest.raises(InvalidInputError, match="must be a positive"):
        JobOptions.parse(options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantization": "4bit", "init_lora_weights": "pissa"}, "which 4 bits cannot hold"),
        ({"quantization": "4bit", "init_lora_weights": "olora"}, "which 4 bits cannot hold"),
        ({"init_lora_weights": "orthogonal", "lora_rank": 7}, "needs an even loraRank, not 7"),
    ],
)
def test_what_torch_cannot_do_is_known_without_it(
    options: dict[str, Any], words: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    wanted = {to_camel(name): value for name, value in options.items()}
    monkeypatch.setattr(finetune_backend, "require", lambda *_: None)
    with pytest.raises(InvalidInputError, match=words):
        check_finetuning(wanted, settings)


def test_four_bits_need_their_package(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(finetune_backend, "require", lambda *_: None)
    with pytest.raises(InvalidInputError, match="needs the package bitsandbytes"):
        check_finetuning({"quantization": "4bit"}, settings)


def test_a_process_on_cuda_needs_a_gpu(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = (Device("GPU", 1), Device("GPU", 1))
    monkeypatch.setattr(finetune_backend, "require", lambda *_: None)
    monkeypatch.setattr(finetune_backend, "find_base", lambda *_: None)
    monkeypatch.setattr(
        finetune_backend, "availability", lambda _: {"cuda": Availability(True, devices=gpus)}
    )
    check_finetuning({"backend": "cuda", "processes": 2}, settings)
    with pytest.raises(InvalidInputError, match="this machine has 2"):
        check_finetuning({"backend": "cuda", "processes": 3}, settings)


@pytest.mark.parametrize(
    ("method", "samples", "counts", "words"),
    [
        ("sft", 0, {"pairs": 3, "chosen": 3, "rejected": 3}, "no rows to learn from"),
        ("dpo", 9, {"pairs": 0, "chosen": 3, "rejected": 0}, "no pairs"),
        ("kto", 9, {"pairs": 0, "chosen": 0, "rejected": 0}, "no answers that are known"),
        ("sft", 1, {}, None),
        ("dpo", 0, {"pairs": 2, "chosen": 2, "rejected": 2}, None),
        ("dpo", 9, {}, None),
        ("kto", 0, {"pairs": 0, "chosen": 0, "rejected": 1}, None),
    ],
)
def test_a_dataset_must_have_what_the_method_learns_from(
    method: str, samples: int, counts: dict[str, int], words: str | None
) -> None:
    record = {"id": "dataset-1", "sampleCount": samples, "preferenceCounts": counts}
    if words is None:
        check_material(method, record)
        return
    with pytest.raises(InvalidInputError, match=words):
        check_material(method, record)


wild = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(FineTuneSpec.option_names())), wild, max_size=4))
def test_any_options_are_taken_or_refused_by_name(options: dict[str, Any]) -> None:
    try:
        finetune_options(options)
    except InvalidInputError as error:
        assert error.message  # noqa: PT017 (either outcome is right)
        assert "Input should" not in error.message  # noqa: PT017
