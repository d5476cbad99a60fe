//! Sessions and tokens: open, authenticate, refresh, close. A token is looked up in the store at
//! every door, so that a logout or a revoke holds everywhere from its answer on (contract line 12).

use std::sync::Arc;

use super::keys::{SERVER_KEY_PREFIX, parse_placed_token, parse_session_token};
use super::{Backend, Client, Engine, check};
use crate::error::{Error, Result};
use crate::event::UserEventBody;
use crate::ids::{AppId, DeviceId, SessionId, UserId};
use crate::limits;
use crate::model::{
    App, CloseReason, CustomJson, Patch, Session, SessionSelector, Time, TokenHash, UserPatch,
};
use crate::ports::{
    MintedClaims, NewSession, OpenOutcome, RefreshOutcome, SessionFacts, SessionOrigin,
};

/// What `open-session` takes.
#[derive(Debug, Clone)]
pub struct OpenSession {
    pub user: UserId,
    pub device: DeviceId,
    pub profile: UserPatch,
    pub custom: Option<CustomJson>,
    pub push_token: Option<String>,
    pub ttl_seconds: Option<u64>,
    /// A token that the backend chose, for [`Engine::authenticate_in`]; else one is minted.
    pub token: Option<String>,
}

/// A token in clear, this once, and its session.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    pub token: String,
    pub session: Session,
}

/// What a backend may revoke.
#[derive(Debug, Clone)]
pub struct RevokeSessions(pub SessionSelector);

impl Engine {
    /// Opens a session for a (user, device), replacing the one before.
    ///
    /// # Errors
    /// An invalid field; [`Error::UserDeactivated`]; the store's.
    pub async fn open_session(&self, backend: &Backend, open: OpenSession) -> Result<IssuedToken> {
        check::profile("profile.", &open.profile)?;
        if let Some(custom) = &open.custom {
            check::bytes("custom", custom.as_str(), limits::SESSION_CUSTOM_BYTES_MAX)?;
        }
        if let Some(push_token) = &open.push_token {
            check::label("push_token", push_token, limits::PUSH_TOKEN_BYTES_MAX)?;
        }
        let (least, most) = (limits::SESSION_TTL_SECONDS_MIN, limits::SESSION_TTL_SECONDS_MAX);
        let ttl_seconds = open.ttl_seconds.unwrap_or(limits::SESSION_TTL_SECONDS_DEFAULT);
        if !(least..=most).contains(&ttl_seconds) {
            return Err(Error::invalid("ttl_seconds", format!("{least} to {most}")));
        }
        let app = &backend.app.id;
        let token = match open.token {
            Some(chosen) => check_chosen(chosen)?,
            None => self.mint_session_token(app),
        };
        let now = self.now();
        let new = NewSession {
            app: app.clone(),
            id: self.session_id(),
            user: open.user,
            device: open.device,
            token: TokenHash::of(&token),
            origin: SessionOrigin::Backend,
            profile: open.profile,
            custom: open.custom,
            push_token: open.push_token,
            ttl_seconds,
            expires_at: after(now, ttl_seconds),
            now,
        };
        let session = self.open(app, new).await?;
        Ok(IssuedToken { token, session })
    }

    /// Whose token this is: a session token, a JWT of the customer's (whose first use opens
    /// its session), or any token with its app before it.
    ///
    /// # Errors
    /// The token errors of `docs/codes.md`; [`Error::ServerKeyInBrowser`] for a server key.
    pub async fn authenticate(&self, token: &str) -> Result<Client> {
        match parse_placed_token(token) {
            Some((app, token)) => self.authenticate_in(&app, token).await,
            None => self.authenticate_plain(token).await,
        }
    }

