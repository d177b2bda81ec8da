"""Base models made into folders that the frameworks load: unpacked once, whole, equal to what they were made from."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from base_gguf import write_gguf
from whetstone.errors import InvalidInputError, UnavailableError
from whetstone.finetune.bases import convert
from whetstone.finetune.bases.config import readable_config
from whetstone.finetune.bases.digests import Digests
from whetstone.finetune.bases.made_folders import made_folder
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import Base, prepare_base
from whetstone.settings import Settings

PREPARE = """
import sys
from pathlib import Path
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import prepare_base
from whetstone.settings import Settings
settings = Settings(_env_file=None, cache_home=Path(sys.argv[1]))
base = prepare_base(find_base(sys.argv[2], settings), settings, lambda said: print(said, flush=True))
print(base.folder)
"""


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with an empty cache."""
    return settings.model_copy(update={"cache_home": tmp_path / "cache"})


@pytest.fixture(scope="module")
def tiny_gguf(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(base, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def prepare(name: str, settings: Settings) -> tuple[Base, list[str]]:
    said: list[str] = []
    return prepare_base(find_base(name, settings), settings, said.append), said


def made(settings: Settings) -> list[Path]:
    """Folders in the cache, half-made ones too."""
    return [path for path in (settings.user_cache_dir / "bases").iterdir() if path.is_dir()]


def test_a_gguf_file_becomes_the_model_that_it_was_made_from(
    base: Path, tiny_gguf: Path, own: Settings
) -> None:
    found, said = prepare(str(tiny_gguf), own)
    assert "this is done once" in said[0]
    expected, weights = load_file(base / "model.safetensors"), load_file(found.folder / "model.safetensors")
    assert weights.keys() == expected.keys()
    for name, weight in expected.items():
        assert (weights[name] == weight).all(), name
    written = json.loads((found.folder / "config.json").read_text())
    assert written == found.config
    assert written["rope_theta"] == 100000.0
    assert written["architectures"] == ["LlamaForCausalLM"]
    assert found.gguf == tiny_gguf
    assert found.licence == "mit"
    assert found.chat_template == (base / "chat_template.jinja").read_text()
    assert (found.folder / "chat_template.jinja").read_text() == found.chat_template
    assert not list(found.folder.glob("*.bin"))


def test_the_unpacked_tokenizer_is_the_original_one(base: Path, tiny_gguf: Path, own: Settings) -> None:
    from tokenizers import Tokenizer

    found, _ = prepare(str(tiny_gguf), own)
    original = Tokenizer.from_file(str(base / "tokenizer.json"))
    unpacked = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    for text in ("<|im_start|>user\nmy parcel, please! 12345<|im_end|>\n", "  Grüße 世界\t\n\n"):
        ids = original.encode(text, add_special_tokens=False).ids
        assert unpacked.encode(text, add_special_tokens=False).ids == ids
    configuration = json.loads((found.folder / "tokenizer_config.json").read_text())
    assert configuration["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert configuration["model_max_length"] == 2048
    assert configuration["eos_token"] == "<|im_end|>"


def test_the_second_time_nothing_is_done(tiny_gguf: Path, own: Settings) -> None:
    first, _ = prepare(str(tiny_gguf), own)
    written = (first.folder / "model.safetensors").stat().st_mtime_ns
    again, said = prepare(str(tiny_gguf), own)
    assert said == []
    assert again == first
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == written


def test_the_same_file_elsewhere_is_the_same_model(tiny_gguf: Path, own: Settings, tmp_path: Path) -> None:
    first, _ = prepare(str(tiny_gguf), own)
    copy = shutil.copy(tiny_gguf, tmp_path / "copy.gguf")
    again, said = prepare(str(copy), own)
    assert (again.folder, again.fingerprint, said) == (first.folder, first.fingerprint, [])


def flip(path: Path) -> None:
    """Change one byte, and nothing of the length."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "whetstone-manifest.json"])
def test_a_damaged_folder_is_made_again(tiny_gguf: Path, own: Settings, file: str, damage: Any) -> None:
    first, _ = prepare(str(tiny_gguf), own)
    content = (first.folder / "model.safetensors").read_bytes()
    damage(first.folder / file)
    again, said = prepare(str(tiny_gguf), own)
    assert any("damaged" in sentence for sentence in said)
    assert (again.folder / "model.safetensors").read_bytes() == content
    assert prepare(str(tiny_gguf), own)[1] == []


def test_two_processes_at_once_unpack_it_once(tiny_gguf: Path, own: Settings) -> None:
    command = [sys.executable, "-c", PREPARE, str(own.cache_home), str(tiny_gguf)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][-1] == outputs[1][-1]
    assert sum("Unpacking" in line for output in outputs for line in output) == 1
    assert len(made(own)) == 1


def test_a_killed_process_leaves_nothing_that_counts(tiny_gguf: Path, own: Settings) -> None:
    command = [sys.executable, "-c", PREPARE, str(own.cache_home), str(tiny_gguf)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Unpacking" in process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
    assert [path.name[0] for path in made(own)] == ["."]  # what it was at
    found, said = prepare(str(tiny_gguf), own)
    assert "Unpacking" in said[0]
    assert made(own) == [found.folder]


def test_a_full_disk_is_noticed_before(
    tiny_gguf: Path, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "free_bytes", lambda _: 1 << 20)
    with pytest.raises(UnavailableError, match=r"The disk is too full to unpack .*XDG_CACHE_HOME"):
        prepare(str(tiny_gguf), own)
    assert made(own) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_becomes_full_leaves_nothing(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "begun").write_text("x")
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    with pytest.raises(UnavailableError, match="The disk became full"):
        made_folder(tmp_path / "bases", "key", make, Digests(tmp_path), lambda _: None)
    assert [path.name for path in (tmp_path / "bases").iterdir()] == ["key.lock"]


def test_too_little_memory_is_noticed_before(
    tiny_gguf: Path, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "memory_available", lambda: 1000)
    with pytest.raises(UnavailableError, match="too little memory to unpack"):
        prepare(str(tiny_gguf), own)


def test_an_architecture_that_cannot_be_unpacked(base: Path, own: Settings, tmp_path: Path) -> None:
    path = write_gguf(base, tmp_path / "odd.gguf")
    path.write_bytes(path.read_bytes().replace(b"llama", b"lxxma"))
    with pytest.raises(InvalidInputError, match="cannot read this GGUF file of architecture 'lxxma'"):
        prepare(str(path), own)
    assert made(own) == []


def test_weights_that_are_not_there_do_not_become_random_numbers(
    base: Path, own: Settings, tmp_path: Path
) -> None:
    path = write_gguf(base, tmp_path / "holes.gguf", leave_out="blk.1.ffn_up.weight")
    with pytest.raises(
        InvalidInputError, match=r"lacks 1 weights, first model\.layers\.1\.mlp\.up_proj\.weight"
    ):
        prepare(str(path), own)


def test_a_folder_that_has_everything_is_taken_as_it_is(base: Path, own: Settings) -> None:
    found, said = prepare(str(base), own)
    assert (found.folder, found.gguf, found.licence, said) == (base, None, None, [])
    assert len(found.fingerprint) == 64


def test_the_fingerprint_is_of_content(base: Path, own: Settings, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    first = prepare(str(base), own)[0].fingerprint
    path = copy / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "transformers_version": "0.0"}))
    assert prepare(str(copy), own)[0].fingerprint == first
    path.write_text(json.dumps({**content, "rms_norm_eps": 0.5}))
    assert prepare(str(copy), own)[0].fingerprint != first
    path.write_text(json.dumps(content))
    flip(copy / "model.safetensors")
    assert prepare(str(copy), own)[0].fingerprint != first


def test_the_licence_stands_in_the_card(base: Path, own: Settings, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    (copy / "README.md").write_text("---\nlanguage: en\nlicense: 'apache-2.0' # see file\n---\nlicense: no\n")
    assert prepare(str(copy), own)[0].licence == "apache-2.0"


def test_a_folder_of_transformers_5_gets_a_configuration_for_all_readers(
    base: Path, own: Settings, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    content = json.loads((copy / "config.json").read_text())
    del content["rope_theta"]
    (copy / "config.json").write_text(json.dumps(content))
    found, _ = prepare(str(copy), own)
    assert found.folder != copy
    assert json.loads((found.folder / "config.json").read_text())["rope_theta"] == 100000.0
    assert found.config["rope_theta"] == 100000.0
    assert "rope_theta" not in json.loads((copy / "config.json").read_text())
    assert (found.folder / "model.safetensors").resolve() == copy / "model.safetensors"
    assert prepare(str(copy), own)[0] == found
    flip(copy / "model.safetensors")
    assert prepare(str(copy), own)[0].folder != found.folder


def test_scaled_rotary_positions_are_understood_by_both_generations_of_readers() -> None:
    from transformers import LlamaConfig

    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    config = {"model_type": "llama", "rope_parameters": {**scaling, "rope_theta": 5e5}}
    readable = readable_config(config)
    assert readable["rope_theta"] == 5e5
    assert readable["rope_scaling"] == scaling
    assert LlamaConfig(**readable).rope_parameters == config["rope_parameters"]
    layered = {"rope_parameters": {"full_attention": {"rope_theta": 1e6, "rope_type": "default"}}}
    assert readable_config(layered) == layered


def test_a_tokenizer_in_its_old_files_is_converted(base: Path, own: Settings, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    model = json.loads((copy / "tokenizer.json").read_text())["model"]
    (copy / "tokenizer.json").unlink()
    (copy / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in model["merges"]]
    (copy / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    settings_path = copy / "tokenizer_config.json"
    settings_path.write_text(
        json.dumps({**json.loads(settings_path.read_text()), "tokenizer_class": "GPT2Tokenizer"})
    )
    found, said = prepare(str(copy), own)
    assert any("tokenizer" in sentence for sentence in said)
    from tokenizers import Tokenizer

    original, converted = (
        Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (base, found.folder)
    )
    text = "my order, please 123<|im_end|>"
    assert converted.encode(text).ids == original.encode(text).ids
    assert (found.folder / "chat_template.jinja").is_file()


def test_a_sentencepiece_tokenizer_is_converted(base: Path, own: Settings, tmp_path: Path) -> None:
    import sentencepiece

    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    (copy / "tokenizer.json").unlink()
    (copy / "special_tokens_map.json").unlink()
    lines = [f"the parcel number {number} is on its way to you, please wait" for number in range(200)]
    with (copy / "tokenizer.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=file,
            vocab_size=300,
            model_type="bpe",
            byte_fallback=True,
        )
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (copy / "tokenizer_config.json").write_text(json.dumps({**special, "tokenizer_class": "LlamaTokenizer"}))
    found, _ = prepare(str(copy), own)
    from tokenizers import Tokenizer

    converted = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    original = sentencepiece.SentencePieceProcessor(model_file=str(copy / "tokenizer.model"))
    for text in ("the parcel 17 is on its way", "Grüße 世界"):
        assert converted.encode(text, add_special_tokens=False).ids == original.encode(text)


def test_a_model_type_that_is_not_known_is_refused(base: Path, own: Settings, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    content = json.loads((copy / "config.json").read_text())
    content |= {"model_type": "exotic", "auto_map": {"AutoModelForCausalLM": "code.ExoticForCausalLM"}}
    (copy / "config.json").write_text(json.dumps(content))
    (copy / "code.py").write_text("raise SystemExit('must not run')")
    with pytest.raises(InvalidInputError, match="does not know its model type 'exotic'"):
        prepare(str(copy), own)


@pytest.mark.slow
def test_the_embedded_model_unpacked_knows_the_capital_of_france(own: Settings) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found, _ = prepare("embedded", own)
    assert found.config["rope_theta"] == 100000
    assert found.licence == "apache-2.0"
    tokenizer = AutoTokenizer.from_pretrained(found.folder)
    model = AutoModelForCausalLM.from_pretrained(found.folder, dtype=torch.float32)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.no_grad():
        ids = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    answer = tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert "Paris" in answer
