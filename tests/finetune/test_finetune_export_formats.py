"""Adapters become GGUF files and merged models that other programs read as the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from finetune_gguf import greedy, random_adapter, tiny_gguf
from finetune_world import tiny_base
from whetstone.errors import InvalidInputError, NotAvailableError, WhetstoneError
from whetstone.finetune.export import verify
from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.architectures import FAMILIES, Architecture
from whetstone.finetune.export.gguf_adapter import write_gguf_adapter
from whetstone.finetune.export.gguf_model import write_merged_gguf
from whetstone.finetune.export.llama import continuations
from whetstone.finetune.export.merged import write_merged
from whetstone.finetune.export.tensors import Slot, Tensor, pack, tensors, write
from whetstone.finetune.export.verify import Spoken

PROMPTS = [[5, 20, 31, 44], [100, 7, 300], [60, 61, 62, 63, 64, 65]]
KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True, "r": 8},
    "some modules": {"target_modules": ["q_proj", "down_proj"], "lora_alpha": 3},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose answers vary, as a folder and as a GGUF file."""
    folder = tmp_path_factory.mktemp("export")
    tiny_base(folder / "base", initializer_range=0.2, tie_word_embeddings=False)
    tiny_gguf(folder / "base", folder / "base.gguf")
    return folder


def _config(world: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world / "base" / "config.json").read_text())
    return found


def _load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


def _spoken(model: Any) -> list[Spoken]:
    return [Spoken(tuple(prompt), tuple(greedy(model, prompt, 12))) for prompt in PROMPTS]


def _same_in_llama(model: Path, spoken: list[Spoken], adapter: Path | None = None) -> bool:
    return verify.says_the_same("same", model, spoken, adapter=adapter).passed


