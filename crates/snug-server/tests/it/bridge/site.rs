//! A customer's backend of a bridged app that behaves, or misbehaves as it is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use snug_core::engine::EnableBridge;
use snug_core::error::Error;
use snug_core::ids::AppId;

use crate::harness::{Customer, TestApp, TestServer};

/// How it breaks its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Nothing works.
    Down,
    /// What is written is stored, but the answer is lost.
    AnswerLost,
    Refuses,
    Html,
    OtherSender,
    OtherThread,
    /// Signed by another key.
    BadToken,
    /// Every message has one id.
    SameId,
    /// What is read is larger than any answer may be.
    Huge,
}

/// What it has stored.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) threads: Vec<Value>,
    /// Thread, idempotency key, message.
    pub(crate) messages: Vec<(String, String, Value)>,
    pub(crate) calls: Vec<(String, Value)>,
    keys: Vec<(String, String)>,
    /// Has one thread for the same members, and says what is said at its creation there.
    pub(crate) one_per_members: bool,
    /// Shows no keys with its messages.
    pub(crate) hides_keys: bool,
    fault: Option<Fault>,
}

pub(crate) struct Site {
    pub(crate) customer: Customer,
    pub(crate) kept: Arc<Mutex<Kept>>,
    pub(crate) signer: Arc<Signer>,
}

pub(crate) struct Signer {
    pair: RsaKeyPair,
    wrong: RsaKeyPair,
}

pub(crate) fn locked(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Signer {
    fn new() -> Self {
        let pair = || RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        Self { pair: pair(), wrong: pair() }
    }

    pub(crate) fn pem(&self) -> String {
        let der = self.pair.public_key().as_der().expect("DER").as_ref().to_vec();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        Self::by(&self.pair, claims)
    }

    pub(crate) fn sign_wrong(&self, claims: &Value) -> String {
        Self::by(&self.wrong, claims)
    }

    fn by(pair: &RsaKeyPair, claims: &Value) -> String {
        let head = URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "typ": "JWT"}).to_string());
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = SystemRandom::new();
        pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).expect("signed");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(crate) fn person(id: &str) -> Value {
    json!({"userId": id, "displayName": format!("The {id}"), "data": {}})
}

impl Site {
    pub(crate) async fn start() -> Self {
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let signer = Arc::new(Signer::new());
        let (state, keys) = (kept.clone(), signer.clone());
        let customer = Customer::start(move |path, body| {
            let mut kept = locked(&state);
            kept.calls.push((path.to_owned(), body.clone()));
            kept.answer(&keys, path.trim_start_matches("/bridge/"), body)
        })
        .await;
        Self { customer, kept, signer }
    }

    /// A bridged app of this backend's.
    pub(crate) async fn app(&self, server: &TestServer) -> TestApp {
        self.app_with(server, true).await
    }

    pub(crate) async fn app_with(&self, server: &TestServer, members_only: bool) -> TestApp {
        let app = server.app().await;
        let id = AppId::new(&app.id).expect("an id");
        let secret = self.enable(server, &app, members_only).await;
        assert!(secret.expect("the app is bridged").starts_with("snug_bridge_"));
        server.server().app().engine.settle_bridge(&id).await.expect("settled");
        app
    }

    /// Bridges an app that is there; what Snug shows the backend.
    pub(crate) async fn enable(
        &self,
        server: &TestServer,
        app: &TestApp,
        members_only: bool,
    ) -> Result<String, Error> {
        let id = AppId::new(&app.id).expect("an id");
        let (base_url, public_key) = (self.customer.url("/bridge/"), self.signer.pem());
        let enable = EnableBridge { base_url, public_key, members_only };
        server.server().app().engine.enable_bridge(&id, enable).await
    }

    pub(crate) fn fault(&self, fault: Fault) {
        locked(&self.kept).fault = Some(fault);
    }

