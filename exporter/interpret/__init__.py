"""What an answer means: pure functions from an Answer to an Outcome out of the closed sets."""

from exporter.interpret.judge import judge_metadata, judge_token

__all__ = ["judge_metadata", "judge_token"]
