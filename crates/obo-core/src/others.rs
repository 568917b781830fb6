//! The claims that no specification here gives a meaning: kept by where they stand, for a profile to pick from.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::{DeserializeSeed, Error, MapAccess};
use serde_json::value::RawValue;

use crate::json::{Skip, Trace};

/// The payload, and where its other members are in it: one list for all, and no copy of a value.
///
/// Which of them matter is known only once the issuer has led to a policy, and a token is read before that.
#[derive(Default)]
pub(crate) struct Others {
    payload: String,
    members: Members,
}

impl Others {
    /// The value of a member as the JSON text it is.
    pub(crate) fn json(&self, name: &str) -> Option<&str> {
        let Members(members) = &self.members;
        let found = members
            .binary_search_by(|member| member.name.of(&self.payload).cmp(name))
            .ok()?;
        self.payload.get(members.get(found)?.value.clone())
    }

    pub(crate) fn payload(&self) -> &str {
        &self.payload
    }
}

/// Members of a payload, sorted by name once they are [sealed](Self::seal).
#[derive(Default)]
pub(crate) struct Members(Vec<Member>);

/// Room for the members of most payloads, so that they are allocated for once.
const USUAL: usize = 24;

impl Members {
    /// Reads the value of the member `name`, as strictly as one that is skipped.
    pub(crate) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        payload: &str,
        name: Cow<'de, str>,
        map: &mut A,
        trace: &Trace,
    ) -> Result<(), A::Error> {
        let value = map.next_value::<&RawValue>()?.get();
        check(value, trace)?;
        if self.0.is_empty() {
            self.0.reserve(USUAL);
        }
        let stray = || A::Error::custom("outside the payload");
        self.0.push(Member {
            name: match name {
                Cow::Borrowed(name) => Name::At(span(payload, name).ok_or_else(stray)?),
                Cow::Owned(name) => Name::Unescaped(name.into()),
            },
            value: span(payload, value).ok_or_else(stray)?,
        });
        Ok(())
    }

    /// Sorts the members, of which no two may have the same name.
    pub(crate) fn seal<E: Error>(&mut self, payload: &str, trace: &Trace) -> Result<(), E> {
        self.0
            .sort_unstable_by(|a, b| a.name.of(payload).cmp(b.name.of(payload)));
        let mut pairs = self.0.windows(2);
        if pairs.any(|pair| matches!(pair, [a, b] if a.name.of(payload) == b.name.of(payload))) {
            return Err(trace.duplicate());
        }
        Ok(())
    }

    pub(crate) fn of(self, payload: String) -> Others {
        Others {
            payload,
            members: self,
        }
    }
}

struct Member {
    name: Name,
    value: Range<usize>,
}

enum Name {
    At(Range<usize>),
    /// A name written with escapes does not stand in the payload as such.
    Unescaped(Box<str>),
}

impl Name {
    fn of<'a>(&'a self, payload: &'a str) -> &'a str {
        match self {
            Self::At(range) => payload.get(range.clone()).unwrap_or_default(),
            Self::Unescaped(name) => name,
        }
    }
}

/// Whether a value is JSON to the last detail, without a member twice at any depth (JW-12).
fn check<E: Error>(json: &str, trace: &Trace) -> Result<(), E> {
    // What is neither nested nor escaped was checked when its end was looked for.
    if json.starts_with('"') && !json.contains('\\') {
        return Ok(());
    }
    let mut json = serde_json::Deserializer::from_str(json);
    Skip(trace).deserialize(&mut json).map_err(E::custom)
}

/// Where `part` stands in `whole`.
fn span(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}