    async fn authenticate_plain(&self, token: &str) -> Result<Client> {
        if token.is_empty() {
            return Err(Error::TokenMissing);
        }
        if token.len() > limits::TOKEN_BYTES_MAX {
            return Err(Error::TokenInvalid);
        }
        if token.starts_with(SERVER_KEY_PREFIX) {
            return Err(Error::ServerKeyInBrowser);
        }
        let minted = if let Some(app) = parse_session_token(token) {
            (app, None)
        } else {
            let peeked = self.minted.peek(token).ok_or(Error::TokenInvalid)?;
            (peeked.app.clone(), Some(peeked))
        };
        let (app, peeked) = minted;
        let known = self.app_with_keys(&app).await?.ok_or(Error::TokenInvalid)?;
        if let Some(facts) = self.store.session_by_token(&app, TokenHash::of(token)).await? {
            return self.client(known.app.clone(), facts);
        }
        let Some(peeked) = peeked else {
            return Err(Error::TokenInvalid);
        };
        let claims = self.check_minted(&known, token, &peeked).await?;
        self.open_minted(known.app.clone(), token, claims).await
    }

    /// Whose token this is, for a door that knows the app: also a token that the backend chose.
    ///
    /// # Errors
    /// As [`Engine::authenticate`]; a token of another app is [`Error::TokenInvalid`].
    pub async fn authenticate_in(&self, app: &AppId, token: &str) -> Result<Client> {
        if token.is_empty() {
            return Err(Error::TokenMissing);
        }
        if token.len() > limits::TOKEN_BYTES_MAX {
            return Err(Error::TokenInvalid);
        }
        if let Some(facts) = self.store.session_by_token(app, TokenHash::of(token)).await? {
            return self.client(self.app(app).await?, facts);
        }
        let client = self.authenticate_plain(token).await?;
        if client.app.id == *app { Ok(client) } else { Err(Error::TokenInvalid) }
    }

    /// What is kept of a token that is exchanged later: the store knows it by that.
    #[must_use]
    pub fn token_hash(token: &str) -> TokenHash {
        TokenHash::of(parse_placed_token(token).map_or(token, |(_, inner)| inner))
    }

    /// Exchanges the caller's token, by its [`Engine::token_hash`], for a fresh one of the same
    /// life.
    ///
    /// # Errors
    /// [`Error::SessionClosed`] when it ended, or the token was exchanged already.
    pub async fn refresh_session(&self, client: &Client, old: TokenHash) -> Result<IssuedToken> {
        let app = &client.app.id;
        let fresh = self.mint_session_token(app);
        let now = self.now();
        let expires_at = after(now, client.session.ttl_seconds);
        let new = TokenHash::of(&fresh);
        match self.store.refresh_session(app, old, new, expires_at, now).await? {
            RefreshOutcome::Refreshed(session) => Ok(IssuedToken { token: fresh, session }),
            RefreshOutcome::Gone => Err(Error::SessionClosed),
        }
    }

    /// Logs the caller out; the token is refused at every door from the return on.
    ///
    /// # Errors
    /// The store's.
    pub async fn log_out(&self, client: &Client) -> Result<()> {
        let which = SessionSelector::Session(client.session_id().clone());
        if self.close(&client.app.id, &which, CloseReason::Closed).await? == 0 {
            // Closed before, by a try whose news may have been lost with its answer.
            let sessions = vec![client.session_id().clone()];
            let body = UserEventBody::SessionsClosed { sessions, reason: CloseReason::Closed };
            self.publish_user(&client.app.id, client.user(), body);
        }
        Ok(())
    }

    /// Closes one session.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`] when it is unknown or ended; the store's.
    pub async fn close_session(&self, backend: &Backend, session: &SessionId) -> Result<()> {
        let which = SessionSelector::Session(session.clone());
        let closed = self.close(&backend.app.id, &which, CloseReason::Closed).await?;
        if closed == 0 {
            return Err(Error::SessionNotFound(session.clone()));
        }
        Ok(())
    }

