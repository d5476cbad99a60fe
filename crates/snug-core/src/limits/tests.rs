//! The page of limits and the file of limits say the same.

/// `pub const NAME: type = value;` as the page writes it.
fn constants() -> Vec<(String, String)> {
    let source = concat!(include_str!("../limits.rs"), include_str!("outside.rs"));
    let lines = source.lines().filter_map(|line| line.strip_prefix("pub const "));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(':').expect("a constant has a type");
            let (_, value) = rest.split_once(" = ").expect("a constant has a value");
            (name.to_owned(), value.trim_end_matches(';').to_owned())
        })
        .collect()
}

#[test]
fn the_page_of_limits_tells_the_truth() {
    let page = include_str!("../../../../docs/limits.md");
    let constants = constants();
    assert!(constants.len() > 50);
    for (name, value) in &constants {
        let row = format!("| `{name}` | `{value}` |");
        assert!(page.contains(&row), "docs/limits.md: expected a row {row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, constants.len(), "docs/limits.md has rows of limits that are gone");
}
