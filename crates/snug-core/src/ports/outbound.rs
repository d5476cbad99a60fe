//! Calls to customers' URLs. There is one implementation, the guarded client: it refuses private
//! addresses, follows no redirect and bounds time and size. Nothing else may call such a URL.

use async_trait::async_trait;

use crate::ids::AppId;

/// How a customer's URL is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboundMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl OutboundMethod {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One call.
#[derive(Clone)]
pub struct OutboundRequest {
    /// Whose call it is: each app has a bounded number of them under way.
    pub app: AppId,
    pub method: OutboundMethod,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// From having a place to the answer's last byte. The waits for a place, among the app's calls
    /// and among all, are as long each at most, and then `Busy`.
    pub timeout_ms: u64,
    /// The largest body that is taken as an answer.
    pub answer_bytes_max: usize,
    /// Whether plain http is refused.
    pub https_only: bool,
}

impl std::fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // URL, headers and body may hold secrets.
        f.debug_struct("OutboundRequest").field("app", &self.app).finish_non_exhaustive()
    }
}

impl OutboundRequest {
    /// A GET of JSON.
    #[must_use]
    pub fn get(app: &AppId, url: &str) -> Self {
        Self {
            app: app.clone(),
            method: OutboundMethod::Get,
            url: url.to_owned(),
            headers: vec![("Accept".to_owned(), "application/json".to_owned())],
            body: Vec::new(),
            timeout_ms: crate::limits::OUTBOUND_MS_MAX,
            answer_bytes_max: crate::limits::OUTBOUND_ANSWER_BYTES_MAX,
            https_only: false,
        }
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post_json(app: &AppId, url: &str, body: Vec<u8>) -> Self {
        let mut request = Self::get(app, url);
        request.method = OutboundMethod::Post;
        request.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        request.body = body;
        request
    }
}

/// An answer of whatever status; redirects too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundAnswer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer. No text holds more of the URL than its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Nothing was sent: this is not a URL that may be called.
    #[error("{0}")]
    InvalidUrl(String),
    /// Nothing was sent: the address is private, or plain http is refused.
    #[error("{0}")]
    Refused(String),
    /// Nothing was sent: too many calls of this app are under way, or no place came free in time.
    #[error("too many calls are under way")]
    Busy,
    /// Nothing was sent: no connection.
    #[error("{0}")]
    Unreachable(String),
    /// It may have been sent.
    #[error("no answer within {0} ms")]
    TimedOut(u64),
    /// It was answered with more than was asked for.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It may have been sent; the answer broke off or was not HTTP.
    #[error("{0}")]
    Broken(String),
}

impl OutboundError {
    /// Whether the other side cannot have seen the request.
    #[must_use]
    pub fn never_sent(&self) -> bool {
        matches!(self, Self::InvalidUrl(_) | Self::Refused(_) | Self::Busy | Self::Unreachable(_))
    }
}

/// The guarded client.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Calls once: no retry, no redirect.
    async fn call(&self, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError>;

    /// Whether a URL has the form of one that may be called; its name is not resolved.
    ///
    /// # Errors
    /// A sentence for who set it.
    fn check_url(&self, url: &str) -> Result<(), OutboundError>;
}

/// Calls nothing; for a server without customers' URLs.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutbound;

#[async_trait]
impl Outbound for NoOutbound {
    async fn call(&self, _: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
        Err(OutboundError::Refused("calls to customers' URLs are off".to_owned()))
    }

    fn check_url(&self, _: &str) -> Result<(), OutboundError> {
        Err(OutboundError::Refused("calls to customers' URLs are off".to_owned()))
    }
}
