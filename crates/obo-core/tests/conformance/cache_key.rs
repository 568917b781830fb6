//! What identifies an exchanged token.

use std::collections::HashSet;
use std::sync::LazyLock;

use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{
    ActorToken, Audience, CacheKey, CacheSecret, ExchangeRequest, Issuer, Resource, Scope, Secret,
    Target, TokenType, Validated,
};
use proptest::prelude::*;

use crate::judge::{ISSUER, verdict};
use crate::token::Token;

static SECRET: LazyLock<CacheSecret> = LazyLock::new(|| CacheSecret::new([7; 32]));

/// One user before and after a step-up, and another user.
static SUBJECTS: LazyLock<Vec<Validated>> = LazyLock::new(|| {
    let tokens = [
        Token::new(),
        Token::new().claim("acr", "\"gold\""),
        Token::new().claim("sub", "\"bob\""),
    ];
    tokens.iter().map(|t| verdict(&t.mint()).unwrap()).collect()
});

/// All that shapes an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Inputs {
    server: String,
    client: String,
    dialect: String,
    subject: usize,
    actor: Option<(String, String)>,
    requested: Option<String>,
    audiences: Vec<String>,
    resources: Vec<String>,
    scope: Vec<String>,
    requires_scope: bool,
}

impl Inputs {
    fn new() -> Self {
        Self {
            server: ISSUER.into(),
            client: "service-a".into(),
            dialect: "rfc8693".into(),
            subject: 0,
            actor: None,
            requested: None,
            audiences: vec!["service-b".into()],
            resources: Vec::new(),
            scope: Vec::new(),
            requires_scope: false,
        }
    }

    fn request(&self) -> ExchangeRequest {
        let audiences = self
            .audiences
            .iter()
            .map(|a| Audience::new(a.as_str()).unwrap());
        let resources = self
            .resources
            .iter()
            .map(|r| Resource::new(r.as_str()).unwrap());
        let mut target: Option<Target> = None;
        for audience in audiences {
            target = Some(match target {
                None => Target::audience(audience),
                Some(target) => target.and_audience(audience),
            });
        }
        for resource in resources {
            target = Some(match target {
                None => Target::resource(resource),
                Some(target) => target.and_resource(resource),
            });
        }
        let (target, scope) = (target.unwrap(), Scope::new(&self.scope).unwrap());
        let target = match self.requires_scope {
            true => target.with_required_scope(scope),
            false => target.with_scope(scope),
        };
        let mut request = ExchangeRequest::new(&SUBJECTS[self.subject], target);
        if let Some((identity, token_type)) = &self.actor {
            let token_type = TokenType::new(token_type.as_str());
            let actor = ActorToken::new(Secret::new("t"), token_type, identity.as_str());
            request = request.with_actor(actor);
        }
        if let Some(requested) = &self.requested {
            request = request.with_requested_type(TokenType::new(requested.as_str()));
        }
        request
    }

    fn key(&self) -> CacheKey {
        self.key_under(&SECRET)
    }

    fn key_under(&self, secret: &CacheSecret) -> CacheKey {
        let server = Issuer::new(self.server.as_str()).unwrap();
        CacheKey::new(
            secret,
            &server,
            &self.client,
            &self.dialect,
            &self.request(),
        )
    }

    /// What may differ in order or repetition and mean the same.
    fn meaning(&self) -> Self {
        let mut same = self.clone();
        same.audiences.sort();
        same.resources.sort();
        same.scope.sort();
        same.scope.dedup();
        same
    }
}

#[test]
fn tx_41_changing_any_one_input_changes_the_key() {
    let change = |change: fn(&mut Inputs)| {
        let mut inputs = Inputs::new();
        change(&mut inputs);
        inputs
    };
    let variants = [
        Inputs::new(),
        change(|i| i.server = "https://other.example".into()),
        // To both, the subject token is somebody else's JWT: nothing but the name tells them apart.
        change(|i| i.server = "https://third.example".into()),
        change(|i| i.client = "service-x".into()),
        change(|i| i.dialect = "other".into()),
        change(|i| i.subject = 1),
        change(|i| i.subject = 2),
        change(|i| i.actor = Some(("a#1".into(), "t".into()))),
        change(|i| i.actor = Some(("a#2".into(), "t".into()))),
        change(|i| i.actor = Some(("a#1".into(), "u".into()))),
        change(|i| i.requested = Some("t".into())),
        change(|i| i.requested = Some("u".into())),
        change(|i| i.audiences = vec!["service-c".into()]),
        change(|i| i.audiences.push("service-c".into())),
        change(|i| i.audiences.push("service-b".into())),
        change(|i| i.resources = vec!["urn:r".into()]),
        change(|i| i.resources = vec!["urn:s".into()]),
        change(|i| i.scope = vec!["a".into()]),
        change(|i| i.scope = vec!["a".into(), "b".into()]),
        change(|i| i.requires_scope = true),
    ];
    let keys: HashSet<_> = variants.iter().map(Inputs::key).collect();
    assert_eq!(keys.len(), variants.len());
    let elsewhere = Inputs::new().key_under(&CacheSecret::new([8; 32]));
    assert!(elsewhere != Inputs::new().key(), "the key is keyed");
}

