//! Strict reading of JSON. One scanner reads tokens, headers, responses and keys; it borrows each
//! value as it is written.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::TokenError;
use crate::time::UnixTime;

/// Returns the values of these members of a JSON object, as they are written. A `null` counts as
/// absent.
///
/// `None` if the text is not a JSON object in UTF-8, or if one of these members occurs twice. Other
/// members may hold any JSON.
pub(crate) fn pick<'j, const N: usize>(
    json: &'j [u8],
    names: [&str; N],
) -> Option<[Option<&'j str>; N]> {
    let (mut found, mut is_twice) = ([None; N], false);
    members(str::from_utf8(json).ok()?, |name, value| {
        let slots = names.iter().zip(&mut found);
        for (_, slot) in slots.filter(|(own, _)| **own == name) {
            is_twice |= slot.replace(value).is_some();
        }
    })?;
    (!is_twice).then(|| found.map(|value| value.filter(|value| *value != "null")))
}

/// Returns the strings of these members, like [`pick`]; `None` also if one of them is not a string.
pub(crate) fn pick_texts<'j, const N: usize>(
    json: &'j [u8],
    names: [&str; N],
) -> Option<[Option<Cow<'j, str>>; N]> {
    let found = pick(json, names)?;
    let texts = found.map(|value| value.and_then(text));
    let is_text = |(value, text): (&Option<&str>, &Option<_>)| value.is_some() == text.is_some();
    found.iter().zip(&texts).all(is_text).then_some(texts)
}

/// The hint for an error about a text that is no JSON only because of an invisible first character.
pub(crate) fn mark(json: &[u8]) -> &'static str {
    match has_byte_order_mark(json) {
        true => {
            "; it starts with a byte-order mark, which JSON must not have (RFC 8259 section 8.1)"
        }
        false => "",
    }
}

/// Whether a text starts with a byte-order mark.
pub fn has_byte_order_mark(text: &[u8]) -> bool {
    text.starts_with(b"\xef\xbb\xbf")
}

/// Returns the text of a JSON object without duplicate members, at any depth, and with numbers and
/// strings in range.
pub(crate) fn strict_object(text: &str) -> Option<&str> {
    let text = text.trim_ascii();
    let mut json = Scanner::of(text, "object");
    let is_read = text.starts_with('{') && json.check().is_ok() && json.end().is_ok();
    is_read.then_some(text)
}

/// Removes the white space between the parts of a JSON text.
pub(crate) fn without_white_space(text: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let is_kept = |c: &char| {
        match c {
            '"' if !is_escaped => in_string = !in_string,
            ' ' | '\t' | '\n' | '\r' if !in_string => return false,
            _ => {}
        }
        is_escaped = *c == '\\' && !is_escaped;
        true
    };
    text.chars().filter(is_kept).collect()
}

/// Calls `each` with every member of a JSON object; `None` for any other text.
pub(crate) fn members<'j>(json: &'j str, mut each: impl FnMut(&str, &'j str)) -> Option<()> {
    let mut json = Scanner::of(json, "object");
    let read = json.object(|json, name| {
        each(&name, json.value()?);
        Ok(())
    });
    read.and_then(|()| json.end()).ok()
}

/// Whether a JSON object has one of these members, with any value; `None` for any other text.
pub(crate) fn has_any(json: &str, names: &[&str]) -> Option<bool> {
    let mut has = false;
    members(json, |name, _| has |= names.contains(&name))?;
    Some(has)
}

/// Calls `each` with every element of a JSON array; `None` for any other text.
pub(crate) fn elements<'j>(json: &'j str, mut each: impl FnMut(&'j str)) -> Option<()> {
    let mut json = Scanner::of(json, "array");
    let read = json.array(|json| {
        each(json.value()?);
        Ok(())
    });
    read.and_then(|()| json.end()).ok()
}

/// The value of a member of a JSON object.
pub(crate) fn member<'j>(json: &'j str, name: &str) -> Option<&'j str> {
    let mut found = None;
    members(json, |own, value| {
        if own == name {
            found = Some(value);
        }
    })?;
    found
}