@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_applies_the_gguf_adapter_as_peft_does(world: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("xllamacpp")
    spoken = _spoken(random_adapter(world / "base", tmp_path, **KINDS[kind]))

    write_gguf_adapter(Adapter.load(tmp_path), _config(world), tmp_path / "adapter.gguf", "tiny")

    heard = continuations(world / "base.gguf", PROMPTS, 12, adapter=tmp_path / "adapter.gguf")
    equal = [each.tokens == list(other.tokens) for each, other in zip(heard, spoken, strict=True)]
    assert sum(equal) >= 2  # a random model has ties
    assert _same_in_llama(world / "base.gguf", spoken, tmp_path / "adapter.gguf")
    assert not _same_in_llama(world / "base.gguf", spoken)  # without it the base says something else


def test_a_wrong_order_or_scale_is_heard(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp")
    spoken = _spoken(random_adapter(world / "base", tmp_path, use_rslora=True))
    adapter, config = Adapter.load(tmp_path), _config(world)

    half = Adapter(adapter.pairs, adapter.rank, adapter.alpha / 2, adapter.rslora)
    write_gguf_adapter(half, config, tmp_path / "half.gguf", "tiny")
    monkeypatch.setitem(FAMILIES, "llama", ("llama", False))
    write_gguf_adapter(adapter, config, tmp_path / "unordered.gguf", "tiny")
    order = verify.check_order(world / "base.gguf", world / "base", config)
    monkeypatch.undo()
    write_gguf_adapter(adapter, config, tmp_path / "right.gguf", "tiny")

    assert _same_in_llama(world / "base.gguf", spoken, tmp_path / "right.gguf")
    assert not _same_in_llama(world / "base.gguf", spoken, tmp_path / "unordered.gguf")
    assert not _same_in_llama(world / "base.gguf", spoken, tmp_path / "half.gguf")
    assert not order.passed
    assert verify.check_order(world / "base.gguf", world / "base", config).passed


@pytest.mark.parametrize("kind", [*KINDS, "dora", "rslora dora"])
def test_merged_forms_equal_what_peft_merges(world: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("xllamacpp")
    options = KINDS.get(kind) or {"use_dora": "dora" in kind, "use_rslora": "rslora" in kind}
    model = random_adapter(world / "base", tmp_path, **options)
    spoken = _spoken(model)
    adapter, config = Adapter.load(tmp_path), _config(world)

    write_merged(adapter, world / "base", tmp_path / "merged")
    write_merged_gguf(
        adapter, Architecture.of(config), world / "base.gguf", tmp_path / "merged.gguf", "tiny merged"
    )

    theirs = model.merge_and_unload().state_dict()
    ours = _load(tmp_path / "merged").state_dict()
    assert ours.keys() == theirs.keys()
    for name, weight in theirs.items():
        np.testing.assert_allclose(ours[name].numpy(), weight.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)
    assert verify.check_merged(adapter, world / "base", tmp_path / "merged").passed
    assert verify.check_gguf_model(tmp_path / "merged.gguf", adapter, world / "base", config).passed
    assert _spoken(_load(tmp_path / "merged")) == spoken
    assert _same_in_llama(tmp_path / "merged.gguf", spoken)


def test_a_merged_model_of_another_adapter_does_not_pass(world: Path, tmp_path: Path) -> None:
    random_adapter(world / "base", tmp_path / "one", seed=1)
    random_adapter(world / "base", tmp_path / "two", seed=2)
    one, two = Adapter.load(tmp_path / "one"), Adapter.load(tmp_path / "two")
    config = _config(world)
    write_merged(one, world / "base", tmp_path / "merged")
    write_merged_gguf(one, Architecture.of(config), world / "base.gguf", tmp_path / "one.gguf", "one")
    write_gguf_adapter(one, config, tmp_path / "adapter.gguf", "one")

    assert not verify.check_merged(two, world / "base", tmp_path / "merged").passed
    assert not verify.check_gguf_model(tmp_path / "one.gguf", two, world / "base", config).passed
    assert not verify.check_gguf_adapter(tmp_path / "adapter.gguf", two, config).passed
    assert verify.check_gguf_adapter(tmp_path / "adapter.gguf", one, config).passed


def test_a_sharded_base_in_half_precision_keeps_its_shards_and_types(world: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(world / "base", dtype=torch.bfloat16).save_pretrained(
        base, max_shard_size="100KB"
    )
    model = random_adapter(base, tmp_path / "adapter")
    assert model.dtype == torch.bfloat16
    write_merged(Adapter.load(tmp_path / "adapter"), base, tmp_path / "merged")

    shards = sorted(path.name for path in base.glob("*.safetensors"))
    assert len(shards) > 1
    assert sorted(path.name for path in (tmp_path / "merged").glob("*.safetensors")) == shards
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    theirs = model.merge_and_unload().state_dict()
    for name, weight in ours.state_dict().items():
        assert weight.dtype == torch.bfloat16
        # torch rounds the delta to bfloat16 before it adds; here only the sum is rounded.
        np.testing.assert_allclose(weight.float(), theirs[name].float(), rtol=2**-7, atol=2**-7, err_msg=name)
    assert verify.check_merged(Adapter.load(tmp_path / "adapter"), base, tmp_path / "merged").passed
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["rope_theta"] == 100000.0


def test_a_quantized_gguf_base_is_merged_in_its_dequantized_values(world: Path, tmp_path: Path) -> None:
    """Q8_0 in the file, its dequantized values in the folder: as the embedded model is trained."""
    quantized, folder = _quantized(world, tmp_path)
    random_adapter(folder, tmp_path / "adapter")
    adapter, config = Adapter.load(tmp_path / "adapter"), _config(world)
    write_merged_gguf(adapter, Architecture.of(config), quantized, tmp_path / "merged.gguf", "merged")

    assert verify.check_order(quantized, folder, config).passed
    assert verify.check_gguf_model(tmp_path / "merged.gguf", adapter, folder, config).passed
    before, after = gguf.GGUFReader(quantized), gguf.GGUFReader(tmp_path / "merged.gguf")
    kept = {key for key in before.fields if not key.startswith("GGUF.")}
    changed = {key for key in kept if after.fields[key].contents() != before.fields[key].contents()}
    assert changed <= {"general.name", "general.file_type"}
    assert {tensor.tensor_type.name for tensor in after.tensors} == {"F16", "F32"}
    untouched = {tensor.name: tensor for tensor in before.tensors}
    for tensor in after.tensors:
        if "norm" in tensor.name or "token_embd" in tensor.name:
            expected = gguf.quants.dequantize(untouched[tensor.name].data, untouched[tensor.name].tensor_type)
            np.testing.assert_allclose(tensor.data, expected.reshape(tensor.data.shape), rtol=2**-10)


def _quantized(world: Path, target: Path) -> tuple[Path, Path]:
    import shutil

    from safetensors.numpy import load_file, save_file

    kind = gguf.GGMLQuantizationType.Q8_0
    folder = target / "base"
    shutil.copytree(world / "base", folder)
    weights = load_file(folder / "model.safetensors")
    for name, values in weights.items():
        if values.ndim == 2:
            weights[name] = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tiny_gguf(folder, target / "full.gguf")
    reader = gguf.GGUFReader(target / "full.gguf")
    writer = gguf.GGUFWriter(target / "quantized.gguf", "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1])
    for tensor in reader.tensors:
        if tensor.data.ndim == 2:
            writer.add_tensor(tensor.name, gguf.quants.quantize(tensor.data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target / "quantized.gguf", folder


def test_weights_too_large_for_half_precision_are_refused(world: Path, tmp_path: Path) -> None:
    random_adapter(world / "base", tmp_path, size=1000.0)
    architecture = Architecture.of(_config(world))
    with pytest.raises(NotAvailableError, match="too large for F16"):
        write_merged_gguf(
            Adapter.load(tmp_path), architecture, world / "base.gguf", tmp_path / "merged.gguf", "large"
        )


def test_a_gguf_base_of_another_kind_is_refused(world: Path, tmp_path: Path) -> None:
    random_adapter(world / "base", tmp_path)
    config = _config(world)
    other = Architecture.of(config | {"model_type": "qwen2"})
    with pytest.raises(InvalidInputError, match="not of the architecture qwen2"):
        write_merged_gguf(Adapter.load(tmp_path), other, world / "base.gguf", tmp_path / "m.gguf", "x")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use_dora": True}, "magnitudes"),
        ({"target_modules": ["lm_head", "q_proj"]}, "lm_head"),
    ],
)
def test_what_a_gguf_adapter_cannot_hold_is_refused(
    world: Path, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    random_adapter(world / "base", tmp_path, **options)
    with pytest.raises(NotAvailableError, match=says):
        write_gguf_adapter(Adapter.load(tmp_path), _config(world), tmp_path / "adapter.gguf", "tiny")
    assert not (tmp_path / "adapter.gguf").exists()


def test_an_output_layer_is_merged_when_it_is_its_own(world: Path, tmp_path: Path) -> None:
    model = random_adapter(world / "base", tmp_path / "one", target_modules=["lm_head", "v_proj"])
    write_merged(Adapter.load(tmp_path / "one"), world / "base", tmp_path / "merged")
    assert _spoken(_load(tmp_path / "merged")) == _spoken(model)

    tied = tiny_base(tmp_path / "tied")
    with pytest.raises(NotAvailableError, match="shares its weights"):
        write_merged(Adapter.load(tmp_path / "one"), tied, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def _with_config(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"fan_in_fan_out": True}, NotAvailableError, "transposed"),
        ({"init_lora_weights": "pissa_niter_16"}, NotAvailableError, "changed"),
        ({"rank_pattern": {"q_proj": 2}}, NotAvailableError, "rank_pattern"),
        ({"modules_to_save": ["embed_tokens"]}, NotAvailableError, "modules_to_save"),
        ({"peft_type": "IA3"}, NotAvailableError, "IA3"),
        ({"r": 5}, InvalidInputError, "rank 5"),
        ({"r": "many"}, InvalidInputError, "cannot be read"),
    ],
)
def test_adapters_that_are_more_than_a_low_rank_change_are_refused(
    world: Path, tmp_path: Path, changes: dict[str, Any], error: type[WhetstoneError], says: str
) -> None:
    random_adapter(world / "base", tmp_path)
    _with_config(tmp_path, **changes)
    with pytest.raises(error, match=says):
        Adapter.load(tmp_path)


def test_an_adapter_that_is_not_finite_is_refused(world: Path, tmp_path: Path) -> None:
    random_adapter(world / "base", tmp_path, size=float("inf"))
    with pytest.raises(InvalidInputError, match="not finite"):
        Adapter.load(tmp_path)


def test_an_unknown_family_is_refused_by_its_name() -> None:
    with pytest.raises(NotAvailableError, match="'mamba'"):
        Architecture.of({"model_type": "mamba", "num_hidden_layers": 1, "num_attention_heads": 1})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_known_family_has_names_for_its_layers(family: str) -> None:
    config = {
        "model_type": family,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    architecture = Architecture.of(config)
    q = "self_attn.qkv_proj" if family == "phi3" else "self_attn.q_proj"
    for layer, name in ((q, "attn_q"), ("self_attn.o_proj", "attn_output")):
        assert architecture.tensor(f"model.layers.2.{layer}").startswith(f"blk.2.{name}")
    with pytest.raises(NotAvailableError, match="no place"):
        architecture.tensor("model.layers.0.nothing_proj")


def test_llama_cpp_says_in_a_sentence_that_it_cannot_load(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(WhetstoneError, match=r"could not use broken\.gguf"):
        continuations(tmp_path / "broken.gguf", PROMPTS, 2)
    with pytest.raises(WhetstoneError, match=r"could not use broken\.gguf"):
        continuations(world / "base.gguf", PROMPTS, 2, adapter=tmp_path / "broken.gguf")


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32)))
def test_bfloat16_is_rounded_as_torch_rounds(values: np.ndarray[Any, Any]) -> None:
    import torch

    raw = pack(values, "BF16")
    theirs = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(Tensor("x", "BF16", values.shape, raw).floats(), theirs)


def test_own_files_are_read_by_the_library_and_torn_ones_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = tmp_path / "x.safetensors"
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    slots = [Slot("a", "F32", (2, 3), 24), Slot("b", "F16", (2, 3), 12)]
    write(path, slots, iter([pack(values, "F32"), pack(values, "F16")]))
    assert all(np.array_equal(each, values) for each in load_file(path).values())

    whole = path.read_bytes()
    for length in (0, 5, 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidInputError, match="not a whole safetensors file"):
            tensors(path)
