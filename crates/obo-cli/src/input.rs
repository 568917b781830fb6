//! Tokens and files from where they may come: standard input and files, never the command line.

use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use obo::Secret;

use crate::output::Failure;

/// The longest input, in bytes.
const MOST: u64 = 1024 * 1024;

pub(crate) const ON_COMMAND_LINE: &str = "the argument looks like a token; write it into a file or to standard input, because others can read the command \
     line";

/// Whether an argument has a JWT in it, in whatever place.
pub(crate) fn has_token(argument: &str) -> bool {
    let is_outside = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    let mut parts = argument.split(is_outside);
    parts.any(|part| part.starts_with("eyJ") && part.matches('.').count() >= 2)
}

/// Reads a token from standard input (`-`) or a file. It may have `Bearer` before it.
pub(crate) fn token(from: &str) -> Result<Secret, Failure> {
    if looks_like_token(from) {
        return Err(Failure::unknown(ON_COMMAND_LINE));
    }
    let mut text = String::new();
    let read = match from {
        "-" => io::stdin().take(MOST).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text)),
    };
    let text = Secret::new(text);
    read.map_err(|error| {
        Failure::unknown(format!("the token cannot be read from {from}: {error}"))
    })?;
    let mut words = text.expose().split_whitespace().peekable();
    words.next_if(|word| word.eq_ignore_ascii_case("authorization:"));
    words.next_if(|word| word.eq_ignore_ascii_case("bearer"));
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(Secret::new(token)),
        (None, _) => Err(Failure::unknown(format!("there is no token in {from}"))),
        (Some(_), Some(_)) => Err(Failure::unknown(format!(
            "{from} has more than a token; expected one word, perhaps with `Bearer` before it"
        ))),
    }
}

fn looks_like_token(text: &str) -> bool {
    text.starts_with("eyJ") || text.len() > 100 && !text.contains(['/', '\\'])
}

/// Reads a configuration file.
pub(crate) fn file(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let extension = path.extension().and_then(|it| it.to_str());
    if let Some("yaml" | "yml") = extension {
        return Err(Failure::unknown(format!(
            "{name} is YAML by its name; `obo` reads TOML, or JSON if the name of a service's file ends in `.json`"
        )));
    }
    fs::read_to_string(path)
        .map_err(|error| Failure::unknown(format!("{name} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_as_argument_is_refused() {
        let failure = token("eyJhbGciOiJub25lIn0.e30.").unwrap_err();
        let text = format!("{failure:?}");
        assert!(
            text.contains("looks like a token") && !text.contains("eyJ"),
            "{text}"
        );
    }
}
