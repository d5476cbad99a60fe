//! The doors of an install as the crowd needs them. Who implements this speaks HTTP and
//! WebSocket; here it is only frames and answers.

use std::future::Future;

use serde_json::Value;

/// An install of one or more nodes.
pub trait Door: Send + Sync + 'static {
    type Line: Line;

    /// How many nodes there are; they are named by number from 0.
    fn nodes(&self) -> usize;

    /// One request and its answer. `Err` is a sentence: no answer came.
    fn call(
        &self,
        node: usize,
        request: Request,
    ) -> impl Future<Output = Result<Answer, String>> + Send;

    /// A socket that shows this token. `Err` is a sentence: it was not upgraded.
    fn connect(
        &self,
        node: usize,
        token: &str,
    ) -> impl Future<Output = Result<Self::Line, String>> + Send;
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    /// Such as `/v1/me`, percent-encoded.
    pub path: String,
    pub bearer: String,
    pub body: Option<Value>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// `null` when there is none.
    pub body: Value,
}

/// A live socket.
pub trait Line: Send {
    /// A text frame. What fails shows itself to the next read.
    fn send(&mut self, frame: String) -> impl Future<Output = ()> + Send;

    fn next(&mut self) -> impl Future<Output = Came> + Send;
}

#[derive(Debug, Clone)]
pub enum Came {
    Frame(Value),
    /// With its code; 1006 when it just ended.
    Closed(u16),
}

/// An id as it stands in a path.
pub(crate) fn segment(id: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
