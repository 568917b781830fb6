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

/// How access tokens of one kind of authorization server look: what they must have, and which
/// claims hold scope, client and roles.
///
/// A profile is data. This type has the profile of the standard and a lenient one, and
/// [`dialect`](crate::dialect) has one for each product. Make your own from any of them:
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
/// No profile turns these off: `iss`, `sub` and `exp` are required, the token must be for this
/// service, and a token bound to a key is rejected.
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

/// A claim that holds scope, and its form.
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
    /// One string of values, separated by spaces (RFC 8693 section 4.2).
    pub const fn text(claim: &'static str) -> Self {
        Self {
            claim,
            form: ScopeForm::Text,
        }
    }

    /// An array of single values. No standard has this form.
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
    /// RFC 9068: `typ` is `at+jwt`, and `iss`, `sub`, `aud`, `exp`, `client_id`, `iat` and `jti`
    /// are required.
    pub const RFC9068: Self = Self {
        types: Cow::Borrowed(&[TokenTyp::AccessToken]),
        required: Cow::Borrowed(&["iat", "jti"]),
        require_client: true,
        ..Self::LENIENT
    };

    /// For servers that send `typ` `JWT` or no `typ`. It requires `iss`, `sub`, `aud` and `exp`,
    /// and checks the other claims that are present.
    ///
    /// It rejects ID tokens that have `nonce`, `at_hash`, `c_hash` or `s_hash`, and other kinds of
    /// tokens by the claims `typ`, `token_use`, `token_class`, `token_type` and `events`.
    ///
    /// **An ID token without these claims passes**, because it looks like an access token. It is
    /// safe only if no audience of this service is also the `client_id` of an application that
    /// users sign in to. Otherwise require more: [`require_client`](Self::require_client), or a
    /// claim that only access tokens have ([`require_claim`](Self::require_claim),
    /// [`require_match`](Self::require_match)).
    ///
    /// ```
    /// use obo_core::Profile;
    ///
    /// // An ID token has no `client_id`.
    /// let profile = Profile::LENIENT.require_client();
    /// ```
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

    /// Accepts only these values of the header `typ`.
    pub fn types(mut self, types: impl IntoIterator<Item = TokenTyp>) -> Self {
        self.types = types.into_iter().collect();
        self
    }

    /// Requires one more claim, with any value.
    pub fn require_claim(mut self, claim: &'static str) -> Self {
        self.required.to_mut().push(claim);
        self
    }

    /// Rejects tokens without a match, such as the exact value of a tenant.
    pub fn require_match(mut self, matcher: ClaimMatcher) -> Self {
        self.expected.to_mut().push(matcher);
        self
    }

    /// Rejects tokens with a match, as another kind than an access token (RFC 8725 section 3.11).
    pub fn reject_match(mut self, matcher: ClaimMatcher) -> Self {
        self.refused.to_mut().push(matcher);
        self
    }

    /// A token with one of these matches is a service's own (RFC 9068 section 5). Default: its
    /// subject is its client.
    pub fn service_matchers(mut self, matchers: impl IntoIterator<Item = ClaimMatcher>) -> Self {
        self.service = matchers.into_iter().collect();
        self
    }

    /// Reads scope from the first of these claims that is present. It must have a form that is
    /// given for it. Default: `scope`.
    pub fn scope_from(mut self, sources: impl IntoIterator<Item = ScopeClaim>) -> Self {
        self.scope = sources.into_iter().collect();
        self
    }

    /// Reads the client from the first of these claims that is present. Default: `client_id`.
    pub fn client_from(mut self, claims: impl IntoIterator<Item = &'static str>) -> Self {
        self.client = claims.into_iter().collect();
        self
    }

    /// Reads roles from the claim at this path of member names. Default: `roles`.
    pub fn roles_from(mut self, path: &'static [&'static str]) -> Self {
        self.roles = Listed::At(path);
        self
    }

    /// Reads roles from the member names of this claim, an object.
    pub fn roles_from_keys_of(mut self, claim: &'static str) -> Self {
        self.roles = Listed::KeysOf(claim);
        self
    }

    /// Reads groups from the claim at this path of member names. Default: `groups`.
    pub fn groups_from(mut self, path: &'static [&'static str]) -> Self {
        self.groups = Listed::At(path);
        self
    }
}

/// Makes a setter for each boolean setting.
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
    /// Requires a client.
    require_client;

    /// Compares the client with the configured audiences if a token has no `aud`.
    ///
    /// For servers whose access tokens have no audience. Then configure as audience the client
    /// whose tokens are for this service. A token with `aud` is still checked by its `aud`.
    allow_client_as_audience;

    /// Makes the client the current actor if a token has no `act`.
    ///
    /// RFC 8693 section 4.3 does not say so. But servers without `act` name the calling service
    /// only as the client. The client of a user's own sign-in is then an actor too. A service that
    /// calls for itself has no actor.
    allow_client_as_actor;

    /// Accepts an actor in `act` that has `client_id` but no `sub`. The actor is then the client
    /// within its `iss`.
    ///
    /// For servers that identify actors so, against RFC 8693 section 4.1. A client and a subject
    /// with the same name are then the same actor to access rules.
    allow_actor_without_subject;

    /// Reads scope from a string or from an array of single values, in every claim.
    allow_scope_text_or_array;

    /// Accepts tokens with `nonce`, `at_hash`, `c_hash` or `s_hash`, which mark ID tokens.
    ///
    /// ID tokens then pass, unless another setting rejects them
    /// ([`require_claim`](Self::require_claim), [`reject_match`](Self::reject_match)).
    danger_id_token_claims;
}

const SERVICE: &[ClaimMatcher] = &[ClaimMatcher::SUBJECT_IS_CLIENT];
