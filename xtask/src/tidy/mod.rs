//! House rules that neither the compiler nor clippy holds, checked on the files themselves.
//!
//! A rule is a function from the tree to its findings; it has a test that breaks it once.

mod bans;
mod edges;
mod exceptions;
mod functions;
mod length;
mod licences;
mod mask;
mod phrases;
mod routes;
mod tree;
mod wiring;

use std::fmt;
use std::path::Path;

pub use licences::{judge, licences};
pub use tree::Tree;

/// Where a rule is broken, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the tree.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The name of the rule, as `tidy-exceptions.toml` calls it.
    pub rule: &'static str,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, wrong, mend } = self;
        write!(f, "{path}:{line}: {wrong} [{rule}]\n    mend: {mend}")
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] =
    &[edges::check, length::check, wiring::check, routes::check, phrases::check, bans::check];

/// Every finding in the tree under `root` that no exception covers, in the order of the files.
///
/// # Errors
/// When the tree or its exceptions cannot be read.
pub fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let tree = Tree::load(root)?;
    let found = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    let mut findings = exceptions::apply(&tree, found)?;
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use std::path::Path;

    /// A string or comment misread would swallow braces, and lengths would go unmeasured.
    #[test]
    fn the_scanner_understands_every_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let tree = Tree::load(root).unwrap();
        let count = |code: &str, brace: char| code.matches(brace).count();
        let misread: Vec<_> = tree
            .sources()
            .filter(|f| count(&f.code, '{') != count(&f.code, '}') || f.code.len() != f.text.len())
            .map(|f| f.path.as_str())
            .collect();
        assert_eq!(misread, Vec::<&str>::new());
        assert!(tree.sources().count() > 20, "the tree is there");
    }
}
