"""The event loop: uvloop's where there is one, since it costs least."""

import asyncio
import socket
import sys
from typing import Any

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    import uvloop

    class _Loop(uvloop.Loop):
        async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
            """Extends uvloop's, which looks up even a number in a thread where `sock_connect` gives no type."""
            return await super().getaddrinfo(host, port, **{"type": socket.SOCK_STREAM} | hints)

    def new_event_loop() -> asyncio.AbstractEventLoop:
        """A new event loop."""
        return _Loop()
