//! The form of a URL that may be called: http or https, a plain host, no user in it. Names that
//! a resolver would read as an address in another spelling (`127.1`, `0x7f000001`) are no names.

use std::net::IpAddr;

use http::Uri;
use snug_core::ports::OutboundError;

/// The host of a URL: a name to be resolved, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Reads a customer's URL.
///
/// # Errors
/// [`OutboundError::InvalidUrl`] with what is expected.
pub(super) fn parse(url: &str, https_only: bool) -> Result<(Uri, Host), OutboundError> {
    let wrong = |why: &str| OutboundError::InvalidUrl(format!("not a URL to call: {why}"));
    if url.len() > 2_048 || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("at most 2048 printable ASCII characters"));
    }
    let uri: Uri = url.parse().map_err(|_| wrong("expected https://host/path"))?;
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if !https_only => {}
        Some("http") => return Err(OutboundError::Refused("only https is called".to_owned())),
        _ => return Err(wrong("expected https://host/path")),
    }
    let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("a user or password has no place in it"));
    }
    if authority.as_str().ends_with(':') || authority.port_u16() == Some(0) {
        return Err(wrong("its port is no port"));
    }
    let host = host(authority.host()).ok_or_else(|| wrong("its host is no plain name"))?;
    Ok((uri, host))
}

/// The host of a URI that [`parse`] has let through.
pub(super) fn host(text: &str) -> Option<Host> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']')?.parse().ok()?;
        return Some(Host::Address(IpAddr::V6(address)));
    }
    if let Ok(address) = text.parse() {
        return Some(Host::Address(IpAddr::V4(address)));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    if name.len() > 253 || !name.split('.').all(label) {
        return None;
    }
    let last = name.rsplit('.').next()?;
    let hexadecimal = last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    let number = hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit());
    (!number).then(|| Host::Name(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        for (url, host) in [
            ("https://shop.example/verify?a=b", "shop.example"),
            ("http://Shop.Example.:8080/", "shop.example"),
            ("https://xn--fiq228c.example", "xn--fiq228c.example"),
            ("http://my_host/x", "my_host"),
        ] {
            let (_, found) = parse(url, false).unwrap();
            assert_eq!(found, Host::Name(host.to_owned()), "{url}");
        }
        for (url, address) in [("http://127.0.0.1:1/", "127.0.0.1"), ("https://[::1]/", "::1")] {
            let (_, found) = parse(url, false).unwrap();
            assert_eq!(found, Host::Address(address.parse().unwrap()), "{url}");
        }
    }

    #[test]
    fn no_other_spelling_of_an_address() {
        for url in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0X7F.0.0.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://127.0.0.0x1/",
            "http://1.2.3.4.5/",
            "http://a.1/",
            "http://[fe80::1%25eth0]/",
            "http://[::ffff:127.0.0.1/",
            "http://%31%32%37.0.0.1/",
            "http://127。0。0。1/",
            "http://user@shop.example/",
            "http://user:pw@127.0.0.1/",
            "ftp://shop.example/",
            "file:///etc/passwd",
            "gopher://x/",
            "//shop.example/",
            "/path",
            "shop.example",
            "",
            "http://",
            "http://a..b/",
            "http:// a/",
            "http://shop.example:/",
            "http://shop.example:0/",
            "https://shop.example\\@127.0.0.1/",
            "http://shop.example/\r\nX: y",
        ] {
            assert!(parse(url, false).is_err(), "{url}");
        }
    }

    #[test]
    fn plain_http_is_refused_when_it_must_be() {
        assert!(matches!(parse("http://shop.example/", true), Err(OutboundError::Refused(_))));
        assert!(parse("https://shop.example/", true).is_ok());
    }
}
