"""The only client I/O: resolve, connect, tls, send, receive, each a step of its own and timed."""

from exporter.transport.client import Transport
from exporter.transport.connector import can_trust

__all__ = ["Transport", "can_trust"]
