//! What may break a rule, and why. An exception that covers nothing is a finding itself.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

const PATH: &str = "xtask/tidy-exceptions.toml";

struct Exception {
    path: String,
    rule: String,
}

/// `found` without what the exceptions cover, with the exceptions that cover nothing.
pub(super) fn apply(tree: &Tree, found: Vec<Finding>) -> Result<Vec<Finding>, String> {
    let exceptions = match tree.file(PATH) {
        Some(file) => parse(&file.text)?,
        None => Vec::new(),
    };
    let covers = |e: &Exception, f: &Finding| e.path == f.path && e.rule == f.rule;
    let idle = exceptions.iter().filter(|e| !found.iter().any(|f| covers(e, f)));
    let idle: Vec<Finding> = idle
        .map(|e| Finding {
            path: PATH.to_owned(),
            line: tree.file(PATH).map_or(1, |f| f.text.find(&e.path).map_or(1, |at| f.line_of(at))),
            rule: "idle-exception",
            wrong: format!("{} does not break `{}`", e.path, e.rule),
            mend: "remove the exception".to_owned(),
        })
        .collect();
    let uncovered = |f: &Finding| !exceptions.iter().any(|e| covers(e, f));
    Ok(found.into_iter().filter(uncovered).chain(idle).collect())
}

fn parse(text: &str) -> Result<Vec<Exception>, String> {
    let table: Table = text.parse().map_err(|e| format!("{PATH}: {e}"))?;
    let list = table.get("exception").and_then(Value::as_array);
    list.into_iter().flatten().map(exception).collect()
}

fn exception(entry: &Value) -> Result<Exception, String> {
    let field = |name: &str| {
        let text = entry.get(name).and_then(Value::as_str).unwrap_or_default().trim();
        if text.is_empty() {
            return Err(format!("{PATH}: an exception without `{name}`"));
        }
        Ok(text.to_owned())
    };
    field("reason")?;
    Ok(Exception { path: field("path")?, rule: field("rule")? })
}
