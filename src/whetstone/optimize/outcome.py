"""What a job leaves behind: the artifact with all its evidence, and the result that the job record shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from whetstone import __version__
from whetstone.clock import iso, now_ms
from whetstone.optimize.engine.guards import placeholders
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.gate.trial import Selection, Verdict
from whetstone.optimize.metrics import Answer
from whetstone.optimize.metrics.report import Judged, report
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.loading import LoadedRows
from whetstone.optimize.setting import Setting, Start
from whetstone.optimize.spec import resolve_optimizer
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.artifact import (
    NOT_GATED,
    Demonstration,
    DemonstrationInput,
    LineageEntry,
    PromptArtifact,
)
from whetstone.prompts.artifact import Optimizer as OptimizerName
from whetstone.prompts.store import PromptStore


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a finished job knows; `verdict` is None for one that ended before its gate."""

    rows: LoadedRows
    start: Start
    setting: Setting
    context: SearchContext
    found: SearchResult
    verdict: Verdict | None
    metric: str
    models: Mapping[str, str]

    @property
    def finish_reason(self) -> str:
        """`completed`, `interrupted`, or the limit that ended the search or the gate."""
        if self.verdict is None:
            return "interrupted"
        return self.verdict.stopped or self.found.finish_reason

    @property
    def optimizer(self) -> str:
        """The optimizer that found the candidate: of a composed search the stage, since agents do not know `auto`."""
        return self.found.optimizer or resolve_optimizer(self.context.spec.optimizer)

    @property
    def paired(self) -> dict[str, Any] | None:
        """The paired comparison on the rows that decided."""
        if self.verdict is None:
            return None
        gate = self.verdict.gate
        return {
            "n": gate.n,
            "groups": gate.groups,
            "delta": gate.delta,
            "ci95" if gate.confidence == _USUAL_CONFIDENCE else "ci": list(gate.interval),
            "confidence": gate.confidence,
            "pSign": gate.sign_p,
            "pWilcoxon": gate.wilcoxon_p,
            "wins": gate.wins,
            "losses": gate.losses,
            "ties": gate.ties,
            "evaluatedOn": self.verdict.evaluated_on,
        }

    def reports(self) -> dict[str, Any] | None:
        """What the metric can say of the two prompts' answers beside the score (macro-F1 …), on the rows that
        decided; see `metrics.report`."""
        if self.verdict is None:
            return None
        on_test = self.verdict.evaluated_on == "test"
        examples = self.setting.test if on_test else self.setting.validation
        sides = {"incumbent": self.context.incumbent, "candidate": self.found.best.candidate}
        return {side: self._report(candidate, examples) for side, candidate in sides.items()}

    def notes(self) -> list[str]:
        """Sentences for the person who started the job."""
        examples = (*self.setting.validation, *self.setting.test)
        answered = [
            row
            for candidate in (self.context.incumbent, self.found.best.candidate)
            for row in self.context.evaluator.collect(candidate, examples, self.context.spec.repeats).rows
            if not row.failed
        ]
        empty = sum(not row.answer.strip() for row in answered)
        found = [*self.rows.notes, *self.setting.notes]
        if empty > _MANY_EMPTY * len(answered):
            found.append(
                f"{empty} of {len(answered)} answers were empty. Look at the endpoint, and whether the answers' room "
                "(maxOutputTokens of the rows) is used up by reasoning."
            )
        return found

    def _report(self, candidate: Candidate, examples: Sequence[Example]) -> dict[str, Any]:
        found = self.context.evaluator.collect(candidate, examples, self.context.spec.repeats)
        by_id = {example.id: example for example in examples}
        judged = [
            Judged(by_id[row.example], None if row.failed else Answer(row.answer), row.score, row.objectives)
            for row in found.rows
        ]
        return report(self.metric, judged)


