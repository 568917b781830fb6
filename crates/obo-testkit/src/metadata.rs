//! The metadata document of RFC 8414 and OpenID Connect Discovery, one and the same.

use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::client_assertion::MACS;
use crate::state::State;
use crate::token_endpoint::GRANT_TYPES;

/// The document is built from the configured issuer, never from the `Host` header.
///
/// RFC 8414 §2 requires `response_types_supported`, and §3.2 forbids empty arrays. There is no
/// authorization endpoint, so the one value is `none`, which is registered for responses without a
/// code or a token.
pub(crate) fn document(state: &State) -> Value {
    let assertion_algs = [&TestAlg::names()[..], &MACS].concat();
    let mut document = json!({
        "issuer": state.issuer,
        "token_endpoint": state.url("/token"),
        "introspection_endpoint": state.url("/introspect"),
        "jwks_uri": state.url("/jwks"),
        "response_types_supported": ["none"],
        "grant_types_supported": GRANT_TYPES,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "id_token_signing_alg_values_supported": TestAlg::names(),
        "dpop_signing_alg_values_supported": TestAlg::names(),
        "subject_types_supported": ["public"],
        "service_documentation": "https://docs.rs/obo-testkit",
        "obo_testkit": "obo-testkit, never for production",
    });
    let [token, introspection] = ["/token", "/introspect"].map(|path| state.mutual_tls_url(path));
    if token.is_some() {
        document["mtls_endpoint_aliases"] =
            json!({ "token_endpoint": token, "introspection_endpoint": introspection });
        document["tls_client_certificate_bound_access_tokens"] = true.into();
        let methods = &mut document["token_endpoint_auth_methods_supported"];
        let methods = methods.as_array_mut().expect("an array");
        methods.extend(["tls_client_auth", "self_signed_tls_client_auth"].map(Value::from));
    }
    document
}
