//! Which pages may have the chat in a frame: the app's origins, held by the browser itself
//! (`frame-ancestors`) and told to the page, so that it knows whom to listen and speak to.

use std::sync::Arc;

use http::header::REFERER;
use http::{HeaderMap, Uri};
use snug_core::error::Result;
use snug_core::model;

use crate::wiring::App;

/// Sources of the policy that stand for a machine of a developer's.
const LOCALHOST: &str = "http://localhost:* https://localhost:* http://127.0.0.1:* \
    https://127.0.0.1:* http://*.localhost:* https://*.localhost:*";

/// Pages that may stand around a frame.
#[derive(Debug, Default)]
pub(super) struct Parents {
    pub(super) origins: Vec<String>,
    /// Also any page of this machine: the app is in development.
    pub(super) localhost: bool,
}

impl Parents {
    pub(super) async fn of(
        app: &Arc<App>,
        known: Option<&model::App>,
        headers: &HeaderMap,
    ) -> Result<Self> {
        match known {
            Some(known) => Ok(Self::of_app(known)),
            None => Self::by_referrer(app, headers).await,
        }
    }

    fn of_app(app: &model::App) -> Self {
        let origins = app.origins.iter().filter(|origin| is_plain(origin)).cloned().collect();
        Self { origins, localhost: app.development }
    }

    /// Whoever asks by an address that names no app: the page that the browser says it is, if
    /// any app lists it. Which app it must be is asked again when the token is there.
    async fn by_referrer(app: &Arc<App>, headers: &HeaderMap) -> Result<Self> {
        let Some(origin) = referrer(headers) else { return Ok(Self::default()) };
        if is_plain(&origin) && app.engine.any_app_allows(&origin).await? {
            return Ok(Self { origins: vec![origin], localhost: false });
        }
        if headers.get("sec-fetch-dest").is_some_and(|dest| dest == "iframe") {
            app.metrics.refused_origins.inc();
            let mend = format!("add {origin:?} to the origins of the app in the panel");
            tracing::warn!(origin, mend, "origin refused");
        }
        Ok(Self::default())
    }

    /// The value of `frame-ancestors`.
    pub(super) fn policy(&self) -> String {
        let mut sources: Vec<&str> = self.origins.iter().map(String::as_str).collect();
        if self.localhost {
            sources.push(LOCALHOST);
        }
        if sources.is_empty() { "'none'".to_owned() } else { sources.join(" ") }
    }
}

fn referrer(headers: &HeaderMap) -> Option<String> {
    let uri: Uri = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let authority = uri.authority()?.as_str().to_lowercase();
    Some(format!("{}://{authority}", uri.scheme_str()?))
}

/// Nothing in it that means something else in a policy.
fn is_plain(origin: &str) -> bool {
    origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/.-_[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_taken_from_the_referrer() {
        let mut headers = HeaderMap::new();
        assert_eq!(referrer(&headers), None);
        for (text, origin) in [
            ("https://Shop.example/a?b", Some("https://shop.example")),
            ("http://shop.example:8080/", Some("http://shop.example:8080")),
            ("shop", None),
            ("about:blank", None),
        ] {
            headers.insert(REFERER, text.parse().unwrap());
            assert_eq!(referrer(&headers).as_deref(), origin, "{text}");
        }
    }

    #[test]
    fn nothing_slips_into_the_policy() {
        assert_eq!(Parents::default().policy(), "'none'");
        let origins = vec!["https://a.example".to_owned(), "http://[::1]:80".to_owned()];
        let parents = Parents { origins, localhost: false };
        assert_eq!(parents.policy(), "https://a.example http://[::1]:80");
        for bad in ["https://a.example;x", "https://a 'self'", "https://é.example", "*,b"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