#[test]
fn tx_41_a_renewed_actor_token_keeps_the_entry() {
    let with = |token: &str| {
        let actor = ActorToken::new(Secret::new(token), TokenType::JWT, "a#1");
        let request = Inputs::new().request().with_actor(actor);
        let server = Issuer::new(ISSUER).unwrap();
        CacheKey::new(&SECRET, &server, "c", "d", &request)
    };
    assert!(with("one") == with("two"));
}

/// More names than a byte counts: no field may borrow from its neighbour.
#[test]
fn tx_41_256_audiences_are_not_256_resources() {
    let names: Vec<_> = (0..512).map(|i| format!("urn:x:{i:03}")).collect();
    let split = |at: usize| {
        let mut inputs = Inputs::new();
        inputs.audiences = names[..at].to_vec();
        inputs.resources = names[at..].to_vec();
        inputs.key()
    };
    let keys: HashSet<_> = [0, 1, 255, 256, 257, 511, 512].map(split).into();
    assert_eq!(keys.len(), 7);
}

#[test]
fn tx_41_the_parameters_of_a_dialect_are_part_of_its_identity() {
    let plain = Rfc8693::new();
    let with = |name: &str, value: &str| Rfc8693::new().extra_parameter(name, value).unwrap();
    let dialects = [
        plain,
        with("organization", "a"),
        with("organization", "b"),
        with("organizationa", ""),
        with("o", "rganizationa"),
        with("a", "1").extra_parameter("b", "2").unwrap(),
        with("a", "1\",\"b\":\"2"),
        with("a", "1=b=2"),
        Rfc8693::new().issued_type_may_be_missing(),
    ];
    let identities: HashSet<_> = dialects.iter().map(|d| d.identity().into_owned()).collect();
    assert_eq!(identities.len(), dialects.len(), "{identities:?}");
    assert_eq!(Rfc8693::new().identity(), "rfc8693");
    let one = with("a", "1").extra_parameter("b", "2").unwrap();
    let other = with("b", "2").extra_parameter("a", "1").unwrap();
    assert_eq!(one.identity(), other.identity());
}

/// Few letters, so that neighbours often look as if a boundary had moved.
fn inputs() -> impl Strategy<Value = Inputs> {
    let word = || "[ab]{1,2}";
    let urns = || proptest::collection::vec("urn:[ab]{1,2}", 1..3);
    let servers = proptest::sample::select(vec![ISSUER, "https://a.example", "https://ab.example"]);
    (
        servers.prop_map(str::to_owned),
        "[ab]{0,2}",
        "[ab]{0,2}",
        0..3_usize,
        proptest::option::of((word(), word())),
        proptest::option::of(word()),
        urns(),
        proptest::collection::vec("urn:[ab]{1,2}", 0..3),
        (proptest::collection::vec(word(), 0..3), any::<bool>()),
    )
        .prop_map(
            |(server, client, dialect, subject, actor, requested, audiences, resources, scopes)| {
                let (scope, requires_scope) = scopes;
                Inputs {
                    server,
                    client,
                    dialect,
                    subject,
                    actor,
                    requested,
                    audiences,
                    resources,
                    scope,
                    requires_scope,
                }
            },
        )
}

proptest! {
    #[test]
    fn tx_41_two_exchanges_share_a_key_exactly_when_they_mean_the_same(
        population in proptest::collection::vec(inputs(), 2..40),
    ) {
        let meanings: HashSet<_> = population.iter().map(Inputs::meaning).collect();
        let keys: HashSet<_> = population.iter().map(Inputs::key).collect();
        prop_assert_eq!(keys.len(), meanings.len());
        for inputs in &population {
            prop_assert!(inputs.key() == inputs.meaning().key());
        }
    }

    #[test]
    fn tx_41_moving_a_boundary_between_fields_never_collides(
        base in inputs(),
        text in "[ab]{2,6}",
        at in any::<proptest::sample::Index>(),
        other in any::<proptest::sample::Index>(),
    ) {
        let split = |at: usize| {
            let (left, right) = text.split_at(at);
            let mut inputs = base.clone();
            (inputs.client, inputs.dialect) = (left.into(), right.into());
            inputs.actor = Some((format!("i{left}"), format!("{right}t")));
            inputs
        };
        let (one, two) = (split(at.index(text.len())), split(other.index(text.len())));
        prop_assert_eq!(one.key() == two.key(), one == two);
        let swapped = Inputs { client: one.dialect.clone(), dialect: one.client.clone(), ..one.clone() };
        prop_assert_eq!(one.key() == swapped.key(), one == swapped);
    }
}
