//! The promises, in the order of `docs/bridge.md`. Each is tried by itself as far as what it
//! stands on was kept.

use futures_util::future::join_all;
use serde_json::{Value, json};
use snug_core::limits;
use snug_core::ports::Entropy;

use super::kit::{Kit, Outcome, Tried, Verdict, id_of, user_of};
use crate::secrets::SystemEntropy;

/// What is written is told from what was written before.
struct Run<'a> {
    kit: &'a Kit,
    mark: String,
    outcomes: Vec<Outcome>,
}

/// A thread that the check has made.
#[derive(Clone)]
struct Made {
    thread: String,
    key: String,
    answer: Value,
}

impl Run<'_> {
    fn take<T>(&mut self, name: &'static str, promise: &'static str, tried: Tried<T>) -> Option<T> {
        let (verdict, kept) = match tried {
            Ok(kept) => (Verdict::Kept, Some(kept)),
            Err(why) => (Verdict::Broken(why), None),
        };
        self.outcomes.push(Outcome { name, promise, verdict });
        kept
    }

    fn leave(&mut self, promises: &[(&'static str, &'static str)], why: &str) {
        for &(name, promise) in promises {
            let verdict = Verdict::NotTried(why.to_owned());
            self.outcomes.push(Outcome { name, promise, verdict });
        }
    }
}

const USER_TOKEN: (&str, &str) = ("user-token", "getUserToken answers with a signed userToken");
const THREADS: (&str, &str) = ("threads", "getThreads answers with an array of signed threads");
const CREATE_ONCE: (&str, &str) = ("create-once", "createThread is done once under one key");
const SHOW: (&str, &str) = ("show", "getThread shows the thread with all its messages");
const ADD: (&str, &str) = ("add", "addThreadMessage answers with the message as it was sent");
const ADD_ONCE: (&str, &str) = ("add-once", "addThreadMessage is done once under one key");
const ADD_RACED: (&str, &str) = ("add-raced", "also when the same is sent eight times at once");
const ADD_KEYED: (&str, &str) = ("add-keyed", "a key is the thread's own: elsewhere it is another");
const ORDER: (&str, &str) = ("order", "messages stand in the order in which they were stored");
const WORDS: (&str, &str) = ("words", "what was sent comes back unchanged, to the last byte");
const KEYS_SHOWN: (&str, &str) = ("keys-shown", "getThread shows each message's idempotencyKey");
const UNKNOWN: (&str, &str) = ("unknown-thread", "a thread that is not there is refused");

/// Tries all of them.
pub(super) async fn all(kit: &Kit, access_token: Option<&str>) -> Vec<Outcome> {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes);
    let mark = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut run = Run { kit, mark, outcomes: Vec::new() };
    let reached = kit.call("getThreads", json!({ "userId": kit.user }), None).await;
    if run.take("reach", "the endpoint answers in time, with JSON", reached).is_none() {
        return run.outcomes;
    }
    run.strangers().await;
    run.people(access_token).await;
    let behind =
        [THREADS, CREATE_ONCE, SHOW, ADD, ADD_ONCE, ADD_RACED, ADD_KEYED, ORDER, WORDS, KEYS_SHOWN];
    let made = run.create("first").await;
    let promise = "createThread makes a thread of the two, with its first message";
    match run.take("create", promise, made) {
        Some(made) => {
            run.threads(&made).await;
            run.create_once(&made).await;
            run.messages(&made).await;
        }
        None => run.leave(&behind, "no thread could be made"),
    }
    let refused = run.unknown().await;
    run.take(UNKNOWN.0, UNKNOWN.1, refused);
    run.outcomes
}

