//! What both sides agree on in the opening handshake (RFC 7692, 5 and 7.1).

use std::fmt;

use crate::handshake::{is_token, split};

const NAME: &str = "permessage-deflate";
const WINDOW_BITS_MAX: u8 = 15;

/// What a client offers: the value of `Sec-WebSocket-Extensions` in its request. The server must
/// drop its window after each message; we drop ours in any case.
pub const OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// permessage-deflate, agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    server_window_bits: u8,
    /// Whether the client asked for a bound on the server's window, which is to be confirmed.
    is_asked: bool,
}

impl Agreed {
    /// For a server: takes the first of a client's offers that it can, or none. `headers` are the
    /// values of all `Sec-WebSocket-Extensions` headers.
    ///
    /// # Errors
    /// A value that is no list of extensions: the request is to be refused with 400.
    pub fn accept<'h>(
        headers: impl IntoIterator<Item = &'h str>,
    ) -> Result<Option<Self>, BadExtension> {
        let mut agreed = None;
        for header in headers {
            for offer in split(header, ',').filter(|offer| !offer.is_empty()) {
                let offer = Extension::read(offer)?;
                if agreed.is_none() && offer.name.eq_ignore_ascii_case(NAME) {
                    agreed = Self::to_offer(&offer);
                }
            }
        }
        Ok(agreed)
    }

    /// None if there is anything in the offer that RFC 7692 does not define.
    fn to_offer(offer: &Extension<'_>) -> Option<Self> {
        let known = offer.parameters()?;
        let bits = known.server_max_window_bits;
        let server_window_bits = bits.unwrap_or(WINDOW_BITS_MAX);
        Some(Self { server_window_bits, is_asked: bits.is_some() })
    }

    /// For a server: the value of `Sec-WebSocket-Extensions` in its answer. Neither side keeps
    /// its window between messages; that of the client is not made smaller, since no inflater
    /// waits on a connection for it.
    #[must_use]
    pub fn answer(&self) -> String {
        let bits = self.server_window_bits;
        let asked =
            if self.is_asked { format!("; server_max_window_bits={bits}") } else { String::new() };
        format!("{OFFER}{asked}")
    }

    /// For a client that sent [`OFFER`]: what the server agreed to, if anything.
    ///
    /// # Errors
    /// An answer to something else than the offer: the connection is to be failed.
    pub fn confirm<'h>(
        headers: impl IntoIterator<Item = &'h str>,
    ) -> Result<Option<Self>, BadExtension> {
        let mut agreed = None;
        let values = headers.into_iter().flat_map(|value| split(value, ','));
        for answer in values.filter(|answer| !answer.is_empty()) {
            let answer = Extension::read(answer)?;
            if agreed.is_some() || !answer.name.eq_ignore_ascii_case(NAME) {
                return Err(BadExtension);
            }
            let known = answer.parameters().ok_or(BadExtension)?;
            // Without the first the server keeps its window and we would not; the last was not
            // offered.
            if !known.server_no_context_takeover || known.client_max_window_bits {
                return Err(BadExtension);
            }
            let bits = known.server_max_window_bits;
            let server_window_bits = bits.unwrap_or(WINDOW_BITS_MAX);
            agreed = Some(Self { server_window_bits, is_asked: bits.is_some() });
        }
        Ok(agreed)
    }

    /// Whether the client can inflate a message of `length` bytes, whatever window it was
    /// compressed with: within one message no reference reaches farther back than its beginning.
    /// So there is no need of a compressor for each size of window, and one compressed frame
    /// serves all who may have it; the few who asked for a small window get long messages as they
    /// are.
    #[must_use]
    pub fn server_may_deflate(&self, length: usize) -> bool {
        length <= 1 << self.server_window_bits || self.server_window_bits == WINDOW_BITS_MAX
    }
}

/// One extension of the list with its parameters.
#[derive(Debug)]
struct Extension<'h> {
    name: &'h str,
    parameters: Vec<(&'h str, Option<String>)>,
}

/// The parameters that RFC 7692 defines.
#[derive(Debug, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: bool,
}

impl<'h> Extension<'h> {
    fn read(text: &'h str) -> Result<Self, BadExtension> {
        let mut parts = split(text, ';');
        let name = parts.next().filter(|name| is_token(name)).ok_or(BadExtension)?;
        let parameters = parts.map(parameter).collect::<Option<Vec<_>>>().ok_or(BadExtension)?;
        Ok(Self { name, parameters })
    }

    /// `None` for a parameter that is unknown, given twice, or has a wrong value.
    fn parameters(&self) -> Option<Parameters> {
        let mut known = Parameters::default();
        let mut seen = Vec::with_capacity(self.parameters.len());
        for (name, value) in &self.parameters {
            if seen.contains(name) {
                return None;
            }
            seen.push(name);
            let value = value.as_deref();
            match (*name, value) {
                ("server_no_context_takeover", None) => known.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => known.client_no_context_takeover = true,
                ("server_max_window_bits", Some(bits)) => {
                    known.server_max_window_bits = Some(window_bits(bits)?);
                }
                ("client_max_window_bits", bits) => {
                    bits.map_or(Some(WINDOW_BITS_MAX), window_bits)?;
                    known.client_max_window_bits = true;
                }
                _ => return None,
            }
        }
        Some(known)
    }
}

