"""The embedded model with an adapter: the same words from PEFT, from the merged model and from llama.cpp."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_gguf import greedy, random_adapter
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import prepare_base
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.export import verify
from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.architectures import FAMILIES, Architecture
from whetstone.finetune.export.gguf_adapter import write_gguf_adapter
from whetstone.finetune.export.gguf_model import write_merged_gguf
from whetstone.finetune.export.merged import write_merged
from whetstone.finetune.export.verify import Spoken
from whetstone.settings import Settings

QUESTIONS = (
    "What is the capital of France?",
    "Sort 3, 1, 2.",
    "Write a haiku about rain.",
    "Translate 'good morning' to German.",
)
TOKENS = 12


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_forms_of_the_embedded_model_say_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp")
    from transformers import AutoModelForCausalLM

    base = prepare_base(find_base(None, settings), settings, lambda _: None)
    assert base.gguf is not None
    tokenizer = ChatTokenizer.load(base.folder)
    model = random_adapter(base.folder, tmp_path / "adapter", size=0.05, r=8, lora_alpha=16)
    spoken = []
    for question in QUESTIONS:
        prompt = [int(each) for each in tokenizer.prompt([{"role": "user", "content": question}], None)]
        said = greedy(model, prompt, TOKENS)
        stop = next((place for place, token in enumerate(said) if token in tokenizer.stop_ids), len(said))
        spoken.append(Spoken(tuple(prompt), tuple(said[:stop])))
    adapter, architecture = Adapter.load(tmp_path / "adapter"), Architecture.of(base.config)

    write_gguf_adapter(adapter, base.config, tmp_path / "adapter.gguf", "adapter")
    write_merged_gguf(adapter, architecture, base.gguf, tmp_path / "merged.gguf", "merged")
    write_merged(adapter, base.folder, tmp_path / "merged")

    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    for each in spoken:
        assert tuple(greedy(merged, list(each.prompt), len(each.tokens))) == each.tokens
    over = verify.says_the_same("over the base", base.gguf, spoken, adapter=tmp_path / "adapter.gguf")
    assert over.passed, over.detail
    whole = verify.says_the_same("merged", tmp_path / "merged.gguf", spoken)
    assert whole.passed, whole.detail
    assert verify.check_order(base.gguf, base.folder, base.config).passed

    monkeypatch.setitem(FAMILIES, "llama", ("llama", False))
    write_gguf_adapter(adapter, base.config, tmp_path / "unordered.gguf", "adapter")
    assert not verify.says_the_same(
        "unordered", base.gguf, spoken, adapter=tmp_path / "unordered.gguf"
    ).passed
    assert not verify.check_order(base.gguf, base.folder, base.config).passed
