"""No grant: the parameters that the config states and nothing else, to see that they are refused rightly."""

from exporter.grants.request import ask_for_token
from exporter.model import Attempt, Flow, Grant


def steps(attempt: Attempt) -> Flow:
    """One request with the stated parameters; an empty form where there are none."""
    return (yield from ask_for_token(attempt, ()))


NONE = Grant(name="none", steps=steps, requires=frozenset({"expect"}), allows=frozenset({"client_id", "credential"}))
