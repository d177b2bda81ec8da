"""What a worker's environment holds: little, and on purpose.

A worker runs other people's libraries for hours; it gets what it needs to find its code, its files, its
language model and its accelerators, and neither the service's tokens nor its database.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from whetstone.lm_settings import LMSettings
from whetstone.settings import Settings, environment
from whetstone.train_settings import TrainSettings

# Beside what every child process gets: our code, native libraries, accelerators, the way to the model.
_INHERITED = (
    "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip

_SERVER_ONLY = ("api_token", "server_shared_secret", "database_url", "ray_token")
_LAUNCHER_ONLY = ("launcher", "ray_address", "ray_python")


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker on this machine that shall see the same settings as this process."""
    return settings.child_environment(without=_SERVER_ONLY) | environment(_INHERITED)


def remote_environment(settings: Settings) -> dict[str, str]:
    """The variables that a worker on another machine gets beside those of that machine.

    The settings of the models and of training, and the state folder, which both machines share. No other path, for
    it names something of this machine, and no secret, for whoever sees the cluster sees its jobs' variables.
    """
    wanted = {*LMSettings.model_fields, *TrainSettings.model_fields} - {*_LAUNCHER_ONLY}
    stays = {
        name for name in Settings.model_fields if name not in wanted or _is_ours(getattr(settings, name))
    }
    return settings.child_environment(without=stays - {"state_dir"}, same_machine=False)


def _is_ours(value: Any) -> bool:
    return isinstance(value, SecretStr | Path)
