"""Authlib: its OAuth2Session at the token endpoint."""

from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from cases import ACCESS_TOKEN, TOKEN_EXCHANGE, end, issuer, metadata, peer, test, testkit

peer("Authlib")
ENDPOINT = metadata["token_endpoint"]


# A client with old habits: Basic credentials not encoded, assertions for the token endpoint.
OLD = "service-o"


def session(method, secret=None, client="service-a"):
    secret = secret or testkit["clients"][client]["secret"]
    return OAuth2Session(client, secret, token_endpoint_auth_method=method)


def by_key(client, audience):
    made = session("private_key_jwt", ECKey.import_key(testkit["client_key"]), client)
    made.register_client_auth_method(PrivateKeyJWT(audience, alg="ES256", headers={"kid": "key-1"}))
    return made


def exchanged(by, audience="service-b"):
    issued = by.fetch_token(
        ENDPOINT,
        grant_type=TOKEN_EXCHANGE,
        subject_token=testkit["clients"][by.client_id]["subject_token"],
        subject_token_type=ACCESS_TOKEN,
        audience=audience,
    )
    assert (issued["token_type"], issued["issued_token_type"]) == ("Bearer", ACCESS_TOKEN), issued


def refused(by, error, audience="service-b"):
    try:
        exchanged(by, audience)
    except OAuthError as refusal:
        assert refusal.error == error, refusal
    else:
        raise AssertionError("it is accepted")


def client_credentials():
    issued = session("client_secret_post").fetch_token(ENDPOINT, grant_type="client_credentials", audience="service-b")
    assert issued["expires_in"] == 300, issued


test("exchange by client_secret_post", lambda: exchanged(session("client_secret_post")))
test("exchange by client_secret_basic not encoded", lambda: exchanged(session("client_secret_basic", client=OLD)))
test("exchange by private_key_jwt", lambda: exchanged(by_key("service-a", issuer)))
test("exchange by private_key_jwt for the token endpoint", lambda: exchanged(by_key(OLD, ENDPOINT)))
test("basic not encoded is refused", lambda: refused(session("client_secret_basic"), "invalid_client"))
test("a key for the token endpoint is refused", lambda: refused(by_key("service-a", ENDPOINT), "invalid_client"))
test("client_credentials", client_credentials)
test("a wrong target is refused", lambda: refused(session("client_secret_post"), "invalid_target", "service-x"))
test("a wrong secret is refused", lambda: refused(session("client_secret_post", "wrong"), "invalid_client"))
end()
