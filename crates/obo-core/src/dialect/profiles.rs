//! The names by which configuration calls profiles: one line each.

use crate::Profile;

type Named = (&'static str, fn() -> Profile);

const PROFILES: &[Named] = &[
    ("rfc9068", || Profile::RFC9068),
    ("lenient", || Profile::LENIENT),
];

pub(crate) fn profile(name: &str) -> Option<Profile> {
    let mut profiles = PROFILES.iter();
    profiles
        .find(|(own, _)| *own == name)
        .map(|(_, profile)| profile())
}

pub(crate) fn profile_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}
