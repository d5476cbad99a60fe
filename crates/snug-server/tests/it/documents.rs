//! Pages of the docs that are kept by hand tell the truth: what is in the code is in them, and
//! what they name is in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of the project")
}

/// What stands between back-ticks.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

/// What the first cell of each row of each table names, before its columns in brackets.
fn first_cells(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap_or(""));
    cells.flat_map(|cell| named(cell.split(" (").next().unwrap_or(""))).collect()
}

/// Tables and indexes that a folder of migrations leaves behind.
fn made_by(migrations: &str) -> BTreeSet<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join(migrations))
        .expect("migrations")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let sql = std::fs::read_to_string(file).expect("SQL");
        let plain: Vec<&str> = sql.lines().map(|l| l.split("--").next().unwrap_or("")).collect();
        let plain = plain.join(" ").replace(['(', ';'], " ");
        let words: Vec<&str> = plain.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let kind = words.get(at + 1).copied().unwrap_or("");
            let from = match (*word, kind) {
                ("CREATE", "TABLE" | "INDEX") | ("DROP", "TABLE" | "INDEX") => at + 2,
                ("CREATE", "UNIQUE") => at + 3,
                _ => continue,
            };
            let skip = ["IF", "NOT", "EXISTS", "CONCURRENTLY"];
            let name = words[from..].iter().find(|word| !skip.contains(word)).expect("a name");
            let table = words[from..].iter().skip_while(|word| **word != "ON").nth(1);
            if *word == "CREATE" {
                let of = if words[at..from].contains(&"INDEX") { table } else { None };
                made.insert((*name).to_owned(), of.copied().unwrap_or("").to_owned());
            } else {
                // With a table go its indexes.
                made.retain(|one, of| one != name && of != name);
            }
        }
    }
    assert!(made.len() > 15, "the migrations were not read: {made:?}");
    made.into_keys().collect()
}

#[test]
fn the_schemas_name_every_table_and_index_and_no_other() {
    for (store, page) in [
        ("crates/snug-sqlite/migrations", "docs/schema.md"),
        ("crates/snug-postgres/migrations", "docs/schema-postgres.md"),
    ] {
        let (made, text) = (made_by(store), read(page));
        let told = named(&text);
        let silent: Vec<&String> = made
            .iter()
            .filter(|name| {
                !told.iter().any(|told| told.split([' ', '.', '(']).any(|w| w == **name))
            })
            .filter(|name| *name != "schema_versions")
            .collect();
        assert!(silent.is_empty(), "{page} does not name {silent:?}");
        // A column's constraint has no name in the migrations.
        let gone: Vec<String> = first_cells(&text)
            .into_iter()
            .filter(|name| !made.contains(name) && !name.contains('.') && name != "schema_versions")
            .collect();
        assert!(gone.is_empty(), "{page} names what is not there: {gone:?}");
    }
}

#[test]
fn the_page_of_the_configuration_names_every_key_and_no_other() {
    let source = read("crates/snug-server/src/config.rs");
    let args = source.split("pub struct ConfigArgs {").nth(1).expect("the flags");
    let args = args.split("\n}").next().expect("their end");
    let mut keys = BTreeSet::new();
    for line in args.lines() {
        if let Some(field) = line.trim().strip_prefix("pub ") {
            let name = field.split(':').next().expect("a name");
            let flag = format!("--{}", name.replace('_', "-"));
            let key = name.replacen("outbound_", "outbound.", 1);
            keys.insert((key, format!("SNUG_{}", name.to_uppercase()), flag));
        }
    }
    keys.retain(|(key, ..)| key != "config");
    let page = read("docs/configuration.md");
    let mut told = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<String> = row
            .split('|')
            .skip(1)
            .take(3)
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect();
        let [key, environment, flag] = cells.try_into().expect("three cells");
        told.insert((key, environment, flag));
    }
    assert_eq!(told, keys);
}

/// The table of the docs names tests that there are, and every line has one.
#[test]
fn the_table_of_the_contract_names_tests_that_exist() {
    let table = read("docs/delivery-contract.md");
    let mut sources = String::new();
    for folder in ["crates", "sim", "web/demo/test"] {
        collect(&root().join(folder), &mut sources);
    }
    let mut lines = BTreeSet::new();
    for row in table.lines().filter(|row| row.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Ok(line) = cells[1].parse::<u32>() else { continue };
        lines.insert(line);
        for name in named(cells[3]) {
            let declared = format!("fn {name}(");
            assert!(sources.contains(&declared), "line {line}: there is no {name}");
        }
    }
    assert_eq!(lines, (1..=17).collect());
}

fn collect(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "node_modules" && name != "target") {
                collect(&path, into);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
}
