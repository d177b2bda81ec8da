"""The loss on validation rows, from log-probabilities alone: the same for every engine and method."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whetstone.finetune.data.batches import evaluation_batches
from whetstone.finetune.data.types import Example
from whetstone.finetune.engine import Engine
from whetstone.finetune.spec import FineTuneSpec

# Looking at a row costs about a third of learning it; all looks together shall cost a fifth of the training.
_SHARE_OF_TRAINING = 0.2
_COST_OF_A_LOOK = 1 / 3
_FEWEST_ROWS, _MOST_ROWS = 16, 500

Floats = NDArray[np.float64]


def validation_rows(
    examples: Sequence[Example], spec: FineTuneSpec, trained_rows: int, looks: int
) -> tuple[Example, ...]:
    """Those validation rows that a run looks at: always the same, and few enough not to slow it down."""
    affordable = int(trained_rows * _SHARE_OF_TRAINING / _COST_OF_A_LOOK / max(1, looks))
    count = min(len(examples), max(_FEWEST_ROWS, min(_MOST_ROWS, affordable)))
    chosen = random.Random(spec.seed).sample(range(len(examples)), count)
    return tuple(examples[index] for index in sorted(chosen))


class Validation:
    """Measures an engine on the same rows again and again; `reference` (rows, sequences) is for dpo and kto."""

    def __init__(
        self,
        examples: Sequence[Example],
        spec: FineTuneSpec,
        pad_id: int,
        reference: NDArray[np.float32] | None,
    ) -> None:
        self._examples = examples
        self._spec = spec
        self._pad_id = pad_id
        self._reference = reference
        self._learnt = sum(int(part.learnt.sum()) for each in examples for part in each.sequences)

    def loss(self, engine: Engine) -> float:
        """Of sft the mean negative log-likelihood a learnt token (nats); of dpo and kto the mean loss of a row."""
        found = sequence_log_probabilities(engine, self._examples, self._spec.batch_size, self._pad_id)
        if self._reference is None:
            return -float(found.sum(dtype=np.float64)) / self._learnt
        return self._preference_loss(found.astype(np.float64) - self._reference)

    def _preference_loss(self, ratios: Floats) -> float:
        """`ratios` (rows, 2): log-probability under the policy less that under the base.

        DPO: Rafailov et al. 2023, equation 7. KTO: Ethayarajh et al. 2024, section 4.1, with the KL divergence
        estimated from the mismatched sequences of all rows.
        """
        own, other = ratios.T
        if self._spec.method == "dpo":
            return float(np.logaddexp(0.0, -self._spec.beta * (own - other)).mean())
        divergence = max(0.0, float(other.mean()))
        signs = np.array([1.0 if each.desirable else -1.0 for each in self._examples])
        return float((1 - 1 / (1 + np.exp(-self._spec.beta * signs * (own - divergence)))).mean())


def sequence_log_probabilities(
    engine: Engine, examples: Sequence[Example], batch_size: int, pad_id: int
) -> NDArray[np.float32]:
    """(examples, sequences an example): summed log-probability (nats) of each sequence's learnt tokens.

    Before an engine's first step these are the base model's, the reference of dpo and kto.
    """
    sequences = len(examples[0].sequences)
    found = np.zeros((len(examples), sequences), np.float32)
    for batch in evaluation_batches(examples, batch_size, pad_id):
        found[list(batch.examples)] = engine.log_probabilities(batch).reshape(sequences, -1).T
    return found