/// A name, or a name and a value that is a token or a quoted one.
fn parameter(text: &str) -> Option<(&str, Option<String>)> {
    let Some((name, value)) = text.split_once('=') else {
        return is_token(text).then_some((text, None));
    };
    let (name, value) = (name.trim_end(), value.trim_start());
    let value = match value.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => value.to_owned(),
    };
    (is_token(name) && is_token(&value)).then_some((name, Some(value)))
}

/// What stands before the closing quote, which must be the end.
fn unquote(quoted: &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(value),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

/// 8 to 15, without a leading zero.
fn window_bits(text: &str) -> Option<u8> {
    (8..=WINDOW_BITS_MAX).find(|bits| bits.to_string() == text)
}

/// A `Sec-WebSocket-Extensions` that is no list of extensions, or that answers what was not
/// offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadExtension;

impl fmt::Display for BadExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sec-WebSocket-Extensions cannot be agreed to")
    }
}

impl std::error::Error for BadExtension {}

#[cfg(test)]
mod tests {
    use super::{Agreed, BadExtension, OFFER};

    fn answer_to(offers: &[&str]) -> Result<Option<String>, BadExtension> {
        let agreed = Agreed::accept(offers.iter().copied())?;
        Ok(agreed.map(|agreed| agreed.answer()))
    }

    #[test]
    fn offers_are_taken_or_passed_over() {
        let bare = OFFER.to_owned();
        let with = |bits| format!("{OFFER}; server_max_window_bits={bits}");
        for (offers, answer) in [
            (&[][..], None),
            (&["", " , "], None),
            (&["permessage-deflate"], Some(bare.clone())),
            (&["x, permessage-deflate; client_max_window_bits"], Some(bare.clone())),
            (&["x-webkit; a=\"b\\c\", y; z"], None),
            (&["x", "Permessage-Deflate; client_max_window_bits=8"], Some(bare.clone())),
            (&["permessage-deflate; server_no_context_takeover"], Some(bare.clone())),
            (&["permessage-deflate; server_max_window_bits=8"], Some(with(8))),
            (&["permessage-deflate ;server_max_window_bits = \"1\\5\""], Some(with(15))),
            (&["permessage-deflate; server_max_window_bits"], None),
            (&["permessage-deflate; server_max_window_bits=7"], None),
            (&["permessage-deflate; server_max_window_bits=16"], None),
            (&["permessage-deflate; server_max_window_bits=08"], None),
            (&["permessage-deflate; client_max_window_bits=x"], None),
            (&["permessage-deflate; server_no_context_takeover=1"], None),
            (&["permessage-deflate; client_no_context_takeover=true"], None),
            (&["permessage-deflate; unknown"], None),
            (&["permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
            (
                &["permessage-deflate; unknown, permessage-deflate; server_max_window_bits=10"],
                Some(with(10)),
            ),
        ] {
            assert_eq!(answer_to(offers), Ok(answer), "{offers:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for wrong in [
            "permessage deflate",
            "permessage-deflate; ",
            "permessage-deflate; a=",
            "permessage-deflate; a=\"",
            "permessage-deflate; a=\"b\"c",
            "permessage-deflate; a=\"b c\"",
            "x; a=\"b, permessage-deflate\"",
            "; a",
            "permessage-deflate, é",
        ] {
            assert_eq!(answer_to(&[wrong]), Err(BadExtension), "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_to_the_offer() {
        let read = |answer: &'static str| Agreed::confirm([answer]);
        assert_eq!(Agreed::confirm([]), Ok(None));
        assert_eq!(read(""), Ok(None));
        let name = "permessage-deflate; server_no_context_takeover";
        for (more, may) in [
            ("", true),
            ("; client_no_context_takeover", true),
            ("; server_max_window_bits=9", true),
            ("; client_max_window_bits=9", false),
            ("; client_max_window_bits", false),
            ("; server_max_window_bits=16", false),
            ("; other", false),
            (", other", false),
            (", permessage-deflate; server_no_context_takeover", false),
        ] {
            let answer = format!("{name}{more}");
            let agreed = Agreed::confirm([&*answer]);
            assert_eq!(agreed.is_ok(), may, "{answer}");
            assert_eq!(agreed.is_ok_and(|agreed| agreed.is_some()), may, "{answer}");
        }
        for wrong in ["permessage-deflate", "x", "permessage-deflate; client_no_context_takeover"] {
            assert_eq!(read(wrong), Err(BadExtension), "{wrong}");
        }
    }

    #[test]
    fn long_messages_do_not_go_into_a_small_window() {
        let agreed = |offer| Agreed::accept([offer]).unwrap().unwrap();
        let small = agreed("permessage-deflate; server_max_window_bits=8");
        assert!(small.server_may_deflate(256));
        assert!(!small.server_may_deflate(257));
        let large = agreed("permessage-deflate; server_max_window_bits=15");
        assert!(large.server_may_deflate(usize::MAX));
    }
}
