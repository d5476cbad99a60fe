//! A route and its documentation are registered by one call.

use super::Finding;
use super::tree::Tree;

const REST: &str = "crates/snug-server/src/rest";
const BARE: &[&str] = &[".route(", ".route_service("];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with(REST)) {
        for call in BARE {
            for (at, _) in file.code.match_indices(call) {
                findings.push(Finding {
                    path: file.path.clone(),
                    line: file.line_of(at),
                    rule: "undocumented-route",
                    wrong: format!("`{call}` registers a route that no document knows"),
                    mend: "register it with `.routes(routes!(handler))` and give the handler \
                           `#[utoipa::path]`"
                        .to_owned(),
                });
            }
        }
    }
    findings
}
