//! Blanks what is not code, so that the rules see no brace or name inside a string or a comment.
//!
//! Length and line breaks stay, therefore an offset means the same in both texts.

/// A cursor over the text that copies code and blanks the rest.
struct Mask<'a> {
    text: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'a> Mask<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, out: Vec::with_capacity(text.len()) }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn keep(&mut self) {
        self.out.push(self.text[self.at]);
        self.at += 1;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count {
            if self.done() {
                return;
            }
            self.out.push(if self.text[self.at] == b'\n' { b'\n' } else { b' ' });
            self.at += 1;
        }
    }

    fn blank_line(&mut self) {
        while !self.done() && self.peek(0) != b'\n' {
            self.blank(1);
        }
    }

    /// Blanks a block comment; Rust's nest, JavaScript's do not.
    fn blank_block(&mut self, nests: bool) {
        let mut depth = 0;
        while !self.done() {
            if self.peek(0) == b'/' && self.peek(1) == b'*' && (nests || depth == 0) {
                depth += 1;
                self.blank(2);
            } else if self.peek(0) == b'*' && self.peek(1) == b'/' {
                depth -= 1;
                self.blank(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.blank(1);
            }
        }
    }

    /// Blanks a string up to its closing `quote`, minding backslashes.
    fn blank_quoted(&mut self, quote: u8) {
        self.blank(1);
        while !self.done() {
            match self.peek(0) {
                b'\\' => self.blank(2),
                b if b == quote => return self.blank(1),
                _ => self.blank(1),
            }
        }
    }

    fn last_code(&self) -> Option<u8> {
        self.out.iter().rev().copied().find(|b| !b.is_ascii_whitespace())
    }

    fn finish(self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// Blanks strings, characters and comments of Rust.
pub(super) fn rust(text: &str) -> String {
    let mut m = Mask::new(text);
    while !m.done() {
        match (m.peek(0), m.peek(1)) {
            (b'/', b'/') => m.blank_line(),
            (b'/', b'*') => m.blank_block(true),
            (b'"', _) => m.blank_quoted(b'"'),
            (b'r', b'"' | b'#') if starts_word(&m) => raw_string(&mut m),
            (b'b' | b'c', b'r') if starts_word(&m) && matches!(m.peek(2), b'"' | b'#') => {
                m.keep();
                raw_string(&mut m);
            }
            (b'\'', _) => character(&mut m),
            _ => m.keep(),
        }
    }
    m.finish()
}

fn starts_word(m: &Mask<'_>) -> bool {
    m.at == 0 || !is_word(m.text[m.at - 1])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// At `r`: a raw string, or a raw identifier, which is code.
fn raw_string(m: &mut Mask<'_>) {
    let mut hashes = 0;
    while m.peek(1 + hashes) == b'#' {
        hashes += 1;
    }
    if m.peek(1 + hashes) != b'"' {
        return m.keep();
    }
    m.blank(2 + hashes);
    while !m.done() {
        if m.peek(0) == b'"' && (1..=hashes).all(|i| m.peek(i) == b'#') {
            return m.blank(1 + hashes);
        }
        m.blank(1);
    }
}

/// At `'`: a character, or a lifetime, which is code.
fn character(m: &mut Mask<'_>) {
    if m.peek(1) == b'\\' {
        return m.blank_quoted(b'\'');
    }
    let width = match m.peek(1) {
        0x00..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    if m.peek(1 + width) == b'\'' {
        m.blank(2 + width);
    } else {
        m.keep();
    }
}

/// Blanks strings, templates, regular expressions and comments of JavaScript and TypeScript.
///
/// What stands in `${}` of a template is code and stays.
pub(super) fn script(text: &str) -> String {
    let mut m = Mask::new(text);
    // For each template we are inside of: how many braces of its `${` are open.
    let mut templates: Vec<usize> = Vec::new();
    while !m.done() {
        match (m.peek(0), m.peek(1)) {
            (b'/', b'/') => m.blank_line(),
            (b'/', b'*') => m.blank_block(false),
            (quote @ (b'"' | b'\''), _) => m.blank_quoted(quote),
            (b'/', _) if starts_regex(&m) => regex(&mut m),
            (b'`', _) => {
                m.blank(1);
                template_text(&mut m, &mut templates);
            }
            (b'}', _) if templates.last() == Some(&0) => {
                templates.pop();
                m.blank(1);
                template_text(&mut m, &mut templates);
            }
            (brace @ (b'{' | b'}'), _) => {
                if let Some(open) = templates.last_mut() {
                    *open = if brace == b'{' { *open + 1 } else { open.saturating_sub(1) };
                }
                m.keep();
            }
            _ => m.keep(),
        }
    }
    m.finish()
}

/// Blanks a template's text up to its end or to the next `${`.
fn template_text(m: &mut Mask<'_>, templates: &mut Vec<usize>) {
    while !m.done() {
        match (m.peek(0), m.peek(1)) {
            (b'\\', _) => m.blank(2),
            (b'`', _) => return m.blank(1),
            (b'$', b'{') => {
                templates.push(0);
                return m.blank(2);
            }
            _ => m.blank(1),
        }
    }
}

/// A slash divides after a value and opens a regular expression everywhere else.
fn starts_regex(m: &Mask<'_>) -> bool {
    const KEYWORDS: &[&str] = &["return", "typeof", "case", "in", "of", "await", "yield"];
    let Some(last) = m.last_code() else {
        return true;
    };
    if !is_word(last) {
        return b"(,=:[!&|?{};+-*%~^>".contains(&last);
    }
    let code = String::from_utf8_lossy(&m.out);
    let word = code.trim_end().rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
    KEYWORDS.contains(&word.unwrap_or_default())
}

fn regex(m: &mut Mask<'_>) {
    let mut in_class = false;
    m.blank(1);
    while !m.done() {
        match m.peek(0) {
            b'\\' => m.blank(2),
            b'\n' => return,
            b'/' if !in_class => return m.blank(1),
            byte => {
                in_class = byte == b'[' || (in_class && byte != b']');
                m.blank(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{rust, script};

    #[test]
    fn rust_keeps_code_only() {
        let text = "let a = \"{ \\\" }\"; // {\nlet b = r#\"}\"#; /* { /* } */ */ let c = '{'; fn f<'a>() {}";
        let code = rust(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.matches('{').count(), 1);
        assert_eq!(code.matches('}').count(), 1);
        assert!(code.contains("fn f<'a>() {}"));
    }

    #[test]
    fn rust_knows_odd_characters() {
        for text in ["'\\''", "'\\u{1F600}'", "'字'", "b'{'", "br#\"{\"#", "c\"{\""] {
            assert!(!rust(text).contains(['{', '}']), "{text}");
        }
        assert!(rust("r#fn {").contains('{'));
    }

    #[test]
    fn script_keeps_code_only() {
        let text = "const a = `{ ${ f({b: `}`}) } }`; if (/[/{]/.test(x)) { y = a / b; } // {";
        let code = script(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.matches('{').count(), 2, "{code}");
        assert_eq!(code.matches('}').count(), 2, "{code}");
        assert!(code.contains("f({b:"));
        assert!(code.contains("y = a / b;"));
    }
}
