"""Trajectories in pieces that do not know of each other, as telemetry sends them: in any order, and split anywhere.

What is stored in the end depends only on the pieces, not on how they arrived. The exception: where pieces that end
nothing disagree about the trajectory itself (two services name two agents), the first word stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whetstone.trajectories.input.records import TrajectoryInput

_ENDED = frozenset({"completed", "error"})
_DEFAULTS = {"agent_id": "unknown", "source": "chat", "trace_id": None}


class TrajectoryFragment(TrajectoryInput):
    """A piece of a trajectory. Every step, call and access in it has its id; steps have no numbers.

    Of several ends the latest counts; what that one says of the trajectory itself stands against all other pieces.
    """

    def news_for(self, header: Mapping[str, Any]) -> TrajectoryFragment:
        """The same without what a piece that counts more has said already (`header`: the row as it is)."""
        if self.status in _ENDED and not self._is_older(header):
            return self
        known = {
            name: None
            for name, default in _DEFAULTS.items()
            if header[name] not in (default, getattr(self, name))
        }
        metadata = {
            name: value for name, value in (self.metadata or {}).items() if name not in header["metadata"]
        }
        return self.model_copy(update={**known, "metadata": metadata, "status": None, "end_time": None})

    def _is_older(self, header: Mapping[str, Any]) -> bool:
        if header["status"] not in _ENDED:
            return False
        known = (header["end_time"], header["status"] == "error")
        return (self.end_time or 0, self.status == "error") <= known
