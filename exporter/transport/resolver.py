"""A resolver that serves one lookup: one that is kept answers out of a cache of its own, which nothing turns off."""

from typing import Any

import aiodns
import pycares


class FreshResolver(aiodns.DNSResolver):
    """aiodns without a thread for each channel, which takes as long to start and to end as a lookup does."""

    def _make_channel(self, **settings: Any) -> tuple[bool, pycares.Channel]:
        """What aiodns itself falls back to where it can have no thread."""
        return False, pycares.Channel(sock_state_cb=self._sock_state_cb, timeout=self._timeout, **settings)
