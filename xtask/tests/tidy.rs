//! Each rule of `cargo xtask tidy` is broken once in a small tree and seen to be caught.

use std::path::Path;

use snug_testkit::{TempDir, temp_dir};
use xtask::tidy::{Finding, check, judge, licences};

/// A tree that breaks nothing, with every file that a rule looks for.
const CLEAN: &[(&str, &str)] = &[
    ("Cargo.lock", "[[package]]\nname = \"serde\"\n"),
    ("deny.toml", "[bans]\ndeny = [{ crate = \"ring\" }]\n"),
    ("crates/snug-core/Cargo.toml", "[package]\nname = \"snug-core\"\n"),
    ("crates/snug-core/src/lib.rs", "pub fn f() {}\n"),
    (
        "crates/snug-sqlite/Cargo.toml",
        "[package]\nname = \"snug-sqlite\"\n[dependencies]\nsnug-core.workspace = true\n",
    ),
    ("crates/snug-server/src/wiring.rs", "use snug_sqlite::SqliteStore;\nuse x::LocalBus;\n"),
    ("crates/snug-server/src/bus/local.rs", "impl Bus for LocalBus {}\n"),
    ("crates/snug-server/src/rest/rooms.rs", "fn f(r: R) -> R { r.routes(routes!(list)) }\n"),
    ("crates/snug-server/tests/restart.rs", "use snug_postgres::PgStore;\n"),
];

