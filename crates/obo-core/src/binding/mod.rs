//! Sender-constrained tokens: bound to a key (DPoP, RFC 9449) or to a certificate (RFC 8705).
//!
//! A token that names a binding in `cnf` is rejected, unless the policy says that the caller of
//! [`Policy::verify`](crate::Policy::verify) checks this kind of binding
//! ([`Policy::with_binding_checks`](crate::Policy::with_binding_checks)). Such a caller passes what
//! the sender has proven to [`Binding::check`].

pub mod certificate;
mod confirmation;
pub mod dpop;
mod thumbprint;

pub use confirmation::{Binding, BindingChecks, Proven};
pub(crate) use confirmation::{Confirmation, UNBOUND};
pub use thumbprint::Thumbprint;
