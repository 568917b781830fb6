//! `cargo xtask coverage`: writes docs/spec-coverage.md from the rows of the specifications and the names of the tests.

mod page;
mod rows;
mod tests_of_rows;

use std::fs;

use crate::shell;
use crate::tidy::source;

pub(crate) use page::page;
pub(crate) use rows::{Row, Rows};
pub(crate) use tests_of_rows::{Test, tests};

pub(crate) const PAGE: &str = "docs/spec-coverage.md";
pub(crate) const ROWS: &str = "docs/spec/rows.toml";

pub(crate) fn run() -> shell::Result {
    let sources = source::tracked()?;
    let rows = Rows::parse(&fs::read_to_string(ROWS)?)?;
    fs::write(PAGE, page(&rows, &tests(&sources)))?;
    println!("{PAGE}: written; `cargo xtask tidy` says what it lacks");
    Ok(())
}
