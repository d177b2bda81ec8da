"""The formats that can be imported: what each record becomes, and what is left out."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers import FORMAT_NAMES, Found, Source, read, sources
from whetstone.trajectories.input.records import TrajectoryInput

TAU_BENCH = Path(__file__).parents[3] / "shared/data/tau-bench/gpt-4o-airline.json"
Json = dict[str, Any]

TOOL_CALL = {"id": "x1", "type": "function", "function": {"name": "look", "arguments": '{"order":7}'}}
CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Where is order 7?"},
    {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
    {"role": "tool", "tool_call_id": "x1", "content": '{"at":"the door"}'},
    {"role": "assistant", "content": "At your door.", "weight": 0},
    {"role": "user", "content": "Thanks!"},
]
WHOLE = {
    "trajectoryId": "t-1",
    "agentId": "a",
    "status": "completed",
    "steps": [{"llmCalls": [{"response": "x"}]}],
}
NATIVE = {
    "format": "eliza_native_v1",
    "trajectoryId": "t-1",
    "stepId": "s-1",
    "callId": "c-1",
    "request": {"system": "Be kind.", "prompt": "Hi", "settings": {"temperature": 0.5}},
    "response": {
        "text": "RESPOND",
        "finishReason": "stop",
        "usage": {"promptTokens": 9, "reasoningTokens": 0},
    },
    "metadata": {"total_reward": 1, "trajectory_metadata": {"roomId": "r", "archetype": "kind"}},
}
RECORDS: dict[str, Json] = {
    "eliza-json": WHOLE,
    "eliza-native": NATIVE,
    "art": {"messages": CHAT, "reward": 1, "metadata": {"trajectoryId": "t-1"}, "metrics": {}},
    "openai-chat": {"messages": CHAT, "tools": [{"type": "function"}]},
    "sharegpt": {
        "id": "0",
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
    },
    "tau-bench": {"task_id": 3, "trial": 1, "reward": 0.0, "traj": CHAT, "info": {"source": "user"}},
}


def _file(folder: Path, content: bytes, name: str = "file") -> Source:
    path = folder / name
    path.write_bytes(content)
    return Source(path)


def _lines(*values: Any) -> bytes:
    return b"\n".join(orjson.dumps(value) for value in values)


def _good(found: list[Found]) -> list[Json]:
    assert [each.problem for each in found if each.trajectory is None] == []
    return [each.trajectory for each in found if each.trajectory is not None]


def _one(folder: Path, record: Json, form: str = "auto") -> Json:
    [trajectory] = _good(list(read(_file(folder, _lines(record)), form)))
    assert TrajectoryInput.model_validate(trajectory).trajectory_id
    return trajectory


def _calls(trajectory: Json) -> list[Json]:
    return [call for step in trajectory["steps"] for call in step["llmCalls"]]


@pytest.mark.parametrize("form", RECORDS)
@pytest.mark.parametrize(
    "layout",
    [
        lambda value: orjson.dumps([value, value]),
        lambda value: orjson.dumps([value, value], option=orjson.OPT_INDENT_2),
        lambda value: _lines(value, value),
        lambda value: b"\xef\xbb\xbf\n" + _lines(value, value) + b"\r\n",
        lambda value: b"\n".join([orjson.dumps(value, option=orjson.OPT_INDENT_2)] * 2),
        lambda value: gzip.compress(_lines(value)) + gzip.compress(b"\n" + _lines(value)),
        lambda value: zstandard.compress(orjson.dumps([value, value])),
    ],
    ids=["array", "pretty", "lines", "bom", "objects", "gzip", "zstd"],
)
def test_every_format_is_found_in_every_layout(tmp_path: Path, form: str, layout: Any) -> None:
    source = _file(tmp_path, layout(RECORDS[form]))
    found, named = _good(list(read(source))), _good(list(read(source, form)))
    assert found == named
    # Rows of one trajectory are one trajectory.
    assert len(found) == (1 if form == "eliza-native" else 2)
    assert len({TrajectoryInput.model_validate(each).trajectory_id for each in found}) == 1


def test_a_chat_becomes_calls_that_saw_what_was_said(tmp_path: Path) -> None:
    trajectory = _one(tmp_path, RECORDS["openai-chat"])
    first, second = _calls(trajectory)
    assert [call["systemPrompt"] for call in (first, second)] == ["Be kind."] * 2
    assert [call["messages"] for call in (first, second)] == [CHAT[1:2], CHAT[1:4]]
    assert [call["userPrompt"] for call in (first, second)] == ["Where is order 7?"] * 2
    assert [call["response"] for call in (first, second)] == ["", "At your door."]
    assert [call["purpose"] for call in (first, second)] == ["action_planner", "response"]
    assert first["toolCalls"] == [TOOL_CALL]
    assert second["weight"] == 0
    assert first["tools"] == second["tools"] == [{"type": "function"}]
    called, result = trajectory["toolEvents"]
    assert (called["type"], called["toolName"], called["args"]) == ("tool_call", "look", {"order": 7})
    assert (result["type"], result["toolCallId"], result["result"]) == (
        "tool_result",
        "x1",
        '{"at":"the door"}',
    )
    assert called["stepId"] == result["stepId"] == trajectory["steps"][0]["stepId"]
    assert trajectory["events"] == [
        {"role": "user", "content": "Thanks!", "id": "message-5", "type": "message"}
    ]


def test_older_function_calls(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "", "function_call": {"name": "look", "arguments": "not JSON"}},
        {"role": "function", "name": "look", "content": "found"},
    ]
    trajectory = _one(tmp_path, {"messages": messages})
    [call] = _calls(trajectory)
    assert (call["userPrompt"], call["toolCalls"][0]["function"]["name"]) == ("Hi", "look")
    assert [event["type"] for event in trajectory["toolEvents"]] == ["tool_call", "tool_result"]
    assert trajectory["toolEvents"][0]["args"] == "not JSON"


def test_ids_follow_from_the_content(tmp_path: Path) -> None:
    chat = {"messages": CHAT}
    assert _one(tmp_path, chat) == _one(tmp_path, dict(reversed(chat.items())))
    assert _one(tmp_path, chat)["trajectoryId"] != _one(tmp_path, {"messages": CHAT[:5]})["trajectoryId"]


def test_sharegpt(tmp_path: Path) -> None:
    turns = [
        {"from": "human", "value": "Weather?"},
        {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Ulm"}}'},
        {"from": "observation", "value": "rain"},
        {"from": "gpt", "value": "It rains.", "weight": 1},
    ]
    record = {
        "id": "q-1",
        "system": "Be brief.",
        "items": turns,
        "lang": "en",
        "tools": '[{"name": "weather"}]',
    }
    trajectory = _one(tmp_path, record)
    assert trajectory["metadata"] == {"lang": "en", "conversationId": "q-1"}
    first, second = _calls(trajectory)
    assert (first["systemPrompt"], second["response"], second["weight"]) == ("Be brief.", "It rains.", 1)
    assert first["tools"] == [{"name": "weather"}]
    assert [event.get("result") for event in trajectory["toolEvents"]] == [None, "rain"]


def test_art_of_openpipe(tmp_path: Path) -> None:
    choice = {"finish_reason": "stop", "index": 0, "logprobs": {"content": []}, "message": CHAT[4]}
    one = {"messages_and_choices": [*CHAT[:2], choice], "reward": 0.5, "metrics": {"won": True}, "logs": ["a"],
           "metadata": {"level": 3}, "tools": [{"type": "function"}]}  # fmt: skip
    trajectory = _one(tmp_path, one)
    assert (trajectory["totalReward"], trajectory["metrics"]) == (0.5, {"won": True})
    assert trajectory["metadata"] == {"level": 3, "logs": ["a"]}
    [call] = _calls(trajectory)
    assert (call["finishReason"], call["logprobs"]) == ("stop", {"content": []})
    group = _good(list(read(_file(tmp_path, _lines({"trajectories": [one, one | {"reward": 1}]})))))
    assert [each["groupIndex"] for each in group] == [0, 1]
    assert len({each["scenarioId"] for each in group}) == 1


def test_native_rows_are_grouped_by_trajectory(tmp_path: Path) -> None:
    rows = [
        NATIVE,
        NATIVE | {"callId": "c-2"},
        NATIVE | {"stepId": "s-2", "callId": "c-3"},
        NATIVE | {"trajectoryId": "t-2"},
    ]
    first, second = _good(list(read(_file(tmp_path, _lines(*rows)))))
    assert [[call["callId"] for call in step["llmCalls"]] for step in first["steps"]] == [
        ["c-1", "c-2"],
        ["c-3"],
    ]
    assert (first["totalReward"], first["archetype"], first["metadata"]) == (1, "kind", {"roomId": "r"})
    [call] = _calls(second)
    assert call["userPrompt"] == "Hi"
    assert (call["temperature"], call["promptTokens"]) == (0.5, 9)
    assert "reasoningTokens" not in call


def test_a_corrected_row_stays_corrected(tmp_path: Path) -> None:
    row = NATIVE | {"metadata": {"expected_from": "correction", "reward": 0.0, "total_reward": 1}}
    [call] = _calls(_one(tmp_path, row))
    assert call["correction"]["text"] == call["response"] == "RESPOND"
    assert call["reward"] == 0.0


def test_a_zip_export(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("manifest.json", "{}")
        file.writestr("t-1/trajectory.json", orjson.dumps(WHOLE))
        file.writestr("t-1/summary.json", "{}")
        file.writestr("t-2/trajectory.json", "{")
    for content in (archive.getvalue(), gzip.compress(archive.getvalue())):
        good, bad = read(_file(tmp_path, content))
        assert good.trajectory == WHOLE
        assert bad.where == "t-2/trajectory.json"
        assert (bad.problem or "").startswith("not valid JSON")
    with pytest.raises(InvalidInputError, match="not a readable ZIP archive"):
        list(read(_file(tmp_path, archive.getvalue()[:50])))


@pytest.mark.parametrize(
    ("form", "record", "problem"),
    [
        ("openai-chat", {"messages": [{"content": "x"}]}, "messages[0] needs a role"),
        ("openai-chat", {"messages": CHAT[:2]}, "messages hold no answer"),
        ("openai-chat", {"messages": {}}, "messages must be an array"),
        ("sharegpt", {"conversations": [{"from": "alien"}]}, "'alien', which is unknown"),
        ("sharegpt", {"conversations": ["x"]}, "conversations[0] needs a from"),
        ("tau-bench", {"traj": []}, "a run needs a task_id"),
        ("eliza-native", {"format": "v9"}, "format must be eliza_native_v1"),
        ("eliza-native", {"request": {}}, "response must be an object"),
        ("art", {"metadata": {}}, "messages must be an array"),
        ("art", {"trajectories": [1]}, "trajectories must be an array of objects"),
        ("ndjson", [], "must be a JSON object"),
    ],
)
def test_a_bad_record_is_told_and_skipped(tmp_path: Path, form: str, record: Any, problem: str) -> None:
    good = RECORDS.get(form, WHOLE)
    first, bad, last = read(_file(tmp_path, _lines(good, record, good | {"trajectoryId": "t-9"})), form)
    if bad.trajectory is not None:  # rows are held back until their trajectory is whole
        first, bad = bad, first
    assert problem in (bad.problem or "")
    assert bad.where == "line 2"
    assert first.trajectory
    assert last.trajectory


def test_bad_lines_do_not_hide_the_format(tmp_path: Path) -> None:
    found = list(read(_file(tmp_path, b"nonsense\n{\n" + _lines(WHOLE) + b"\n[1]")))
    assert [(each.where, each.trajectory is not None) for each in found] == [
        ("line 1", False),
        ("line 2", False),
        ("line 3", True),
        ("line 4", False),
    ]


@pytest.mark.parametrize("content", [b'[{"trajectoryId": "t"}, {"a" 7}]', b'[{"trajectoryId": "t"}, '])
def test_what_stands_before_broken_json_is_read(tmp_path: Path, content: bytes) -> None:
    good, bad = read(_file(tmp_path, content))
    assert good.trajectory == {"trajectoryId": "t"}
    assert (bad.where, "nothing behind this place" in (bad.problem or "")) == ("record 2", True)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_what_stands_before_the_end_of_a_cut_file_is_read(tmp_path: Path, compress: Any) -> None:
    content = compress(_lines(WHOLE) + b"\n") + compress(_lines(WHOLE))[:-6]
    found = list(read(_file(tmp_path, content)))
    assert found[0].trajectory == WHOLE
    assert "ends in the middle" in (found[-1].problem or "")


@pytest.mark.parametrize(
    "content", [b"", b" \n ", b"{}", b"[]", b"1\n2", b"\x00\xff" * 99, b'{"a":1}', b"\x1f\x8bxxx"]
)
def test_an_unknown_file_is_told_what_is_known(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInputError) as caught:
        list(read(_file(tmp_path, content)))
    assert str(tmp_path / "file") in caught.value.message
    if not content.startswith(b"\x1f"):
        assert "tau-bench" in caught.value.message
        assert "sharegpt" in caught.value.message


@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    form=st.sampled_from(["auto", *FORMAT_NAMES]),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, form: str
) -> None:
    source = _file(tmp_path_factory.getbasetemp(), content)
    with contextlib.suppress(InvalidInputError):
        list(read(source, form))


_WILD = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["messages", "role", "content", "tool_calls", "function", "metadata", "request", "response", "traj",
             "task_id", "conversations", "from", "value", "steps", "metrics", "trajectories", "message", "info"]
        ),
        inner | st.sampled_from(["assistant", "user", "gpt"]),
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(record=_WILD, form=st.sampled_from(["auto", *FORMAT_NAMES]))
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, record: Any, form: str
) -> None:
    source = _file(tmp_path_factory.getbasetemp(), orjson.dumps([record]))
    with contextlib.suppress(InvalidInputError):
        list(read(source, form))


def test_a_folder_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.jsonl", "inner/a.json.gz", "notes.txt", ".hidden/c.json"):
        (tmp_path / name).write_bytes(b"{}")
    assert [source.name for source in sources([tmp_path])] == [
        str(tmp_path / name) for name in ("b.jsonl", "inner/a.json.gz")
    ]
    with pytest.raises(InvalidInputError, match="There is no file"):
        sources([tmp_path / "none"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(_lines(WHOLE)))))
    [source] = sources([Path("-")])
    assert [found.trajectory for found in read(source)] == [WHOLE]
    assert not sys.stdin.closed


@pytest.mark.skipif(not TAU_BENCH.exists(), reason="the data set is not here")
def test_all_of_tau_bench() -> None:
    runs = orjson.loads(TAU_BENCH.read_bytes())
    trajectories = _good(list(read(Source(TAU_BENCH))))
    assert len({each["trajectoryId"] for each in trajectories}) == len(runs) == 200
    roles = Counter(message["role"] for run in runs for message in run["traj"])
    assert sum(roles.values()) == 5308
    assert sum(len(_calls(each)) for each in trajectories) == roles["assistant"]
    events = Counter(event["type"] for each in trajectories for event in each.get("toolEvents", ()))
    assert events["tool_call"] == events["tool_result"] + events["tool_error"] == roles["tool"]
    for run, each in zip(runs, trajectories, strict=True):
        assert each["totalReward"] == run["reward"]
        assert each["scenarioId"] == f"tau-bench-{run['task_id']}"
        last = _calls(each)[-1]
        said = [{"role": "system", "content": last["systemPrompt"]}, *last["messages"]]
        assert said == run["traj"][: len(said)]
        rest = [message["content"] for message in run["traj"][len(said) + 1 :]]
        assert [message["content"] for message in each.get("events", ())] == rest