impl Run<'_> {
    async fn strangers(&mut self) {
        let without = self.kit.as_stranger(None).await;
        let other = self.kit.as_stranger(Some("another-secret")).await;
        let tried = without.and(other);
        self.take("only-snug", "who does not show the bridge secret is refused", tried);
    }

    async fn people(&mut self, access_token: Option<&str>) {
        let wrong = json!({ "accessToken": format!("wrong-{}", self.mark) });
        let refused = self.kit.refused("getUserToken", wrong).await;
        self.take("wrong-access-token", "a wrong access token is refused", refused);
        match access_token {
            None => self.leave(&[USER_TOKEN], "needs --access-token"),
            Some(token) => {
                let tried = self.user_token(token).await;
                self.take(USER_TOKEN.0, USER_TOKEN.1, tried);
            }
        }
        let contacts = self.kit.call("getContacts", json!({ "userId": self.kit.user }), None).await;
        let tried = contacts.and_then(|all| {
            let all = all.as_array().ok_or("getContacts answers with something else")?.clone();
            if all.len() > limits::CONTACTS_MAX {
                return Err(format!("more than {} contacts", limits::CONTACTS_MAX));
            }
            all.iter().map(user_of).collect::<Tried<Vec<_>>>()
        });
        self.take("contacts", "getContacts answers with an array of users", tried);
    }

    async fn user_token(&self, token: &str) -> Tried {
        let answer = self.kit.call("getUserToken", json!({ "accessToken": token }), None).await?;
        let payload = self.kit.payload(&answer["userToken"], "the userToken")?;
        let user = user_of(&payload)?;
        if user == self.kit.user {
            return Ok(());
        }
        Err(format!("the userToken is {user}'s, not {}'s", self.kit.user))
    }

    async fn threads(&mut self, made: &Made) {
        let tried = self.listed().await.and_then(|all| match all.contains(&made.thread) {
            true => Ok(()),
            false => Err("the thread that was just made is not among them".to_owned()),
        });
        self.take(THREADS.0, THREADS.1, tried);
    }

    async fn listed(&self) -> Tried<Vec<String>> {
        let all = self.kit.call("getThreads", json!({ "userId": self.kit.user }), None).await?;
        let all = all.as_array().ok_or("getThreads answers with something else than an array")?;
        if all.len() > limits::BRIDGE_THREADS_MAX {
            return Err(format!("more than {} threads", limits::BRIDGE_THREADS_MAX));
        }
        all.iter().map(|thread| self.kit.thread(thread, None)).collect()
    }

    fn text(&self, words: &str) -> Value {
        json!({ "messageText": format!("{words} {}", self.mark) })
    }

    fn sent(&self, key: &str, kind: &str, data: &Value) -> Value {
        json!({
            "messageId": key, "fromUserId": self.kit.user, "creationTime": 1, "type": kind,
            "data": data,
        })
    }

    async fn create(&self, name: &str) -> Tried<Made> {
        let key = format!("check-{}-{name}", self.mark);
        let answer = self.create_as(&key, name).await?;
        let members = [self.kit.user.as_str(), self.kit.contact.as_str()];
        let thread = self.kit.thread(&answer["thread"], Some(members))?;
        let first = answer["messages"].get(0).unwrap_or(&answer["threadMessage"]);
        self.is_as_sent(first, "text", &self.text(name))?;
        Ok(Made { thread, key, answer })
    }

    async fn create_as(&self, key: &str, name: &str) -> Tried<Value> {
        let call = json!({
            "userId": self.kit.user,
            "contactIds": [self.kit.contact],
            "threadMessage": self.sent(&format!("{key}-m"), "text", &self.text(name)),
        });
        self.kit.call("createThread", call, Some(key)).await
    }

    async fn create_once(&mut self, made: &Made) {
        let tried = self.created_once(made).await;
        self.take(CREATE_ONCE.0, CREATE_ONCE.1, tried);
    }

    async fn created_once(&self, made: &Made) -> Tried {
        let again = self.create_as(&made.key, "first").await?;
        if again["thread"]["threadId"] != made.answer["thread"]["threadId"] {
            return Err("the same key made another thread".to_owned());
        }
        match self.shown(made).await?.len() {
            1 => Ok(()),
            many => Err(format!("the thread has {many} messages; it was given one")),
        }
    }

    /// Everything of the thread, each with an id of its own.
    async fn shown(&self, made: &Made) -> Tried<Vec<Value>> {
        let call = json!({ "userId": self.kit.user, "threadId": made.thread });
        let answer = self.kit.call("getThread", call, None).await?;
        let thread = self.kit.thread(&answer["thread"], None)?;
        if thread != made.thread {
            return Err("getThread answers with another thread".to_owned());
        }
        let messages = answer["messages"].as_array().ok_or("getThread has no messages")?;
        let mut ids = Vec::new();
        for message in messages {
            let id = id_of(&message["messageId"]).ok_or("a message has no messageId")?;
            if ids.contains(&id) {
                return Err(format!("two messages have the messageId {id}"));
            }
            id_of(&message["fromUserId"]).ok_or("a message has no fromUserId")?;
            ids.push(id);
        }
        Ok(messages.clone())
    }

    fn is_as_sent(&self, message: &Value, kind: &str, data: &Value) -> Tried<String> {
        let id = id_of(&message["messageId"]).ok_or("the answer has no messageId")?;
        if id_of(&message["fromUserId"]).as_deref() != Some(&self.kit.user) {
            return Err("the message is from somebody else than who sent it".to_owned());
        }
        if message["type"] != kind || message["data"] != *data {
            return Err("the message's type or data is not what was sent".to_owned());
        }
        Ok(id)
    }

    async fn add(&self, made: &Made, key: &str, kind: &str, data: &Value) -> Tried<String> {
        let call = json!({
            "userId": self.kit.user, "threadId": made.thread,
            "threadMessage": self.sent(key, kind, data),
        });
        let answer = self.kit.call("addThreadMessage", call, Some(key)).await?;
        if self.kit.thread(&answer["thread"], None)? != made.thread {
            return Err("the answer is about another thread".to_owned());
        }
        self.is_as_sent(&answer["threadMessage"], kind, data)
    }

    async fn messages(&mut self, made: &Made) {
        let shown = self.shown(made).await.and_then(|all| {
            let first = all.first().ok_or("the first message is not shown")?;
            self.is_as_sent(first, "text", &self.text("first")).map(|_| ())
        });
        self.take(SHOW.0, SHOW.1, shown);
        let added = self.add(made, "add", "text", &self.text("second")).await;
        let Some(second) = self.take(ADD.0, ADD.1, added) else {
            let behind = [ADD_ONCE, ADD_RACED, ADD_KEYED, ORDER, WORDS, KEYS_SHOWN];
            self.leave(&behind, "no message could be added");
            return;
        };
        let once = self.added_once(made, &second).await;
        self.take(ADD_ONCE.0, ADD_ONCE.1, once);
        let raced = self.added_at_once(made).await;
        self.take(ADD_RACED.0, ADD_RACED.1, raced);
        let keyed = self.added_elsewhere(&second).await;
        self.take(ADD_KEYED.0, ADD_KEYED.1, keyed);
        let order = self.in_order(made).await;
        self.take(ORDER.0, ORDER.1, order);
        let words = self.words(made).await;
        self.take(WORDS.0, WORDS.1, words);
        let keys = self.shown(made).await.and_then(|all| {
            let shown = all.iter().any(|message| message["idempotencyKey"] == "add");
            let why = "a message that is read before its send was answered is then told from \
                       others by its words only";
            if shown { Ok(()) } else { Err(why.to_owned()) }
        });
        self.take(KEYS_SHOWN.0, KEYS_SHOWN.1, keys);
    }

    async fn count(&self, made: &Made, id: &str) -> Tried<usize> {
        let shown = self.shown(made).await?;
        Ok(shown.iter().filter(|one| id_of(&one["messageId"]).as_deref() == Some(id)).count())
    }

    async fn added_once(&self, made: &Made, second: &str) -> Tried {
        let before = self.shown(made).await?.len();
        let again = self.add(made, "add", "text", &self.text("second")).await?;
        if again != second {
            return Err("the same key was given another messageId".to_owned());
        }
        let after = self.shown(made).await?.len();
        if (after, self.count(made, second).await?) == (before, 1) {
            return Ok(());
        }
        Err("the same key stored the message once more".to_owned())
    }

    async fn added_at_once(&self, made: &Made) -> Tried {
        let before = self.shown(made).await?.len();
        let data = self.text("raced");
        let tries = (0..8).map(|_| self.add(made, "raced", "text", &data));
        let mut ids = Vec::new();
        for tried in join_all(tries).await {
            ids.push(tried?);
        }
        ids.sort();
        ids.dedup();
        let after = self.shown(made).await?.len();
        if (ids.len(), after) == (1, before + 1) {
            return Ok(());
        }
        let stored = after.saturating_sub(before);
        Err(format!("it was stored {stored} times, under {} ids", ids.len()))
    }

    async fn added_elsewhere(&self, second: &str) -> Tried {
        let other = self.create("other").await?;
        let added = self.add(&other, "add", "text", &self.text("second")).await?;
        if added == second {
            return Err("the key of another thread's message gave that message".to_owned());
        }
        match self.shown(&other).await?.len() {
            2 => Ok(()),
            many => Err(format!("the other thread shows {many} messages instead of 2")),
        }
    }

    async fn in_order(&self, made: &Made) -> Tried {
        let mut ids = Vec::new();
        for name in ["one", "two", "three"] {
            ids.push(self.add(made, name, "text", &self.text(name)).await?);
        }
        let shown = self.shown(made).await?;
        let shown: Vec<String> = shown.iter().filter_map(|one| id_of(&one["messageId"])).collect();
        if shown.ends_with(&ids) {
            return Ok(());
        }
        Err("three messages that were stored one after another do not stand last in order".into())
    }

    async fn words(&self, made: &Made) -> Tried {
        let long = "語".repeat(limits::TEXT_BYTES_MAX / "語".len());
        let odd = "嗨 \u{1F468}\u{200D}\u{1F469} \"quoted\" <b>\\ \u{7}\r\n\tend ";
        let custom = json!({ "nested": [1, -2.5, null, { "鍵": true }], "text": odd });
        let all = [
            ("long", "text", json!({ "messageText": long })),
            ("odd", "text", json!({ "messageText": odd })),
            ("custom", "snug-check", custom),
        ];
        for (key, kind, data) in &all {
            self.add(made, key, kind, data).await.map_err(|why| format!("{key}: {why}"))?;
        }
        let shown = self.shown(made).await?;
        for (key, kind, data) in &all {
            if !shown.iter().any(|one| one["type"] == *kind && one["data"] == *data) {
                return Err(format!("{key}: getThread does not show it as it was sent"));
            }
        }
        Ok(())
    }

    async fn unknown(&self) -> Tried {
        let thread = format!("no-such-thread-{}", self.mark);
        let call = json!({ "userId": self.kit.user, "threadId": thread });
        self.kit.refused("getThread", call.clone()).await?;
        let mut call = call;
        call["threadMessage"] = self.sent("refuse-me", "text", &self.text("nowhere"));
        self.kit.refused("addThreadMessage", call).await
    }
}
