//! Only the server's wiring names a concrete store or bus.

use super::Finding;
use super::tree::{File, Tree};

const WIRING: &str = "crates/snug-server/src/wiring";
const BUS: &str = "crates/snug-server/src/bus";
/// A store's crate by the name that code knows it by, and the folder where it is at home.
const STORES: &[(&str, &str)] =
    &[("snug_sqlite", "crates/snug-sqlite/"), ("snug_postgres", "crates/snug-postgres/")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let buses = concrete_buses(tree);
    let mut findings = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with("crates/") && !may_name(&f.path)) {
        for (name, home) in STORES {
            if !file.path.starts_with(home) {
                findings.extend(named(file, name));
            }
        }
        if !file.path.starts_with(BUS) {
            findings.extend(buses.iter().flat_map(|name| named(file, name)));
        }
    }
    findings
}

fn may_name(path: &str) -> bool {
    path.starts_with(WIRING) || path.contains("/tests/") || path.contains("/benches/")
}

/// The types that the server's bus room implements its port with.
fn concrete_buses(tree: &Tree) -> Vec<String> {
    let mut names = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with(BUS)) {
        for (at, marker) in file.code.match_indices(" Bus for ") {
            let rest = &file.code[at + marker.len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}

fn named(file: &File, name: &str) -> Vec<Finding> {
    let code = file.code.as_bytes();
    let is_word = |at: usize| code.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let whole = |at: &usize| (*at == 0 || !is_word(at - 1)) && !is_word(at + name.len());
    let places = file.code.match_indices(name).map(|(at, _)| at).filter(whole);
    places
        .map(|at| Finding {
            path: file.path.clone(),
            line: file.line_of(at),
            rule: "wiring",
            wrong: format!("`{name}` is named outside the wiring"),
            mend: "take the port (`Arc<dyn Store>`, `Arc<dyn Bus>`) and let \
                   crates/snug-server/src/wiring build it"
                .to_owned(),
        })
        .collect()
}
