//! The words of a markdown text without its marks, for who cannot show them. The elements read the
//! same subset (`web/packages/elements/src/text/markdown.ts`); `tests/golden/markdown.json` holds
//! both to it.
//!
//! Lines: a fence of three backticks or more around code, `>` before a quote, `-`, `*`, `+` or a
//! number before an item of a list, `#` before a heading, which is no bigger than text. Within
//! them: `**bold**`, `*italic*`, `~~strike~~`, code between one to three backticks,
//! `[words](address)` to http, https or mailto, and a backslash before a mark that is none. What is
//! not well-formed is text.

use std::ops::Range;

/// What stands between words and marks; as many of each as are open at one time.
const MARKS: [&str; 5] = ["*", "**", "_", "__", "~~"];

/// The words of a markdown text. In time that grows with the text and no faster, never longer than
/// it, and never empty unless it is.
#[must_use]
pub fn plain(markdown: &str) -> String {
    let mut kept = Kept { source: markdown, pieces: Vec::new() };
    kept.blocks();
    let mut words = String::with_capacity(markdown.len());
    for piece in kept.pieces {
        words.push_str(&markdown[piece]);
    }
    // Marks and nothing else: then they are what was said.
    if words.trim().is_empty() { markdown.to_owned() } else { words }
}

/// Parts of the source, in its order, without what was found to be a mark.
struct Kept<'a> {
    source: &'a str,
    pieces: Vec<Range<usize>>,
}

impl Kept<'_> {
    fn blocks(&mut self) {
        let mut fenced = false;
        // Consecutive lines of text are read as one, so that marks may close on another line.
        let mut text: Option<Range<usize>> = None;
        let mut at = 0;
        for line in self.source.split_inclusive('\n') {
            let (from, to) = (at, at + line.len());
            at = to;
            if line.starts_with("```")
                && (fenced || !line[3..].trim_start_matches('`').contains('`'))
            {
                self.flush(&mut text);
                fenced = !fenced;
                continue;
            }
            if fenced {
                self.pieces.push(from..to);
                continue;
            }
            if let Some(mark) = block_mark(line) {
                self.flush(&mut text);
                self.inline(from + mark..to);
            } else {
                text.get_or_insert(from..to).end = to;
            }
        }
        self.flush(&mut text);
    }

    fn flush(&mut self, text: &mut Option<Range<usize>>) {
        if let Some(range) = text.take() {
            self.inline(range);
        }
    }

    /// Keeps the words of a stretch. At most one mark of each kind is open at a time, so that what
    /// closes is found at once.
    fn inline(&mut self, within: Range<usize>) {
        let text = &self.source[..within.end];
        let mut open: Vec<(&str, usize)> = Vec::with_capacity(MARKS.len());
        let (mut at, mut from) = (within.start, within.start);
        while at < within.end {
            let Some(token) = token(text, at) else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            self.keep(from..at);
            let end = at + token.len();
            match token {
                Token::Text(_) => self.keep(at..end),
                Token::Inside { keeps, .. } => self.keep(keeps),
                Token::Link { label, .. } => self.inline(label),
                Token::Mark(mark) => self.mark(&mut open, mark, (within.start, at, text)),
            }
            (at, from) = (end, end);
        }
        self.keep(from..within.end);
    }

    fn keep(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.pieces.push(range);
        }
    }

    /// A mark stands in the text until the one that closes it has come.
    fn mark<'m>(
        &mut self,
        open: &mut Vec<(&'m str, usize)>,
        mark: &'m str,
        (start, at, text): (usize, usize, &str),
    ) {
        let end = at + mark.len();
        let before = text[start..at].chars().next_back();
        let after = text[end..].chars().next();
        let word =
            |side: Option<char>| mark.starts_with('_') && side.is_some_and(char::is_alphanumeric);
        let blank = |side: Option<char>| side.is_none_or(char::is_whitespace);
        let known = open.iter().position(|(other, _)| *other == mark);
        if let Some(known) = known {
            if !blank(before) && !word(after) {
                self.pieces[open[known].1] = 0..0;
                open.truncate(known);
                return;
            }
        } else if MARKS.contains(&mark) && !blank(after) && !word(before) {
            open.push((mark, self.pieces.len()));
        }
        self.keep(at..end);
    }
}

/// How many bytes at the beginning of a line that is no text only say what it is. A number is a word.
fn block_mark(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches(' ');
    if let Some(quoted) = rest.strip_prefix('>') {
        return Some(line.len() - quoted.strip_prefix(' ').unwrap_or(quoted).len());
    }
    let count = |of: fn(&u8) -> bool| rest.bytes().take_while(of).count();
    let (hashes, digits) = (count(|byte| *byte == b'#'), count(u8::is_ascii_digit));
    let sign = match rest.as_bytes() {
        [b'-' | b'*' | b'+', ..] => 1,
        [b'#', ..] if hashes <= 6 => hashes,
        all if (1..=9).contains(&digits) && matches!(all.get(digits), Some(b'.' | b')')) => {
            digits + 1
        }
        _ => return None,
    };
    let words = rest[sign..].trim_start_matches(' ');
    let item = words.len() < rest.len() - sign && !words.starts_with(char::is_whitespace);
    let item = item && !words.is_empty();
    item.then(|| if digits > 0 { 0 } else { line.len() - words.len() })
}

