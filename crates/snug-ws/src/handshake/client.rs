//! The client's side of the opening handshake.

use std::fmt;

use super::{Gathered, Once, accept_key, base64};

/// The value of `Sec-WebSocket-Key`, one for each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey(String);

impl ClientKey {
    /// Of 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(base64(&random))
    }

    /// As it stands in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A server's answer that opens the connection.
#[derive(Debug, Clone)]
pub struct Response<'h> {
    protocol: Option<&'h str>,
    extensions: Vec<&'h str>,
}

impl<'h> Response<'h> {
    /// Looks at the status and the headers of an answer (RFC 6455, 4.1), by the key and the
    /// subprotocols that the request had.
    ///
    /// # Errors
    /// Why the connection is not open.
    pub fn read(
        status: u16,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        key: &ClientKey,
        asked: &[&str],
    ) -> Result<Self, Mismatch> {
        if status != 101 {
            return Err(Mismatch::Status(status));
        }
        let all = Gathered::from(headers);
        if !all.upgrade || !all.connection {
            return Err(Mismatch::NoUpgrade);
        }
        if all.accept != Once::Is(&accept_key(key.as_str())) {
            return Err(Mismatch::Accept);
        }
        let protocol = match all.protocols[..] {
            [] => None,
            [name] if asked.contains(&name) => Some(name),
            _ => return Err(Mismatch::Protocol),
        };
        Ok(Self { protocol, extensions: all.extensions })
    }

    /// The subprotocol that the server chose, one of those asked for.
    #[must_use]
    pub fn protocol(&self) -> Option<&'h str> {
        self.protocol
    }

    /// The values of `Sec-WebSocket-Extensions` as they came. A client that offered none fails
    /// the connection when there are some; one that offered compression gives them to
    /// [`deflate::Agreed::confirm`](crate::deflate::Agreed::confirm).
    #[must_use]
    pub fn extensions(&self) -> &[&'h str] {
        &self.extensions
    }
}

/// Why a server's answer does not open the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The status is not 101.
    Status(u16),
    /// The server does not upgrade to WebSocket.
    NoUpgrade,
    /// The answer is not to this key.
    Accept,
    /// A subprotocol that was not asked for, or more than one.
    Protocol,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the server answered {status}"),
            Self::NoUpgrade => f.write_str("the server does not upgrade to websocket"),
            Self::Accept => f.write_str("Sec-WebSocket-Accept does not answer the key"),
            Self::Protocol => f.write_str("a subprotocol that was not asked for"),
        }
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use super::{ClientKey, Mismatch, Response};

    #[test]
    fn each_wrong_answer_is_found() {
        let key = ClientKey::new(*b"the sample nonce");
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-extensions", "x"),
        ];
        let read = |headers: &[(&'static str, &'static str)]| {
            Response::read(101, headers.iter().copied(), &key, &["a", "b"])
        };
        let response = read(&good).unwrap();
        assert_eq!((response.protocol(), response.extensions()), (None, &["x"][..]));
        let refused = Response::read(200, good, &key, &[]);
        assert_eq!(refused.unwrap_err(), Mismatch::Status(200));
        for (at, error) in
            [Mismatch::NoUpgrade, Mismatch::NoUpgrade, Mismatch::Accept].into_iter().enumerate()
        {
            let mut headers = good.to_vec();
            headers[at].1 = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo";
            assert_eq!(read(&headers).unwrap_err(), error);
            headers.remove(at);
            assert_eq!(read(&headers).unwrap_err(), error);
        }
        let with = |value| [&good[..], &[("sec-websocket-protocol", value)]].concat();
        assert_eq!(read(&with("b")).unwrap().protocol(), Some("b"));
        for wrong in ["c", "A", "a, b"] {
            assert_eq!(read(&with(wrong)).unwrap_err(), Mismatch::Protocol, "{wrong}");
        }
    }
}
