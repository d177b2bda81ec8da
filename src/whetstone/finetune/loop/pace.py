"""How fast a run is, and how long it will go on."""

from __future__ import annotations

from collections import deque

_RECENT_STEPS = 20


class Pace:
    """Seconds and tokens of the newest steps; validations count for the remaining time only."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int]] = deque(maxlen=_RECENT_STEPS)
        self._looks: deque[float] = deque(maxlen=3)

    def step(self, seconds: float, tokens: int) -> None:
        """A step took that long, on that many tokens without padding."""
        self._steps.append((seconds, tokens))

    def look(self, seconds: float) -> None:
        """A validation took that long."""
        self._looks.append(seconds)

    @property
    def tokens_per_second(self) -> float | None:
        """Of the newest steps, without their validations."""
        seconds = sum(each for each, _ in self._steps)
        return sum(tokens for _, tokens in self._steps) / seconds if seconds else None

    def seconds_left(self, steps: int, looks: int) -> float | None:
        """Seconds that so many steps and validations will take at this pace."""
        if not self._steps:
            return None
        step = sum(each for each, _ in self._steps) / len(self._steps)
        look = sum(self._looks) / len(self._looks) if self._looks else 0.0
        return steps * step + looks * look
