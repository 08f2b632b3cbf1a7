"""A whole authorization server of somebody else's (django-oauth-toolkit), as the tests need it; see README.md.

Runs in a virtual environment of its own. Usage: python django_server.py SETTINGS.json; says where it listens, and ends
with its standard input.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        return


def configure(signing_key: str) -> None:
    """Django without a project: one database in memory, and so one thread."""
    parts = ("auth", "contenttypes")
    settings.configure(
        ALLOWED_HOSTS=["localhost"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[f"django.contrib.{part}" for part in parts] + ["oauth2_provider"],
        LOGGING_CONFIG=None,
        # Tables as they are today: running through the migrations takes a second.
        MIGRATION_MODULES=dict.fromkeys([*parts, "oauth2_provider"]),
        OAUTH2_PROVIDER={
            "OAUTH_DEVICE_VERIFICATION_URI": "http://localhost/device/",
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": signing_key,
            "SCOPES": {"openid": "who you are", "read": "reading", "write": "writing"},
        },
        ROOT_URLCONF="django_harness",
        SECRET_KEY="made up",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def end_with_input() -> None:
    """Ends the process when whoever started it is gone."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serves until standard input ends."""
    given: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    threading.Thread(target=end_with_input, daemon=True).start()
    configure(given["signing_key"])
    from django_harness import register  # noqa: PLC0415 - its models need Django set up

    register(given["clients"])
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
        print("listening", json.dumps({"http": f"http://localhost:{server.server_port}"}), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
