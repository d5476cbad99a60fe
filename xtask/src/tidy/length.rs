//! Files stay short enough to read, functions short enough to see.

use super::Finding;
use super::functions;
use super::tree::Tree;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.sources() {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            findings.push(Finding {
                path: file.path.clone(),
                line: FILE_LINES + 1,
                rule: "file-length",
                wrong: format!("the file has {lines} lines, the bound is {FILE_LINES}"),
                mend: "split it by what its parts are about, tests first".to_owned(),
            });
        }
        for function in functions::find(file) {
            if function.lines > FUNCTION_LINES {
                let (name, lines) = (function.name, function.lines);
                findings.push(Finding {
                    path: file.path.clone(),
                    line: file.line_of(function.start),
                    rule: "function-length",
                    wrong: format!("`{name}` has {lines} lines, the bound is {FUNCTION_LINES}"),
                    mend: "give its steps names and make them functions".to_owned(),
                });
            }
        }
    }
    findings
}
