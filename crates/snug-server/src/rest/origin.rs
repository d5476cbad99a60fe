//! Which page a request comes from.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use snug_core::error::{Error, Result};
use snug_core::model;

use crate::wiring::App;

/// Whether the page was served by this server itself (the panel, the embed pages). Such a page
/// stands in no app's list; what it may do is decided by the token it holds.
pub(crate) fn is_own_page(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let place = origin.and_then(|origin| origin.split_once("://")).map(|(_, place)| place);
    place.is_some() && place == host
}

/// Refuses a page whose origin is not the app's. A request that no page sent has none.
pub(crate) fn check_page(app: &Arc<App>, known: &model::App, headers: &HeaderMap) -> Result<()> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    if is_own_page(headers) {
        return Ok(());
    }
    let origin = origin.to_str().map_err(|_| Error::OriginRefused { origin: "?".to_owned() })?;
    app.check_origin(known, origin)
}
