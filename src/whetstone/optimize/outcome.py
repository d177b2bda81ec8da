"""What a job leaves behind: the artifact with all its evidence, and the result that the job record shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from whetstone import __version__
from whetstone.clock import iso, now_ms
from whetstone.optimize.gate.trial import Verdict
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.loading import LoadedRows
from whetstone.optimize.setting import Setting, Start
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.artifact import Demonstration, DemonstrationInput, LineageEntry, PromptArtifact
from whetstone.prompts.artifact import Optimizer as OptimizerName
from whetstone.prompts.store import PromptStore


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a finished job knows."""

    rows: LoadedRows
    start: Start
    setting: Setting
    context: SearchContext
    found: SearchResult
    verdict: Verdict
    metric: str
    model: str

    @property
    def finish_reason(self) -> str:
        """`completed`, or the limit that ended the search or the gate."""
        return self.verdict.stopped or self.found.finish_reason


def build_artifact(evidence: Evidence, privacy: PrivacyGate) -> PromptArtifact:
    """The artifact of contract §15.1 with its evidence. Its demonstrations are filtered once more."""
    e, spec, best = evidence, evidence.context.spec, evidence.found.best
    shown = [_filtered(item, privacy) for item in best.candidate.demonstrations]
    extras: dict[str, Any] = {
        "engineVersion": __version__,
        "parent": e.start.parent,
        "baselineSource": e.start.source,
        "origin": e.found.origin,
        "candidatesTried": e.found.tried,
        "validation": _validation(e.found),
        "tokenCount": {
            "baseline": e.context.incumbent.tokens(),
            "prompt": best.candidate.tokens(),
            "method": "estimate",
        },
        "notes": [*e.rows.notes, *e.setting.notes],
    }
    return PromptArtifact(
        task=e.rows.task,
        optimizer=cast("OptimizerName", spec.optimizer),
        baseline=e.context.incumbent.prompt,
        prompt=best.candidate.prompt,
        score=e.verdict.gate.candidate_mean,
        baseline_score=e.verdict.gate.incumbent_mean,
        dataset_id=spec.dataset_id,
        dataset_size=e.rows.verified,
        generated_at=iso(now_ms()),
        few_shot_examples=shown,
        lineage=[LineageEntry.model_validate(entry) for entry in e.found.lineage],
        artifact_id=f"artifact-{spec.job_id}",
        job_id=spec.job_id,
        demonstration_format=best.candidate.rendering,
        models={"task": e.model},
        metric={"name": e.metric},
        split=_split(e),
        seed=spec.seed,
        budget=e.context.ledger.to_dict(e.context.journal.elapsed_seconds()),
        finish_reason=e.finish_reason,
        promotion_decision=e.verdict.to_dict(),
        per_example=e.verdict.rows,
        privacy=privacy.report.to_dict(),
        **extras,
    )


def save(store: PromptStore, artifact: PromptArtifact, decision: str) -> dict[str, Any]:
    """Write the artifact where it belongs; a job that was killed while writing finds its own file again."""
    if decision != "promoted":
        return {"path": str(store.save_rejected(artifact)), "version": None}
    current = store.current(artifact.task)
    if current is None or current.artifact.artifact_id != artifact.artifact_id:
        current = store.save_promoted(artifact)
    return {"path": str(current.path), "version": current.version}


def result(evidence: Evidence, saved: dict[str, Any]) -> dict[str, Any]:
    """The job's result (JSON). Scores are means 0..1 on the rows that `evaluatedOn` names."""
    e, gate = evidence, evidence.verdict.gate
    best = e.found.best.candidate
    return {
        "decision": e.verdict.decision,
        "explanation": e.verdict.explanation,
        "finishReason": e.finish_reason,
        "task": e.rows.task,
        "optimizer": e.context.spec.optimizer,
        "datasetId": e.context.spec.dataset_id,
        "datasetSize": e.rows.verified,
        "baselineScore": gate.incumbent_mean,
        "score": gate.candidate_mean,
        "delta": gate.delta,
        "interval": list(gate.interval),
        "confidence": gate.confidence,
        "evaluatedOn": e.verdict.evaluated_on,
        "rows": gate.n,
        "wins": gate.wins,
        "losses": gate.losses,
        "ties": gate.ties,
        "rowsNeeded": gate.rows_needed,
        "metric": e.metric,
        "model": e.model,
        "seed": e.context.spec.seed,
        "split": _split(e),
        "validation": _validation(e.found),
        "candidatesTried": e.found.tried,
        "origin": e.found.origin,
        "demonstrations": len(best.demonstrations),
        "demonstrationFormat": best.rendering,
        "candidateId": best.id,
        "budget": e.context.ledger.to_dict(e.context.journal.elapsed_seconds()),
        "artifactPath": saved["path"],
        "artifactVersion": saved["version"],
        "notes": [*e.rows.notes, *e.setting.notes],
    }


def _split(e: Evidence) -> dict[str, Any]:
    used = {
        "validation": len(e.setting.validation),
        "test": len(e.setting.test),
        "pool": len(e.setting.pool.examples),
    }
    return {**e.rows.report(), "seed": e.context.spec.seed, "used": used}


def _validation(found: SearchResult) -> dict[str, Any]:
    return {"rows": found.best.wanted, "incumbent": found.incumbent.mean, "candidate": found.best.mean}


def _filtered(shown: Demonstration, privacy: PrivacyGate) -> Demonstration:
    return shown.model_copy(
        update={
            "input": DemonstrationInput(user=privacy.text(shown.input.user), system=shown.input.system),
            "expected_output": privacy.text(shown.expected_output),
        }
    )
