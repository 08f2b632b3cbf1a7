"""The device flow, RFC 8628: codes that wait for a user who never comes."""

import re
from http import HTTPStatus

from exporter.simulator.refusals import Ids, Reply, refuse

LIFETIME = 900
INTERVAL = 5

_CODE = re.compile(r"simulated-([0-9]{1,12})-[0-9a-f-]{36}")
"""A device code carries its own end, in Unix time, so that nobody has to remember it."""


def issue(ids: Ids, verification_uri: str) -> Reply:
    """A fresh device code with what its user would type, and where (section 3.2)."""
    user_code = ids.trace_id.hex[:9].upper()
    return Reply(
        HTTPStatus.OK,
        {
            "device_code": f"simulated-{int(ids.now) + LIFETIME}-{ids.trace_id}",
            "user_code": user_code,
            "verification_uri": verification_uri,
            "expires_in": LIFETIME,
            "interval": INTERVAL,
            "message": f"Nobody will open {verification_uri} and enter the code {user_code}: this is a simulation.",
        },
    )


def poll(device_code: str, ids: Ids) -> Reply:
    """What a device hears that asks whether its user has come (section 3.5)."""
    issued = _CODE.fullmatch(device_code)
    if issued is None:
        return refuse("AADSTS9002313", ids, detail="The device code presented is malformed.")
    return refuse("AADSTS70016" if ids.now < int(issued[1]) else "AADSTS70020", ids)
