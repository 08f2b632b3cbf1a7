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
        self.is_held = False
        self.waiting: list[Callable[[], None]] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets changes wait while the block runs, so that who reads the series in steps sees whole attempts only."""
        self.is_held = True
        try:
            yield
        finally:
            self.is_held = False
            waiting, self.waiting = self.waiting, []
            # One that breaks does not take those after it along.
            with ExitStack() as changes:
                for change in reversed(waiting):
                    changes.callback(change)


def held_up(change: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """A change of series that waits for its turn while they are held."""

    @wraps(change)
    def now_or_later(holding: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if holding.is_held:
            holding.waiting.append(partial(change, holding, *args, **kwargs))
        else:
            change(holding, *args, **kwargs)

    return now_or_later
