#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

mod claim_matcher;
mod reading;

use std::borrow::Cow;

pub use claim_matcher::ClaimMatcher;

use crate::validate::jwt::TokenTyp;

/// How the access tokens of one kind of authorization server look: what they must have, and where scope, client and
/// roles are in them.
///
/// A profile is data. The two of this type are the standard's and a lenient one; [`dialect`](crate::dialect) has one
/// per product, and a further one is made from any of them:
///
/// ```
/// use obo_core::{ClaimMatcher, Profile, ScopeClaim};
///
/// let profile = Profile::LENIENT
///     .scope_from([ScopeClaim::array("scp")])
///     .client_from(["azp"])
///     .require_match(ClaimMatcher::is("tenant", "corp"));
/// ```
///
/// What no profile turns off: `iss`, `sub` and `exp` are required, the token must be addressed to this service, and a
/// bound token is refused where nobody checks its binding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Profile {
    types: Cow<'static, [TokenTyp]>,
    required: Cow<'static, [&'static str]>,
    expected: Cow<'static, [ClaimMatcher]>,
    refused: Cow<'static, [ClaimMatcher]>,
    service: Cow<'static, [ClaimMatcher]>,
    scope: Cow<'static, [ScopeClaim]>,
    client: Cow<'static, [&'static str]>,
    require_client: bool,
    allow_client_as_audience: bool,
    allow_client_as_actor: bool,
    allow_actor_without_subject: bool,
    allow_scope_text_or_array: bool,
    danger_id_token_claims: bool,
    roles: Listed,
    groups: Listed,
}

/// A claim that scope is read from, and its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeClaim {
    claim: &'static str,
    form: ScopeForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScopeForm {
    Text,
    Array,
}

impl ScopeClaim {
    /// One string of values, space-separated, as RFC 8693 section 4.2 has it.
    pub const fn text(claim: &'static str) -> Self {
        Self {
            claim,
            form: ScopeForm::Text,
        }
    }

    /// An array of single values, which no standard has.
    pub const fn array(claim: &'static str) -> Self {
        Self {
            claim,
            form: ScopeForm::Array,
        }
    }
}

/// Where a list of names is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    At(&'static [&'static str]),
    KeysOf(&'static str),
}

impl Profile {
    /// RFC 9068: `typ` is `at+jwt`; `iss`, `sub`, `aud`, `exp`, `client_id`, `iat` and `jti` are required.
    pub const RFC9068: Self = Self {
        types: Cow::Borrowed(&[TokenTyp::AccessToken]),
        required: Cow::Borrowed(&["iat", "jti"]),
        require_client: true,
        ..Self::LENIENT
    };

    /// For servers that send `typ` `JWT` or none: `iss`, `sub`, `aud` and `exp` are required, what else is there is
    /// checked. ID tokens are refused where `nonce`, `at_hash`, `c_hash` or `s_hash` shows them, and all other kinds of tokens
    /// where the claims `typ`, `token_use`, `token_class`, `token_type` or `events` do.
    ///
    /// An ID token without any of these looks like an access token. Where an audience of this service is also the
    /// `client_id` of an application that people sign in to, ask for more: [`require_client`](Self::require_client), or
    /// what else the server puts into access tokens alone ([`require_claim`](Self::require_claim), [`require_match`](Self::require_match)).
    pub const LENIENT: Self = Self {
        types: Cow::Borrowed(&[TokenTyp::AccessToken, TokenTyp::Jwt, TokenTyp::Absent]),
        required: Cow::Borrowed(&[]),
        expected: Cow::Borrowed(&[]),
        refused: Cow::Borrowed(&[]),
        service: Cow::Borrowed(SERVICE),
        scope: Cow::Borrowed(&[ScopeClaim::text("scope")]),
        client: Cow::Borrowed(&["client_id"]),
        require_client: false,
        allow_client_as_audience: false,
        allow_client_as_actor: false,
        allow_actor_without_subject: false,
        allow_scope_text_or_array: false,
        danger_id_token_claims: false,
        roles: Listed::At(&["roles"]),
        groups: Listed::At(&["groups"]),
    };

