//! Sessions and tokens, and shutting users out.

use snug_core::engine::{Engine, IssuedToken, OpenSession, RevokeSessions};
use snug_core::error::Error;
use snug_core::ids::{DeviceId, UserId};
use snug_core::model::{SessionSelector, UserPatch};

use crate::sim::{Sim, Token};

impl Sim {
    /// Remembers a token that was given out.
    pub(crate) fn keep_token(&mut self, issued: IssuedToken) -> usize {
        let IssuedToken { token, session } = issued;
        self.tokens.push(Token {
            text: token,
            user: session.user,
            device: session.device,
            session: session.id,
            expires_at: session.expires_at,
            ended: false,
        });
        self.tokens.len() - 1
    }

    /// What was acknowledged ended these tokens.
    fn end_tokens(&mut self, ended: impl Fn(&Token) -> bool) {
        for token in self.tokens.iter_mut().filter(|token| !token.ended && ended(token)) {
            token.ended = true;
            self.checker.token_ended(&token.text);
        }
    }

    /// Opens a session for a (user, device), which replaces the one before.
    pub(crate) async fn issue(&mut self, user: &UserId, device: &DeviceId) -> Result<usize, Error> {
        let ttl_seconds = self.dice.percent(20).then_some(60);
        let open = OpenSession {
            user: user.clone(),
            device: device.clone(),
            profile: UserPatch::default(),
            custom: None,
            push_token: None,
            ttl_seconds,
            token: None,
        };
        let issued = self.engine.open_session(&self.backend, open).await?;
        self.end_tokens(|token| token.user == *user && token.device == *device);
        Ok(self.keep_token(issued))
    }

    pub(crate) async fn open_session(&mut self, c: usize) {
        let (user, device) = (self.clients[c].user.clone(), self.clients[c].device.clone());
        let answer = self.issue(&user, &device).await;
        self.note("open session", &answer);
        if let Ok(token) = answer {
            self.clients[c].token = Some(token);
        }
    }

    pub(crate) async fn op_refresh(&mut self, c: usize) {
        let (Some(old), Some(caller)) = (self.clients[c].token, self.caller(c).await) else {
            return;
        };
        let text = self.tokens[old].text.clone();
        let answer = self.engine.refresh_session(&caller, Engine::token_hash(&text)).await;
        self.note("refresh", &answer);
        if let Ok(issued) = answer {
            self.end_tokens(|token| token.text == text);
            self.clients[c].token = Some(self.keep_token(issued));
        }
    }

    pub(crate) async fn op_log_out(&mut self, c: usize) {
        let Some(caller) = self.caller(c).await else { return };
        let answer = self.engine.log_out(&caller).await;
        self.note("log out", &answer);
        if answer.is_ok() {
            let session = caller.session_id().clone();
            self.end_tokens(|token| token.session == session);
            self.disconnect(c);
        }
    }

    pub(crate) async fn op_revoke(&mut self, c: usize) {
        let (user, device) = (self.clients[c].user.clone(), self.clients[c].device.clone());
        let which = match self.dice.roll(3) {
            0 => SessionSelector::User(user.clone()),
            1 => SessionSelector::Device(user.clone(), device.clone()),
            _ => match self.dice.pick(&self.tokens) {
                Some(token) => SessionSelector::Session(token.session.clone()),
                None => return,
            },
        };
        let answer =
            self.engine.revoke_sessions(&self.backend, &RevokeSessions(which.clone())).await;
        self.note("revoke", &answer);
        if answer.is_ok() {
            self.end_tokens(|token| match &which {
                SessionSelector::User(user) => token.user == *user,
                SessionSelector::Device(user, device) => {
                    token.user == *user && token.device == *device
                }
                SessionSelector::Session(session) => token.session == *session,
            });
        }
    }

    pub(crate) async fn op_deactivate(&mut self, c: usize) {
        let user = self.clients[c].user.clone();
        let late = self.caller(c).await;
        let answer = self.engine.deactivate_user(&self.backend, &user).await;
        self.note("deactivate", &answer);
        if answer.is_ok() {
            self.checker.deactivated(&user);
            self.end_tokens(|token| token.user == user);
            if let Some(late) = late {
                self.send_late(c, late).await;
            }
        }
    }

    pub(crate) async fn reactivate(&mut self, c: usize) {
        let user = self.clients[c].user.clone();
        let answer = self.engine.reactivate_user(&self.backend, &user).await;
        self.note("reactivate", &answer);
        if answer.is_ok() {
            self.checker.reactivated(&user);
        }
    }

    /// Any token that was ever given out, at the door.
    pub(crate) async fn op_try_token(&mut self) {
        if self.tokens.is_empty() {
            return;
        }
        let token = self.dice.index(self.tokens.len());
        let what = match (self.authenticate(token).await.is_some(), self.tokens[token].ended) {
            (true, _) => "token taken",
            (false, true) => "ended token refused",
            (false, false) => "expired token refused",
        };
        self.tally(what);
    }
}
