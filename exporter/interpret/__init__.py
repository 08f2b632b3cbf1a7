"""What an answer means: pure functions from an Answer to an Outcome out of the closed sets."""

from exporter.interpret.classify import categorize
from exporter.interpret.judge import Metadata, judge_metadata, judge_token
from exporter.interpret.read import read_answer
from exporter.interpret.retry_after import retry_after

__all__ = ["Metadata", "categorize", "judge_metadata", "judge_token", "read_answer", "retry_after"]
