//! HTTP by hand, one connection per request, so that a test sees and says every byte.

use std::fmt::Write as _;
use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// A JSON value that must be a string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// An id as a path segment.
pub(crate) fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// An HTTP request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { address, method, path, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// `Value::Null` sends no body.
    #[expect(clippy::needless_pass_by_value, reason = "calls give a literal")]
    pub(crate) fn json(self, body: Value) -> Self {
        if body.is_null() { self } else { self.raw(body.to_string()) }
    }

    pub(crate) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", "application/json")
    }

    pub(crate) fn form(mut self, body: String) -> Self {
        self.body = body.into_bytes();
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    pub(crate) async fn send(self) -> Answer {
        let line = format!("{} {}", self.method, self.path);
        within(&line, self.exchange()).await
    }

    async fn exchange(self) -> Answer {
        let Self { address, method, path, headers, body } = self;
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket option");
        let length = body.len();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n"
        );
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a string takes it");
        }
        head += "\r\n";
        let bytes = [head.as_bytes(), &body].concat();
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::parse(format!("{method} {path}"), &answer)
    }
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Method and path, for failures.
    line: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    fn parse(line: String, bytes: &[u8]) -> Self {
        let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(split) = split else {
            panic!("{line}: no answer: {:?}", String::from_utf8_lossy(bytes));
        };
        let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|first| first.split(' ').nth(1)?.parse().ok());
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name: HeaderName = name.parse().expect("a header's name");
            headers.append(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        let mut body = bytes[split + 4..].to_vec();
        if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            body = joined(&body);
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { line, status: status.expect("a status"), headers, text, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header"))
    }

    /// The body of a call that must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {} {}", self.line, self.status, self.text);
        self.body
    }

    /// The body of a call that must be answered with this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.line, self.text);
        self.body
    }

    /// The problem of a call that must be refused with this code, in the one shape of errors.
    #[track_caller]
    /// As `is`, for an answer without JSON.
    pub(crate) fn said(self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        self.text
    }

    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let line = &self.line;
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{line}: {self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{line}");
        assert!(self.header("x-request-id").is_some_and(|id| id.len() == 26), "{line}: {self:?}");
        let problem = &self.body;
        assert_eq!(problem["type"], format!("/docs/errors#{code}"), "{line}");
        assert_eq!(problem["status"], status, "{line}");
        let retryable = matches!(status, 429 | 500..);
        assert_eq!(problem["retryable"], retryable, "{line}");
        for field in ["title", "detail"] {
            let said = problem[field].as_str().is_some_and(|text| !text.is_empty());
            assert!(said, "{line}: {field} is missing: {problem}");
        }
        assert_eq!(self.header("www-authenticate").is_some(), status == 401, "{line}");
        self.body
    }

    /// As `refused`, with the field that is wrong and what it must be.
    #[track_caller]
    pub(crate) fn refused_at(self, status: u16, code: &str, field: &str) -> Value {
        let line = self.line.clone();
        let problem = self.refused(status, code);
        assert_eq!(problem["field"], field, "{line}: {problem}");
        let expected = problem["expected"].as_str().is_some_and(|text| !text.is_empty());
        assert!(expected, "{line}: expected is missing: {problem}");
        problem
    }
}

/// A chunked body in one piece.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return body };
        let size = std::str::from_utf8(&rest[..end]).expect("a chunk's size");
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}
