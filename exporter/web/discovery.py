"""/sd: the config's targets for Prometheus's HTTP service discovery, which can spread /probe over exporters."""

from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

from exporter.model import Config, Target

PREFIX = "__meta_token_probe_"


def handler(config: Callable[[], Config]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Makes the handler: one group a target, with what the config says of it as labels for relabelling."""

    async def handle(_request: web.Request) -> web.Response:
        groups = [{"targets": [target.name], "labels": dict(_labels(target))} for target in config().targets]
        return web.json_response(groups)

    return handle


def _labels(target: Target) -> Iterator[tuple[str, str]]:
    for name in ("provider", "cloud", "tenant", "grant", "client_id"):
        yield PREFIX + name, getattr(target, name)
    for name, value in target.labels:
        yield f"{PREFIX}label_{name}", value
