//! The customer's backend: server routes until they answer, at any node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use snug_core::ids::{RoomId, UserId};
use tokio::time::Instant;

use crate::checker::Checker;
use crate::door::{Answer, Door, Request, segment};
use crate::walk::Report;

/// What the crowd shares.
pub(crate) struct Shared<D> {
    pub(crate) door: D,
    pub(crate) server_key: String,
    pub(crate) patience: Duration,
    checker: Mutex<Checker>,
    next_node: AtomicUsize,
    pub(crate) counts: Counts,
}

/// What was done, for the report.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acked: AtomicU64,
    pub(crate) repeats: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) moves: AtomicU64,
    pub(crate) revokes: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) retries: AtomicU64,
}

impl Counts {
    /// As far as it has come: nothing is known yet of what was broken and what is stored.
    pub(crate) fn report(&self) -> Report {
        let told = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            acked: told(&self.acked),
            repeats: told(&self.repeats),
            refused: told(&self.refused),
            events: told(&self.events),
            syncs: told(&self.syncs),
            connects: told(&self.connects),
            moves: told(&self.moves),
            revokes: told(&self.revokes),
            changes: told(&self.changes),
            retries: told(&self.retries),
            ..Report::default()
        }
    }
}

pub(crate) fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// A refusal that trying again does not change.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) code: String,
}

/// How long to wait before the next try: what the server says, else a little.
pub(crate) fn pause(problem: &Value) -> Duration {
    let told = problem["retry_after_ms"].as_u64();
    Duration::from_millis(told.unwrap_or(100).clamp(20, 5_000))
}

impl<D: Door> Shared<D> {
    pub(crate) fn new(door: D, server_key: String, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            door,
            server_key,
            patience,
            checker: Mutex::default(),
            next_node: AtomicUsize::new(0),
            counts: Counts::default(),
        })
    }

    pub(crate) fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock()
    }

    /// Another node each time.
    pub(crate) fn some_node(&self) -> usize {
        self.next_node.fetch_add(1, Ordering::Relaxed) % self.door.nodes().max(1)
    }

    /// A server route, asked until it answers.
    pub(crate) async fn backend(
        &self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Refused> {
        let request = Request {
            method,
            path: format!("/v1/server/{path}"),
            bearer: self.server_key.clone(),
            body,
        };
        self.until_answered(request).await
    }

    /// Asks one node after the other until one answers for good.
    pub(crate) async fn until_answered(&self, request: Request) -> Result<Value, Refused> {
        let deadline = Instant::now() + self.patience;
        loop {
            let wait = match self.door.call(self.some_node(), request.clone()).await {
                Ok(Answer { status: 200..=299, body }) => return Ok(body),
                Ok(Answer { status, body }) => {
                    if status == 500 {
                        let (method, path) = (request.method, &request.path);
                        self.checker().odd(format!("{method} {path} was answered with 500"));
                    }
                    if body["retryable"] != true {
                        let code = body["code"].as_str().unwrap_or("no code").to_owned();
                        return Err(Refused { code });
                    }
                    pause(&body)
                }
                Err(_) => Duration::from_millis(100),
            };
            if Instant::now() > deadline {
                let (method, path) = (request.method, &request.path);
                let within = self.patience.as_secs();
                self.checker().odd(format!("{method} {path}: no answer within {within} s"));
                return Err(Refused { code: "no_answer".to_owned() });
            }
            one_more(&self.counts.retries);
            tokio::time::sleep(wait).await;
        }
    }

    /// A token of a new session on this device; the one before it ends.
    pub(crate) async fn open_session(&self, user: &UserId, device: &str) -> Result<String, String> {
        let body = json!({"user": user, "device": device});
        let opened = self.backend("POST", "sessions", Some(body)).await;
        let opened =
            opened.map_err(|refused| format!("no session for {user}: {}", refused.code))?;
        Ok(opened["token"].as_str().unwrap_or_default().to_owned())
    }

    /// Lets a user in or out, and tells the checker at which rev it happened.
    pub(crate) async fn move_member(&self, room: &RoomId, user: &UserId, inside: bool) {
        let action = if inside { "members" } else { "members/remove" };
        let path = format!("rooms/{}/{action}", segment(room.as_str()));
        let body = json!({"users": [user]});
        match self.backend("POST", &path, Some(body)).await {
            Ok(view) => {
                let rev =
                    if inside { member_rev(&view, user) } else { view["members_rev"].as_u64() };
                let mut checker = self.checker();
                match rev {
                    Some(rev) => {
                        checker.accounted(room, rev);
                        checker.member(room, user, rev, inside);
                    }
                    None => checker.odd(format!("{path}: the answer holds no rev of {user}")),
                }
                one_more(&self.counts.moves);
            }
            Err(refused) => self.checker().odd(format!("{path}: {}", refused.code)),
        }
    }
}

/// When somebody became a member, as a room's answer says.
pub(crate) fn member_rev(view: &Value, user: &UserId) -> Option<u64> {
    let members = view["members"].as_array()?;
    let found = members.iter().find(|member| member["user"] == user.as_str())?;
    found["rev"].as_u64()
}
