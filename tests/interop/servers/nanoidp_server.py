"""nanoidp without changes, with a user whose tokens are long and have many lists."""

import os
import sys
import tempfile

import yaml
from nanoidp.app import create_app

from listening import bind, until_stdin_ends

SECRETS = {"web-app": "web-app-secret"}

listener, issuer = bind()
folder = tempfile.TemporaryDirectory()


def write(name, document):
    with open(os.path.join(folder.name, name), "w") as file:
        yaml.safe_dump({"config_version": 1, **document}, file)


write("settings.yaml", {
    "server": {"host": "127.0.0.1", "port": listener.getsockname()[1]},
    "oauth": {
        "issuer": issuer,
        "audience": "service-a",
        "token_expiry_minutes": 10,
        "clients": [{"client_id": id, "client_secret": secret} for id, secret in SECRETS.items()],
    },
})
write("users.yaml", {
    "users": {
        "alice": {
            "password": "alice",
            "email": "alice@example.org",
            "identity_class": "INTERNAL",
            "entitlements": [f"ENTITLEMENT_{number:03}" for number in range(100)],
            "roles": ["USER", "ADMIN"],
            "groups": ["ADMINISTRATORS"],
            "tenant": "default",
        },
    },
})
os.chdir(folder.name)
app = create_app(folder.name)
until_stdin_ends(app, listener, "nanoidp", issuer=issuer, secrets=SECRETS)
