"""What docs/configuration.md says of how many series a target has."""

import re

from processes import ROOT

_TEXT = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")


def series_documented(provider: str) -> int:
    """Those of a target that has succeeded."""
    found = re.search(r"A target of Entra has (?P<entra>\d+) series .*?`oidc` provider (?P<oidc>\d+)", _TEXT)
    assert found
    return int(found[provider])


def series_of_feature(feature: str) -> int:
    """Those that a feature of a target, in the words of the docs, adds."""
    found = re.search(rf"(\d+) for {re.escape(feature)}", _TEXT)
    assert found, feature
    return int(found[1])
