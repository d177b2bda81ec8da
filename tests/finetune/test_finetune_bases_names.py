"""What a base model may be called, and what is refused before a job is queued."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from base_gguf import write_gguf
from whetstone.errors import InvalidInputError
from whetstone.finetune.bases.names import BaseRef, find_base
from whetstone.settings import Settings


@pytest.fixture(scope="module")
def tiny_gguf(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(base, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def own(base: Path, tmp_path: Path) -> Path:
    """A copy of the tiny base to spoil."""
    return Path(shutil.copytree(base, tmp_path / "own"))


def refused(name: str, settings: Settings) -> str:
    with pytest.raises(InvalidInputError) as caught:
        find_base(name, settings)
    return caught.value.message


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", [None, "", "embedded", "smollm2-135m"])
def test_the_embedded_model_needs_no_name(name: str | None, settings: Settings) -> None:
    found = find_base(name, settings)
    assert (found.name, found.kind) == ("smollm2-135m", "embedded")
    assert found.location.endswith(".gguf")


def test_embedded_is_the_configured_model_but_smollm2_never_is(tiny_gguf: Path, settings: Settings) -> None:
    own = settings.model_copy(update={"local_lm_path": tiny_gguf})
    assert find_base(None, own) == BaseRef("embedded", "embedded", str(tiny_gguf))
    assert find_base("smollm2-135m", own).location != str(tiny_gguf)


def test_a_folder_and_a_file_by_path(base: Path, tiny_gguf: Path, settings: Settings) -> None:
    assert find_base(str(base), settings) == BaseRef(str(base), "folder", str(base))
    assert find_base(str(tiny_gguf), settings) == BaseRef(str(tiny_gguf), "gguf", str(tiny_gguf))


def test_the_home_folder(base: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(base.parent))
    assert find_base(f"~/{base.name}", settings).location == str(base)


def test_aliases(base: Path, tiny_gguf: Path, settings: Settings) -> None:
    aliases = {
        "eliza-1-2b": str(base),
        "small": str(tiny_gguf),
        "remote": "org/model@v1",
        "first": "embedded",
        "bad": "qwen2.5:7b",
        "gone": "/nowhere/at/all",
    }
    own = settings.model_copy(update={"base_models": aliases, "local_lm_path": tiny_gguf})
    assert find_base("eliza-1-2b", own) == BaseRef("eliza-1-2b", "folder", str(base))
    assert find_base("small", own) == BaseRef("small", "gguf", str(tiny_gguf))
    assert find_base("remote", own) == BaseRef("remote", "hub", "org/model", "v1")
    assert find_base("first", own) == BaseRef("first", "embedded", str(tiny_gguf))
    assert refused("bad", own).startswith("WHETSTONE_BASE_MODELS gives 'bad' a value that is no base model")
    assert "'gone' is not there" in refused("gone", own)
    assert "smollm2-135m, bad, eliza-1-2b, first, gone, remote, small" in refused("nonsense", own)


@pytest.mark.parametrize(
    "name", ["eliza-1-0_8b", "eliza-1-2b", "eliza-1-4b", "eliza-1-9b", "eliza-1-27b", "eliza-1-27b-256k"]
)
def test_elizas_names_want_to_be_configured(name: str, settings: Settings) -> None:
    assert f'WHETSTONE_BASE_MODELS=\'{{"{name}": "…"}}\'' in refused(name, settings)


@pytest.mark.parametrize(
    ("name", "location", "revision"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", None),
        ("org/name@main", "org/name", "main"),
        ("hf:org/name@refs/pr/1", "org/name", "refs/pr/1"),
        ("hf:org/name", "org/name", None),
    ],
)
def test_ids_of_the_hub(name: str, location: str, revision: str | None, settings: Settings) -> None:
    assert find_base(name, settings) == BaseRef(name.removeprefix("hf:"), "hub", location, revision)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("qwen2.5:7b", "looks like a name of Ollama"),
        ("some-model", "There is no base model 'some-model'. Known names: smollm2-135m"),
        ("model.gguf", "must be absolute"),
        ("./model", "must be absolute"),
        ("../../etc/passwd", "must be absolute"),
        ("org/name@", "There is no base model"),
        ("org/../name", "There is no base model"),
        ("hf:org", "Ollama"),
        ("a--b/c", "not an id of the Hugging Face hub"),
        ("/nowhere/at/all", "is not there"),
        ("~nobody-has-this-name/x", "is not there"),
        ("/etc/passwd", "it is not a GGUF file"),
        ("/" + "x" * 5000, "at most 4096"),
        ("/" + "x" * 4000, "is not there"),
        ("a\0b", "printable"),
        ("a\nb", "printable"),
    ],
)
def test_what_is_no_name(name: str, said: str, settings: Settings) -> None:
    message = refused(name, settings)
    assert said in message
    assert "root:" not in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"architectures": ["BertForMaskedLM"], "model_type": "bert"},
            "no chat model (…ForCausalLM): BertForMaskedLM",
        ),
        (
            {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
            "T5ForConditionalGeneration",
        ),
        ({"architectures": None}, "no chat model (…ForCausalLM): llama"),
        (
            {"architectures": ["Gemma4ForConditionalGeneration"], "text_config": {}},
            "where there is a GGUF file of its text part, name that",
        ),
        ({"quantization_config": {"quant_method": "gptq"}}, "its weights are quantized (gptq)"),
        ({"quantization": {"group_size": 64, "bits": 4}}, "its weights are quantized (MLX)"),
    ],
)
def test_configurations_that_cannot_be_trained(
    own: Path, change: dict[str, Any], said: str, settings: Settings
) -> None:
    edit(own, **change)
    assert said in refused(str(own), settings)


def spoil_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_text("{secret")


def spoil_list_config(folder: Path) -> None:
    (folder / "config.json").write_text("[1]")


def spoil_gguf_only(folder: Path) -> None:
    (folder / "config.json").rename(folder / "x.gguf")


def spoil_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def spoil_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def spoil_cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def spoil_head(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 4096)


def spoil_lfs(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )


def spoil_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def spoil_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def spoil_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_no_config, "its folder has no config.json"),
        (spoil_config, "config.json is not readable as JSON"),
        (spoil_list_config, "config.json is not readable as JSON"),
        (spoil_gguf_only, "it holds a GGUF file; name that file"),
        (spoil_pickle, "its weights are in pickle files"),
        (spoil_no_weights, "its folder has no weights (*.safetensors)"),
        (spoil_cut, "model.safetensors is damaged or not complete"),
        (spoil_head, "model.safetensors is damaged or not complete"),
        (spoil_lfs, "model.safetensors is a Git LFS pointer"),
        (spoil_shard, "1 of 2 weight files are missing, first model-00002-of-00002.safetensors"),
        (spoil_tokenizer, "its folder has no tokenizer"),
        (spoil_template, "it has no chat template"),
    ],
)
def test_folders_that_cannot_be_trained(own: Path, spoil: Any, said: str, settings: Settings) -> None:
    spoil(own)
    message = refused(str(own), settings)
    assert said in message
    assert "secret" not in message


def test_a_template_in_the_tokenizers_configuration_counts(own: Path, settings: Settings) -> None:
    path = own / "tokenizer_config.json"
    content = json.loads(path.read_text())
    content["chat_template"] = [{"name": "default", "template": (own / "chat_template.jinja").read_text()}]
    path.write_text(json.dumps(content))
    spoil_template(own)
    assert find_base(str(own), settings).kind == "folder"


@pytest.mark.parametrize("content", ["\xff", '{"chat_template": [1]}', '{"chat_template": 5}', "[]"])
def test_damaged_templates_count_as_none(own: Path, content: str, settings: Settings) -> None:
    (own / "chat_template.jinja").write_bytes(b"\xff")
    (own / "tokenizer_config.json").write_text(content)
    assert "it has no chat template" in refused(str(own), settings)


def test_an_empty_file_is_no_gguf(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "empty.gguf").touch()
    assert "it is not a GGUF file" in refused(str(tmp_path / "empty.gguf"), settings)


def test_a_gguf_file_that_is_cut_off(tiny_gguf: Path, tmp_path: Path, settings: Settings) -> None:
    content = tiny_gguf.read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in (10, 30, 2000, len(content) // 2, len(content) - 64):
        cut.write_bytes(content[:length])
        assert "the GGUF file is cut off" in refused(str(cut), settings)
    cut.write_bytes(content)
    assert find_base(str(cut), settings).kind == "gguf"


def test_gguf_files_that_are_no_chat_model(base: Path, tmp_path: Path, settings: Settings) -> None:
    import gguf

    plain = write_gguf(base, tmp_path / "plain.gguf", template=False)
    assert "has no chat template" in refused(str(plain), settings)
    for name, architecture, kind, said in (
        ("adapter", "llama", "adapter", "holds not a model but: adapter"),
        ("bert", "bert", "model", "architecture is no chat model: bert"),
    ):
        writer = gguf.GGUFWriter(tmp_path / f"{name}.gguf", architecture)
        writer.add_type(kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        assert said in refused(str(tmp_path / f"{name}.gguf"), settings)


HEAD = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9)


@pytest.mark.parametrize("kind", [0, 8, 10])
@pytest.mark.parametrize("length", [2**40, 2**60, 2**63, 2**64 - 1])
def test_an_array_longer_than_any_file_is_cut_off(
    tmp_path: Path, settings: Settings, kind: int, length: int
) -> None:
    path = tmp_path / "long.gguf"
    path.write_bytes(HEAD + struct.pack("<IQ", kind, length) + bytes(64))
    assert "the GGUF file is cut off" in refused(str(path), settings)


@given(
    content=st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.integers(0, 14).map(lambda kind: struct.pack("<I", kind)),
            st.sampled_from([0, 1, 2, 2**31, 2**60, 2**63, 2**64 - 1]).map(
                lambda number: struct.pack("<Q", number)
            ),
        ),
        max_size=30,
    ).map(b"".join),
    counts=st.tuples(st.sampled_from([0, 1, 3, 2**64 - 1]), st.sampled_from([0, 1, 3, 2**64 - 1])),
)
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None
)
def test_a_gguf_head_of_any_bytes_is_refused_or_read(
    tmp_path: Path, settings: Settings, content: bytes, counts: tuple[int, int]
) -> None:
    path = tmp_path / "any.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, *counts) + content)
    with contextlib.suppress(InvalidInputError):  # and nothing else
        find_base(str(path), settings)


@given(position=st.integers(0, 3000), value=st.binary(min_size=1, max_size=8))
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
def test_a_damaged_gguf_head_is_refused_or_read_but_never_a_crash(
    tiny_gguf: Path, tmp_path: Path, settings: Settings, position: int, value: bytes
) -> None:
    content = bytearray(tiny_gguf.read_bytes())
    content[position : position + len(value)] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    with contextlib.suppress(InvalidInputError):  # and nothing else
        find_base(str(path), settings)


def test_offline_only_what_is_in_the_cache(base: Path, tmp_path: Path, settings: Settings) -> None:
    commit = "c" * 40
    snapshots = tmp_path / "hf/hub/models--org--name/snapshots"
    (snapshots.parent / "refs").mkdir(parents=True)
    (snapshots.parent / "refs/main").write_text(commit)
    shutil.copytree(base, snapshots / commit)
    offline = settings.model_copy(update={"hub_offline": True, "hub_home": tmp_path / "hf"})
    assert find_base("org/name", offline) == BaseRef("org/name", "hub", "org/name")
    assert find_base(f"org/name@{commit}", offline).revision == commit
    assert refused("org/other", offline).startswith(
        "The base model 'org/other' is not in the Hugging Face cache"
    )
    assert "at revision 'v2'" in refused("org/name@v2", offline)
    assert "at revision 'x/../../main'" in refused("org/name@x/../../main", offline)
    spoil_no_weights(snapshots / commit)
    assert "has no weights" in refused("org/name", offline)


def test_the_server_needs_no_heavy_library_for_it() -> None:
    code = (
        "import sys; from whetstone.finetune.bases import names; from whetstone.settings import Settings\n"
        "names.find_base('a/b', Settings(_env_file=None))\n"
        "print(sorted({'torch','numpy','transformers','tokenizers','gguf','huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
