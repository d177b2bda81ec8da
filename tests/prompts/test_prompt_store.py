"""The store of optimized prompts, read by itself and by an Eliza, through promotions, rollbacks and damage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from whetstone.clock import now_ms, parse_ms
from whetstone.errors import ConflictError, NotFoundError
from whetstone.prompts.artifact import BASELINE_VERSION, ArtifactError, PromptArtifact, parse
from whetstone.prompts.store import PromptStore

TASK = "should_respond"


def artifact(prompt: str, generated: str = "2026-02-19T10:00:00.000Z", **changes: Any) -> PromptArtifact:
    core: dict[str, Any] = {
        "task": TASK,
        "optimizer": "bootstrap-fewshot",
        "baseline": "original",
        "prompt": prompt,
        "score": 0.7,
        "baselineScore": 0.6,
        "datasetId": "dataset-1",
        "datasetSize": 50,
        "generatedAt": generated,
        "lineage": [],
    }
    return PromptArtifact.model_validate(core | changes)


def elizas_prompt(root: Path, task: str = TASK) -> str | None:
    """The prompt that an Eliza of the contract's time uses: newest `generatedAt` of the folder's *.json files."""
    best: tuple[int, str] | None = None
    for name in sorted((root / task).iterdir()) if (root / task).is_dir() else []:
        if not name.name.endswith(".json"):
            continue
        try:
            found = json.loads(name.read_bytes())
            stamp = parse_ms(found["generatedAt"])
            prompt = found["prompt"]
        except (ValueError, KeyError, TypeError):
            continue
        if stamp is not None and (best is None or stamp > best[0]):
            best = (stamp, prompt)
    return best[1] if best else None


def newer_elizas_prompt(root: Path) -> str:
    """The prompt behind the link `current`, which newer Elizas follow."""
    return parse((root / TASK / "current").read_bytes()).prompt


@pytest.fixture
def store(tmp_path: Path) -> PromptStore:
    return PromptStore(tmp_path)


def in_use(store: PromptStore, task: str = TASK) -> str | None:
    stored = store.current(task)
    return stored.artifact.prompt if stored else None


def test_an_empty_store_has_no_prompts(store: PromptStore) -> None:
    assert store.current(TASK) is None
    assert store.all_current() == {}
    assert store.history(TASK) == []
    assert store.problems() == []


def test_a_promotion_is_in_use_at_once_for_every_reader(store: PromptStore, tmp_path: Path) -> None:
    for number, prompt in enumerate(["one", "two", "three"], start=1):
        stored = store.save_promoted(artifact(prompt))
        assert stored.version == number
        assert stored.path == tmp_path / TASK / f"v{number}.json"
        assert in_use(store) == elizas_prompt(tmp_path) == newer_elizas_prompt(tmp_path) == prompt
    assert [stored.artifact.prompt for stored in store.history(TASK)] == ["three", "two", "one"]
    assert store.get(TASK, 2).artifact.prompt == "two"
    assert (tmp_path / TASK / "current").is_symlink()


def test_an_artifact_older_than_the_current_one_still_comes_into_use(
    store: PromptStore, tmp_path: Path
) -> None:
    store.save_promoted(artifact("late", "2026-03-01T00:00:00.000Z"))
    stored = store.save_promoted(artifact("early", "2026-02-01T00:00:00.000Z"))
    assert stored.artifact.generated_at == "2026-03-01T00:00:00.001Z"
    assert in_use(store) == elizas_prompt(tmp_path) == "early"


def test_a_rollback_walks_back_to_the_original_prompt_and_never_forward(
    store: PromptStore, tmp_path: Path
) -> None:
    for prompt in ("one", "two", "bad"):
        store.save_promoted(
            artifact(prompt, fewShotExamples=[{"input": {"user": "u"}, "expectedOutput": "o"}])
        )
    walked = []
    for _ in range(3):
        stored = store.rollback(TASK)
        assert in_use(store) == elizas_prompt(tmp_path) == newer_elizas_prompt(tmp_path)
        walked.append((stored.version, stored.artifact.restored_from, stored.artifact.prompt))
    assert walked == [(4, 2, "two"), (5, 1, "one"), (6, BASELINE_VERSION, "original")]
    baseline = store.get(TASK, 6).artifact
    assert (baseline.score, baseline.few_shot_examples) == (0.6, [])
    with pytest.raises(ConflictError, match="original prompt already"):
        store.rollback(TASK)
    assert store.get(TASK, 3).artifact.prompt == "bad"


def test_a_prompt_that_was_rolled_back_does_not_return_with_the_next_rollback(store: PromptStore) -> None:
    for prompt in ("good", "bad"):
        store.save_promoted(artifact(prompt))
    store.rollback(TASK)
    store.save_promoted(artifact("worse"))
    assert store.rollback(TASK).artifact.prompt == "good"
    assert store.rollback(TASK).artifact.prompt == "original"


def test_a_restored_version_is_stamped_with_the_time_of_the_rollback(store: PromptStore) -> None:
    for prompt in ("one", "two"):
        store.save_promoted(artifact(prompt))
    before = now_ms()
    assert before <= store.rollback(TASK).artifact.generated_ms <= now_ms()


def test_a_rollback_needs_something_to_roll_back(store: PromptStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no optimized prompt"):
        store.rollback("response")
    assert not (tmp_path / "response").exists()


def test_rejected_candidates_are_kept_out_of_every_readers_sight(store: PromptStore, tmp_path: Path) -> None:
    store.save_promoted(artifact("kept"))
    paths = {store.save_rejected(artifact(f"no {number}", "2030-01-01T00:00:00Z")) for number in range(3)}
    assert len(paths) == 3
    assert all(path.parent == tmp_path / TASK / "rejected" for path in paths)
    assert in_use(store) == elizas_prompt(tmp_path) == "kept"
    assert [candidate.prompt for candidate in store.rejected(TASK)] == ["no 2", "no 1", "no 0"]
    assert len(store.history(TASK)) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b'{"task":"should_respond"}', b"\xff\xfe"])
def test_a_broken_current_version_gives_way_to_the_last_good_one(
    store: PromptStore, tmp_path: Path, damage: bytes
) -> None:
    for prompt in ("one", "two", "three"):
        store.save_promoted(artifact(prompt))
    (tmp_path / TASK / "v3.json").write_bytes(damage)
    with capture_logs() as logs:
        assert in_use(store) == elizas_prompt(tmp_path) == "two"
        assert in_use(store) == "two"
    assert [entry["file"] for entry in logs] == ["v3.json"]
    assert {problem.file for problem in store.problems()} == {"v3.json", "current"}
    with pytest.raises(NotFoundError):
        store.get(TASK, 3)
    assert store.save_promoted(artifact("four")).version == 4
    assert in_use(store) == elizas_prompt(tmp_path) == "four"
    assert [problem.file for problem in store.problems()] == ["v3.json"]


def test_a_file_of_another_task_is_not_used(store: PromptStore, tmp_path: Path) -> None:
    stored = store.save_promoted(artifact("one"))
    (tmp_path / "response").mkdir()
    (tmp_path / "response" / "v1.json").write_bytes(stored.path.read_bytes())
    assert store.current("response") is None
    assert "should_respond" in store.problems()[0].reason


def test_a_file_that_an_older_eliza_wrote_is_outdone_by_the_next_promotion(
    store: PromptStore, tmp_path: Path
) -> None:
    store.save_promoted(artifact("ours"))
    foreign = artifact("theirs", "2027-01-01T00:00:00.000Z")
    (tmp_path / TASK / "20270101000000000.json").write_bytes(foreign.to_json())
    assert [problem.file for problem in store.problems()] == ["20270101000000000.json"]
    store.save_promoted(artifact("newer"))
    assert in_use(store) == elizas_prompt(tmp_path) == "newer"
    store.rollback(TASK)
    assert in_use(store) == elizas_prompt(tmp_path) == "ours"


def test_a_writer_that_died_before_its_file_arrived_changes_nothing(
    store: PromptStore, tmp_path: Path
) -> None:
    store.save_promoted(artifact("one"))
    link = tmp_path / TASK / "current"
    link.unlink()
    link.symlink_to("v2.json")  # the pointer goes first
    assert in_use(store) == elizas_prompt(tmp_path) == "one"
    assert store.save_promoted(artifact("two")).version == 2
    assert in_use(store) == "two"


def test_the_pointer_is_a_text_file_where_links_are_impossible(
    store: PromptStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(_path: Path, _target: str) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    for prompt in ("one", "two"):
        store.save_promoted(artifact(prompt))
    assert (tmp_path / TASK / "current").read_text() == "v2.json\n"
    assert in_use(store) == elizas_prompt(tmp_path) == "two"
    store.rollback(TASK)
    assert in_use(store) == elizas_prompt(tmp_path) == "one"


@pytest.mark.parametrize("target", ["../../secret.json", "v0.json", "v1.json.bak", "/etc/passwd"])
def test_a_pointer_leads_nowhere_but_to_a_version(store: PromptStore, tmp_path: Path, target: str) -> None:
    store.save_promoted(artifact("one"))
    pointer = tmp_path / TASK / "current"
    pointer.unlink()
    pointer.symlink_to(target)
    assert in_use(store) == "one"


@pytest.mark.parametrize("task", ["../etc", "a/b", "", ".", "UPPER"])
def test_no_method_takes_an_unsafe_task(store: PromptStore, task: str) -> None:
    for call in (store.current, store.history, store.rollback, store.rejected):
        with pytest.raises(ArtifactError):
            call(task)


def test_several_tasks_live_side_by_side(store: PromptStore, tmp_path: Path) -> None:
    store.save_promoted(artifact("one"))
    store.save_promoted(artifact("plan", task="action_planner"))
    (tmp_path / "Not A Task").mkdir()
    (tmp_path / "stray.json").write_text("{}")
    assert {task: stored.artifact.prompt for task, stored in store.all_current().items()} == {
        "action_planner": "plan",
        TASK: "one",
    }


def test_old_versions_go_only_when_a_limit_is_set(tmp_path: Path) -> None:
    store = PromptStore(tmp_path, keep=2)
    for number in range(5):
        store.save_promoted(artifact(f"p{number}"))
    assert [stored.version for stored in store.history(TASK)] == [5, 4]
    assert store.rollback(TASK).artifact.prompt == "p3"
    with pytest.raises(ValueError, match="at least 2"):
        PromptStore(tmp_path, keep=1)


def test_processes_that_promote_at_once_get_versions_of_their_own(store: PromptStore, tmp_path: Path) -> None:
    store.save_promoted(artifact("start"))
    script = (
        "import sys; from pathlib import Path\n"
        "from whetstone.prompts.artifact import parse; from whetstone.prompts.store import PromptStore\n"
        "store = PromptStore(Path(sys.argv[1])); base = store.get('should_respond', 1).artifact\n"
        "for i in range(10): store.save_promoted(base.model_copy(update={'prompt': f'{sys.argv[2]}-{i}'}))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in ("a", "b", "c")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    history = store.history(TASK)
    assert [stored.version for stored in history] == list(range(31, 0, -1))
    assert len({stored.artifact.prompt for stored in history}) == 31
    stamps = [stored.artifact.generated_ms for stored in history]
    assert stamps == sorted(set(stamps), reverse=True)
    assert in_use(store) == elizas_prompt(tmp_path) == history[0].artifact.prompt


@given(st.lists(st.one_of(st.just("rollback"), st.integers(0, 3)), max_size=12))
@hypothesis_settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_all_readers_agree_after_any_sequence_of_operations(
    tmp_path_factory: pytest.TempPathFactory, operations: list[str | int]
) -> None:
    root = tmp_path_factory.mktemp("prompts")
    store = PromptStore(root)
    for index, operation in enumerate(operations):
        if isinstance(operation, int):
            day = f"202{operation}-01-01T00:00:00.000Z"
            store.save_promoted(artifact(f"prompt {index}", day))
        else:
            try:
                store.rollback(TASK)
            except (NotFoundError, ConflictError):
                continue
        assert in_use(store) == elizas_prompt(root) == newer_elizas_prompt(root)
    assert store.problems() == []
