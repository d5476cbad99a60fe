//! Signed server requests: the canonical string that a backend signs in place of sending its
//! key. `api/examples/signed.vectors.json` holds vectors for it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The parts of a request that its signature covers.
#[derive(Debug, Clone, Copy)]
pub struct CanonicalRequest<'a> {
    /// `Snug-Key`: `<app>.<key id>`.
    pub key: &'a str,
    /// `Snug-Timestamp`, as sent.
    pub timestamp: &'a str,
    /// `Snug-Nonce`.
    pub nonce: &'a str,
    /// In capitals.
    pub method: &'a str,
    /// As sent, with its percent-encoding.
    pub path: &'a str,
    /// As sent, behind the `?`.
    pub query: &'a str,
    pub body: &'a [u8],
}

impl CanonicalRequest<'_> {
    /// Eight lines, without an end of line behind the last.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { key, timestamp, nonce, method, path, query, body } = self;
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        let query = pairs.join("&");
        let body = hex(&Sha256::digest(body));
        format!("v1\n{key}\n{timestamp}\n{nonce}\n{method}\n{path}\n{query}\n{body}")
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The signature of `Snug-Signature: v1=<64 hexadecimal digits>`.
#[must_use]
pub fn parse_signature(header: &str) -> Option<Vec<u8>> {
    let digits = header.trim().strip_prefix("v1=")?;
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..32).map(|index| u8::from_str_radix(&digits[index * 2..index * 2 + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_64_digits_behind_its_version() {
        let digits = "0aF9".repeat(16);
        assert_eq!(parse_signature(&format!("v1={digits}")).unwrap().len(), 32);
        for wrong in [&digits, &format!("v2={digits}"), &format!("v1={digits}0"), "v1=", "v1=zz"] {
            assert!(parse_signature(wrong).is_none(), "{wrong}");
        }
    }
}
