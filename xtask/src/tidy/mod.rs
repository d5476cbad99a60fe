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
        let Self {
            path,
            line,
            rule,
            wrong,
            mend,
        } = self;
        write!(f, "{path}:{line}: {wrong} [{rule}]\n    mend: {mend}")
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    edges::check,
    length::check,
    wiring::check,
    routes::check,
    phrases::check,
    bans::check,
];

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
