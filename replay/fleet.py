"""Whom a replay probes: two applications in each of some tenants."""

from exporter.model import Config, Credential, InlineSecret, Secret, Target, TokenEndpoint

TENANTS = ("contoso", "fabrikam", "northwind", "tailspin")
APPLICATIONS = ("graph", "orders")

_CREDENTIAL = Credential("client_secret_post", InlineSecret(Secret("replayed-secret")))


def fleet(tenants: int, interval: float, confirmations: int) -> Config:
    """The config of a prober that watches so many tenants."""
    targets = tuple(
        Target(
            name=f"{tenant}-{application}",
            provider="entra",
            endpoint=TokenEndpoint(f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
            grant="client_credentials",
            interval=interval,
            timeout=min(10.0, 0.9 * interval),
            confirmations=confirmations,
            cloud="public",
            tenant=tenant,
            client_id=f"{tenant}-{application}",
            scope="https://graph.microsoft.com/.default",
            credential=_CREDENTIAL,
        )
        for tenant in TENANTS[:tenants]
        for application in APPLICATIONS
    )
    return Config(targets=targets, concurrency=100)


def tenant_of(target: str) -> str:
    """The tenant that a target's application is in."""
    return target.rpartition("-")[0]