    /// A thread that the backend makes by itself; its id.
    pub(crate) fn thread(&self, members: &[&str]) -> String {
        locked(&self.kept).thread(members)
    }

    /// The same, of an id that the backend gives.
    pub(crate) fn thread_called(&self, id: &str, members: &[&str]) {
        let members: Vec<Value> = members.iter().map(|id| person(id)).collect();
        let thread = json!({"threadId": id, "members": members, "lastMessageTime": 1});
        locked(&self.kept).threads.push(thread);
    }

    /// A message that the backend stores by itself; its id.
    pub(crate) fn says(&self, thread: &str, from: &str, words: &str) -> String {
        let message = json!({"fromUserId": from, "type": "text", "data": {"messageText": words}});
        let stored = locked(&self.kept).store(thread, "", &message);
        stored["messageId"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn set_members(&self, thread: &str, members: &[&str]) {
        let mut kept = locked(&self.kept);
        let mut threads = kept.threads.iter_mut();
        let found = threads.find(|one| one["threadId"] == thread).expect("the thread");
        found["members"] = members.iter().map(|id| person(id)).collect();
    }

    /// Texts that it has stored, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        let kept = locked(&self.kept);
        let texts = kept.messages.iter().map(|(_, _, message)| &message["data"]["messageText"]);
        texts.map(|text| text.as_str().unwrap_or("").to_owned()).collect()
    }

    pub(crate) fn asked(&self, operation: &str) -> usize {
        let path = format!("/bridge/{operation}");
        locked(&self.kept).calls.iter().filter(|(asked, _)| *asked == path).count()
    }

    pub(crate) fn user_token(&self, user: &str) -> String {
        self.signer.sign(&person(user))
    }

    pub(crate) fn thread_token(&self, thread: &str, members: &[&str]) -> String {
        let now = super::now();
        self.signer.sign(&json!({"threadId": thread, "memberIds": members, "iat": now}))
    }
}

impl Kept {
    fn thread(&mut self, members: &[&str]) -> String {
        let id = format!("thread/{} 聊", self.threads.len() + 1);
        let members: Vec<Value> = members.iter().map(|id| person(id)).collect();
        self.threads.push(json!({"threadId": id, "members": members, "lastMessageTime": 1}));
        id
    }

    fn store(&mut self, thread: &str, key: &str, message: &Value) -> Value {
        let id = match self.fault {
            Some(Fault::SameId) => "the one".to_owned(),
            _ => format!("msg-{}", self.messages.len() + 1),
        };
        let mut stored = json!({
            "messageId": id, "fromUserId": message["fromUserId"], "creationTime": 1_700_000_000,
            "type": message["type"], "data": message["data"],
        });
        if !self.hides_keys && !key.is_empty() {
            stored["idempotencyKey"] = json!(key);
        }
        self.messages.push((thread.to_owned(), key.to_owned(), stored.clone()));
        let time = self.messages.len();
        for one in self.threads.iter_mut().filter(|one| one["threadId"] == thread) {
            one["lastMessageTime"] = json!(time);
        }
        stored
    }

    fn shown(&self, keys: &Signer, thread: &str) -> Value {
        let found = self.threads.iter().find(|one| one["threadId"] == thread);
        let mut shown = found.cloned().unwrap_or_default();
        if self.fault == Some(Fault::OtherThread) {
            shown["threadId"] = json!("another");
        }
        let ids: Vec<&Value> = shown["members"]
            .as_array()
            .map(|members| members.iter().map(|member| &member["userId"]).collect())
            .unwrap_or_default();
        let claims = json!({"threadId": shown["threadId"], "memberIds": ids, "iat": super::now()});
        let bad = self.fault == Some(Fault::BadToken);
        let token = if bad { keys.sign_wrong(&claims) } else { keys.sign(&claims) };
        shown["threadToken"] = json!(token);
        shown
    }