/// A JSON string; `None` for any other value.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = unquoted(json)?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn unquoted(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// The type of a JSON value, for a sentence.
pub(crate) fn kind(json: &str) -> &'static str {
    match json.trim_start().bytes().next() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A JSON string that is not empty.
pub(crate) fn non_empty(json: &str) -> Option<Cow<'_, str>> {
    text(json).filter(|text| !text.is_empty())
}

/// The non-empty strings of an array, or a single non-empty string. Anything else is left out.
pub(crate) fn texts(json: &str) -> Vec<Cow<'_, str>> {
    let mut texts = Vec::new();
    if elements(json, |element| texts.extend(non_empty(element))).is_none() {
        texts.extend(non_empty(json));
    }
    texts
}

/// A NumericDate: a number of seconds from 0 to 2^53 (RFC 7519 section 2).
pub(crate) fn numeric_date(json: &str) -> Option<UnixTime> {
    const MAX_SECONDS: u64 = 1 << 53;
    let since_epoch = match json.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::try_from_secs_f64(json.parse().ok()?).ok()?,
    };
    (since_epoch <= Duration::from_secs(MAX_SECONDS)).then(|| UnixTime::from_duration(since_epoch))
}

/// Reads a JSON text part by part, in one pass.
///
/// Every part it returns is well-formed. [`check`](Self::check) also finds duplicate members.
pub(crate) struct Scanner<'j> {
    json: &'j str,
    position: usize,
    /// The text has no escapes and no control characters, so a string ends at the next quote.
    is_plain: bool,
    /// How many more levels a value may nest.
    depth: u32,
    /// What errors call the text.
    part: &'static str,
}

/// The deepest nesting of a checked value: each level needs stack space.
const MAX_DEPTH: u32 = 127;

impl<'j> Scanner<'j> {
    pub(crate) fn of(json: &'j str, part: &'static str) -> Self {
        // No early exit: so the compiler can vectorize the loop.
        let odd = |odd: u8, b: u8| odd | b' '.saturating_sub(b) | u8::from(b == b'\\');
        Self {
            json,
            position: 0,
            is_plain: json.bytes().fold(0, odd) == 0,
            depth: MAX_DEPTH,
            part,
        }
    }

    #[cold]
    pub(crate) fn malformed(&self) -> TokenError {
        TokenError::Malformed(self.part)
    }

    #[cold]
    pub(crate) fn duplicate(&self) -> TokenError {
        TokenError::DuplicateMember(self.part)
    }

