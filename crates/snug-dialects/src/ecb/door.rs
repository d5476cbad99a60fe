//! Who calls, and in which app: the host name says the app, the user token says who.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, header};
use snug_core::engine::{Client, Engine, UserToken};
use snug_core::error::Error;
use snug_core::ids::AppId;

use super::DIALECT;
use super::answer::Failure;
use crate::Host;

pub(super) struct Door {
    pub(super) host: Arc<dyn Host>,
}

impl Door {
    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.host.engine()
    }

    /// The app, if it takes pages of this origin.
    pub(super) async fn app(&self, headers: &HeaderMap) -> Result<AppId, Failure> {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let id = self.host.app_by_host(DIALECT, host).ok_or_else(Failure::no_app)?;
        let app = self.engine().app(&id).await?;
        if let Some(origin) = headers.get(header::ORIGIN) {
            self.host.check_origin(&app, origin.to_str().unwrap_or("not text"))?;
        }
        Ok(id)
    }

    /// Whose the user token is: signed, not ended, not taken back, and not too often.
    pub(super) async fn client(&self, app: &AppId, token: &str) -> Result<Client, Failure> {
        if token.is_empty() {
            return Err(Error::TokenMissing.into());
        }
        let client = self.engine().bridge_client(app, token).await?;
        self.host.check_rate(&client)?;
        Ok(client)
    }

    /// The backend's user token for an access token.
    pub(super) async fn user_token(
        &self,
        app: &AppId,
        from: Option<IpAddr>,
        access_token: &str,
    ) -> Result<UserToken, Failure> {
        self.host.check_verify_rate(app, from)?;
        Ok(self.engine().bridge_user_token(app, access_token).await?)
    }
}

/// A token without its `Bearer`.
pub(super) fn bare(token: &str) -> &str {
    let token = token.trim();
    let scheme = token.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    match scheme.map(|_| &token[6..]) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => rest.trim(),
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_with_and_without_its_scheme() {
        for (text, token) in
            [("abc", "abc"), ("Bearer abc", "abc"), ("bearer", ""), ("bearerabc", "bearerabc")]
        {
            assert_eq!(bare(text), token, "{text:?}");
        }
        assert_eq!(bare("語語語"), "語語語");
    }
}
