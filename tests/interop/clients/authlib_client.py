"""Authlib: its OAuth session at the token endpoint."""

from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from cases import ACCESS_TOKEN, TOKEN_EXCHANGE, end, issuer, metadata, peer, test, testkit

peer("Authlib")
ENDPOINT = metadata["token_endpoint"]
# For this client, the testkit reads Basic credentials without decoding, and accepts assertions
# for the token endpoint.
OLD = "service-o"


def session(method, secret=None, client="service-a"):
    secret = secret or testkit["clients"][client]["secret"]
    return OAuth2Session(client, secret, token_endpoint_auth_method=method)


def by_key(client, audience):
    keyed = session("private_key_jwt", ECKey.import_key(testkit["client_key"]), client)
    keyed.register_client_auth_method(PrivateKeyJWT(audience, alg="ES256", headers={"kid": "key-1"}))
    return keyed


def exchanged(by, audience="service-b"):
    response = by.fetch_token(
        ENDPOINT,
        grant_type=TOKEN_EXCHANGE,
        subject_token=testkit["clients"][by.client_id]["subject_token"],
        subject_token_type=ACCESS_TOKEN,
        audience=audience,
    )
    assert (response["token_type"], response["issued_token_type"]) == ("Bearer", ACCESS_TOKEN), response


def refused(by, error, audience="service-b"):
    try:
        exchanged(by, audience)
    except OAuthError as refusal:
        assert refusal.error == error, refusal
    else:
        raise AssertionError("expected a refusal")


def client_credentials():
    response = session("client_secret_post").fetch_token(ENDPOINT, grant_type="client_credentials", audience="service-b")
    assert response["expires_in"] == 300, response


test("exchange by client_secret_post", lambda: exchanged(session("client_secret_post")))
test("exchange by unencoded client_secret_basic", lambda: exchanged(session("client_secret_basic", client=OLD)))
test("exchange by private_key_jwt", lambda: exchanged(by_key("service-a", issuer)))
test("exchange by private_key_jwt for the token endpoint", lambda: exchanged(by_key(OLD, ENDPOINT)))
test("unencoded client_secret_basic is refused", lambda: refused(session("client_secret_basic"), "invalid_client"))
test("assertion for the token endpoint is refused", lambda: refused(by_key("service-a", ENDPOINT), "invalid_client"))
test("client_credentials", client_credentials)
test("wrong target is refused", lambda: refused(session("client_secret_post"), "invalid_target", "service-x"))
test("wrong secret is refused", lambda: refused(session("client_secret_post", "wrong"), "invalid_client"))
end()