    fn answer(&mut self, keys: &Signer, operation: &str, body: &Value) -> (u16, String) {
        match self.fault {
            Some(Fault::Down) => return (500, "oops".to_owned()),
            Some(Fault::Huge) if operation.starts_with("get") => {
                let words = "x".repeat(snug_core::limits::BRIDGE_ANSWER_BYTES_MAX);
                return (200, json!({ "words": words }).to_string());
            }
            Some(Fault::Html) => return (200, "<html>".to_owned()),
            Some(Fault::Refuses) => return (403, r#"{"message":"not today"}"#.to_owned()),
            _ => {}
        }
        let thread = body["threadId"].as_str().unwrap_or("").to_owned();
        let key = body["idempotencyKey"].as_str().unwrap_or("").to_owned();
        let user = body["userId"].as_str().unwrap_or("").to_owned();
        let answer = match operation {
            "getUserToken" => {
                match body["accessToken"].as_str().unwrap_or("").strip_prefix("in-") {
                    Some(user) => json!({"userToken": keys.sign(&person(user))}),
                    None => return (401, r#"{"message":"who?"}"#.to_owned()),
                }
            }
            "getContacts" => ["ann", "bob", "cat"].iter().map(|id| person(id)).collect(),
            "getThreads" => {
                let mine = |one: &&Value| {
                    let members = one["members"].as_array();
                    members.is_some_and(|all| all.iter().any(|one| one["userId"] == user.as_str()))
                };
                let mine = self.threads.iter().filter(mine);
                mine.map(|one| self.shown(keys, one["threadId"].as_str().unwrap_or(""))).collect()
            }
            "createThread" => self.create(keys, &user, &key, body),
            "getThread" => {
                if !self.threads.iter().any(|one| one["threadId"] == thread.as_str()) {
                    return (404, r#"{"message":"no such thread"}"#.to_owned());
                }
                let messages = self.messages.iter().filter(|(of, ..)| *of == thread);
                let messages: Vec<&Value> = messages.map(|(_, _, message)| message).collect();
                json!({"thread": self.shown(keys, &thread), "messages": messages})
            }
            "addThreadMessage" => {
                let same = |(of, k, _): &&(String, String, Value)| *of == thread && *k == key;
                let found = self.messages.iter().find(same).map(|(_, _, message)| message.clone());
                let mut stored =
                    found.unwrap_or_else(|| self.store(&thread, &key, &body["threadMessage"]));
                if self.fault == Some(Fault::AnswerLost) {
                    return (502, String::new());
                }
                if self.fault == Some(Fault::OtherSender) {
                    stored["fromUserId"] = json!("somebody");
                }
                json!({"thread": self.shown(keys, &thread), "threadMessage": stored})
            }
            _ => return (404, "{}".to_owned()),
        };
        (200, answer.to_string())
    }

    fn create(&mut self, keys: &Signer, user: &str, key: &str, body: &Value) -> Value {
        let known = self.keys.iter().find(|(known, _)| known == key).map(|(_, id)| id.clone());
        let id = known.unwrap_or_else(|| {
            let others = body["contactIds"].as_array().cloned().unwrap_or_default();
            let others = others.iter().filter_map(Value::as_str);
            let members: Vec<&str> = std::iter::once(user).chain(others).collect();
            let all: Value = members.iter().map(|id| person(id)).collect();
            let old = self.threads.iter().find(|one| self.one_per_members && one["members"] == all);
            let old = old.map(|one| one["threadId"].as_str().unwrap_or("").to_owned());
            let id = old.unwrap_or_else(|| self.thread(&members));
            self.keys.push((key.to_owned(), id.clone()));
            if body["threadMessage"].is_object() {
                self.store(&id, "", &body["threadMessage"]);
            }
            id
        });
        let messages = self.messages.iter().filter(|(of, ..)| *of == id);
        let messages: Vec<&Value> = messages.map(|(_, _, message)| message).collect();
        json!({"thread": self.shown(keys, &id), "messages": messages})
    }
}
