"""From a batch to the log-probabilities of its learnt tokens, over the shortest way that is right for the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from whetstone.errors import InvalidInputError
from whetstone.finetune.data.types import IGNORED, Batch
from whetstone.finetune.on_torch import attention, losses
from whetstone.finetune.on_torch.packing import Packed, pack

_COMPARED_LAYERS = 4


class Forward:
    """Runs a causal model (with or without PEFT's wrapper around it) on batches.

    When it is made it holds its own ways against the model's plain forward pass on random tokens: rows packed in one
    line (see `packing`) where the model's attention allows it, else padded; and the head's form of logits.
    Raises `InvalidInputError` for a model whose logits it cannot compute.
    """

    def __init__(self, model: Any, device: Any, *, dropout: bool) -> None:
        self.causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.inner = self.causal.base_model
        self.device = device
        self.share = not dropout  # each row has a dropout of its own
        self.head = self._head()
        self.packed = self._can_pack()

    def log_probabilities(self, batch: Batch) -> tuple[Any, Packed]:
        """(learnt,) log-probability of each learnt token, and to which sequence it belongs."""
        packed = pack(batch, share=self.share)
        hidden = self._packed_states(packed) if self.packed else self._padded_states(batch)
        targets = torch.from_numpy(packed.targets).to(self.device)
        return losses.log_probabilities(hidden, self.head, targets), packed

    def sums(self, batch: Batch) -> Any:
        """(sequences,) summed log-probability of each sequence's learnt tokens."""
        values, packed = self.log_probabilities(batch)
        owners = torch.from_numpy(packed.owners).to(self.device)
        return losses.per_sequence(values, owners, packed.sequences)

    def _packed_states(self, packed: Packed) -> Any:
        """(learnt, hidden)"""
        states = self.inner(
            input_ids=torch.from_numpy(packed.ids).to(self.device)[None],
            position_ids=torch.from_numpy(packed.positions).to(self.device)[None],
            attention_mask=torch.ones(
                1, 1, 1, 1, dtype=torch.bool, device=self.device
            ),  # no mask is to be made
            segments=packed.segments,
            use_cache=False,
        ).last_hidden_state
        return states[0].index_select(0, torch.from_numpy(packed.sources).to(self.device))

    def _padded_states(self, batch: Batch) -> Any:
        """(learnt, hidden)"""
        length = batch.ids.shape[1]
        mask = np.arange(length)[None] < batch.lengths[:, None]
        states = self.inner(
            input_ids=torch.from_numpy(batch.ids.astype(np.int64)).to(self.device),
            # On the right padding is behind all that counts, so causality alone hides it
            attention_mask=None if self._causal_only() else torch.from_numpy(mask).to(self.device),
            use_cache=False,
        ).last_hidden_state
        learnt = torch.from_numpy(batch.labels[:, 1:] != IGNORED).to(self.device)
        return states[:, :-1][learnt]

    def _causal_only(self) -> bool:
        return bool(self.causal.config.model_type not in {"mamba", "mamba2", "jamba", "bamba"})

    def _head(self) -> losses.Head:
        config = self.causal.config.get_text_config()
        head = losses.Head(
            self.causal.get_output_embeddings(),
            float(getattr(config, "logit_scale", None) or 1.0)
            / float(getattr(config, "logits_scaling", None) or 1.0),
            getattr(config, "final_logit_softcapping", None),
        )
        ids = torch.randint(0, config.vocab_size, (1, 12), generator=torch.Generator().manual_seed(0)).to(
            self.device
        )
        with self._quiet():
            wanted = self.causal(input_ids=ids, use_cache=False).logits.float()
            states = self.inner(input_ids=ids, use_cache=False).last_hidden_state
            if not torch.isfinite(wanted).all():
                raise InvalidInputError(
                    "The base model answers with numbers that are none: its weights are damaged, or too large for the "
                    "precision; try precision 'fp32'"
                )
            if head.module is None or not _close(head.logits(states[0]), wanted[0]):
                raise InvalidInputError(
                    f"The architecture {config.model_type} computes its logits in a way that training does not know"
                )
        return head

    def _can_pack(self) -> bool:
        """Whether rows in one line have the states that they have alone; if so the model's attention is ours."""
        config = self.causal.config.get_text_config()
        if not _full_attention(config):
            return False
        draw = np.random.default_rng(0)
        rows = draw.integers(0, config.vocab_size, (3, 40), dtype=np.int32)
        rows[1, :12] = rows[2, :12] = rows[0, :12]
        rows[2, :20] = rows[1, :20]
        labels = np.where(np.arange(40) > 4, rows, IGNORED)
        batch = Batch(rows, labels, np.full(3, 40, np.int32), (0, 1, 2))
        with self._quiet(), _first_layers(self.inner):
            wanted = self._padded_states(batch)
            before = self.causal.config._attn_implementation
            try:
                self.causal.set_attn_implementation(attention.NAME)
                for share in (True, False):
                    if not _close(self._packed_states(pack(batch, share=share)), wanted):
                        raise ValueError("the states differ")
            except (ValueError, TypeError, RuntimeError, AttributeError):
                self.causal.set_attn_implementation(before)
                return False
        return True

    def _quiet(self) -> Any:
        return _Evaluating(self.causal)


class _Evaluating:
    """No gradient and no dropout inside, and the mode as before after it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.inference = torch.inference_mode()

    def __enter__(self) -> None:
        self.training = self.model.training
        self.model.eval()
        self.inference.__enter__()

    def __exit__(self, *exception: Any) -> None:
        self.inference.__exit__(*exception)
        self.model.train(self.training)


evaluating = _Evaluating


def _full_attention(config: Any) -> bool:
    """False for models in which some layer sees only a window of tokens."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        return False
    uses = getattr(config, "use_sliding_window", True)
    return not (uses and getattr(config, "sliding_window", None))


@contextmanager
def _first_layers(inner: Any) -> Iterator[None]:
    """Inside, the model has a few layers only: rounding adds up over all of them until it hides what is wrong."""
    layers = getattr(inner, "layers", None)
    if not isinstance(layers, torch.nn.ModuleList):
        yield
        return
    inner.layers = layers[:_COMPARED_LAYERS]
    try:
        yield
    finally:
        inner.layers = layers


def _close(one: Any, other: Any) -> bool:
    """Equal up to the rounding of the number format that they were computed in.

    In bf16 the states of SmolLM2's first four layers differ by 0.9 % when packed, and by 4.6 % when half of the
    positions are off by one.
    """
    tolerance = 1e-3 if other.dtype == torch.float32 and one.dtype == torch.float32 else 0.02
    return bool((one - other).float().norm() <= tolerance * other.float().norm())