fn tree(changes: &[(&str, &str)]) -> TempDir {
    let root = temp_dir();
    for (path, text) in CLEAN.iter().chain(changes) {
        let path = root.join(path);
        let folder = path.parent().expect("a file stands in a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    }
    root
}

/// The one finding of a clean tree with one file changed.
#[track_caller]
fn only_finding(path: &str, text: &str) -> Finding {
    let root = tree(&[(path, text)]);
    let mut findings = check(root.path()).expect("the tree can be read");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

#[track_caller]
fn caught(path: &str, text: &str, rule: &str, line: usize) {
    let finding = only_finding(path, text);
    assert_eq!((finding.path.as_str(), finding.rule, finding.line), (path, rule, line));
    let shown = finding.to_string();
    assert!(shown.starts_with(&format!("{path}:{line}: ")), "{shown}");
    assert!(shown.contains("\n    mend: "), "{shown}");
}

#[test]
fn a_clean_tree_has_no_findings() {
    assert_eq!(check(tree(&[]).path()).unwrap(), []);
}

#[test]
fn an_edge_that_is_not_in_the_list() {
    let manifest =
        "[package]\nname = \"snug-sqlite\"\n[dependencies]\nsnug-proto.workspace = true\n";
    caught("crates/snug-sqlite/Cargo.toml", manifest, "crate-edge", 4);
    let renamed = "[package]\nname = \"snug-core\"\n\n[target.'cfg(unix)'.dependencies]\n\
                   store = { package = \"snug-sqlite\", path = \"..\" }\n";
    caught("crates/snug-core/Cargo.toml", renamed, "crate-edge", 5);
    let outside = "[package]\nname = \"snug-core\"\n[dependencies]\naxum = \"1\"\n";
    caught("crates/snug-core/Cargo.toml", outside, "crate-edge", 4);
}

#[test]
fn a_crate_that_is_not_in_the_list() {
    caught("crates/snug-common/Cargo.toml", "[package]\nname = \"snug-common\"\n", "crate-edge", 1);
}

#[test]
fn tests_may_use_what_the_crate_may_not() {
    let dev = "[package]\nname = \"snug-core\"\n[dev-dependencies]\nsnug-sqlite = \"*\"\n";
    assert_eq!(check(tree(&[("crates/snug-core/Cargo.toml", dev)]).path()).unwrap(), []);
}

#[test]
fn a_file_that_is_too_long() {
    let text = "// line\n".repeat(601);
    caught("crates/snug-core/src/long.rs", &text, "file-length", 601);
    caught("web/packages/client/src/long.ts", &text, "file-length", 601);
    let generated = format!("// @generated\n{text}");
    assert_eq!(check(tree(&[("web/src/codes.ts", &generated)]).path()).unwrap(), []);
}

#[test]
fn a_function_that_is_too_long() {
    let rust =
        format!("\nimpl X {{\n    fn f(&self) {{\n{}    }}\n}}\n", "        g();\n".repeat(69));
    caught("crates/snug-core/src/x.rs", &rust, "function-length", 3);
    let script = format!(
        "export class X {{\n  async f(): Promise<void> {{\n{}  }}\n}}\n",
        "    g('}');\n".repeat(69)
    );
    caught("web/packages/client/src/x.ts", &script, "function-length", 2);
    let arrow = format!("const f = async (a) => {{\n{}}};\n", "  g(`}`);\n".repeat(69));
    caught("web/demo/x.js", &arrow, "function-length", 1);
}

#[test]
fn a_function_at_the_bound_passes() {
    let rust = format!("fn f() {{\n{}}}\n", "    g(\"}\");\n".repeat(68));
    assert_eq!(check(tree(&[("crates/snug-core/src/x.rs", &rust)]).path()).unwrap(), []);
}

#[test]
fn a_store_named_outside_the_wiring() {
    let text = "// snug_sqlite may stand in a comment\nuse snug_sqlite::SqliteStore;\n";
    caught("crates/snug-server/src/rest/users.rs", text, "wiring", 2);
    caught("crates/snug-server/src/main.rs", "\nuse snug_postgres as pg;\n", "wiring", 2);
}

#[test]
fn a_concrete_bus_named_outside_the_wiring() {
    caught("crates/snug-server/src/rest/users.rs", "struct S(LocalBus);\n", "wiring", 1);
}

#[test]
fn a_route_without_documentation() {
    let text = "fn f(r: R) -> R {\n    r.route(\"/v1/x\", get(x))\n}\n";
    caught("crates/snug-server/src/rest/x.rs", text, "undocumented-route", 2);
}

#[test]
fn a_merge_left_unfinished() {
    for mark in ["<", ">"] {
        let text = format!("a\n{} HEAD\n", mark.repeat(7));
        caught("docs/protocol.md", &text, "conflict-mark", 2);
    }
    let heading = format!("Title\n{}\n", "=".repeat(7));
    assert_eq!(check(tree(&[("docs/x.md", &heading)]).path()).unwrap(), []);
}

#[test]
fn an_allow_in_place_of_an_expect() {
    caught("crates/snug-core/src/x.rs", "\n#[allow(dead_code)]\nfn f() {}\n", "allow-attribute", 2);
}

#[test]
fn work_that_was_left_out() {
    caught("crates/snug-core/src/x.rs", "fn f() {\n    todo!()\n}\n", "left-out", 2);
    caught("crates/snug-core/src/x.rs", "fn f() { unimplemented!() }\n", "left-out", 1);
}

#[test]
fn a_path_of_somebodys_machine() {
    let path = format!("/{}/ann/snug", "home");
    caught("docs/x.md", &format!("see `{path}`\n"), "machine-path", 1);
    let url = format!("see https://example.com{path}\n");
    assert_eq!(check(tree(&[("docs/x.md", &url)]).path()).unwrap(), []);
}

#[test]
fn a_banned_crate() {
    let lock = "[[package]]\nname = \"serde\"\n\n[[package]]\nname = \"ring\"\n";
    caught("Cargo.lock", lock, "banned-crate", 5);
}

#[test]
fn a_ban_list_that_went_missing() {
    caught("deny.toml", "[bans]\n", "banned-crate", 1);
}

#[test]
fn an_exception_needs_a_reason_and_a_use() {
    let text = "// line\n".repeat(601);
    let file = ("crates/snug-core/src/long.rs", text.as_str());
    let exception =
        "[[exception]]\npath = \"crates/snug-core/src/long.rs\"\nrule = \"file-length\"\n";
    let reasoned = format!("{exception}reason = \"a table\"\n");
    let list = "xtask/tidy-exceptions.toml";

    assert_eq!(check(tree(&[file, (list, &reasoned)]).path()).unwrap(), []);
    let refused = check(tree(&[file, (list, exception)]).path()).unwrap_err();
    assert!(refused.contains("without `reason`"), "{refused}");
    caught(list, &reasoned, "idle-exception", 2);
}

#[test]
fn a_licence_that_is_not_allowed() {
    let deny = "[licenses]\nallow = [\"MIT\"]\n";
    let crates = "a v1|MIT OR Apache-2.0\nb v2|GPL-3.0\nb v2|GPL-3.0\nc v3|\n";
    let refused = judge(crates, deny).unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].starts_with("b v2: GPL-3.0 is not allowed"));
    assert!(refused[1].starts_with("c v3: no licence is not allowed"));
    assert!(judge(crates, "[licenses]\n").is_err());
    // What is locked and never built is let be; what is built is not.
    let wrapped = "[licenses]\nallow = [\"ISC\"]\n[bans]\n\
                   deny = [\"openssl\", { crate = \"ring\", wrappers = [\"x\"] }]\n";
    assert!(judge("ring v1|ISC\n", wrapped).unwrap()[0].starts_with("ring is banned"));
    let lock = "[[package]]\nname = \"ring\"\n";
    let root = tree(&[("Cargo.lock", lock), ("deny.toml", wrapped)]);
    assert_eq!(check(root.path()).unwrap(), []);
}

#[test]
fn the_real_tree_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let findings: Vec<_> = check(root).unwrap().iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    licences(root).unwrap();
}