    /// The next byte that is not white space.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.json.as_bytes().get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                next => return next.copied(),
            }
        }
    }

    /// Skips this byte if it comes next.
    #[inline]
    fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> Result<(), TokenError> {
        match self.passes(byte) {
            true => Ok(()),
            false => Err(self.malformed()),
        }
    }

    /// Checks that the text ends here.
    pub(crate) fn end(&mut self) -> Result<(), TokenError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed()),
        }
    }

    /// The next value, as it is written.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<&'j str, TokenError> {
        self.peek();
        if let Some(end) = self.plain_string()
            && let Some(string) = self.json.get(self.position..end)
        {
            self.position = end;
            return Ok(string);
        }
        let rest = self.json.get(self.position..);
        let value = rest.and_then(|rest| rest.get(..length(rest)?));
        let value = value.ok_or_else(|| self.malformed())?;
        self.position += value.len();
        Ok(value)
    }

    /// The end of the string that comes next, in a text without escapes.
    #[inline]
    fn plain_string(&self) -> Option<usize> {
        let bytes = self.json.as_bytes();
        if !self.is_plain || bytes.get(self.position) != Some(&b'"') {
            return None;
        }
        Some(closing_quote(bytes, self.position + 1)? + 1)
    }

    /// The next name and its colon.
    #[inline]
    fn name(&mut self) -> Result<Cow<'j, str>, TokenError> {
        self.peek();
        if let Some(end) = self.plain_string()
            && let Some(name) = self.json.get(self.position + 1..end - 1)
            && self.json.as_bytes().get(end) == Some(&b':')
        {
            self.position = end + 1;
            return Ok(Cow::Borrowed(name));
        }
        self.unusual_name()
    }

    /// A name with escapes, or with white space behind it.
    #[cold]
    fn unusual_name(&mut self) -> Result<Cow<'j, str>, TokenError> {
        let name = text(self.value()?).ok_or_else(|| self.malformed())?;
        self.pass(b':')?;
        Ok(name)
    }

    /// Reads an object. `each` gets a member's name and reads its value.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'j, str>) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        self.list(b'{', b'}', |json| {
            let name = json.name()?;
            each(json, name)
        })
    }

    /// Reads an array. `each` reads one element.
    pub(crate) fn array(
        &mut self,
        each: impl FnMut(&mut Self) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        self.list(b'[', b']', each)
    }

    #[inline]
    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        self.pass(open)?;
        if self.passes(close) {
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.passes(b',') {
                return self.pass(close);
            }
        }
    }

    /// A [`value`](Self::value) of this text that is a string and not empty.
    #[inline]
    pub(crate) fn non_empty(&self, value: &'j str) -> Option<Cow<'j, str>> {
        match self.is_plain {
            true => unquoted(value)
                .filter(|text| !text.is_empty())
                .map(Cow::Borrowed),
            false => non_empty(value),
        }
    }

    /// The next value, as it is written. An object or an array is [checked](Self::check), a scalar
    /// not yet.
    #[inline]
    pub(crate) fn value_checked_inside(&mut self) -> Result<&'j str, TokenError> {
        if !matches!(self.peek(), Some(b'{' | b'[')) {
            return self.value();
        }
        let start = self.position;
        self.check()?;
        let value = self.json.get(start..self.position);
        value.ok_or_else(|| self.malformed())
    }

    /// Checks that a scalar is in range: a string without lone surrogates, a finite number.
    #[inline]
    pub(crate) fn check_scalar(&self, value: &str) -> Result<(), TokenError> {
        let is_in_range = match value.as_bytes() {
            [b'"', ..] => self.is_plain || text(value).is_some(),
            [b'{' | b'[', ..] => true,
            // A short number.
            [b'0'..=b'9', ..] if value.len() < 16 && !value.contains(['e', 'E']) => true,
            _ => serde_json::from_str::<Value>(value).is_ok(),
        };
        is_in_range.then_some(()).ok_or_else(|| self.malformed())
    }

    /// Skips a value and checks it completely: no duplicate member at any depth, every number and
    /// string in range.
    pub(crate) fn check(&mut self) -> Result<(), TokenError> {
        let is_object = match self.peek() {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => {
                let value = self.value()?;
                return self.check_scalar(value);
            }
        };
        self.depth = self.depth.checked_sub(1).ok_or_else(|| self.malformed())?;
        if is_object {
            let mut names = Names::default();
            self.object(|json, name| {
                names.push(name);
                json.check()
            })?;
            names.check(self.part)?;
        } else {
            self.array(Self::check)?;
        }
        self.depth += 1;
        Ok(())
    }
}

/// Finds the end of a string, from a position inside it, in a text without escapes.
#[inline]
fn closing_quote(text: &[u8], mut position: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const QUOTES: u64 = b'"' as u64 * ONES;
    // Eight bytes at a time: most strings are short, and SIMD needs a set-up.
    while let Some(eight) = text.get(position..).and_then(<[u8]>::first_chunk) {
        let differing = u64::from_le_bytes(*eight) ^ QUOTES;
        let found = differing.wrapping_sub(ONES) & !differing & (0x80 * ONES);
        if found != 0 {
            return Some(position + found.trailing_zeros() as usize / 8);
        }
        position += 8;
    }
    let rest = text.get(position..)?.iter().position(|b| *b == b'"')?;
    Some(position + rest)
}

