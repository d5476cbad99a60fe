//! Texts that may stand nowhere: marks of an unfinished merge, work left out, somebody's machine.

use super::Finding;
use super::tree::{File, Language, Tree};

/// A text that is looked for in the code of Rust files.
const IN_RUST: &[(&str, &str, &str)] = &[
    ("#[allow(", "allow-attribute", "write `#[expect(.., reason = \"..\")]`, or mend the cause"),
    ("#![allow(", "allow-attribute", "write `#![expect(.., reason = \"..\")]`, or mend the cause"),
    ("todo!", "left-out", "write it, or leave the way to it out"),
    ("unimplemented!", "left-out", "write it, or leave the way to it out"),
];

/// Put together here, so that this file holds none of them.
const HOMES: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if file.language == Language::Rust {
            findings.extend(in_code(file));
        }
        for (number, line) in file.text.lines().enumerate() {
            let finding = |rule, wrong: String, mend: &str| Finding {
                path: file.path.clone(),
                line: number + 1,
                rule,
                wrong,
                mend: mend.to_owned(),
            };
            if is_conflict(line) {
                let wrong = "a merge was left unfinished".to_owned();
                findings.push(finding("conflict-mark", wrong, "choose, and remove the marks"));
            }
            if let Some(path) = machine_path(line).filter(|_| !file.path.ends_with(".lock")) {
                let wrong = format!("`{path}` is a path of somebody's machine");
                findings.push(finding("machine-path", wrong, "make it relative, or an argument"));
            }
        }
    }
    findings
}

fn in_code(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (text, rule, mend) in IN_RUST {
        for (at, _) in file.code.match_indices(text) {
            findings.push(Finding {
                path: file.path.clone(),
                line: file.line_of(at),
                rule,
                wrong: format!("`{text}` is not used here"),
                mend: (*mend).to_owned(),
            });
        }
    }
    findings
}

fn is_conflict(line: &str) -> bool {
    ['<', '>', '|'].iter().any(|mark| {
        let rest = line.trim_start_matches(*mark);
        line.len() - rest.len() == 7 && (rest.starts_with(' ') || (rest.is_empty() && *mark != '|'))
    })
}

/// The start of an absolute path of a developer's machine. A longer path or a URL that only
/// contains these letters is none.
fn machine_path(line: &str) -> Option<&str> {
    HOMES.iter().find_map(|home| {
        let at = line.find(home)?;
        let before = line[..at].chars().next_back();
        let after = line[at + home.len()..].chars().next();
        let starts = before.is_none_or(|c| !(c.is_alphanumeric() || "._-/}$~*>)".contains(c)));
        let goes_on = after.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_');
        (starts && goes_on).then(|| &line[at..at + home.len()])
    })
}
