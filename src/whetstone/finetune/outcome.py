"""What a finished job tells of itself: figures for the model's folder, and the result in the job's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whetstone.finetune.export.manifest import ModelFolder
from whetstone.finetune.ground import Ground
from whetstone.finetune.loop.checkpoints import BestAdapter
from whetstone.finetune.loop.training import LoopState
from whetstone.finetune.proof.prove import Proof
from whetstone.finetune.spec import FineTuneSpec


def figures(
    spec: FineTuneSpec, ground: Ground, state: LoopState, best: BestAdapter, proof: Proof
) -> dict[str, Any]:
    """How the training went and what it gained, as JSON; losses in nats a token (sft) or a row (dpo, kto)."""
    kept = best.record() or {}
    return {
        "method": spec.method,
        "steps": state.step,
        "bestStep": kept.get("step"),
        "epochs": round(ground.plan.epoch(state.step), 3),
        "stopped": state.ended,
        "seconds": round(state.seconds, 1),
        "tokens": state.tokens,
        "learntTokens": state.learnt_tokens,
        "validationLoss": {"base": state.base_loss, "tuned": kept.get("loss"), "last": state.last_loss},
        "proof": proof.to_dict(),
    }


def result(
    spec: FineTuneSpec,
    ground: Ground,
    found: Mapping[str, Any],
    engine: Mapping[str, Any],
    folder: ModelFolder,
) -> dict[str, Any]:
    """The job's result: `found` (see `figures`), the model's folder and forms, and a closing sentence."""
    base, forms = ground.base, {name: str(path) for name, path in folder.forms.items()}
    return {
        "message": _sentence(found),
        "modelId": folder.model_id,
        "outputDir": str(folder.path),
        "modelPath": forms.get("merged") or forms.get("gguf"),
        "adapterPath": forms["adapter"],
        "sourceModel": spec.model or base.ref.name,
        "backend": spec.backend,
        **found,
        "engine": engine,
        "data": ground.prepared.report,
        "base": {"name": base.ref.name, "fingerprint": base.fingerprint, "licence": base.licence},
        "files": forms,
        "bytes": folder.total_bytes,
        "checks": folder.checks,
        "notes": [*found["proof"]["notes"], *folder.notes],
    }


def _sentence(found: Mapping[str, Any]) -> str:
    before, after = found["validationLoss"]["base"], found["validationLoss"]["tuned"]
    change = f"{before:.3f} to {after:.3f} after {found['bestStep']} of {found['steps']} steps"
    learnt = f"Validation loss {change}" if after < before else f"The validation loss did not fall ({change})"
    return f"{learnt}. {found['proof']['explanation']}"
