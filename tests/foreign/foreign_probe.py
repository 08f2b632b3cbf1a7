"""The product's own way from the text of a config to the result of an attempt."""

from pathlib import Path

import yaml

from exporter.app import once
from exporter.config import parse_config
from exporter.model import Config, ProbeResult


def config_of(*targets: dict[str, object]) -> str:
    """The text of a config with these targets, which are any OpenID Connect issuers, over http too."""
    common = {"provider": "oidc", "allow_http": True}
    return yaml.safe_dump({"targets": [{"name": f"foreign-{n}", **common, **t} for n, t in enumerate(targets)]})


async def probe(**target: object) -> ProbeResult:
    """One attempt at a target, over the network."""
    config = parse_config(config_of(target), Path())
    assert isinstance(config, Config), config
    [result] = await once(config, config.targets)
    return result
