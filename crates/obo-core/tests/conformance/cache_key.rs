//! The identity of an exchanged token.

use std::collections::HashSet;
use std::sync::LazyLock;

use obo_core::dialect::{Dialect, Rfc8693, TargetBy};
use obo_core::{
    ActorToken, Audience, CacheKey, CacheKeys, Caller, ClaimsRequest, ExchangeRequest, Issuer,
    Resource, Scope, Secret, Target, TokenType,
};
use proptest::prelude::*;

use crate::token::Token;
use crate::validate::{ISSUER, verdict};
use crate::wire::{own, thumbprint};

const RANDOM: [u8; 32] = [7; 32];

/// One user before and after a step-up, and another user.
static SUBJECTS: LazyLock<Vec<Caller>> = LazyLock::new(|| {
    let tokens = [
        Token::new(),
        Token::new().claim("acr", "\"gold\""),
        Token::new().claim("sub", "\"bob\""),
    ];
    tokens.iter().map(|t| verdict(&t.mint()).unwrap()).collect()
});

/// Everything that shapes an exchange.
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
    other_names: Vec<String>,
    scope: Vec<String>,
    requires_scope: bool,
    claims: Option<String>,
    certificate: Option<u8>,
    /// A key of [`thumbprint`].
    bound_to: Option<bool>,
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
            other_names: Vec::new(),
            scope: Vec::new(),
            requires_scope: false,
            claims: None,
            certificate: None,
            bound_to: None,
        }
    }

    fn target(&self) -> Target {
        let audience = |name: &String| Audience::new(name.as_str()).unwrap();
        let mut target: Option<Target> = None;
        for audience in self.audiences.iter().map(audience) {
            target = Some(match target {
                None => Target::audience(audience),
                Some(target) => target.and_audience(audience),
            });
        }
        for resource in &self.resources {
            let resource = Resource::new(resource.as_str()).unwrap();
            target = Some(match target {
                None => Target::resource(resource),
                Some(target) => target.and_resource(resource),
            });
        }
        let names = self.other_names.iter().map(audience);
        let target = names.fold(target.unwrap(), Target::or_named);
        let scope = Scope::new(&self.scope).unwrap();
        match self.requires_scope {
            true => target.with_required_scope(scope),
            false => target.with_scope(scope),
        }
    }

    fn request(&self) -> ExchangeRequest {
        let target = self.target();
        let mut request = ExchangeRequest::new(&SUBJECTS[self.subject], target);
        if let Some((identity, token_type)) = &self.actor {
            let token_type = TokenType::new(token_type.as_str());
            let actor = ActorToken::new(Secret::new("t"), token_type, identity.as_str());
            request = request.with_actor(actor);
        }
        if let Some(requested) = &self.requested {
            request = request.with_requested_type(TokenType::new(requested.as_str()));
        }
        if let Some(claim) = &self.claims {
            let claims = format!(r#"{{"{claim}":null}}"#);
            request = request.with_claims(ClaimsRequest::parse(&claims).unwrap());
        }
        request.with_thumbprint(self.bound_to.map(thumbprint))
    }

    fn key(&self) -> CacheKey {
        self.key_under(RANDOM)
    }

    fn key_under(&self, random: [u8; 32]) -> CacheKey {
        self.keys(random).key(&self.dialect, &self.request().into())
    }

    fn keys(&self, random: [u8; 32]) -> CacheKeys {
        let server = Issuer::new(self.server.as_str()).unwrap();
        let keys = CacheKeys::new(random, &server, &self.client);
        match self.certificate {
            None => keys,
            Some(byte) => keys.bound_to_certificate(&[byte; 32]),
        }
    }

    /// The key of the client's own token for the same target.
    fn client_key(&self) -> CacheKey {
        self.of_client(Some(&self.target()))
    }

    fn of_client(&self, target: Option<&Target>) -> CacheKey {
        let grant = own(target).with_thumbprint(self.bound_to.map(thumbprint));
        self.keys(RANDOM).key(&self.dialect, &grant)
    }

    /// The same inputs in another order or repeated.
    fn meaning(&self) -> Self {
        let mut same = self.clone();
        same.audiences.sort();
        same.resources.sort();
        same.other_names.sort();
        same.scope.sort();
        same.scope.dedup();
        same
    }
}

