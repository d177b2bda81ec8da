"""What a job would do, before it does it."""

from __future__ import annotations

from typing import Any

from whetstone.finetune.data.batches import Plan
from whetstone.finetune.data.prepare import Prepared
from whetstone.finetune.spec import FineTuneSpec


def preview(spec: FineTuneSpec, prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """Figures of the data and the plan, as JSON.

    `rows` and `tokens` by split, `dropped`, `cut`, `lengths`, `hashes`, `tasks` and `notes` are those of
    `Prepared.report`. `steps` are optimizer steps, `epochs` the passes that they make; `rowsPerStep` and
    `tokensToTrain` (without padding) count as planned, before any early end.
    """
    epochs = plan.epoch(plan.total_steps)
    # The report's tokens of train count each sequence once.
    tokens = sum(example.tokens for example in prepared.train)
    return {
        **prepared.report,
        "method": spec.method,
        "steps": plan.total_steps,
        "stepsPerEpoch": plan.steps_per_epoch,
        "epochs": round(epochs, 4),
        "batchSize": plan.batch_size,
        "rowsPerStep": plan.rows_per_step,
        "tokensToTrain": round(tokens * epochs),
        "paddingEfficiency": round(plan.efficiency, 4),
        "maxLength": spec.max_length,
    }