    /// Accepts these header `typ` alone.
    pub fn types(mut self, types: impl IntoIterator<Item = TokenTyp>) -> Self {
        self.types = types.into_iter().collect();
        self
    }

    /// Requires a claim, whatever its value, besides those required already.
    pub fn require_claim(mut self, claim: &'static str) -> Self {
        self.required.to_mut().push(claim);
        self
    }

    /// Refuses tokens without this mark: an exact value, such as a tenant's.
    pub fn require_match(mut self, mark: ClaimMatcher) -> Self {
        self.expected.to_mut().push(mark);
        self
    }

    /// Refuses tokens with this mark, as another kind than an access token (RFC 8725 section 3.11).
    pub fn reject_match(mut self, mark: ClaimMatcher) -> Self {
        self.refused.to_mut().push(mark);
        self
    }

    /// Takes tokens with one of these marks for a service's own (RFC 9068 section 5), instead of those whose subject is
    /// their client.
    pub fn service_matchers(mut self, marks: impl IntoIterator<Item = ClaimMatcher>) -> Self {
        self.service = marks.into_iter().collect();
        self
    }

    /// Reads scope from these instead of `scope`: from the first claim that is there, which must have a form given for
    /// it.
    pub fn scope_from(mut self, sources: impl IntoIterator<Item = ScopeClaim>) -> Self {
        self.scope = sources.into_iter().collect();
        self
    }

    /// Reads the client from these claims instead of `client_id`: from the first that is there.
    pub fn client_from(mut self, claims: impl IntoIterator<Item = &'static str>) -> Self {
        self.client = claims.into_iter().collect();
        self
    }

    /// Reads roles from the claim at this path of member names instead of `roles`.
    pub fn roles_from(mut self, path: &'static [&'static str]) -> Self {
        self.roles = Listed::At(path);
        self
    }

    /// Takes the names of the members of this claim, an object, for roles.
    pub fn roles_from_keys_of(mut self, claim: &'static str) -> Self {
        self.roles = Listed::KeysOf(claim);
        self
    }

    /// Reads groups from the claim at this path of member names instead of `groups`.
    pub fn groups_from(mut self, path: &'static [&'static str]) -> Self {
        self.groups = Listed::At(path);
        self
    }
}

/// Makes a setter for each setting that is on or off.
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        impl Profile {$(
            $(#[$doc])*
            pub fn $name(mut self) -> Self {
                self.$name = true;
                self
            }
        )+}
    };
}

flags! {
    /// Requires that there is a client.
    require_client;

    /// Where there is no `aud`, compares the client with the configured audiences instead.
    ///
    /// For servers whose access tokens name no audience: the audience to configure is then the client whose tokens are
    /// meant for this service. A token that has `aud` is judged by it as ever.
    allow_client_as_audience;

    /// Takes the client for the current actor, where there is no `act` (TX-33).
    ///
    /// RFC 8693 section 4.3 does not say so, but servers without `act` show the calling service as the client alone. The
    /// client of a user's own sign-in is then an actor too, and nobody acts for a service that calls for itself.
    allow_client_as_actor;

    /// Accepts an actor in `act` that has `client_id` and no `sub`: the client within its `iss` is then who acts.
    ///
    /// For a server that identifies actors so, against RFC 8693 section 4.1. An actor's client and another actor's subject
    /// may have the same name there; access rules cannot tell them apart.
    allow_actor_without_subject;

    /// Reads scope from a string and from an array of single values alike, whatever claim it is in.
    allow_scope_text_or_array;

    /// Does not take `nonce`, `at_hash`, `c_hash` and `s_hash` for signs of an ID token.
    ///
    /// Without another way to tell ID tokens ([`require_claim`](Self::require_claim), [`reject_match`](Self::reject_match)), they pass.
    danger_id_token_claims;
}

const SERVICE: &[ClaimMatcher] = &[ClaimMatcher::SUBJECT_IS_CLIENT];
