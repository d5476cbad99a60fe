//! Which crate may see which. A crate that is not in the list is a finding too.

use toml::Table;

use super::Finding;
use super::tree::{File, Tree};

/// A crate, what it may depend on, and what its tests may use besides.
struct Allowed {
    name: &'static str,
    normal: &'static [&'static str],
    tests: &'static [&'static str],
}

const KIT: &[&str] = &["snug-testkit"];
const ALL: &[&str] = &[
    "snug-core",
    "snug-proto",
    "snug-sqlite",
    "snug-postgres",
    "snug-ws",
    "snug-dialects",
    "snug-verify",
    "snug-server",
    "snug-testkit",
];

/// The house, as ARCHITECTURE.md draws it.
const HOUSE: &[Allowed] = &[
    // SQLite in memory is the store of the engine's own tests: there is no mock store.
    Allowed { name: "snug-core", normal: &[], tests: &["snug-testkit", "snug-sqlite"] },
    Allowed { name: "snug-proto", normal: &["snug-core"], tests: KIT },
    Allowed { name: "snug-sqlite", normal: &["snug-core"], tests: KIT },
    Allowed { name: "snug-postgres", normal: &["snug-core"], tests: KIT },
    Allowed { name: "snug-dialects", normal: &["snug-core"], tests: KIT },
    // Looks at an install from outside: it knows the words, and no door or store.
    Allowed { name: "snug-verify", normal: &["snug-core"], tests: KIT },
    Allowed { name: "snug-ws", normal: &[], tests: &[] },
    // Outside of the workspace, since it is built with flags of its own.
    Allowed { name: "snug-ws-fuzz", normal: &["snug-ws"], tests: &[] },
    Allowed {
        name: "snug-server",
        normal: &[
            "snug-core",
            "snug-proto",
            "snug-sqlite",
            "snug-postgres",
            "snug-ws",
            "snug-dialects",
            "snug-verify",
        ],
        tests: KIT,
    },
    Allowed { name: "snug-testkit", normal: &[], tests: &[] },
    Allowed { name: "snug-bench", normal: ALL, tests: KIT },
    Allowed { name: "snug-sim", normal: ALL, tests: KIT },
    Allowed { name: "xtask", normal: KIT, tests: KIT },
];

/// Doors and databases that the rules of chat never learn of.
const OUTSIDE_OF_CORE: &[&str] =
    &["axum", "hyper", "reqwest", "rusqlite", "tokio-postgres", "deadpool-postgres"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_crate = |f: &&File| f.path.ends_with("/Cargo.toml");
    tree.files.iter().filter(is_crate).flat_map(check_crate).collect()
}

fn check_crate(file: &File) -> Vec<Finding> {
    let finding = |line, wrong, mend: &str| Finding {
        path: file.path.clone(),
        line,
        rule: "crate-edge",
        wrong,
        mend: mend.to_owned(),
    };
    let table = match file.text.parse::<Table>() {
        Ok(table) => table,
        Err(e) => {
            return vec![finding(1, format!("not TOML: {}", e.message()), "correct it")];
        }
    };
    let name = table.get("package").and_then(|p| p.get("name")).and_then(toml::Value::as_str);
    let Some(allowed) = HOUSE.iter().find(|a| Some(a.name) == name) else {
        let name = name.unwrap_or("this crate");
        let mend = "a crate is a wall: add it to HOUSE in xtask/src/tidy/edges.rs and to \
            ARCHITECTURE.md, or make it a module";
        return vec![finding(1, format!("{name} is not in the list of crates"), mend)];
    };
    let mut findings = Vec::new();
    for (kind, dependency) in dependencies(&table) {
        let for_tests = kind == "dev-dependencies";
        let ours = HOUSE.iter().any(|a| a.name == dependency);
        let may = allowed.normal.contains(&dependency.as_str())
            || (for_tests && allowed.tests.contains(&dependency.as_str()));
        let inner = matches!(allowed.name, "snug-core" | "snug-proto") && !for_tests;
        let outside = inner && OUTSIDE_OF_CORE.contains(&dependency.as_str());
        if (ours && !may) || outside {
            findings.push(finding(
                line_of(file, &dependency),
                format!("{} may not see {dependency} ({kind})", allowed.name),
                "turn the edge around with a port in snug-core, or wire it in snug-server; \
                 the list is HOUSE in xtask/src/tidy/edges.rs",
            ));
        }
    }
    findings
}

/// Every dependency by the name of its package, with the table it stands in.
fn dependencies(table: &Table) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let targets = table.get("target").and_then(toml::Value::as_table);
    let places = targets.into_iter().flat_map(|t| t.values()).filter_map(toml::Value::as_table);
    for place in std::iter::once(table).chain(places) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(entries) = place.get(kind).and_then(toml::Value::as_table) else {
                continue;
            };
            for (key, value) in entries {
                let package = value.get("package").and_then(toml::Value::as_str);
                all.push((kind, package.unwrap_or(key).to_owned()));
            }
        }
    }
    all
}

/// The first line that names `dependency` below the head of the manifest.
fn line_of(file: &File, dependency: &str) -> usize {
    let names = |line: &str| {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        line.split(word).any(|w| w == dependency)
    };
    let lines: Vec<&str> = file.text.lines().collect();
    let first = lines.iter().position(|l| l.contains("dependencies")).unwrap_or(0);
    lines.iter().skip(first).position(|l| names(l)).map_or(1, |at| first + at + 1)
}
