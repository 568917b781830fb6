"""idpyoidc, a library without an HTTP server: this file adds routes and configuration.

By default, an exchanged token has no audience. With the argument `audience`, it has the requested
audience.
"""

import json
import logging
import os
import sys
import tempfile

from cryptojwt.jwk.ec import new_ec_key
from flask import Flask, make_response, redirect, request
from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.exception import ClientAuthenticationError
from idpyoidc.server.session.grant import ExchangeGrant

from listening import bind, until_stdin_ends

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
SCOPES = ["openid", "read", "write"]
SECRETS = {
    "web-app": "web-app-secret-0123456789abcdef0123456789",
    "service-a": "service-a-secret-0123456789abcdef0123456789",
    # Requires encoding in Basic authentication, but this server does not decode.
    "service-e": "a secret: 100% + more/&=?0123456789abcdef",
}

listener, issuer = bind()
state = tempfile.TemporaryDirectory()


def in_state(name):
    return os.path.join(state.name, name)


def library(name, **kwargs):
    return {"class": f"idpyoidc.server.{name}", "kwargs": kwargs}


def endpoint(path, name, **kwargs):
    return {"path": path, **library(name, **kwargs)}


def ephemeral(*uses):
    return {"keys": {"key_defs": [{"type": "OCT", "use": ["enc"], "kid": use} for use in uses]}, "iterations": 1}


