"""The only client I/O: resolve, connect, tls, send, receive, each a step of its own and timed."""

from exporter.transport.client import Transport
from exporter.transport.trust import load_authorities

__all__ = ["Transport", "load_authorities"]
