"""The examples of the docs, and what they say of each grant."""

import re
from pathlib import Path

import pytest
from processes import ROOT

from exporter.config import parse_config
from exporter.config.checks import COMMON_KEYS
from exporter.grants import GRANTS
from exporter.model import Config, Grant
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


def told_of_grants() -> dict[str, tuple[set[str], set[str]]]:
    """What docs/grants.md says that each grant needs, and may have."""
    lines = (ROOT / "docs/grants.md").read_text().splitlines()
    rows = [line.split("|")[1:4] for line in lines if line.startswith("| `")]
    named = [[re.findall(r"`([\w*]+)`", cell) for cell in row] for row in rows]
    return {grant: (set(needs), set(may)) for grants, needs, may in named for grant in grants}


def keys_of_grant(grant: Grant) -> tuple[set[str], set[str]]:
    """The same by its definition."""
    needs = grant.requires.union(f"{name}_*" for name in grant.secrets)
    return set(needs), set(grant.allows.union(f"{name}_*" for name in grant.may_present) - needs)


def test_every_grants_keys_are_told() -> None:
    """All of them, and no others but those that targets of any grant may have."""
    told = told_of_grants()

    assert told.keys() == GRANTS.keys()
    for name, grant in GRANTS.items():
        needs, may = told[name]
        assert (needs, may - COMMON_KEYS) == keys_of_grant(grant), name


def test_the_readmes_first_config_loads() -> None:
    """It is what a newcomer copies."""
    readme = (ROOT / "README.md").read_text()
    (text,) = re.findall(r"```yaml\n(defaults:.*?)```", readme, re.DOTALL)

    assert isinstance(parse_config(text, ROOT), Config)
