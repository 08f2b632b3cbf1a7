"""Small files that others write: read at once, without blocking and without trusting their size."""

import os
import stat
from pathlib import Path

from exporter.model import Unreadable

MAX_SIZE = 64 * 1024


def read_file(path: Path, most: int = MAX_SIZE) -> bytes | Unreadable:
    """The content of a regular file of so many bytes at the most. Never raises, never blocks: a FIFO is left alone."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Unreadable(f"{path} is no regular file")
            content = file.read(most + 1)
    except OSError as error:
        return Unreadable(f"{path}: {error.strerror}")
    except ValueError:
        return Unreadable("the path holds a NUL")
    return content if len(content) <= most else Unreadable(f"{path} is larger than {most >> 10} KiB")