    /// Revokes by session, device or user; says how many sessions ended. By device or user it also
    /// makes good what an earlier try closed and could not tell of.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke_sessions(
        &self,
        backend: &Backend,
        which: &RevokeSessions,
    ) -> Result<usize> {
        let (app, reason) = (&backend.app.id, CloseReason::Revoked);
        let count = self.close(app, &which.0, reason).await?;
        match &which.0 {
            SessionSelector::Device(user, _) | SessionSelector::User(user) => {
                self.publish_user(app, user, UserEventBody::SessionsDoubted { reason });
            }
            // Whose it was is known only while it lives.
            SessionSelector::Session(_) => {}
        }
        Ok(count)
    }

    /// Living sessions of a user, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn sessions_of(&self, backend: &Backend, user: &UserId) -> Result<Vec<Session>> {
        Ok(self.store.sessions_of(&backend.app.id, user, self.now()).await?)
    }

    async fn close(
        &self,
        app: &AppId,
        which: &SessionSelector,
        reason: CloseReason,
    ) -> Result<usize> {
        let closed = self.store.close_sessions(app, which, reason, self.now()).await?;
        let count = closed.len();
        self.announce_closed(app, closed, reason);
        Ok(count)
    }

    async fn open(&self, app: &AppId, new: NewSession) -> Result<Session> {
        let says_invisible = new.profile.invisible.is_some();
        match self.store.open_session(new).await? {
            OpenOutcome::Opened { session, replaced } => {
                self.announce_closed(app, replaced, CloseReason::Replaced);
                if says_invisible {
                    self.announce_sight(app, &session.user).await?;
                }
                Ok(session)
            }
            OpenOutcome::Existing(session) => Ok(session),
            OpenOutcome::UserDeactivated => Err(Error::UserDeactivated),
            OpenOutcome::Revoked => Err(Error::SessionClosed),
        }
    }

    async fn open_minted(
        &self,
        app: Arc<App>,
        token: &str,
        claims: MintedClaims,
    ) -> Result<Client> {
        let now = self.now();
        let skew = i64::try_from(limits::JWT_SKEW_SECONDS).unwrap_or(0);
        if now.seconds() > claims.expires_at.saturating_add(skew) {
            return Err(Error::TokenExpired);
        }
        let begins = claims.not_before.max(claims.issued_at).unwrap_or(0);
        if now.seconds().saturating_add(skew) < begins {
            return Err(Error::TokenInvalid);
        }
        let most = i64::try_from(limits::SESSION_TTL_SECONDS_MAX).unwrap_or(i64::MAX);
        let end = claims.expires_at.saturating_add(skew).min(now.seconds().saturating_add(most));
        let ttl = u64::try_from(end - now.seconds()).unwrap_or(0).max(1);
        let device = claims.device.as_deref().unwrap_or("default");
        let profile = UserPatch {
            name: claims.name.map_or(Patch::Keep, Patch::Set),
            avatar: claims.avatar.map_or(Patch::Keep, Patch::Set),
            ..UserPatch::default()
        };
        check::profile("", &profile)?;
        let new = NewSession {
            app: app.id.clone(),
            id: self.session_id(),
            user: UserId::new(&claims.subject).map_err(|_| Error::TokenInvalid)?,
            device: DeviceId::new(device).map_err(|_| Error::TokenInvalid)?,
            token: TokenHash::of(token),
            origin: SessionOrigin::Minted {
                issued_at: Time::from_seconds(claims.issued_at.unwrap_or(0)),
            },
            profile,
            custom: claims.custom,
            push_token: None,
            ttl_seconds: ttl,
            expires_at: Time::from_seconds(end),
            now,
        };
        let session = self.open(&app.id, new).await?;
        self.client(app, SessionFacts { session, user_deactivated: false })
    }

    pub(super) fn client(&self, app: Arc<App>, facts: SessionFacts) -> Result<Client> {
        let SessionFacts { session, user_deactivated } = facts;
        if user_deactivated {
            return Err(Error::UserDeactivated);
        }
        if session.closed.is_some() {
            return Err(Error::SessionClosed);
        }
        if self.now() >= session.expires_at {
            return Err(Error::TokenExpired);
        }
        Ok(Client { app, session: Arc::new(session) })
    }

    fn session_id(&self) -> SessionId {
        SessionId::from_stored(&format!("ses_{}", self.ulid()))
    }
}

fn after(now: Time, seconds: u64) -> Time {
    now.plus_millis(i64::try_from(seconds).unwrap_or(i64::MAX / 2_000).saturating_mul(1_000))
}

/// A token that the backend chose must be long enough not to be guessed at once.
fn check_chosen(token: String) -> Result<String> {
    let ok = (8..=limits::TOKEN_BYTES_MAX).contains(&token.len())
        && !token.starts_with(SERVER_KEY_PREFIX)
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if ok {
        Ok(token)
    } else {
        Err(Error::invalid("token", "8 to 4096 printable ASCII characters"))
    }
}