exchange = library(
    "oidc.token_helper.token_exchange.TokenExchangeHelper",
    subject_token_types_supported=[ACCESS_TOKEN],
    requested_token_types_supported=[ACCESS_TOKEN],
    default_requested_token_type=ACCESS_TOKEN,
    policy={
        "": {
            "function": "idpyoidc.server.oauth2.token_helper.validate_token_exchange_policy",
            "kwargs": {"scope": SCOPES, "audience": ["service-b"], "resource": ["https://service-b.example/"]},
        }
    },
)
configuration = {
    "issuer": issuer,
    "template_dir": state.name,
    "preference": {"subject_types_supported": ["public"], "scopes_supported": SCOPES},
    "key_conf": {
        "uri_path": "jwks",
        "private_path": in_state("keys.json"),
        "key_defs": [{"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]}],
        "read_only": False,
    },
    "cookie_handler": library("cookie_handler.CookieHandler", keys={
        "key_defs": [{"type": "OCT", "use": [use], "kid": use} for use in ("sig", "enc")],
    }),
    "endpoint": {
        "provider_config": endpoint(
            ".well-known/openid-configuration",
            "oidc.provider_config.ProviderConfiguration",
            client_authn_method=None,
        ),
        "authorization": endpoint(
            "authorization",
            "oidc.authorization.Authorization",
            client_authn_method=None,
            response_types_supported=["code"],
        ),
        "token": endpoint(
            "token",
            "oidc.token.Token",
            client_authn_method=METHODS,
            grant_types_helpers={
                "authorization_code": library("oidc.token_helper.access_token.AccessTokenHelper"),
                "client_credentials": library("oauth2.token_helper.client_credentials.ClientCredentials"),
                TOKEN_EXCHANGE: exchange,
            },
        ),
        "introspection": endpoint(
            "introspection", "oauth2.introspection.Introspection", client_authn_method=METHODS
        ),
    },
    # Every user is diana, without a login.
    "authentication": {"anon": {
        "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
        **library("user_authn.user.NoAuthn", user="diana"),
    }},
    "userinfo": library("user_info.UserInfo", db={"diana": {"name": "Diana"}}),
    "authz": library("authz.AuthzHandling", grant_config={
        "expires_in": 43200,
        "usage_rules": {
            "authorization_code": {"supports_minting": ["access_token", "id_token"], "max_usage": 1},
            "access_token": {"supports_minting": ["access_token"], "expires_in": 600},
        },
    }),
    "token_handler_args": {
        "jwks_def": {
            "private_path": in_state("token-keys.json"),
            "read_only": False,
            "key_defs": [{"type": "oct", "bytes": "24", "use": ["enc"], "kid": "code"}],
        },
        "code": {"lifetime": 600, "kwargs": {"crypt_conf": {"kwargs": ephemeral("password", "salt")}}},
        "token": library("token.jwt_token.JWTToken", lifetime=600, alg="ES256"),
        "id_token": library("token.id_token.IDToken"),
    },
    "session_params": {"encrypter": {"kwargs": ephemeral("password", "salt")}},
}
server = Server(OPConfiguration(conf=configuration, base_path=state.name), cwd=state.name)
server.context.map_supported_to_preferred()


def register(client_id, method, grants):
    server.context.cdb[client_id] = {
        "client_id": client_id,
        "client_salt": "salt",
        "redirect_uris": [("http://127.0.0.1/callback", {})],
        "token_endpoint_auth_method": method,
        "response_types_supported": ["code"],
        "grant_types_supported": grants,
        "allowed_scopes": SCOPES,
    }
    if client_id in SECRETS:
        server.context.cdb[client_id]["client_secret"] = SECRETS[client_id]
        server.keyjar.add_symmetric(client_id, SECRETS[client_id])


register("web-app", "client_secret_basic", ["authorization_code"])
register("service-a", "client_secret_basic", [TOKEN_EXCHANGE, "client_credentials"])
register("service-e", "client_secret_basic", [TOKEN_EXCHANGE])
register("service-k", "private_key_jwt", [TOKEN_EXCHANGE, "client_credentials"])
client_key = new_ec_key(crv="P-256", kid="client-1", alg="ES256", use="sig")
server.keyjar.import_jwks({"keys": [client_key.serialize(private=False)]}, "service-k")

if sys.argv[1:] == ["audience"]:
    shipped = ExchangeGrant.payload_arguments

    def payload_arguments(self, session_id, *args, item=None, **kwargs):
        payload = shipped(self, session_id, *args, item=item, **kwargs)
        if item is not None and item.resources:
            payload["aud"] = list(item.resources)
        return payload

    ExchangeGrant.payload_arguments = payload_arguments


def response(status, message):
    return make_response(message, status, {"content-type": "application/json"})


def refusal(error, description):
    status = 401 if error == "invalid_client" else 400
    return response(status, json.dumps({"error": error, "error_description": description}))


def run(name):
    ep = server.get_endpoint(name)
    info = {
        "headers": {name: value for name, value in request.headers.items(lower=True)},
        "method": request.method,
        "url": request.url,
    }
    arguments = request.args.to_dict() if request.method == "GET" else request.get_data(as_text=True)
    try:
        parsed = ep.parse_request(arguments, http_info=info)
    except ClientAuthenticationError as error:
        return refusal("invalid_client", str(error))
    except Exception as error:
        logging.exception("request could not be parsed")
        return refusal("invalid_request", str(error))
    if isinstance(parsed, ResponseMessage) and "error" in parsed:
        return response(401 if parsed["error"] == "invalid_client" else 400, parsed.to_json())
    result = ep.process_request(parsed, http_info=info)
    if isinstance(result, ResponseMessage) and "error" in result:
        return response(400, result.to_json())
    outcome = ep.do_response(request=parsed, **result)
    if outcome.get("response_placement", ep.response_placement) == "url":
        return redirect(outcome["response"])
    made = make_response(outcome["response"], outcome.get("response_code", 200))
    made.headers.update(outcome["http_headers"])
    return made


app = Flask("idpyoidc")
app.add_url_rule("/jwks", "jwks", lambda: server.keyjar.export_jwks())


def revoke():
    """Revokes a token in the session database: this version's revocation endpoint does not work."""
    token = request.form["token"]
    session = server.context.session_manager.get_session_info_by_token(token, grant=True)
    session["grant"].get_token(token).revoke()
    return ""


app.add_url_rule("/interop/revoke", "revoke", revoke, methods=["POST"])
for name, methods in (
    ("provider_config", ["GET"]),
    ("authorization", ["GET"]),
    ("token", ["POST"]),
    ("introspection", ["POST"]),
):
    path = "/" + configuration["endpoint"][name]["path"]
    app.add_url_rule(path, name, lambda name=name: run(name), methods=methods)
until_stdin_ends(
    app,
    listener,
    "idpyoidc",
    issuer=issuer,
    secrets=SECRETS,
    client_key=client_key.serialize(private=True),
)