#[derive(Debug)]
enum Token<'a> {
    /// Read in one go, so that nothing in it is a mark.
    Text(usize),
    /// Of `length` bytes the words are those.
    Inside {
        keeps: Range<usize>,
        length: usize,
    },
    Link {
        label: Range<usize>,
        length: usize,
    },
    Mark(&'a str),
}

impl Token<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Text(length) | Self::Inside { length, .. } | Self::Link { length, .. } => *length,
            Self::Mark(mark) => mark.len(),
        }
    }
}

/// What begins at this byte, if it is no plain character.
fn token(text: &str, at: usize) -> Option<Token<'_>> {
    let rest = &text[at..];
    let run = |mark: u8| rest.bytes().take_while(|byte| *byte == mark).count();
    match rest.bytes().next()? {
        b'\\' => {
            let escaped = rest[1..].bytes().next().is_some_and(|byte| byte.is_ascii_punctuation());
            escaped.then_some(Token::Inside { keeps: at + 1..at + 2, length: 2 })
        }
        b'`' => {
            let ticks = run(b'`');
            Some(code(rest, ticks).map_or(Token::Text(ticks), |length| Token::Inside {
                keeps: at + ticks..at + length - ticks,
                length,
            }))
        }
        b'[' => link(rest, at),
        b'!' if rest.as_bytes().get(1) == Some(&b'[') => match link(&rest[1..], at + 1)? {
            Token::Link { label, length } => Some(Token::Link { label, length: length + 1 }),
            other => Some(other),
        },
        b'h' | b'H' if scheme_of(rest, &SCHEMES[..2]).is_some() => {
            let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '*' | '~');
            Some(Token::Text(rest.find(ends).unwrap_or(rest.len())))
        }
        mark @ (b'*' | b'_' | b'~') => Some(Token::Mark(&rest[..run(mark)])),
        _ => None,
    }
}

/// The length of the code that begins with so many backticks.
fn code(rest: &str, ticks: usize) -> Option<usize> {
    if ticks > 3 {
        return None;
    }
    let inside = rest[ticks..].find('`')?;
    let closing = &rest[ticks + inside..];
    let closes = closing.bytes().take_while(|byte| *byte == b'`').count();
    (closes == ticks).then_some(ticks + inside + ticks)
}

const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

fn scheme_of<'a>(address: &str, among: &[&'a str]) -> Option<&'a str> {
    let begins = |scheme: &&str| {
        address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    among.iter().copied().find(|scheme| begins(scheme))
}

/// `[words](address)`, read no further than the next bracket.
fn link(rest: &str, at: usize) -> Option<Token<'_>> {
    let label = rest[1..].find(['[', ']', '\n']).filter(|label| *label > 0)?;
    let target = rest[1 + label..].strip_prefix("](")?;
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>');
    let length = target.find(ends)?;
    let address = &target[..length];
    let scheme = scheme_of(address, &SCHEMES)?;
    if length == scheme.len() || !target[length..].starts_with(')') {
        return None;
    }
    let label = at + 1..at + 1 + label;
    Some(Token::Link { length: label.len() + 4 + length, label })
}

#[cfg(test)]
mod tests {

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// What both readers make of a text; the elements' test has the same file.
    const GOLDEN: &str = include_str!("../../tests/golden/markdown.json");

    #[derive(Deserialize)]
    struct Case {
        source: String,
        plain: String,
    }

    #[test]
    fn the_words_are_those_of_the_golden_file() {
        let cases: Vec<Case> = serde_json::from_str(GOLDEN).unwrap();
        for Case { source, plain: words } in cases {
            assert_eq!(plain(&source), words, "{source:?}");
        }
    }

    #[test]
    fn what_is_made_to_take_long_does_not() {
        // What takes quadratic time for one of these does not end before the runner ends it.
        let many = |part: &str| part.repeat((1_024 * 1_024usize).div_ceil(part.len()));
        for part in [
            "*",
            "**a",
            "* a",
            "_a ",
            "~~",
            "[",
            "[a](",
            "[a](http://",
            "`",
            "``a`",
            "a`",
            "\\",
            "![",
            "> ",
            "- ",
            "```\n",
            "*_~~",
            "#",
            "http://",
            "[a](mailto:x",
        ] {
            let text = many(part);
            assert!(plain(&text).len() <= text.len());
        }
    }

    proptest! {
        #[test]
        fn never_longer_and_never_nothing(
            text in "([*_~`#>\\[\\]()! \n\\\\ha1語-]|http://x|\\]\\(https://a|```|\\PC){0,80}",
        ) {
            let words = plain(&text);
            prop_assert!(words.len() <= text.len());
            prop_assert_eq!(words.is_empty(), text.is_empty());
        }

        #[test]
        fn without_marks_it_is_the_text(text in "[a-z0-9語ü.,:;?'\"() \n]{0,60}") {
            prop_assert_eq!(plain(&text), text);
        }
    }
}
