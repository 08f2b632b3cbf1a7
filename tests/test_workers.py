"""Tests that must be alone are."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers import turn


def is_held(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_who_must_be_alone_waits_for_all_others_and_lets_nobody_pass(tmp_path: Path) -> None:
    """Neither while others are in, nor while it is."""
    order: list[str] = []

    def take(name: str, alone: bool) -> None:
        with turn(tmp_path, alone=alone):
            order.append(name)

    with ThreadPoolExecutor() as pool, turn(tmp_path, alone=False):
        take("beside", alone=False)
        pool.submit(take, "alone", alone=True)
        assert any(is_held(tmp_path / "door") for _ in range(100_000))
        pool.submit(take, "late", alone=False)
        order.append("first")

    assert order == ["beside", "first", "alone", "late"]
