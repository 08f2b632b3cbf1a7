"""The exporter, noting down how late each attempt began: `python -m bench.noting FILE [FLAGS...]`.

FILE is appended a double in the machine's byte order for each attempt: the seconds.
"""

import sys
from array import array
from pathlib import Path

from exporter.__main__ import main
from exporter.metrics import Recorder


def note_down(path: Path) -> None:
    """Has the schedule's lateness written to a file, too."""
    notes = path.open("ab", buffering=0)
    started = Recorder.started

    def noted(recorder: Recorder, delay: float) -> None:
        notes.write(array("d", [delay]).tobytes())
        started(recorder, delay)

    Recorder.started = noted  # type: ignore[method-assign]


if __name__ == "__main__":
    note_down(Path(sys.argv.pop(1)))
    main()
