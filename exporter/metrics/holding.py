"""Changes of series that wait while somebody reads them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
S = TypeVar("S", bound="Holding")


class Holding:
    """Of whoever changes series: methods that are `held_up` wait while the series are held."""

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: list[Callable[[], None]] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets changes wait while the block runs, so that who reads the series in steps sees whole attempts only."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            waiting, self._waiting = self._waiting, []
            # One that breaks does not take those after it along.
            with ExitStack() as changes:
                for change in reversed(waiting):
                    changes.callback(change)

    def now_or_later(self, change: Callable[[], None]) -> None:
        """Makes a change, once nobody reads the series."""
        if self._is_held:
            self._waiting.append(change)
        else:
            change()


def held_up(change: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """A change of series that waits for its turn while they are held."""

    @wraps(change)
    def now_or_later(holding: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        holding.now_or_later(partial(change, holding, *args, **kwargs))

    return now_or_later
