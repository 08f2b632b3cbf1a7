"""The outage of 2022-05-03 through the whole exporter: device codes die within seconds."""

from simulated import Bench, simulated

CONFIG = """
defaults: {interval: 1m, timeout: 20s}
targets:
  - name: device
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: device_code
    client_id: 00000000-0000-4000-8000-000000000005
    scope: https://graph.microsoft.com/.default
"""
SCENARIO = """
name: 2022-05-03, device codes expire at once
timeline:
  - {from: 5m, to: 10m, answer: {code: AADSTS70020, error: expired_token}}
"""


async def play(bench: Bench, minutes: int) -> list[bool]:
    """Lets minutes pass; whether each one's attempt was a success."""
    verdicts = []
    for _ in range(minutes):
        await bench.pass_time(60)
        verdicts.append(bool(bench.value("token_probe_success", target="device")))
    return verdicts


async def test_codes_that_die_within_seconds_are_noticed_within_an_interval() -> None:
    """As the provider's failure; while nothing else is wrong, and over as soon as codes live again."""
    async with simulated(CONFIG, SCENARIO) as bench:
        verdicts = await play(bench, 15)
        failures = bench.value("token_probe_failures_total", target="device", side="provider", category="service_fault")
        errors = bench.value("token_probe_errors_total", target="device", code="AADSTS70020", category="grant_invalid")

    assert verdicts == [True] * 5 + [False] * 5 + [True] * 5
    assert failures == errors == 5
