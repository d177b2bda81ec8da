"""The SDK for agents and scripts: record trajectories, give feedback, build datasets, run jobs, follow events."""

from whetstone.client.client import WhetstoneClient, WhetstoneClientError
from whetstone.client.recorder import TrajectoryRecorder

__all__ = ["TrajectoryRecorder", "WhetstoneClient", "WhetstoneClientError"]
