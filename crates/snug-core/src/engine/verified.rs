//! The site's own token, checked at the customer's verify URL. Nothing of it is kept: whoever
//! comes again is asked about again.

use serde::Deserialize;

use super::bridge::boxed;
use super::keys::SERVER_KEY_PREFIX;
use super::{Backend, Engine, IssuedToken, OpenSession};
use crate::error::{Error, Result};
use crate::ids::{AppId, DeviceId, KeyId, UserId};
use crate::limits;
use crate::model::{Patch, UserPatch};
use crate::ports::{OutboundError, OutboundRequest};

/// A session to be opened with the site's own token.
#[derive(Clone)]
pub struct OpenVerified {
    pub token: String,
    pub device: DeviceId,
    pub push_token: Option<String>,
    /// The site's token is the session's too, for doors that know the app
    /// ([`Engine::authenticate_in`]); else one is minted.
    pub keep_token: bool,
}

impl std::fmt::Debug for OpenVerified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenVerified").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Whose a token is, as the customer's backend says.
#[derive(Debug, Clone)]
pub struct VerifiedUser {
    pub user: UserId,
    pub profile: UserPatch,
}

#[derive(Deserialize)]
struct Answer {
    id: Id,
    #[serde(alias = "nickname")]
    name: Option<String>,
    #[serde(alias = "avatarUrl")]
    avatar: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Signed(i64),
    Unsigned(u64),
}

impl Engine {
    /// Opens a session for the user whose token the customer's backend accepts; makes the user
    /// or changes name and avatar, where the answer has them.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] without a verify URL; [`Error::VerifyFailed`];
    /// [`Error::VerifyUnreachable`]; [`Error::ServerKeyInBrowser`]; as
    /// [`Engine::open_session`].
    pub async fn open_verified(&self, app: &AppId, open: OpenVerified) -> Result<IssuedToken> {
        let OpenVerified { token, device, push_token, keep_token } = open;
        let verified = self.verify_token(app, &token).await?;
        let backend = Backend { app: self.app(app).await?, key: KeyId::from_stored("verify") };
        let open = OpenSession {
            user: verified.user,
            device,
            profile: verified.profile,
            custom: None,
            push_token,
            ttl_seconds: None,
            token: keep_token.then_some(token),
        };
        self.open_session(&backend, open).await
    }

    /// Asks the customer's backend, once, whose this token is.
    ///
    /// # Errors
    /// As [`Engine::open_verified`].
    pub async fn verify_token(&self, app: &AppId, token: &str) -> Result<VerifiedUser> {
        if token.is_empty() {
            return Err(Error::missing("token"));
        }
        if token.len() > limits::TOKEN_BYTES_MAX {
            let most = limits::TOKEN_BYTES_MAX;
            return Err(Error::too_large("token", format!("at most {most} bytes")));
        }
        if token.starts_with(SERVER_KEY_PREFIX) {
            return Err(Error::ServerKeyInBrowser);
        }
        let settings = self.settings(app).await?;
        let Some(url) = settings.verify_url else {
            if settings.bridge.is_some() {
                let found = boxed(self.bridge_user_token(app, token)).await?;
                let name = found.name.map_or(Patch::Keep, Patch::Set);
                let profile = UserPatch { name, ..UserPatch::default() };
                return Ok(VerifiedUser { user: found.user, profile });
            }
            return Err(Error::NotSetUp { what: "verify_url".to_owned() });
        };
        let body = serde_json::json!({ "token": token }).to_string().into_bytes();
        let mut request = OutboundRequest::post_json(app, &url, body);
        request.timeout_ms = limits::VERIFY_MS_MAX;
        let answer = match self.outbound.call(request).await {
            Ok(answer) => answer,
            Err(OutboundError::Busy) => {
                let retry_after_ms = limits::OVERLOADED_RETRY_MS;
                return Err(Error::Overloaded { retry_after_ms });
            }
            Err(error) => return Err(unreachable(&error.to_string())),
        };
        match answer.status {
            200 => read(&answer.body).map_err(|cause| unreachable(&cause)),
            400 | 401 | 403 | 422 => Err(Error::VerifyFailed),
            status => Err(unreachable(&format!("it answers {status}"))),
        }
    }
}

fn unreachable(cause: &str) -> Error {
    Error::VerifyUnreachable { cause: format!("verify URL: {cause}") }
}

fn read(body: &[u8]) -> std::result::Result<VerifiedUser, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        format!("its answer is not {{\"id\", \"name\"?, \"avatar\"?}}: {error}")
    })?;
    let id = match answer.id {
        Id::Text(text) => text,
        Id::Signed(number) => number.to_string(),
        Id::Unsigned(number) => number.to_string(),
    };
    let user = UserId::new(&id).map_err(|error| format!("its id: expected {}", error.expected))?;
    let set = |value: Option<String>| {
        value.filter(|value| !value.is_empty()).map_or(Patch::Keep, Patch::Set)
    };
    let profile =
        UserPatch { name: set(answer.name), avatar: set(answer.avatar), ..UserPatch::default() };
    super::check::profile("", &profile).map_err(|error| format!("its answer: {error}"))?;
    Ok(VerifiedUser { user, profile })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_both_spellings() {
        for body in [
            r#"{"id":"mei","nickname":"Mei","avatarUrl":"https://a.example/m.png","x":1}"#,
            r#"{"id":"mei","name":"Mei","avatar":"https://a.example/m.png"}"#,
        ] {
            let read = read(body.as_bytes()).unwrap();
            assert_eq!(read.user.as_str(), "mei");
            assert_eq!(read.profile.name, Patch::Set("Mei".to_owned()));
            assert_eq!(read.profile.avatar, Patch::Set("https://a.example/m.png".to_owned()));
        }
        let number = read(br#"{"id":42,"name":null,"avatar":""}"#).unwrap();
        assert_eq!((number.user.as_str(), number.profile.name), ("42", Patch::Keep));
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"id":""}"#,
            r#"{"id":1.5}"#,
            r#"{"id":"a\n"}"#,
            r#"{"id":"a","avatar":"javascript:x"}"#,
            "<html>",
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
