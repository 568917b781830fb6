//! The names by which configuration calls dialects and profiles.

use super::{NAMES, Rfc8693};
use crate::error::ConfigError;
use crate::validate::profile::Profile;

/// What configuration calls a product, or a variant of one: its dialect, its profile, or both.
pub(super) struct Named {
    name: &'static str,
    dialect: Option<fn() -> Rfc8693>,
    profile: Option<fn() -> Profile>,
}

/// Those of the standards.
pub(super) const STANDARDS: &[Named] = &[
    Named::dialect("rfc8693", Rfc8693::new),
    Named::profile("rfc9068", || Profile::RFC9068),
    Named::profile("lenient", || Profile::LENIENT),
];

impl Named {
    pub(super) const fn both(
        name: &'static str,
        dialect: fn() -> Rfc8693,
        profile: fn() -> Profile,
    ) -> Self {
        Self {
            name,
            dialect: Some(dialect),
            profile: Some(profile),
        }
    }

    pub(super) const fn dialect(name: &'static str, dialect: fn() -> Rfc8693) -> Self {
        Self {
            name,
            dialect: Some(dialect),
            profile: None,
        }
    }

    pub(super) const fn profile(name: &'static str, profile: fn() -> Profile) -> Self {
        Self {
            name,
            dialect: None,
            profile: Some(profile),
        }
    }
}

fn dialects() -> impl Iterator<Item = (&'static str, fn() -> Rfc8693)> {
    let all = NAMES.iter().copied().flatten();
    all.filter_map(|named| Some((named.name, named.dialect?)))
}

fn profiles() -> impl Iterator<Item = (&'static str, fn() -> Profile)> {
    let all = NAMES.iter().copied().flatten();
    all.filter_map(|named| Some((named.name, named.profile?)))
}

/// The dialect that configuration calls by this name: `rfc8693`, or a product's.
///
/// # Errors
///
/// Fails if there is none of the name; the error lists those there are.
pub fn named(name: &str) -> Result<Rfc8693, ConfigError> {
    let found = dialects().find(|(own, _)| *own == name);
    found.map(|(_, dialect)| dialect()).ok_or_else(|| {
        let known = names().collect::<Vec<_>>().join(", ");
        ConfigError::new("dialect", format!("{name:?} is none of {known}"))
    })
}

/// The names that [`named`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    dialects().map(|(name, _)| name)
}

impl Profile {
    /// The profile that configuration calls by this name: `rfc9068`, `lenient`, or a product's.
    ///
    /// # Errors
    ///
    /// Fails if there is none of the name; the error lists those there are.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        let found = profiles().find(|(own, _)| *own == name);
        found.map(|(_, profile)| profile()).ok_or_else(|| {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            ConfigError::new("profile", format!("{name:?} is none of {known}"))
        })
    }

    /// The names that [`named`](Self::named) knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        profiles().map(|(name, _)| name)
    }
}
