"""Which URLs are safe to send a secret to, whoever states them: a config or a provider's metadata."""

from urllib.parse import urlsplit

_EXAMPLE = "must be a URL such as https://sso.example.org/realms/main"


def host_of(url: str) -> str:
    """The host of a URL that nothing is wrong with, in lower case."""
    return urlsplit(url).hostname or ""


def url_problem(url: str) -> str:
    """What is wrong with an absolute http or https URL, without repeating it; '' where nothing is."""
    # Control characters, spaces and backslashes: parsers disagree about where such a URL leads.
    if not url.isascii() or not url.isprintable() or set(url) & {" ", "\\"}:
        return "must be a URL without spaces, backslashes, control or non-ASCII characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return _EXAMPLE
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        return _EXAMPLE
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    return "must not hold a fragment" if "#" in url else ""
