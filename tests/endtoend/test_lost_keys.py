"""The outage of 2021-03-15 through the whole exporter: keys vanish, tokens are issued all the time."""

from collections import defaultdict
from collections.abc import Mapping

from processes import ROOT
from simulated import Bench, simulated

INTERVAL = 120.0
HOUR = 600.0
"""An hour of the outage is ten minutes here."""
BEGIN = 1_700_000_000.0
CONFIG = """
defaults: {interval: 2m, timeout: 10s}
targets:
  - name: plain
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: client_credentials
    client_id: 00000000-0000-4000-8000-000000000001
    scope: https://graph.microsoft.com/.default
    credential: {client_secret: simulated-secret}
  - name: checked
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: client_credentials
    client_id: 00000000-0000-4000-8000-000000000002
    scope: api://contoso-orders/.default
    credential: {client_secret: simulated-secret}
    expect:
      token:
        audience: [api://contoso-orders]
        claims: {tid: [11111111-1111-4111-8111-111111111111], azp: [00000000-0000-4000-8000-000000000002]}
        min_lifetime: 30m
        max_lifetime: 2h
  - name: keys
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: jwks
"""


async def play(bench: Bench, seconds: float) -> Mapping[str, list[tuple[float, bool]]]:
    """Lets time pass; when each target was asked (seconds after the beginning), and whether that was a success."""
    verdicts = defaultdict(list)
    for _ in range(round(seconds / INTERVAL)):
        await bench.pass_time(INTERVAL, step=INTERVAL)
        for name in bench.exporter.targets:
            at = bench.value("token_probe_last_attempt_timestamp_seconds", target=name) or 0.0
            verdicts[name].append((at - BEGIN, bool(bench.value("token_probe_success", target=name))))
    return verdicts


async def test_keys_that_vanish_while_tokens_are_issued_are_noticed_within_one_interval() -> None:
    """Nothing else notices; and it is over within one interval, too."""
    outage = (ROOT / "replay/outages/2021-03-15.yaml").read_text()
    async with simulated(CONFIG, outage.replace("1h", "10m").replace("4h", "40m")) as bench:
        verdicts, value = await play(bench, 6 * HOUR), bench.value
        invalid = value("token_probe_failures_total", target="checked", side="provider", category="token_invalid")
        missing = value("token_probe_transport_failures_total", target="checked", stage="token", reason="key_missing")

        struck = [at for at, success in verdicts["checked"] if not success]
        spared = [at for at, success in verdicts["checked"] if success]
        assert 1 * HOUR <= min(struck) <= 1 * HOUR + INTERVAL
        assert 4 * HOUR - INTERVAL <= max(struck) < 4 * HOUR
        assert all(at < 1 * HOUR or at >= 4 * HOUR for at in spared)
        assert invalid == missing == len(struck)
        assert all(success for _, success in verdicts["plain"])
        assert [success for _, success in verdicts["keys"]] == [
            not 1 * HOUR <= at < 4 * HOUR for at, _ in verdicts["keys"]
        ]
        assert value("token_probe_jwks_keys", target="keys") == 1
        back = value("token_probe_jwks_last_rollover_timestamp_seconds", target="keys")
        assert back == next(at for at, _ in verdicts["keys"] if at >= 4 * HOUR) + BEGIN
        assert value("token_probe_token_lifetime_seconds", target="checked") == 3599