/// TX-41, MT-08, DP-23
#[test]
fn any_changed_input_changes_key() {
    let change = |change: fn(&mut Inputs)| {
        let mut inputs = Inputs::new();
        change(&mut inputs);
        inputs
    };
    let variants = [
        Inputs::new(),
        change(|i| i.server = "https://other.example".into()),
        // Both servers see a JWT of another issuer: only the name differs.
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
        change(|i| i.other_names = vec!["service-c".into()]),
        change(|i| i.other_names = vec!["service-b".into()]),
        change(|i| i.claims = Some("t".into())),
        change(|i| i.claims = Some("u".into())),
        change(|i| i.scope = vec!["a".into()]),
        change(|i| i.scope = vec!["a".into(), "b".into()]),
        change(|i| i.requires_scope = true),
        change(|i| i.certificate = Some(0)),
        change(|i| i.certificate = Some(1)),
        change(|i| i.bound_to = Some(false)),
        change(|i| i.bound_to = Some(true)),
    ];
    let keys: HashSet<_> = variants.iter().map(Inputs::key).collect();
    assert_eq!(keys.len(), variants.len());
    let elsewhere = Inputs::new().key_under([8; 32]);
    assert!(elsewhere != Inputs::new().key(), "the key is keyed");
}

/// TX-41: only what shapes it: there is no user.
#[test]
fn own_token_shares_no_exchange_key() {
    let change = |change: fn(&mut Inputs)| {
        let mut inputs = Inputs::new();
        change(&mut inputs);
        inputs
    };
    let variants = [
        Inputs::new(),
        change(|i| i.server = "https://other.example".into()),
        change(|i| i.client = "service-x".into()),
        change(|i| i.dialect = "other".into()),
        change(|i| i.audiences = vec!["service-c".into()]),
        change(|i| i.audiences.push("service-b".into())),
        change(|i| i.resources = vec!["urn:r".into()]),
        change(|i| i.other_names = vec!["service-c".into()]),
        change(|i| i.scope = vec!["a".into()]),
        change(|i| i.certificate = Some(0)),
        change(|i| i.certificate = Some(1)),
        change(|i| i.bound_to = Some(false)),
        change(|i| i.bound_to = Some(true)),
    ];
    let own = variants.iter().map(Inputs::client_key);
    let mut keys: HashSet<_> = own.chain([Inputs::new().of_client(None)]).collect();
    assert_eq!(keys.len(), variants.len() + 1);
    keys.extend(variants.iter().map(Inputs::key));
    assert_eq!(keys.len(), 2 * variants.len() + 1);
    let other_user = change(|i| i.subject = 2);
    assert!(other_user.client_key() == Inputs::new().client_key());
}

/// TX-41
#[test]
fn renewed_actor_token_keeps_entry() {
    let with = |token: &str| {
        let actor = ActorToken::new(Secret::new(token), TokenType::JWT, "a#1");
        let request = Inputs::new().request().with_actor(actor);
        let server = Issuer::new(ISSUER).unwrap();
        CacheKeys::new(RANDOM, &server, "c").key("d", &request.into())
    };
    assert!(with("one") == with("two"));
}

/// TX-41
#[test]
fn fresh_request_replaces_entry() {
    let keys = Inputs::new().keys(RANDOM);
    let fresh = keys.key("rfc8693", &Inputs::new().request().fresh().into());
    assert!(fresh == Inputs::new().key());
}

/// TX-41: more names than a byte can count: no field may run into the next.
#[test]
fn audiences_are_not_resources() {
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

/// TX-41
#[test]
fn dialect_identity_has_parameters() {
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
        Rfc8693::new().allow_missing_issued_type(),
        Rfc8693::new().with_name("other"),
    ];
    let identities: HashSet<_> = dialects.iter().map(|d| d.identity().into_owned()).collect();
    assert_eq!(identities.len(), dialects.len(), "{identities:?}");
    assert_eq!(Rfc8693::new().identity(), "rfc8693");
    let one = with("a", "1").extra_parameter("b", "2").unwrap();
    let other = with("b", "2").extra_parameter("a", "1").unwrap();
    assert_eq!(one.identity(), other.identity());
}

