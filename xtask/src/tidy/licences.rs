//! Every crate we build with has a licence that `deny.toml` allows, and none is banned there.

use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

/// Asks cargo for every crate and its licence and judges them by the root's `deny.toml`.
///
/// # Errors
/// When cargo fails, or with one line per crate that is not allowed.
pub fn licences(root: &Path) -> Result<(), String> {
    let deny = std::fs::read_to_string(root.join("deny.toml"))
        .map_err(|e| format!("deny.toml cannot be read: {e}"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["tree", "--workspace", "--prefix=none", "--no-dedupe", "--format={p}|{l}"])
        .args(["--edges=normal,build", "--target=all"])
        .output()
        .map_err(|e| format!("cargo cannot be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("`cargo tree` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let refused = judge(&String::from_utf8_lossy(&output.stdout), &deny)?;
    if refused.is_empty() { Ok(()) } else { Err(refused.join("\n")) }
}

/// Judges lines of `name version|licence` by the text of a `deny.toml`: one line per refused
/// crate.
///
/// # Errors
/// When `deny` lists no licence.
pub fn judge(crates: &str, deny: &str) -> Result<Vec<String>, String> {
    let table: Table = deny.parse().map_err(|e| format!("deny.toml: {e}"))?;
    let list = table.get("licenses").and_then(|l| l.get("allow")).and_then(Value::as_array);
    let allowed: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
    if allowed.is_empty() {
        return Err("deny.toml: `[licenses] allow` names no licence".to_owned());
    }
    let banned = super::bans::all(&table);
    let mut refused: Vec<String> = Vec::new();
    for line in crates.lines().filter(|line| !line.trim().is_empty()) {
        let (name, licence) = line.rsplit_once('|').unwrap_or((line, ""));
        let built = name.split_whitespace().next().unwrap_or(name);
        if banned.iter().any(|banned| banned == built) {
            refused.push(format!(
                "{built} is banned [banned-crate]\n    mend: `cargo tree -i {built}` shows who \
                 brings it in: switch that feature off"
            ));
        }
        if !satisfied(licence, &allowed) {
            let licence = if licence.is_empty() { "no licence" } else { licence };
            refused.push(format!(
                "{name}: {licence} is not allowed [licence]\n    mend: take another crate, or \
                 add the licence to deny.toml after reading it"
            ));
        }
    }
    refused.sort();
    refused.dedup();
    Ok(refused)
}

/// Whether an SPDX expression can be met with allowed licences. The old `A/B` means `A OR B`.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let result = either(&words, &mut at, allowed);
    result == Some(true) && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &[&str]) -> Option<bool> {
    let mut result = both(words, at, allowed)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        result |= both(words, at, allowed)?;
    }
    Some(result)
}

fn both(words: &[&str], at: &mut usize, allowed: &[&str]) -> Option<bool> {
    let mut result = one(words, at, allowed)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        result &= one(words, at, allowed)?;
    }
    Some(result)
}

fn one(words: &[&str], at: &mut usize, allowed: &[&str]) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let inner = either(words, at, allowed)?;
        let closes = words.get(*at) == Some(&")");
        *at += 1;
        return closes.then_some(inner);
    }
    if words.get(*at) == Some(&"WITH") {
        let full = format!("{word} WITH {}", words.get(*at + 1)?);
        *at += 2;
        // An exception only adds rights to the licence it stands behind.
        return Some(allowed.contains(&full.as_str()) || allowed.contains(&word));
    }
    Some(allowed.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    #[test]
    fn expressions_are_understood() {
        let allowed = ["MIT", "Apache-2.0", "ISC"];
        for yes in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR X) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR X",
        ] {
            assert!(satisfied(yes, &allowed), "{yes}");
        }
        for no in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT OR", "(X OR ISC) AND X"] {
            assert!(!satisfied(no, &allowed), "{no}");
        }
    }
}
