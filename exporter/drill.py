"""A drill: a failure that is made up, on a target of its own, to rehearse the way to the pager."""

import json
from collections.abc import Awaitable, Callable

from exporter.catalogue import code_entry
from exporter.model import DRILL_TARGET, Answer, ErrorCode, Target, TokenEndpoint, TokenRequest, TokenResponse

INTERVAL = 2.0
"""Seconds between two made-up attempts."""

MAX_DURATION = 3600.0
DEFAULT_DURATION = "3m"


def drill_target(code: str) -> Target:
    """The target that fails in drills."""
    return Target(
        name=DRILL_TARGET,
        provider="entra",
        endpoint=TokenEndpoint("drill:nothing-is-sent"),
        grant="none",
        interval=INTERVAL,
        timeout=INTERVAL,
        tenant=DRILL_TARGET,
        watch=(ErrorCode(code),),
    )


def drill_problem(code: str, seconds: float) -> str:
    """What is wrong with a drill that was asked for; '' where nothing is."""
    known = code_entry(code)
    if known is None or known.code != code or not code.startswith("AADSTS"):
        return "code must be an AADSTS code of the catalogue, such as AADSTS50000"
    return "" if seconds <= MAX_DURATION else "for must be at most 1h"


def answering(code: str) -> Callable[[TokenRequest, float], Awaitable[Answer]]:
    """A way to send that sends nothing: every request is refused with this code."""
    number = code.removeprefix("AADSTS")
    body = {"error": "drill", "error_codes": [int(number)], "error_description": f"{code}: a drill, nothing was sent."}
    answer = TokenResponse(status=400, headers={"content-type": "application/json"}, body=json.dumps(body).encode())

    async def send(_request: TokenRequest, _timeout: float) -> Answer:
        return answer

    return send
