//! Who sits at the panel: the cookie, and the guard against forged requests.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{COOKIE, HeaderMap, HeaderValue, ORIGIN};
use http::request::Parts;
use snug_core::error::Error;
use snug_core::limits;
use snug_core::model::Operator;
use snug_proto::{ErrorCode, Problem};

use crate::rest::{ApiError, is_own_page};
use crate::wiring::App;

/// The header that only the panel's own script sends; a foreign page would need a preflight,
/// which no panel route answers.
const GUARD: &str = "x-snug-panel";

/// A request that came from the panel's own page.
pub(super) struct FromPanel;

impl FromRequestParts<Arc<App>> for FromPanel {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let refused =
            || Problem::new(ErrorCode::CsrfRefused, "the panel's own page sends X-Snug-Panel: 1");
        if !parts.headers.contains_key(GUARD) {
            return Err(refused().into());
        }
        if parts.headers.contains_key(ORIGIN) && !is_own_page(&parts.headers) {
            return Err(refused().into());
        }
        Ok(Self)
    }
}

/// A logged-in operator.
pub(super) struct ByOperator(pub(super) Operator);

impl FromRequestParts<Arc<App>> for ByOperator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let token = cookie(&parts.headers, app.https).ok_or(Error::TokenMissing)?;
        let operator = app.engine.operator_by_session(&token).await?;
        operator.map(Self).ok_or_else(|| Error::SessionClosed.into())
    }
}

fn name(https: bool) -> &'static str {
    // The prefix makes browsers insist on Secure and Path=/.
    if https { "__Host-snug_panel" } else { "snug_panel" }
}

/// The panel session's token, if the request carries one.
pub(super) fn cookie(headers: &HeaderMap, https: bool) -> Option<String> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name(https)).then(|| value.to_owned())
    })
}

/// The header that sets the cookie, or clears it.
pub(super) fn set_cookie(token: Option<&str>, https: bool) -> HeaderValue {
    let name = name(https);
    let secure = if https { "; Secure" } else { "" };
    let age = token.map_or(0, |_| limits::OPERATOR_SESSION_SECONDS);
    let value = token.unwrap_or("");
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