/// The length of the value at the start of the text.
fn length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    // Most numbers are times. serde_json reads all other values.
    let is_integer = matches!(bytes.get(digits), Some(b',' | b'}' | b']'));
    if is_integer && matches!(bytes.first(), Some(b'1'..=b'9')) {
        return Some(digits);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let raw = <&RawValue>::deserialize(&mut json).ok()?;
    Some(raw.get().len())
}

/// The names of unknown members, to find duplicates.
#[derive(Default)]
pub(crate) struct Names<'j>(Vec<Cow<'j, str>>);

/// The members of most objects: one allocation is enough for their names.
const USUAL: usize = 24;

impl<'j> Names<'j> {
    pub(crate) fn push(&mut self, name: Cow<'j, str>) {
        if self.0.is_empty() {
            self.0.reserve(USUAL);
        }
        self.0.push(name);
    }

    /// Fails if a name occurs twice.
    pub(crate) fn check(mut self, part: &'static str) -> Result<(), TokenError> {
        self.0.sort_unstable();
        match self.0.windows(2).any(|pair| pair.first() == pair.last()) {
            true => Err(TokenError::DuplicateMember(part)),
            false => Ok(()),
        }
    }
}

/// One non-empty string, or an array of them (RFC 7519 section 4.1.3).
pub(crate) enum OneOrMany {
    One(String),
    /// All in one text: many short names need little more memory than in the JSON.
    Many {
        text: String,
        ends: Vec<u32>,
    },
}

impl OneOrMany {
    pub(crate) fn parse(json: &str) -> Option<Self> {
        if json.starts_with('"') {
            return non_empty(json).map(|one| Self::One(one.into_owned()));
        }
        let (mut all, mut ends, mut is_odd) = (String::new(), Vec::new(), false);
        elements(json, |element| match non_empty(element) {
            Some(one) => {
                all.push_str(&one);
                ends.extend(u32::try_from(all.len()));
            }
            None => is_odd = true,
        })?;
        all.shrink_to_fit();
        ends.shrink_to_fit();
        (!is_odd).then_some(Self::Many { text: all, ends })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, ends, one) = match self {
            Self::One(one) => ("", [].as_slice(), Some(one.as_str())),
            Self::Many { text, ends } => (text.as_str(), ends.as_slice(), None),
        };
        let mut start = 0;
        let many = ends.iter().map(move |end| {
            let name = text.get(start..*end as usize);
            start = *end as usize;
            name.unwrap_or_default()
        });
        one.into_iter().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z]{0,20}".prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            let name = prop_oneof!["[a-z]{0,12}", ".{0,3}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name, inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn scanner_agrees_with_serde_json(
            value in any_json(),
            is_pretty in any::<bool>(),
            place in any::<proptest::sample::Index>(),
            edit in proptest::option::of("[ \\\\\\[\\]{}:,\"0-9a-z.+-]{0,2}"),
        ) {
            let mut text = match is_pretty {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            if let Some(edit) = edit {
                let places: Vec<_> = text.char_indices().collect();
                let (start, replaced) = places[place.index(places.len())];
                text.replace_range(start..start + replaced.len_utf8(), &edit);
            }
            let mut json = Scanner::of(&text, "text");
            let read = json.check().and_then(|()| json.end());
            let is_json = serde_json::from_str::<Value>(&text).is_ok();
            // A duplicate member is valid JSON.
            let is_twice = matches!(read, Err(TokenError::DuplicateMember(_)));
            prop_assert!(is_twice || read.is_ok() == is_json, "{text:?}: {read:?}");
        }
    }

    #[test]
    fn short_names_take_little_memory() {
        let names = vec!["a"; 1_000];
        let json = serde_json::to_string(&names).unwrap();
        let read = OneOrMany::parse(&json).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), names);
        let OneOrMany::Many { text, ends } = read else {
            panic!("it was an array");
        };
        let room = text.capacity() + ends.capacity() * size_of::<u32>();
        assert!(room < json.len() * 3 / 2, "{room}");
    }
}
