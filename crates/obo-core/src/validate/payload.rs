//! The payload of a token and the places of its members. No value is copied.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::TokenError;

/// A JSON object from which a profile and a claims type read.
///
/// A token is read before its issuer's policy is known, so every member is kept.
#[derive(Default)]
pub(crate) struct Payload {
    /// The JSON, followed by the strings that it has with escapes, unescaped.
    text: String,
    json: Span,
    members: Vec<Member>,
}

impl Payload {
    /// The JSON text of a member's value.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let tail = tail(name);
        let mut members = self.members.iter();
        let found = members.find(|member| member.tail == tail && self.at(member.name) == name)?;
        Some(self.at(found.value))
    }

    /// Removes the members that are null.
    pub(crate) fn leave_out_null(&mut self) {
        let text = &self.text;
        let value = |member: &Member| text.get(member.value.range());
        self.members.retain(|member| value(member) != Some("null"));
    }

    /// The places of all names and values.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Span, Span)> {
        let members = self.members.iter();
        members.map(|member| (member.name, member.value))
    }

    /// The complete JSON text.
    pub(crate) fn json(&self) -> &str {
        self.at(self.json)
    }

    /// Appends a text that is not in the JSON.
    pub(crate) fn append(&mut self, text: &str) -> Option<Span> {
        let span = Span::new(self.text.len(), text.len())?;
        self.text.push_str(text);
        Some(span)
    }

    pub(crate) fn at(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }
}

/// A part of the text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline]
    fn new(start: usize, length: usize) -> Option<Self> {
        Some(Self {
            start: start.try_into().ok()?,
            end: start.checked_add(length)?.try_into().ok()?,
        })
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[derive(Clone, Copy)]
struct Member {
    tail: u64,
    name: Span,
    value: Span,
}

/// The last eight bytes of a name. Most names differ there, so few are compared completely.
fn tail(name: &str) -> u64 {
    match name.as_bytes().last_chunk() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => name
            .bytes()
            .fold(0, |tail, byte| tail << 8 | u64::from(byte)),
    }
}

/// The members of a payload that is being read.
pub(crate) struct Members {
    /// The address of the payload, to find the place of a part.
    start: usize,
    length: usize,
    unescaped: String,
    found: Vec<Member>,
}

/// The members of most payloads: one allocation is enough.
const USUAL: usize = 32;

impl Members {
    pub(crate) fn of(payload: &str) -> Self {
        Self {
            start: payload.as_ptr().addr(),
            length: payload.len(),
            unescaped: String::new(),
            found: Vec::with_capacity(USUAL),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, name: Cow<'_, str>, value: &str) -> Result<(), TokenError> {
        let tail = tail(&name);
        let places = self.place(name).zip(self.place(Cow::Borrowed(value)));
        // Not `ok_or`, which builds and drops an error for each member.
        let Some((name, value)) = places else {
            return Err(TokenError::Malformed("payload"));
        };
        self.found.push(Member { tail, name, value });
        Ok(())
    }

    /// The place of a part of the payload. An unescaped string is appended and gets a place behind
    /// the JSON.
    #[inline]
    pub(crate) fn place(&mut self, part: Cow<'_, str>) -> Option<Span> {
        let start = match &part {
            Cow::Borrowed(part) => part.as_ptr().addr().checked_sub(self.start)?,
            Cow::Owned(part) => {
                let start = self.length + self.unescaped.len();
                self.unescaped.push_str(part);
                start
            }
        };
        Span::new(start, part.len())
    }

    /// Joins payload and members; `None` if two members have the same name.
    pub(crate) fn finish(mut self, mut text: String) -> Option<Payload> {
        let json = Span::new(0, text.len())?;
        text.push_str(&self.unescaped);
        if may_repeat(&self.found) {
            let name = |member: &Member| text.get(member.name.range());
            self.found.sort_unstable_by_key(name);
            let mut pairs = self.found.windows(2);
            if pairs.any(|pair| matches!(pair, [a, b] if name(a) == name(b))) {
                return None;
            }
        }
        Some(Payload {
            text,
            json,
            members: self.found,
        })
    }
}

/// Whether two names may be equal. It is false for most payloads; only the others are sorted.
fn may_repeat(members: &[Member]) -> bool {
    let mut seen = [0_u64; 64];
    members.iter().any(|member| {
        // 2^64 divided by the golden ratio moves all bits into the highest. Twelve of them select
        // one bit in `seen`.
        let place = member.tail.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
        let bit = 1 << (place % 64);
        seen.get_mut((place / 64) as usize).is_none_or(|word| {
            let was_set = *word & bit != 0;
            *word |= bit;
            was_set
        })
    })
}
