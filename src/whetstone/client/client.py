"""A synchronous client of the HTTP API.

Answers are the JSON objects of the wire contract as plain dictionaries (camelCase keys); failures raise
`WhetstoneClientError` with the server's own sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_sse import connect_sse

from whetstone.client.lines import UPLOAD_HEADERS, compressed_lines
from whetstone.client.recorder import TrajectoryRecorder
from whetstone.client.scores import ScoreSource, score_object

JsonObject = dict[str, Any]


class WhetstoneClientError(Exception):
    """The service refused a request or could not be reached. `status` is None when there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class WhetstoneClient:
    """Talks to the service at `base_url`, such as `http://127.0.0.1:2138`; `timeout` is in seconds."""

    def __init__(self, base_url: str, token: str | None = None, *, timeout: float = 30.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Trajectories

    def record(self, trajectories: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> JsonObject:
        """Store one whole trajectory or several; storing the same one again changes nothing."""
        return self._call("POST", "/api/trajectories", json=trajectories)

    def upload(self, trajectories: Iterable[Mapping[str, Any]]) -> JsonObject:
        """Store any number of trajectories in one request, in constant memory.

        Those that cannot be stored are left out: `rejected` counts them, and `errors` says why, of the first 20.
        """
        return self._call(
            "POST",
            "/api/trajectories",
            content=compressed_lines(trajectories),
            headers=UPLOAD_HEADERS,
            # The service takes what it can store, and answers at the end.
            timeout=httpx.Timeout(None, connect=30),
        )

    def recorder(self, agent_id: str, *, source: str = "api", **fields: Any) -> TrajectoryRecorder:
        """A context manager that collects the calls of one interaction and records them when it ends."""
        return TrajectoryRecorder(self.record, agent_id=agent_id, source=source, **fields)

    def annotate(self, trajectory_id: str, **annotation: Any) -> JsonObject:
        """Give feedback: `reward`, `scores`, `corrections=[{"callId": …, "correction": …}]`, `isTrainingData`…

        See also `score` and `tag`.
        """
        return self._call("POST", f"/api/trajectories/{_id(trajectory_id)}/annotations", json=annotation)

    def score(
        self,
        trajectory_id: str,
        name: str,
        value: float | None = None,
        *,
        label: str | None = None,
        comment: str | None = None,
        source: ScoreSource = "human",
        call_id: str | None = None,
        score_id: str | None = None,
    ) -> JsonObject:
        """Score a trajectory, or its call `call_id`; `name` "reward" is the reward itself.

        Scoring again under the same name and source replaces; without value, label and comment it takes the score
        back. Several scores of one name and source need a `score_id` each.
        """
        given = score_object(name, value, label, comment, source, call_id, score_id)
        return self.annotate(trajectory_id, scores=[given])

    def tag(self, trajectory_id: str, *tags: str, remove: Sequence[str] = ()) -> JsonObject:
        """Add tags to a trajectory, and remove some."""
        return self.annotate(trajectory_id, addTags=list(tags), removeTags=list(remove))

    def trajectories(self, **filters: Any) -> JsonObject:
        """One page, newest first: `limit`, `offset`, `search`, `status`, `source`, `startDate`…"""
        return self._call("GET", "/api/trajectories", params=filters)

    def trajectory(self, trajectory_id: str) -> JsonObject:
        """One trajectory with its steps, LLM calls and provider accesses."""
        return self._call("GET", f"/api/trajectories/{_id(trajectory_id)}")

    def stats(self) -> JsonObject:
        """Totals over all trajectories."""
        return self._call("GET", "/api/trajectories/stats")

    # Training

    def status(self) -> JsonObject:
        """Counts of trajectories, datasets, jobs and models."""
        return self._call("GET", "/api/training/status")

    def build_dataset(self, **options: Any) -> JsonObject:
        """Build a dataset (`limit`, `minLlmCallsPerTrajectory`) and return its record, perhaps still building."""
        return self._member("dataset", self._call("POST", "/api/training/datasets/build", json=options))

    def dataset(self, dataset_id: str) -> JsonObject:
        """The record of one dataset."""
        return self._member("dataset", self._call("GET", f"/api/training/datasets/{_id(dataset_id)}"))

    def start_job(self, **options: Any) -> JsonObject:
        """Start a training job (`datasetId`, `backend`, `optimizer`, `task`…) and return its record."""
        return self._member("job", self._call("POST", "/api/training/jobs", json=options))

    def estimate_job(self, **options: Any) -> JsonObject:
        """What a job with these options would cost, in calls, tokens and money, and what its test rows could show; none
        is started. Needs `datasetId`.
        """
        answer = self._call("POST", "/api/training/jobs", json={**options, "dryRun": True})
        return self._member("estimate", answer)

    def job(self, job_id: str) -> JsonObject:
        """The record of one job."""
        return self._member("job", self._call("GET", f"/api/training/jobs/{_id(job_id)}"))

    def cancel_job(self, job_id: str) -> JsonObject:
        """Cancel a job; a finished one is returned unchanged."""
        return self._member("job", self._call("POST", f"/api/training/jobs/{_id(job_id)}/cancel"))

    def events(self, job_id: str | None = None, *, after: str | None = None) -> Iterator[JsonObject]:
        """Follow all events, endlessly, from now or after the event id `after`; or one job's, from its first to its last."""
        path = f"/api/training/jobs/{_id(job_id)}/events" if job_id else "/api/training/events"
        headers = {"Last-Event-ID": after} if after else {}
        try:
            with connect_sse(
                self._http, "GET", path, headers=headers, timeout=httpx.Timeout(30, read=90)
            ) as source:
                if source.response.is_error:
                    source.response.read()
                    raise _refusal(source.response)
                for event in source.iter_sse():
                    if event.data:
                        yield event.json()
        except httpx.HTTPError as error:
            raise _unreachable(self._http, error) from error

    def _call(self, method: str, path: str, **arguments: Any) -> JsonObject:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise _unreachable(self._http, error) from error
        if response.is_error:
            raise _refusal(response)
        answer: JsonObject = response.json()
        return answer

    @staticmethod
    def _member(name: str, answer: JsonObject) -> JsonObject:
        member: JsonObject = answer[name]
        return member


def _id(identifier: str) -> str:
    return quote(identifier, safe="")


def _refusal(response: httpx.Response) -> WhetstoneClientError:
    try:
        message = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        message = f"HTTP {response.status_code}"
    return WhetstoneClientError(str(message), response.status_code)


def _unreachable(http: httpx.Client, error: httpx.HTTPError) -> WhetstoneClientError:
    return WhetstoneClientError(f"no answer from {http.base_url}: {str(error) or type(error).__name__}")
