"""What later requests present of an answer."""

from dataclasses import replace

from exporter.interpret.parse import parse_object
from exporter.model import Answer, Secret, TokenRequest, TokenResponse


def with_taken(answer: Answer, request: TokenRequest) -> Answer:
    """The answer with what the request takes of it set apart, before masking could spoil it."""
    if not request.takes or not isinstance(answer, TokenResponse):
        return answer
    content = parse_object(answer.body)
    values = content if isinstance(content, dict) else {}
    taken = {name: Secret(text) for name in request.takes if isinstance(text := values.get(name), str) and text}
    return replace(answer, taken=taken)


def renewed_token(answer: Answer) -> Secret | None:
    """The refresh token that was taken of an answer; also of one that is of no use otherwise."""
    return answer.taken.get("refresh_token") if isinstance(answer, TokenResponse) else None
