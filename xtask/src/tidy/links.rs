//! A link from one page to another file leads somewhere.

use std::collections::HashSet;

use super::finding::Finding;
use super::source::Source;

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let places: HashSet<&str> = sources
        .iter()
        .flat_map(|of| with_folders(&of.path))
        .collect();
    let pages = sources.iter().filter(|source| source.path.ends_with(".md"));
    let mut findings = Vec::new();
    for page in pages {
        for (line, text) in page.lines() {
            for target in targets(text).filter(|target| !leads(&page.path, target, &places)) {
                let wrong = format!("`{target}` leads nowhere");
                let remedy = "links are relative to the page, and to what is in the repository";
                findings.push(Finding::defect(&page.path, line, wrong, remedy));
            }
        }
    }
    findings
}

/// A file, and every folder it is in.
fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(folder, _)| folder)
    })
}

/// What `[text](target)` points at in the repository.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let behind = line.split("](").skip(1);
    let targets = behind.filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains(':'))
}

fn leads(page: &str, target: &str, places: &HashSet<&str>) -> bool {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut way: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part != ".." {
            way.push(part);
        } else if way.pop().is_none() {
            return false;
        }
    }
    way.is_empty() || places.contains(way.join("/").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(page: &str, text: &str) -> usize {
        check(&[
            Source::new("docs/a/b.md", ""),
            Source::new("c.rs", ""),
            Source::new(page, text),
        ])
        .len()
    }

    #[test]
    fn a_link_is_relative_to_its_page() {
        for (page, link) in [
            ("d.md", "docs/a/b.md"),
            ("d.md", "docs/a"),
            ("d.md", "./c.rs#L1"),
            ("docs/d.md", "a/b.md"),
            ("docs/d.md", "../c.rs"),
            ("docs/d.md", ".."),
            ("docs/d.md", "#part"),
            ("docs/d.md", "https://example.com/x"),
        ] {
            assert_eq!(count(page, &format!("[x]({link})")), 0, "{link}");
        }
        for (page, link) in [
            ("d.md", "a/b.md"),
            ("docs/d.md", "c.rs"),
            ("docs/d.md", "../../c.rs"),
            ("docs/d.md", "a/b.md/c"),
        ] {
            assert_eq!(count(page, &format!("[y](#z), [x]({link})")), 1, "{link}");
        }
        assert_eq!(count("d.rs", "[x](nowhere)"), 0);
    }
}
