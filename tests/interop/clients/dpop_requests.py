"""requests_oauth2client: DPoP at the testkit, and at a service that obo protects.

Authlib has no DPoP.
"""

import requests
from requests_oauth2client import BearerToken, DPoPKey, DPoPToken, OAuth2Client

from cases import ACCESS_TOKEN, bound, end, peer, test

peer("requests_oauth2client")


def start(world, alg="ES256"):
    """A token that is bound to a new key of this algorithm."""
    client = world["clients"]["service-a"]
    metadata = requests.get(f"{world['issuer']}/.well-known/openid-configuration", timeout=10).json()
    library = OAuth2Client(metadata["token_endpoint"], auth=("service-a", client["secret"]), testing=True)
    token = library.token_exchange(
        subject_token=client["subject_token"],
        subject_token_type=ACCESS_TOKEN,
        audience="service-b",
        dpop_key=DPoPKey.generate(alg),
    )
    assert token.token_type == "DPoP", token.token_type
    return token


def admitted(world, alg):
    token = start(world, alg)
    for method, path in (("GET", "/orders/7?all=1"), ("POST", "/a%2Fb"), ("PATCH", "/")):
        response = requests.request(method, world["service"] + path, auth=token, timeout=10)
        assert response.status_code == 200, (response.status_code, response.headers)
        shown = {"sub": "alice", "actor": "service-a", "jkt": token.dpop_key.dpop_jkt}
        assert response.json() == shown, response.json()


def ready(world):
    """A token whose key has the nonce of the service, if it demands one."""
    token = start(world)
    assert requests.get(world["service"], auth=token, timeout=10).ok
    return token


def sent(world, token, **changes):
    """Sends a request once. `changes` are made after the proof."""
    request = requests.Request("GET", world["service"] + "/orders", auth=token).prepare()
    request.hooks["response"] = []
    for name, value in changes.items():
        setattr(request, name, value)
    return requests.Session().send(request, timeout=10)


def refused(response, error, scheme="DPoP"):
    challenges = response.raw.headers.getlist("www-authenticate")
    assert response.status_code == 401, response.status_code
    assert any(line.startswith(scheme) and f'error="{error}"' in line for line in challenges), challenges
    assert any(line.startswith("DPoP") and "ES256" in line for line in challenges), challenges


def another_method(world):
    refused(sent(world, ready(world), method="DELETE"), "invalid_dpop_proof")


def another_url(world):
    refused(sent(world, ready(world), url=f"{world['service']}/invoices"), "invalid_dpop_proof")


def a_replay(world):
    first = sent(world, ready(world))
    assert first.ok, first.status_code
    refused(requests.Session().send(first.request, timeout=10), "invalid_dpop_proof")


def another_key(world):
    stolen, thief = ready(world), ready(world)
    stolen = DPoPToken(stolen.access_token, _dpop_key=thief.dpop_key)
    refused(sent(world, stolen), "invalid_token")


def a_bearer_token(world):
    refused(sent(world, BearerToken(ready(world).access_token)), "invalid_token", "Bearer")


for name, world in bound.items():
    for alg in ("ES256", "RS256", "PS256", "EdDSA"):
        test(f"dpop {name} by {alg}", lambda: admitted(world, alg))
    for theft in (another_method, another_url, a_replay, another_key, a_bearer_token):
        test(f"dpop {name} refuses {theft.__name__}", lambda: theft(world))
end()
