//! Lists in header values.

/// The parts of a value between separators, without the blanks around them. A separator within a
/// quoted string is none.
pub(crate) fn split(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = value.find(|c: char| {
            let ends = c == separator && !quoted;
            if escaped {
                escaped = false;
            } else if quoted && c == '\\' {
                escaped = true;
            } else if c == '"' {
                quoted = !quoted;
            }
            ends
        });
        let (part, behind) = match end {
            Some(end) => (&value[..end], Some(&value[end + separator.len_utf8()..])),
            None => (value, None),
        };
        rest = behind;
        Some(part.trim_matches([' ', '\t']))
    })
}

/// Whether this is a token of HTTP (RFC 9110, 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let is_in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_in_token)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn parts_are_told_from_what_is_quoted() {
        let parts = |value, separator| split(value, separator).collect::<Vec<_>>();
        assert_eq!(parts("a, b ,\tc", ','), ["a", "b", "c"]);
        assert_eq!(parts("", ','), [""]);
        assert_eq!(parts("a,,", ','), ["a", "", ""]);
        assert_eq!(parts(r#"a; x="1,2\",3"; y, b"#, ','), [r#"a; x="1,2\",3"; y"#, "b"]);
        assert_eq!(parts("\"open, b", ','), ["\"open, b"]);
    }
}
