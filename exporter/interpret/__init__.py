"""What an answer means: pure functions from an Answer to an Outcome out of the closed sets."""

from exporter.interpret.claims import Moment, judge_claims, judge_lifetime
from exporter.interpret.classify import categorize
from exporter.interpret.device import PENDING, DeviceAuthorization, judge_device_authorization, judge_poll
from exporter.interpret.exchange import judge_exchange
from exporter.interpret.judge import judge_token
from exporter.interpret.keys import judge_keys, read_keys
from exporter.interpret.managed_identity import judge_managed_identity
from exporter.interpret.metadata import Metadata, incomplete, judge_metadata
from exporter.interpret.read import read_answer
from exporter.interpret.retry_after import retry_after
from exporter.interpret.taken import renewed_token, with_taken
from exporter.interpret.tokens import Jwt, issued_token, read_jwt, verify

__all__ = [
    "PENDING",
    "DeviceAuthorization",
    "Jwt",
    "Metadata",
    "Moment",
    "categorize",
    "incomplete",
    "issued_token",
    "judge_claims",
    "judge_device_authorization",
    "judge_exchange",
    "judge_keys",
    "judge_lifetime",
    "judge_managed_identity",
    "judge_metadata",
    "judge_poll",
    "judge_token",
    "read_answer",
    "read_jwt",
    "read_keys",
    "renewed_token",
    "retry_after",
    "verify",
    "with_taken",
]
