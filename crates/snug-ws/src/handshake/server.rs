//! The server's side of the opening handshake.

use std::fmt;

use super::{Gathered, Once, VERSION, accept_key, is_key, is_token};

/// A client's request to upgrade that may be granted.
#[derive(Debug, Clone)]
pub struct Request<'h> {
    key: &'h str,
    protocols: Vec<&'h str>,
    extensions: Vec<&'h str>,
}

impl<'h> Request<'h> {
    /// Looks at the method and the headers of a request of HTTP/1.1 (RFC 6455, 4.2.1).
    ///
    /// # Errors
    /// What is missing or wrong; [`Refused::status`] is what to answer.
    pub fn read(
        method: &str,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) -> Result<Self, Refused> {
        let all = Gathered::from(headers);
        if !all.upgrade || !all.connection {
            return Err(Refused::NoUpgrade);
        }
        if method != "GET" {
            return Err(Refused::Method);
        }
        if !all.host {
            return Err(Refused::NoHost);
        }
        if all.version != Once::Is(VERSION) {
            return Err(Refused::Version);
        }
        let key = match all.key {
            Once::Is(key) if is_key(key) => key,
            _ => return Err(Refused::Key),
        };
        if !all.protocols.iter().all(|name| is_token(name)) {
            return Err(Refused::Protocols);
        }
        Ok(Self { key, protocols: all.protocols, extensions: all.extensions })
    }

    /// The value of `Sec-WebSocket-Accept` for the answer.
    #[must_use]
    pub fn accept(&self) -> String {
        accept_key(self.key)
    }

    /// The subprotocols that the client speaks, the one it likes best first.
    #[must_use]
    pub fn protocols(&self) -> &[&'h str] {
        &self.protocols
    }

    /// Of the subprotocols that the server speaks, the one that the client likes best. It goes
    /// into the answer as `Sec-WebSocket-Protocol`; without one there is no such header.
    #[must_use]
    pub fn choose(&self, spoken: &[&str]) -> Option<&'h str> {
        self.protocols.iter().find(|name| spoken.contains(name)).copied()
    }

    /// The values of `Sec-WebSocket-Extensions` as they came, for
    /// [`deflate::Agreed::accept`](crate::deflate::Agreed::accept).
    #[must_use]
    pub fn extensions(&self) -> &[&'h str] {
        &self.extensions
    }
}

/// Why a request is not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It does not ask for an upgrade to WebSocket.
    NoUpgrade,
    /// It is no GET.
    Method,
    /// It has no `Host`.
    NoHost,
    /// Its version is not 13.
    Version,
    /// Its key is missing, there are two, or it is not base64 of 16 bytes.
    Key,
    /// A subprotocol that is no token.
    Protocols,
}

impl Refused {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoUpgrade | Self::Version => 426,
            Self::Method => 405,
            Self::NoHost | Self::Key | Self::Protocols => 400,
        }
    }

    /// The headers that belong to that answer.
    ///
    /// ```
    /// use snug_ws::handshake::{Refused, Request};
    ///
    /// let refused = Request::read("GET", [("host", "example.com")]).unwrap_err();
    /// assert_eq!((refused, refused.status()), (Refused::NoUpgrade, 426));
    /// assert_eq!(refused.headers()[0], ("Upgrade", "websocket"));
    /// ```
    #[must_use]
    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::NoUpgrade | Self::Version => &[
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", VERSION),
            ],
            Self::Method => &[("Allow", "GET")],
            Self::NoHost | Self::Key | Self::Protocols => &[],
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUpgrade => "no upgrade to websocket is asked for",
            Self::Method => "the method is not GET",
            Self::NoHost => "there is no Host",
            Self::Version => "Sec-WebSocket-Version is not 13",
            Self::Key => "Sec-WebSocket-Key is not base64 of 16 bytes",
            Self::Protocols => "Sec-WebSocket-Protocol is not a list of tokens",
        })
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::{Refused, Request};

    const GOOD: [(&str, &str); 7] = [
        ("Host", "example.com"),
        ("upgrade", "h2c, WebSocket"),
        ("CONNECTION", "keep-alive,  upgrade"),
        ("Sec-WebSocket-Version", " 13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "b , a"),
        ("sec-websocket-protocol", "c"),
    ];

    /// The good request with other values of a header; none leaves it out.
    fn with(name: &'static str, values: &[&'static str]) -> Result<Request<'static>, Refused> {
        let mut headers = GOOD.to_vec();
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.extend(values.iter().map(|value| (name, *value)));
        Request::read("GET", headers)
    }

    #[test]
    fn a_good_request_is_taken() {
        let request = Request::read("GET", GOOD).unwrap();
        assert_eq!(request.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(request.protocols(), ["b", "a", "c"]);
        assert_eq!(request.choose(&["a", "b"]), Some("b"));
        assert_eq!(request.choose(&["A"]), None);
        assert_eq!(request.choose(&[]), None);
        let extensions = ["x; a=1", "y"];
        assert_eq!(with("sec-websocket-extensions", &extensions).unwrap().extensions(), extensions);
    }

    #[test]
    fn each_wrong_header_is_refused() {
        assert_eq!(Request::read("POST", GOOD).unwrap_err(), Refused::Method);
        for (name, values, refused) in [
            ("host", &[][..], Refused::NoHost),
            ("upgrade", &[], Refused::NoUpgrade),
            ("upgrade", &["websockets"], Refused::NoUpgrade),
            ("connection", &[], Refused::NoUpgrade),
            ("connection", &["close"], Refused::NoUpgrade),
            ("sec-websocket-version", &[], Refused::Version),
            ("sec-websocket-version", &["8"], Refused::Version),
            ("sec-websocket-version", &["13", "13"], Refused::Version),
            ("sec-websocket-key", &[], Refused::Key),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"], Refused::Key),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ=="; 2], Refused::Key),
            ("sec-websocket-protocol", &["a b"], Refused::Protocols),
            ("sec-websocket-protocol", &["a, \"b\""], Refused::Protocols),
        ] {
            assert_eq!(with(name, values).unwrap_err(), refused, "{name} {values:?}");
        }
        assert!(with("sec-websocket-protocol", &["a,, b,"]).is_ok());
        assert!(with("connection", &["close", "Upgrade"]).is_ok());
    }
}
