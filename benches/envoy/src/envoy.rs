//! Envoy with the filter `jwt_authn`.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::candidate::Start;
use crate::gateway::free_port;
use crate::world::{AUDIENCE, TOKENS, World};

/// Envoy with or without its cache of tokens. It responds itself, or forwards the request.
pub(crate) fn command(envoy: &str, world: &World, has_cache: bool, is_proxy: bool) -> Start {
    let port = free_port();
    let mut provider = json!({
        "issuer": world.idp.issuer(),
        "audiences": [AUDIENCE],
        "local_jwks": { "inline_string": world.key_set },
    });
    if has_cache && let Some(provider) = provider.as_object_mut() {
        let cache = json!({ "jwt_cache_size": 2 * TOKENS, "jwt_max_token_size": 16_384 });
        provider.insert("jwt_cache_config".to_owned(), cache);
    }
    let route = match is_proxy {
        true => json!({ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }),
        false => json!({
            "match": { "prefix": "/" },
            "direct_response": { "status": 200, "body": { "inline_string": "ok" } },
        }),
    };
    let filters = json!([
        {
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": { "idp": provider },
                "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "idp" } }],
            },
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        },
    ]);
    let config = json!({ "static_resources": {
        "listeners": [listener(port, &route, &filters)],
        "clusters": [{
            "name": "upstream",
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": "upstream",
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(world.upstream) } }] }],
            },
        }],
    }});
    let mut command = Command::new(envoy);
    command.args([
        "--concurrency",
        "1",
        "--use-dynamic-base-id",
        "--log-level",
        "error",
    ]);
    command.args(["--config-yaml", &config.to_string()]);
    Start { command, port }
}

fn listener(port: u16, route: &Value, filters: &Value) -> Value {
    json!({
        "address": address(port),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "bench",
                "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
                "http_filters": filters,
            },
        }]}],
    })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
