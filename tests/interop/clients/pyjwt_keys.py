"""PyJWT: its key set client, and tokens signed with each algorithm. It does not check `typ`."""

import jwt

from cases import end, issuer, metadata, peer, test, testkit

peer("PyJWT")
keys = jwt.PyJWKClient(metadata["jwks_uri"])


def decoded(token):
    key = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(
        token,
        key,
        algorithms=metadata["id_token_signing_alg_values_supported"],
        audience="service-b",
        issuer=issuer,
        options={"require": ["exp", "iat", "sub", "jti", "client_id"]},
    )
    assert claims["sub"] == "alice"


for name, token in testkit["minted"].items():
    test(f"accepts {name}", lambda: decoded(token))
for name, token in testkit["forged"].items():
    test(f"refuses {name}", lambda: decoded(token), refused_by=jwt.PyJWTError)
end()
