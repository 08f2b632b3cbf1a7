"""The examples of the docs."""

import re
from pathlib import Path

import pytest
from processes import ROOT

from exporter.config import parse_config
from exporter.grants import GRANTS
from exporter.model import Config
from exporter.providers import PROVIDERS

EXAMPLES = sorted(path for path in (ROOT / "docs/examples").glob("*.yaml") if path.stem != "scenario")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads(path: Path) -> None:
    """As it stands."""
    assert isinstance(parse_config(path.read_text(), path.parent), Config)


def test_every_provider_and_grant_has_an_example() -> None:
    """A new one without an example is not finished."""
    configs = [parse_config(path.read_text(), path.parent) for path in EXAMPLES]
    targets = [target for config in configs if isinstance(config, Config) for target in config.targets]

    assert {target.provider for target in targets} == PROVIDERS.keys()
    assert {target.grant for target in targets} == GRANTS.keys()


def test_the_readmes_first_config_loads() -> None:
    """It is what a newcomer copies."""
    readme = (ROOT / "README.md").read_text()
    (text,) = re.findall(r"```yaml\n(defaults:.*?)```", readme, re.DOTALL)

    assert isinstance(parse_config(text, ROOT), Config)
