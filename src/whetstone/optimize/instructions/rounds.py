"""Sizes of steps that fill whole rounds of calls: what is left of the last round of a step is waited for in vain."""

from __future__ import annotations

_MOST_AT_ONCE = 5
_BETWEEN_STEPS = 0.2
"""What a step costs beside its calls, in rounds."""
_PRICE_OF_WAITING = 0.01
"""Share of the time that deciding one candidate earlier, on what is known by then, is worth."""
_LEAST_SHARE = 0.85


def at_once(calls_each: int, width: int) -> int:
    """How many candidates of `calls_each` calls to try in one step, with `width` calls in flight."""
    return max(range(1, _MOST_AT_ONCE + 1), key=lambda count: _worth(count, calls_each, width))


def whole_rounds(most: int, width: int, repeats: int) -> int:
    """The rows of a minibatch: `most`, or somewhat fewer if steps then fill their rounds."""
    fewest = max(1, int(most * _LEAST_SHARE))

    def worth(rows: int) -> tuple[float, int]:
        calls = rows * repeats
        return _worth(at_once(calls, width), calls, width), rows

    return max(range(fewest, most + 1), key=worth)


def _worth(count: int, calls_each: int, width: int) -> float:
    calls = count * calls_each
    rounds = -(-calls // width) + _BETWEEN_STEPS
    return calls / (rounds * width) - _PRICE_OF_WAITING * count
