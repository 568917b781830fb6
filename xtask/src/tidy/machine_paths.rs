//! No file mentions a folder that exists on one machine only.

use super::finding::Finding;
use super::source::Source;

/// Split, or this file would be a finding.
const FOLDERS: [&str; 2] = [concat!("/", "work/"), concat!("/", "root/")];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        for folder in FOLDERS.iter().filter(|folder| is_absolute(text, folder)) {
            let wrong = format!("names `{folder}`, a folder of one machine");
            let remedy = "name it from the workspace root";
            findings.push(Finding::defect(&source.path, line, wrong, remedy));
        }
    }
    findings
}

/// Whether `folder` starts a path there, rather than being inside one.
fn is_absolute(text: &str, folder: &str) -> bool {
    text.match_indices(folder).any(|(start, _)| {
        let (before, _) = text.split_at(start);
        !before.ends_with(|c: char| c.is_alphanumeric() || "._-~}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(line: &str) -> usize {
        check(&Source::new("docs/a.md", line)).len()
    }

    #[test]
    fn a_path_from_the_root_is_found() {
        for [folder] in [["work"], ["root"]] {
            assert_eq!(count(&format!("see `/{folder}/main`")), 1);
            assert_eq!(count(&format!("file:///{folder}/main")), 1);
            assert_eq!(count(&format!("/{folder}/")), 1);
        }
    }

    #[test]
    fn a_folder_of_that_name_is_not() {
        assert_eq!(count(&format!("https://example.com/{}/1", "work")), 0);
        assert_eq!(count(&format!("./{}/a", "root")), 0);
    }
}