/// TX-41
#[test]
fn dialect_identity_has_all_settings() {
    let new = Rfc8693::new;
    let minute = std::time::Duration::from_secs(60);
    let dialects = [
        new(),
        new().jwt_bearer(),
        new().target_by(TargetBy::Audience),
        new().target_by(TargetBy::OneAudience),
        new().target_by(TargetBy::Resource),
        new().target_by(TargetBy::Scope),
        new().client_target_by(TargetBy::Scope),
        new().require_scope(),
        new().subject_type(TokenType::JWT),
        new().subject_type(TokenType::new("urn:x")),
        new().requested_type(TokenType::JWT),
        new().without_requested_type(),
        new().offered_types([TokenType::JWT]),
        new().without_actor(),
        new().require_actor(),
        new().actor_types([TokenType::JWT]),
        new().require_user(),
        new().max_actors(5),
        new().max_actors(6),
        new().require_client_in_audience(),
        new().allow_claims(),
        new().allow_missing_token_type(),
        new().allow_missing_issued_type(),
        new().allow_issued_type(TokenType::JWT),
        new().allow_text_expires_in(),
        new().unstated_lifetime(minute),
        new().unstated_lifetime(minute * 2),
        new().allow_wider_scope(),
        new().pairwise_subject(),
        new().user_claims(["oid"]),
        new().user_claims(["oid", "tid"]),
        new().danger_any_audience(),
    ];
    let identities: HashSet<_> = dialects.iter().map(|d| d.identity().into_owned()).collect();
    assert_eq!(identities.len(), dialects.len(), "{identities:?}");
    let one = new().require_user().require_scope();
    assert_eq!(
        one.identity(),
        new().require_scope().require_user().identity()
    );
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
        (
            proptest::collection::vec("urn:[ab]{1,2}", 0..3),
            proptest::collection::vec("urn:[ab]{1,2}", 0..2),
        ),
        (proptest::collection::vec(word(), 0..3), any::<bool>()),
        (
            proptest::option::of(word()),
            proptest::option::of(0..3_u8),
            proptest::option::of(any::<bool>()),
        ),
    )
        .prop_map(
            |(
                server,
                client,
                dialect,
                subject,
                actor,
                requested,
                audiences,
                (resources, other_names),
                (scope, requires_scope),
                (claims, certificate, bound_to),
            )| {
                Inputs {
                    server,
                    client,
                    dialect,
                    subject,
                    actor,
                    requested,
                    audiences,
                    resources,
                    other_names,
                    scope,
                    requires_scope,
                    claims,
                    certificate,
                    bound_to,
                }
            },
        )
}

/// Where a text is cut into nine parts.
fn cuts() -> impl Strategy<Value = Vec<proptest::sample::Index>> {
    proptest::collection::vec(any::<proptest::sample::Index>(), 8)
}

proptest! {
    /// TX-41
    #[test]
    fn only_equal_exchanges_share_keys(
        population in proptest::collection::vec(inputs(), 2..40),
    ) {
        let meanings: HashSet<_> = population.iter().map(Inputs::meaning).collect();
        let keys: HashSet<_> = population.iter().map(Inputs::key).collect();
        prop_assert_eq!(keys.len(), meanings.len());
        for inputs in &population {
            prop_assert!(inputs.key() == inputs.meaning().key());
        }
    }

    /// TX-41
    #[test]
    fn moved_field_boundary_changes_key(
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

    /// TX-41
    /// All fields of variable length, in the order of the digest, so that each is a neighbour of
    /// each.
    #[test]
    fn text_spread_over_fields_changes_key(
        text in "[ab]{6,12}",
        one in cuts(),
        two in cuts(),
    ) {
        let spread = |cuts: &[proptest::sample::Index]| {
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.sort_unstable();
            let part = |i: usize| {
                let start = i.checked_sub(1).map_or(0, |before| at[before]);
                text[start..at.get(i).copied().unwrap_or(text.len())].to_owned()
            };
            let mut inputs = Inputs::new();
            (inputs.client, inputs.dialect) = (part(0), part(1));
            inputs.actor = Some((part(2), part(3)));
            inputs.requested = Some(part(4));
            inputs.claims = Some(part(5));
            // Names and scope values are not empty.
            inputs.audiences = vec![format!("n{}", part(6)), format!("n{}", part(7))];
            inputs.scope = vec![format!("s{}", part(8))];
            inputs
        };
        let (one, two) = (spread(&one), spread(&two));
        prop_assert_eq!(one.key() == two.key(), one.meaning() == two.meaning());
    }

    /// TX-41: the same texts in one parameter are not those of another.
    #[test]
    fn absent_parameter_shifts_no_other(
        texts in proptest::collection::vec(proptest::sample::select(vec!["", r#"{"a":null}"#]), 3),
        one in any::<[bool; 3]>(),
        two in any::<[bool; 3]>(),
    ) {
        let of = |[actor, requested, claims]: [bool; 3]| {
            let mut inputs = Inputs::new();
            inputs.actor = actor.then(|| (texts[0].into(), texts[1].into()));
            inputs.requested = requested.then(|| texts[2].into());
            inputs.claims = claims.then(|| "a".into());
            inputs
        };
        prop_assert_eq!(of(one).key() == of(two).key(), one == two);
    }
}
