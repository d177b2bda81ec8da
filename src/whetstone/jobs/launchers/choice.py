"""The launchers that a server has, by the name that jobs call them."""

from __future__ import annotations

from collections.abc import Mapping

from whetstone.jobs.launchers.base import Launcher
from whetstone.jobs.launchers.local import LocalLauncher
from whetstone.jobs.launchers.placement import LOCAL, RAY
from whetstone.jobs.launchers.ray import RayLauncher
from whetstone.settings import Settings


def make_launchers(settings: Settings) -> Mapping[str, Launcher]:
    """This machine, and the Ray cluster if the settings name one."""
    cluster = {} if settings.ray_address is None else {RAY: RayLauncher(settings)}
    return {LOCAL: LocalLauncher(settings), **cluster}
