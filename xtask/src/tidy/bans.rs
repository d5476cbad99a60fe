//! Crates that may not come in, not even through another crate. The list is `deny.toml`'s. A
//! crate with `wrappers` may stand in the lock file, where Cargo also writes what a weak feature
//! only names; that it is never built, `licences` asks Cargo.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.file("Cargo.lock") else {
        return Vec::new();
    };
    let finding = |path: &str, line, wrong: String, mend: String| Finding {
        path: path.to_owned(),
        line,
        rule: "banned-crate",
        wrong,
        mend,
    };
    let banned = match tree.file("deny.toml").map(|f| f.text.parse::<Table>()) {
        Some(Ok(table)) => names(&table),
        _ => Vec::new(),
    };
    if banned.is_empty() {
        let mend = "write `[bans] deny = [{ crate = \"..\" }]`".to_owned();
        return vec![finding("deny.toml", 1, "it bans nothing, or is no TOML".to_owned(), mend)];
    }
    let mut findings = Vec::new();
    for (number, line) in lock.text.lines().enumerate() {
        let name = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'));
        if let Some(name) = name.filter(|name| banned.iter().any(|b| b == name)) {
            findings.push(finding(
                "Cargo.lock",
                number + 1,
                format!("{name} is banned"),
                format!("`cargo tree -i {name}` shows who brings it in: switch that feature off"),
            ));
        }
    }
    findings
}

fn names(deny: &Table) -> Vec<String> {
    list(deny, |entry| entry.get("wrappers").is_none())
}

/// Every banned crate.
pub(super) fn all(deny: &Table) -> Vec<String> {
    list(deny, |_| true)
}

fn list(deny: &Table, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let list = deny.get("bans").and_then(|b| b.get("deny")).and_then(Value::as_array);
    let name = |entry: &Value| {
        let name = entry.get("crate").or_else(|| entry.get("name")).unwrap_or(entry);
        name.as_str().map(|name| name.split('@').next().unwrap_or(name).to_owned())
    };
    list.into_iter().flatten().filter(|entry| wanted(entry)).filter_map(name).collect()
}
