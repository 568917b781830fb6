"""idpyoidc: its proofs have the hash of the token in hex, which RFC 9449 does not allow."""

import base64
import hashlib
from types import SimpleNamespace
from unittest import mock

import requests
from idpyoidc.client.oauth2.add_on import dpop

from cases import ACCESS_TOKEN, TOKEN_EXCHANGE, bound, end, peer, test

peer("idpyoidc")
world = bound["plain"]
context = SimpleNamespace(add_on={"dpop": {"algs_supported": ["ES256"]}})


def proof(method, url, token=""):
    return dpop.dpop_header(context, "", method, token=token, endpoint_url=url)


def exchanged():
    client = world["clients"]["service-a"]
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "client_id": "service-a",
        "client_secret": client["secret"],
        "subject_token": client["subject_token"],
        "subject_token_type": ACCESS_TOKEN,
        "audience": "service-b",
    }
    url = f"{world['issuer']}/token"
    response = requests.post(url, form, headers=proof("POST", url), timeout=10).json()
    assert response["token_type"] == "DPoP", response
    return response["access_token"]


def called():
    token = exchanged()
    headers = proof("GET", world["service"], token)
    headers["Authorization"] = f"DPoP {token}"
    return requests.get(world["service"], headers=headers, timeout=10)


def hex_is_refused():
    response = called()
    assert response.status_code == 401, response.status_code
    assert 'error="invalid_dpop_proof"' in response.headers["WWW-Authenticate"], response.headers


def in_base64(token):
    digest = base64.urlsafe_b64encode(hashlib.sha256(token).digest()).rstrip(b"=").decode()
    return SimpleNamespace(hexdigest=lambda: digest)


def base64_is_admitted():
    with mock.patch.object(dpop, "sha256", in_base64):
        response = called()
    assert response.status_code == 200, response.headers


test("dpop exchange", exchanged)
test("dpop hash of the token in hex is refused", hex_is_refused)
test("dpop hash of the token in base64 is admitted", base64_is_admitted)
end()
