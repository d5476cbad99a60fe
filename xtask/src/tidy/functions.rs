//! Finds functions and how long they are, in code whose strings and comments are blanked.

use super::tree::{File, Language};

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Lines from its head to its closing brace, both counted.
    pub(super) lines: usize,
}

pub(super) fn find(file: &File) -> Vec<Function> {
    match file.language {
        Language::Rust => rust(&file.code),
        Language::Script => script(&file.code),
        Language::Other => Vec::new(),
    }
}

fn rust(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let alone = start == 0 || !is_word(code.as_bytes()[start - 1]);
        let name: String =
            code[start + 3..].trim_start().chars().take_while(is_word_char).collect();
        if !alone || name.is_empty() {
            continue;
        }
        if let Some(open) = body(code, start)
            && let Some(close) = closing(code, open)
        {
            found.push(Function { name, start, lines: lines(code, start, close) });
        }
    }
    found
}

/// The brace that opens the body of the function whose head starts at `start`, if it has one.
fn body(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn lines(code: &str, start: usize, close: usize) -> usize {
    code.as_bytes()[start..close].iter().filter(|b| **b == b'\n').count() + 1
}

/// A function of a script is a brace after `=>`, or after `)` that closes a list of parameters.
fn script(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (open, _) in code.match_indices('{') {
        let Some((start, name)) = script_head(code, open) else {
            continue;
        };
        if let Some(close) = closing(code, open) {
            found.push(Function { name, start, lines: lines(code, start, close) });
        }
    }
    found
}

/// Where the head of the function starts whose body opens at `open`, and what to call it.
fn script_head(code: &str, open: usize) -> Option<(usize, String)> {
    let before = code[..open].trim_end();
    if before.ends_with("=>") {
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = code[line_start..open].trim();
        // A block of tests is a list of functions, not one.
        let suite = ["describe(", "describe.", "suite(", "test.describe"];
        if suite.iter().any(|head| line.starts_with(head)) {
            return None;
        }
        let start = line_start + (code[line_start..].len() - code[line_start..].trim_start().len());
        return Some((start, "function".to_owned()));
    }
    let close = before.rfind(')')?;
    let between = before[close + 1..].trim_start();
    let is_return_type = between.is_empty()
        || (between.starts_with(':') && !between.contains([';', '{', '}', '(', '=']));
    if !is_return_type {
        return None;
    }
    let parameters = opening(code, close)?;
    let head = code[..parameters].trim_end();
    let name: String = {
        let reversed: String = head.chars().rev().take_while(is_word_char).collect();
        reversed.chars().rev().collect()
    };
    let control = ["if", "for", "while", "switch", "catch", "with", "await", ""];
    if control.contains(&name.as_str()) {
        return None;
    }
    Some((head.len() - name.len(), name))
}

fn opening(code: &str, close: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().take(close + 1).collect::<Vec<_>>().into_iter().rev()
    {
        match byte {
            b')' => depth += 1,
            b'(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_word_char(c: &char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

#[cfg(test)]
mod tests {
    use super::{rust, script};

    #[test]
    fn rust_functions_are_measured() {
        let code = "trait T { fn none(&self) -> [u8; 2]; }\nfn one() {}\nasync fn three<F: Fn(u8)>(f: F)\n{\n}\n";
        let found: Vec<_> = rust(code).into_iter().map(|f| (f.name, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 1), ("three".to_owned(), 3)]);
    }

    #[test]
    fn script_functions_are_measured() {
        let code = "class A {\n  async b(c = 1): Promise<void> {\n    if (c) {\n    }\n  }\n}\nconst d = (x) => {\n};\nfunction e() {}\ndescribe('', () => {\n});\n";
        let found: Vec<_> = script(code).into_iter().map(|f| (f.name, f.lines)).collect();
        let want = [("b", 4), ("function", 2), ("e", 1)];
        assert_eq!(found, want.map(|(name, lines)| (name.to_owned(), lines)));
    }
}
