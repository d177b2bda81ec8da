"""The process that runs the models: `python -m whetstone.privacy.names.worker`.

It lives on one core at low priority, speaks over its standard input and output, and ends when nobody has asked for
a while or when its parent is gone.
"""

from __future__ import annotations

import os
import select
import sys
import traceback
from pathlib import Path
from typing import IO, Final

from whetstone.errors import WhetstoneError
from whetstone.privacy.names.combine import combine, has_prose
from whetstone.privacy.names.entity import Found
from whetstone.privacy.names.protocol import receive, send

IDLE_SECONDS: Final = 60.0
_NICENESS: Final = 10


class Models:
    """Both models, loaded. Raises UnavailableError when their files are missing or not the known ones."""

    def __init__(self) -> None:
        # Here and not above: these imports are heavy, and belong to this process alone.
        from whetstone.privacy.names.prose import English
        from whetstone.privacy.names.rampart import Rampart

        self._rampart = Rampart()
        self._english = English()

    def find(self, text: str) -> list[Found]:
        """What is private in one text."""
        english = self._english.entities(text) if has_prose(text) else []
        return combine(text, self._rampart.entities(text), english)


def main() -> None:
    """Serve until the input ends or stays silent."""
    idle = float(sys.argv[1]) if len(sys.argv) > 1 else IDLE_SECONDS
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    # Whatever libraries print must not get between the messages.
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    try:
        models = Models()
    except (WhetstoneError, ImportError, OSError) as error:
        send(outgoing, {"error": str(error)})
        return
    send(outgoing, {"ready": True})
    while select.select([incoming], [], [], idle)[0]:
        if not _serve(models, incoming, outgoing):
            return


def _serve(models: Models, incoming: IO[bytes], outgoing: IO[bytes]) -> bool:
    request = receive(incoming)
    if request is None:
        return False
    try:
        found = [[list(item) for item in models.find(text)] for text in request["texts"]]
    except Exception as error:
        # Never the message: it may quote the text.
        place = traceback.extract_tb(error.__traceback__)[-1]
        cause = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        send(outgoing, {"failed": cause})
    else:
        send(outgoing, {"found": found})
    return True


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        # The parent is gone, or is being stopped together with this process.
        sys.exit(0)
