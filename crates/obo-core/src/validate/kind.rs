//! The kind of a token: one rule for tokens verified by keys and for introspected ones (RFC 8725
//! section 3.11).
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "what is not named here must not pass for an access token"
)]

use std::borrow::Cow;

/// The claims in which servers write the kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KindClaim {
    /// The kind, or a copy of the header's `typ`. It is no standard claim, so only names of other
    /// kinds are rejected.
    Typ,
    /// The kind only.
    Use,
    Class,
    /// How the token is used (RFC 6749 section 7.1), or the kind.
    Type,
}

/// What such a claim means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An access token, or nothing against it.
    Access,
    /// An access token bound to a key.
    Bound,
    Other,
}

impl KindClaim {
    pub(crate) const ALL: [Self; 4] = [Self::Typ, Self::Use, Self::Class, Self::Type];

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Typ => "typ",
            Self::Use => "token_use",
            Self::Class => "token_class",
            Self::Type => "token_type",
        }
    }

    /// The reason for the rejection of another kind.
    pub(crate) fn problem(self) -> &'static str {
        match self {
            Self::Typ => "`typ` names another kind",
            Self::Use => "`token_use` names another kind",
            Self::Class => "`token_class` names another kind",
            Self::Type => "`token_type` is not `Bearer`",
        }
    }

    /// Whether null counts as absent.
    pub(crate) fn may_be_null(self) -> bool {
        matches!(self, Self::Class | Self::Type)
    }

    pub(crate) fn kind_of(self, value: &str) -> Kind {
        let is_other = match self {
            Self::Typ => is_other_kind(value),
            Self::Use | Self::Class => !is_access(value),
            Self::Type if value.eq_ignore_ascii_case("dpop") => return Kind::Bound,
            Self::Type => !is_access(value),
        };
        if is_other { Kind::Other } else { Kind::Access }
    }
}

/// Names of other kinds, without case, blanks, separators and the word "token".
const OTHERS: [&str; 19] = [
    "assertion",
    "authorizationcode",
    "backchannellogout",
    "clientassertion",
    "clientauthentication",
    "dpopproof",
    "event",
    "id",
    "initialaccess",
    "introspection",
    "logout",
    "offline",
    "refresh",
    "registrationaccess",
    "rt",
    "secevent",
    "securityevent",
    "set",
    "tokenintrospection",
];

/// Whether a `typ`, in the header or in the claims, names another kind than an access token.
///
/// Each standard kind of JWT has its own media type, such as `logout+jwt`.
pub(crate) fn is_other_kind(typ: &str) -> bool {
    let name = media_type(typ);
    name.contains('+') && !name.eq_ignore_ascii_case("at+jwt")
        || OTHERS.contains(&&*plain(name))
        || is_token_type(name) && !is_access(name)
}

/// Whether the name means an access token, in any case.
fn is_access(name: &str) -> bool {
    let name = media_type(name);
    match token_type(name) {
        Some(token_type) => ["access_token", "jwt"].contains(&token_type),
        None => ["access", "access_token", "at+jwt", "bearer", "jwt"]
            .iter()
            .any(|access| name.eq_ignore_ascii_case(access)),
    }
}

fn is_token_type(name: &str) -> bool {
    token_type(name).is_some()
}

/// The last part of the URN of a token type (RFC 8693 section 3).
fn token_type(name: &str) -> Option<&str> {
    const URN: &str = "urn:ietf:params:oauth:token-type:";
    let (start, token_type) = name.split_at_checked(URN.len())?;
    start.eq_ignore_ascii_case(URN).then_some(token_type)
}

/// The short form of a name, as in [`OTHERS`].
fn plain(name: &str) -> Cow<'_, str> {
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase());
    let name = match is_plain {
        true => Cow::Borrowed(name),
        false => {
            let letters = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
            Cow::Owned(letters.map(|c| c.to_ascii_lowercase()).collect())
        }
    };
    match name.strip_suffix("token") {
        Some(short) if !short.is_empty() => Cow::Owned(short.to_owned()),
        Some(_) | None => name,
    }
}

/// Media types are compared without case and without `application/`.
pub(crate) fn media_type(typ: &str) -> &str {
    const APPLICATION: &str = "application/";
    match typ.split_at_checked(APPLICATION.len()) {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case(APPLICATION) => name,
        Some(_) | None => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JW-31, AT-13
    #[test]
    fn other_kinds_match_any_spelling() {
        for other in [
            "ID",
            "id_token",
            "ID Token",
            "idToken",
            "Refresh",
            "refresh_token",
            "refresh-token",
            "RT",
            "rt+jwt",
            "application/rt+jwt",
            "Application/RT+JWT",
            "Offline",
            "Logout",
            "logout_token",
            "logout+jwt",
            "secevent",
            "SET",
            "secevent+jwt",
            "security_event_token",
            "event",
            "token-introspection+jwt",
            "token_introspection",
            "client_assertion",
            "client-authentication+jwt",
            "dpop+jwt",
            "at+cwt",
            "jwt+at",
            "+",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "urn:ietf:params:oauth:token-type:id_token",
            "URN:ietf:params:oauth:token-type:saml2",
            "urn:ietf:params:oauth:token-type:",
        ] {
            assert!(is_other_kind(other), "{other}");
            for claim in KindClaim::ALL {
                assert_eq!(claim.kind_of(other), Kind::Other, "{claim:?} {other}");
            }
        }
    }

    #[test]
    fn access_tokens_match_any_spelling() {
        for access in [
            "Bearer",
            "bearer",
            "access",
            "Access",
            "access_token",
            "at+jwt",
            "application/at+jwt",
            "AT+JWT",
            "JWT",
            "urn:ietf:params:oauth:token-type:access_token",
            "urn:ietf:params:oauth:token-type:jwt",
        ] {
            for claim in KindClaim::ALL {
                assert_eq!(claim.kind_of(access), Kind::Access, "{claim:?} {access}");
            }
        }
    }

    #[test]
    fn unknown_kind_passes_as_typ_only() {
        for unknown in [
            "",
            "x",
            "token",
            "N_A",
            "mac",
            "Serialized-ID",
            "user",
            " Bearer",
            "Bearer ",
            "access token",
        ] {
            assert_eq!(KindClaim::Typ.kind_of(unknown), Kind::Access, "{unknown}");
            for claim in [KindClaim::Use, KindClaim::Class, KindClaim::Type] {
                assert_eq!(claim.kind_of(unknown), Kind::Other, "{claim:?} {unknown}");
            }
        }
        assert_eq!(KindClaim::Typ.kind_of("DPoP"), Kind::Access);
        assert_eq!(KindClaim::Type.kind_of("DPoP"), Kind::Bound);
        assert_eq!(KindClaim::Use.kind_of("DPoP"), Kind::Other);
    }
}