def build_artifact(evidence: Evidence, privacy: PrivacyGate | None) -> PromptArtifact:
    """The artifact of contract §15.1 with its evidence.

    Its demonstrations and the reflection model's words are filtered once more, except without `privacy`: demonstrations
    of the pool were filtered before they were tried.

    Before the gate the scores are those of validation, and `promotionDecision` says `not_gated`.
    """
    e, spec, best = evidence, evidence.context.spec, evidence.found.best
    verdict = e.verdict
    clean = privacy.text if privacy is not None else str
    components = dict(best.candidate.components)
    extras: dict[str, Any] = {
        "engineVersion": __version__,
        "parent": e.start.parent,
        "parentArtifactId": (e.start.parent or {}).get("artifactId"),
        "baselineSource": e.start.source,
        "origin": e.found.origin,
        "candidatesTried": e.found.tried,
        "validation": Selection.of(e.found).to_dict(),
        "placeholders": sorted(placeholders(best.candidate.prompt).elements()),
        "tokenCount": {
            "baseline": e.context.incumbent.tokens(),
            "prompt": best.candidate.tokens(),
            "method": "estimate",
        },
        "errors": _errors(e),
        "paired": e.paired,
        "report": e.reports(),
        "edits": [{**edit.to_dict(), "hypothesis": clean(edit.hypothesis)} for edit in e.found.edits],
        "frontier": e.found.frontier,
        "rejectedByGuard": dict(e.context.guard.rejected),
        "notes": e.notes(),
    }
    return PromptArtifact(
        task=e.rows.task,
        optimizer=cast("OptimizerName", e.optimizer),
        baseline=e.context.incumbent.prompt,
        prompt=best.candidate.prompt,
        score=verdict.gate.candidate_mean if verdict else e.found.best.mean,
        baseline_score=verdict.gate.incumbent_mean if verdict else e.found.incumbent.mean,
        dataset_id=spec.dataset_id,
        dataset_size=e.rows.verified,
        generated_at=iso(now_ms()),
        few_shot_examples=[
            shown if privacy is None else _filtered(shown, privacy) for shown in best.candidate.demonstrations
        ],
        lineage=[
            LineageEntry.model_validate({**entry, "notes": clean(entry["notes"])})
            for entry in e.found.lineage
        ],
        components=components or None,
        artifact_id=f"artifact-{spec.job_id}",
        job_id=spec.job_id,
        demonstration_format=best.candidate.rendering,
        models=dict(e.models),
        metric={
            "name": e.metric,
            "repeats": spec.repeats,
            **({"rubric": spec.rubric} if spec.rubric else {}),
        },
        split=_split(e),
        seed=spec.seed,
        budget=e.context.ledger.to_dict(e.context.journal.elapsed_seconds()),
        finish_reason=e.finish_reason,
        promotion_decision=verdict.to_dict() if verdict else _NOT_DECIDED,
        per_example=verdict.rows if verdict else None,
        privacy=privacy.report.to_dict() if privacy else None,
        **extras,
    )


def save(store: PromptStore, artifact: PromptArtifact, promote: bool) -> dict[str, Any]:
    """Write the artifact where it belongs; a job that was killed while writing finds its own file again."""
    if not promote:
        return {"path": str(store.save_rejected(artifact)), "version": None}
    current = store.current(artifact.task)
    if current is None or current.artifact.artifact_id != artifact.artifact_id:
        current = store.save_promoted(artifact)
    return {"path": str(current.path), "version": current.version}


def result(
    evidence: Evidence, verdict: Verdict, artifact: PromptArtifact, saved: dict[str, Any]
) -> dict[str, Any]:
    """The job's result (JSON). `score` and `baselineScore` are means 0..1 over the test rows, null where these were not
    used; `delta` and `interval` are of the rows that `evaluatedOn` names."""
    e, gate = evidence, verdict.gate
    best = e.found.best.candidate
    shown = artifact.model_extra or {}
    return {
        "decision": verdict.decision,
        "explanation": verdict.explanation,
        "finishReason": e.finish_reason,
        "task": e.rows.task,
        "optimizer": e.optimizer,
        "datasetId": e.context.spec.dataset_id,
        "datasetSize": e.rows.verified,
        "baselineScore": verdict.baseline_score,
        "score": verdict.score,
        "delta": gate.delta,
        "interval": list(gate.interval),
        "confidence": gate.confidence,
        "evaluatedOn": verdict.evaluated_on,
        "rows": gate.n,
        "wins": gate.wins,
        "losses": gate.losses,
        "ties": gate.ties,
        "rowsNeeded": gate.rows_needed,
        "groupsNeeded": gate.groups_needed,
        "metric": e.metric,
        "report": shown["report"],
        "model": e.models["task"],
        "models": dict(e.models),
        "seed": e.context.spec.seed,
        "split": artifact.split,
        "validation": verdict.validation.to_dict(),
        "foresight": verdict.foresight.to_dict(),
        "candidatesTried": e.found.tried,
        "rejectedByGuard": shown["rejectedByGuard"],
        "origin": e.found.origin,
        "edits": shown["edits"],
        "demonstrations": len(best.demonstrations),
        "demonstrationFormat": best.rendering,
        "candidateId": best.id,
        "budget": artifact.budget,
        "artifactPath": saved["path"],
        "artifactVersion": saved["version"],
        "notes": shown["notes"],
    }


_MANY_EMPTY = 0.2
_USUAL_CONFIDENCE = 0.95
_NOT_DECIDED = {
    "promote": False,
    "decision": NOT_GATED,
    "reason": "The job ended before its gate: the candidate was never tried on the test rows. Its scores are those "
    "of the validation rows that chose it, and so too high.",
    "evaluatedOn": "validation",
}


def _errors(e: Evidence) -> dict[str, Any]:
    accounts = e.context.ledger.accounts.values()
    failed, calls = sum(a.failed for a in accounts), sum(a.calls for a in accounts)
    return {"failed": failed, "rate": failed / (calls + failed) if failed else 0.0}


def _split(e: Evidence) -> dict[str, Any]:
    used = {
        "validation": len(e.setting.validation),
        "test": len(e.setting.test),
        "pool": len(e.setting.pool.examples),
    }
    return {**e.rows.report(), "seed": e.context.spec.seed, "used": used}


def _filtered(shown: Demonstration, privacy: PrivacyGate) -> Demonstration:
    return shown.model_copy(
        update={
            "input": DemonstrationInput(user=privacy.text(shown.input.user), system=shown.input.system),
            "expected_output": privacy.text(shown.expected_output),
        }
    )
