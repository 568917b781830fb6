//! Token introspection (RFC 7662): what an authorization server says of a token, judged by the rules for a JWT's claims.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

mod issued;
mod own_audience;
mod refusal;
mod signed;
mod unread;

use std::fmt;
use std::time::Duration;

pub use refusal::introspection_refusal;
pub use signed::SignedAnswer;

use crate::error::TokenError;
use crate::grant::token_endpoint::{ErrorClass, TokenEndpointError};
use crate::jose::crypto::digest;
use crate::secret::redacted;
use crate::time::UnixTime;
use crate::token::bearer::BearerToken;
use crate::validate::caller::Caller;
use crate::validate::claims::Claims;
use crate::validate::policy::Policy;
use crate::wire::json;
use crate::wire::json::{Names, OneOrMany};

/// What the authorization server said of a token (RFC 7662 section 2.2), not judged yet.
///
/// Its members are out of reach until [`Policy::judge`] or [`Policy::confirm`] has judged them.
pub struct IntrospectionAnswer {
    size: usize,
    /// The whole of it; `None` if the token is not active.
    active: Option<Vec<u8>>,
}

/// What may speak against a token that was verified here: that the answer is about another one or another kind, or that it
/// is bound.
const CONFIRMING: [&str; 6] = [
    "iss",
    "cnf",
    "token_type",
    "token_use",
    "token_class",
    "typ",
];

/// Which members an answer may lack, where the authorization server is known for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThinAnswers {
    /// Without `aud`: the authorization server decides which resource server a token is for, by who asks.
    pub audience: bool,
    /// Without `exp`: the token is taken to live this long from the answer on.
    pub expiry: Option<Duration>,
    /// Without `sub`: the token is taken for the client's own, and the client for the subject.
    pub subject: bool,
}

impl IntrospectionAnswer {
    /// Reads the JSON of an answer. Of an inactive token nothing else is read (IN-04).
    ///
    /// # Errors
    ///
    /// When it is no JSON object with a boolean `active`: that is the server's fault and says nothing of the token (IN-03).
    pub fn parse(json: &[u8]) -> Result<Self, TokenEndpointError> {
        let [active] = json::pick(json, ["active"]).ok_or_else(|| {
            let mark = json::mark(json);
            let problem =
                format!("the response is not a JSON object with a boolean `active`{mark}");
            TokenEndpointError::new(ErrorClass::AnswerUnusable, problem)
        })?;
        let is_active = match active {
            Some("true") => true,
            Some("false") => false,
            Some(_) => {
                let problem = "`active` of the response is not a boolean";
                return Err(TokenEndpointError::unusable(problem));
            }
            None => return Err(refusal::without_activity(json)),
        };
        Ok(Self {
            size: json.len(),
            active: is_active.then(|| json.to_vec()),
        })
    }

    /// How many bytes it was read from, for whoever bounds what is kept of it.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Its members, read as the claims of a JWT are.
    fn claims(self) -> Result<Claims, TokenError> {
        let claims = Claims::parse_answer(self.active()?)?;
        check_kind(claims)
    }

    /// Those that confirm, read in the same way; nothing may be told twice all the same.
    fn confirming_claims(self) -> Result<Claims, TokenError> {
        let json = self.active()?;
        let json = str::from_utf8(&json).map_err(|_| TokenError::Malformed("payload"))?;
        let (mut names, mut told) = (Names::default(), Vec::new());
        let read = json::members(json, |name, value| {
            names.push(name.to_owned().into());
            if CONFIRMING.contains(&name) {
                told.push(format!(r#""{name}":{value}"#));
            }
        });
        read.ok_or(TokenError::Malformed("payload"))?;
        names.check("payload")?;
        let claims = Claims::parse_answer(format!("{{{}}}", told.join(",")).into_bytes())?;
        check_kind(claims)
    }

    fn active(self) -> Result<Vec<u8>, TokenError> {
        self.active.ok_or(TokenError::Inactive)
    }
}

/// Refresh tokens can be introspected too, and a server may not look at the hint (RFC 7662 section 2.1).
fn check_kind(claims: Claims) -> Result<Claims, TokenError> {
    match claims.other_kind {
        Some(reason) => Err(TokenError::NotAnAccessToken(reason)),
        None => Ok(claims),
    }
}

impl Policy {
    /// Judges a token by what its issuer says of it: the rules are those for the claims of a JWT, save that `iss` may be
    /// missing, that scope and client may also be where RFC 7662 section 2.2 has them, and what `thin` allows (IN-05). A
    /// token that is a JWT must not name only others itself, as for [`check_own_audience`](Self::check_own_audience).
    ///
    /// The caller answers for that it was the issuer that was asked, about this very token.
    ///
    /// # Errors
    ///
    /// [`TokenError::Inactive`], or the first rule the answer breaks.
    pub fn judge(
        &self,
        token: BearerToken<'_>,
        answer: IntrospectionAnswer,
        thin: ThinAnswers,
        now: UnixTime,
    ) -> Result<Caller, TokenError> {
        let mut claims = answer.claims()?;
        self.check_own_audience(token)?;
        if claims.has("iss") {
            self.check_issuer(&claims)?;
        }
        if claims.aud.is_none() && thin.audience && !self.profile.is_addressed_by_client() {
            // It is for whoever the server says it to.
            let audience = self.audience().map(|audience| audience.as_str().to_owned());
            claims.aud = audience.map(OneOrMany::One);
        }
        if let (None, Some(lifetime)) = (claims.exp, thin.expiry) {
            claims.exp = Some(now.saturating_add(lifetime));
        }
        if claims.sub().is_none() && thin.subject {
            // Where a user has a part in it, be it that somebody acts for them, it is not the client's own.
            if !claims.actors.is_empty() || claims.has("username") {
                return Err(TokenError::MissingClaim("sub"));
            }
            let client = self.profile.client(&claims)?.map(String::from);
            if let Some(client) = client {
                claims.set_client_subject(&client);
            }
        }
        self.decide(token.expose(), claims, now)
    }

    /// Checks that the issuer still vouches for a token that was verified here: that it was not revoked.
    ///
    /// Its own claims count. Of the answer those members are read that would speak against it: `active`, `iss`, `cnf`,
    /// `token_type`, `token_use`, `token_class`, `typ`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Inactive`], that the answer is of another issuer's token, of another kind, or of a bound one, or that
    /// one of its members is there twice.
    pub fn confirm(&self, answer: IntrospectionAnswer) -> Result<(), TokenError> {
        let claims = answer.confirming_claims()?;
        if claims.has("iss") {
            self.check_issuer(&claims)?;
        }
        match claims.bound {
            true => Err(TokenError::Binding),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for IntrospectionAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.active.is_some();
        write!(f, "IntrospectionAnswer(active: {active}, [redacted])")
    }
}

/// SHA-256 of a token: what stands for one that is not known to be good, so that its text is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of the whole token.
    pub fn of(token: BearerToken<'_>) -> Self {
        Self(digest(token.expose().as_bytes()))
    }
}

redacted!(TokenDigest);
