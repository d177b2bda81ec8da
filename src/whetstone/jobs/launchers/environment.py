"""What a worker's environment holds: little, and on purpose.

A worker runs other people's libraries for hours; it gets what it needs to find its code, its files, its
language model and its accelerators, and neither the service's tokens nor its database.
"""

from __future__ import annotations

from whetstone.settings import Settings, environment

# Beside what every child process gets: our code, native libraries, accelerators, the way to the model.
_INHERITED = (
    "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip

_SERVER_ONLY = ("api_token", "server_shared_secret", "database_url")


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker that shall see the same settings as this process."""
    return settings.child_environment(without=_SERVER_ONLY) | environment(_INHERITED)
