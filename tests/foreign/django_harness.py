"""What the tests add to django-oauth-toolkit: its clients, and what a test may do to the server while it runs."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.models import AccessToken, Application, DeviceGrant, RefreshToken


def register(clients: list[dict[str, str]]) -> None:
    """Makes the clients and the one account known."""
    User.objects.create(username="alice")
    for client in clients:
        Application.objects.create(hash_client_secret=False, algorithm="RS256", **client)


def refresh_tokens(client_id: str, scope: str, expires_in: int) -> dict[str, str]:
    """A refresh token that a user could have got in a browser; one that has ended is one that was revoked."""
    owners = {"user": User.objects.get(), "application": Application.objects.get(client_id=client_id)}
    value = f"{client_id}-{RefreshToken.objects.count()}"
    ends = timezone.now() + timedelta(seconds=expires_in)
    access = AccessToken.objects.create(token=f"access-{value}", scope=scope, expires=ends, **owners)
    token = RefreshToken.objects.create(token=value, access_token=access, **owners)
    if expires_in <= 0:
        token.revoke()
    return {"refresh_token": value}


def device_codes(user_code: str, decision: str) -> dict[str, str]:
    """What the user decided on a device code."""
    grant = DeviceGrant.objects.get(user_code=user_code)
    grant.status = {"approved": grant.AUTHORIZED, "denied": grant.DENIED, "expired": grant.EXPIRED}[decision]
    grant.user = User.objects.get()
    grant.save()
    return {}


CONTROLS: Mapping[str, Callable[..., dict[str, str]]] = {f.__name__: f for f in (device_codes, refresh_tokens)}


@csrf_exempt
def harness(request: HttpRequest, name: str) -> JsonResponse:
    """Does what a test asks for, as oidc_provider.mjs does."""
    return JsonResponse(CONTROLS[name](**json.loads(request.body)))


urlpatterns = [
    path("harness/<str:name>", harness),
    path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
