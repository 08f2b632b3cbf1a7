"""What an answer means: pure functions from an Answer to an Outcome out of the closed sets."""

from exporter.interpret.classify import categorize
from exporter.interpret.device import PENDING, DeviceAuthorization, judge_device_authorization, judge_poll
from exporter.interpret.exchange import judge_exchange
from exporter.interpret.judge import Metadata, judge_metadata, judge_token
from exporter.interpret.managed_identity import judge_managed_identity
from exporter.interpret.read import read_answer
from exporter.interpret.retry_after import retry_after
from exporter.interpret.taken import renewed_token, with_taken

__all__ = [
    "PENDING",
    "DeviceAuthorization",
    "Metadata",
    "categorize",
    "judge_device_authorization",
    "judge_exchange",
    "judge_managed_identity",
    "judge_metadata",
    "judge_poll",
    "judge_token",
    "read_answer",
    "renewed_token",
    "retry_after",
    "with_taken",
]
