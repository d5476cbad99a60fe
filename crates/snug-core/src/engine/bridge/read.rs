//! Words for rows that have none.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::super::{Actor, Client, Engine};
use super::mirror::Told;
use super::wire::{Body, BridgeMessage, BridgeThread};
use super::{Bridge, boxed};
use crate::error::{Error, Result};
use crate::ids::{AppId, RoomId, UserId};
use crate::limits;
use crate::model::{Head, Message, MessageKind};
use crate::ports::Appended;

/// A thread as the backend has it now.
pub(super) struct Fetched {
    pub(super) thread: Box<RawValue>,
    pub(super) messages: Vec<Box<RawValue>>,
    pub(super) members: Vec<UserId>,
    words: HashMap<String, Body>,
}

#[derive(Deserialize)]
struct Answer {
    thread: Box<RawValue>,
    messages: Vec<Box<RawValue>>,
}

impl Engine {
    /// Asks the backend for a thread; its room, members and rows are right afterwards.
    pub(super) async fn fetch_thread(
        &self,
        bridge: &Bridge,
        user: Option<&UserId>,
        room: &RoomId,
    ) -> Result<Fetched> {
        self.fetch_within(bridge, user, room, None, limits::BRIDGE_MS_MAX).await
    }

    /// What was said before the message of this id, which the backend is just telling: that one
    /// gets its row elsewhere. The backend may wait for our answer before it does anything else,
    /// so it is not waited for long.
    pub(super) async fn fetch_before(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        external: &str,
    ) -> Result<()> {
        let bound = limits::BRIDGE_TOLD_MS_MAX;
        self.fetch_within(bridge, None, room, Some(external), bound).await.map(drop)
    }

    async fn fetch_within(
        &self,
        bridge: &Bridge,
        user: Option<&UserId>,
        room: &RoomId,
        external: Option<&str>,
        timeout_ms: u64,
    ) -> Result<Fetched> {
        let before = self.before(bridge, room).await?;
        let call = json!({ "userId": user, "threadId": room });
        let answer: Answer =
            self.call_bridge_within(bridge, "getThread", call, None, timeout_ms).await?;
        let thread = BridgeThread::read(&answer.thread)?;
        self.check_thread(bridge, &thread, Some(room))?;
        let mut told = self.told(bridge, room, &answer.messages);
        told.retain(|told| Some(told.message.message_id.as_str()) != external);
        self.mirror(bridge, &thread, before, None).await?;
        self.take_in(bridge, room, &told).await?;
        self.bodies.set_read(bridge.app(), room, thread.time());
        let words = told.into_iter().map(|told| (told.message.message_id, told.body)).collect();
        let members = super::names(&thread.members);
        Ok(Fetched { thread: answer.thread, messages: answer.messages, members, words })
    }

    /// The messages of an answer; their words are kept. One that is not as it is documented is
    /// left out until the backend mends it: it hides nothing else.
    pub(super) fn told(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        messages: &[Box<RawValue>],
    ) -> Vec<Told> {
        let mut all = Vec::with_capacity(messages.len());
        let mut seen = HashSet::new();
        for raw in messages {
            let Ok(message) = BridgeMessage::read(raw) else { continue };
            // Typing is no message, whoever stores it; of two under one id the first is it.
            if message.kind == "typing" || seen.contains(&message.message_id) {
                continue;
            }
            let Ok(told) = Told::read(message) else { continue };
            seen.insert(told.message.message_id.clone());
            self.bodies.keep(bridge.app(), room, &told.message.message_id, &told.body);
            all.push(told);
        }
        all
    }

    /// Rows for what has none; a thread's first reading is of before Snug knew it.
    pub(super) async fn take_in(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        told: &[Told],
    ) -> Result<()> {
        if told.is_empty() {
            return Ok(());
        }
        let facts = self.store.room_facts(bridge.app(), room, None).await?;
        let unread = self.bodies.read_at(bridge.app(), room).is_none();
        let first = unread && facts.is_some_and(|facts| facts.room.head.seq == 0);
        self.absorb(bridge, room, told, first).await
    }

    /// Before a room's newest page is read: what the backend has by itself gets its rows. When it
    /// is away, or cannot be understood, what is known must do.
    pub(in crate::engine) async fn look_again(
        &self,
        actor: &Actor,
        bridge: &Bridge,
        room: &RoomId,
    ) -> Result<()> {
        match self.fetch_thread(bridge, actor.user(), room).await {
            Ok(_) | Err(Error::BridgeBroken { .. }) => Ok(()),
            Err(error) if is_away(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts the words to rows that have none, asking the backend when they are not in memory. A
    /// message that it no longer has is shown as deleted.
    pub(in crate::engine) async fn put_all_words(
        &self,
        actor: &Actor,
        room: &RoomId,
        messages: &mut [Message],
    ) -> Result<()> {
        let app = &actor.app().id;
        if !messages.iter().any(is_bare) {
            return Ok(());
        }
        let mut newest = None;
        let mut away = false;
        for message in messages.iter_mut().filter(|message| is_bare(message)) {
            away |= !self.put_known(app, room, message);
        }
        if away {
            let Some(bridge) = self.bridge(app).await? else {
                return Err(Error::StoreBroken { cause: format!("{app} is no bridged app") });
            };
            let fetched = boxed(self.fetch_thread(&bridge, actor.user(), room)).await?;
            for message in messages.iter_mut().filter(|message| is_bare(message)) {
                let external = message.external.as_deref().unwrap_or("");
                match fetched.words.get(external) {
                    Some(body) => body.clone().put(message),
                    None => message.deleted_at = Some(message.created_at),
                }
            }
        }
        for message in messages.iter() {
            newest = newest.max(Some(message.seq));
        }
        let last = messages.iter().find(|message| Some(message.seq) == newest);
        if let Some(last) = last.filter(|last| last.external.is_some() && !last.is_gone()) {
            self.bodies.newest(app, room, last.seq, last.words().as_deref());
        }
        Ok(())
    }

    /// One message with its words.
    pub(in crate::engine) async fn with_words(
        &self,
        actor: &Actor,
        message: Message,
    ) -> Result<Message> {
        let room = message.room.clone();
        let mut one = [message];
        self.put_all_words(actor, &room, &mut one).await?;
        let [message] = one;
        Ok(message)
    }

    /// The words of what is committed already, as far as they can be had: the backend's trouble is
    /// no reason to say that it was not.
    pub(in crate::engine) async fn with_words_or_without(
        &self,
        actor: &Actor,
        message: Message,
    ) -> Message {
        let bare = message.clone();
        self.with_words(actor, message).await.unwrap_or(bare)
    }

    /// The preview follows what became of the newest message.
    pub(in crate::engine) fn words_after_change(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &mut Message,
        head: &Head,
    ) {
        if message.external.is_none() || head.seq != message.seq {
            return;
        }
        self.put_known(app, room, message);
        let words = message.words().filter(|_| !message.is_gone());
        self.bodies.newest(app, room, message.seq, words.as_deref());
    }

    /// The caller's threads become rooms; those that are new, or have something new, are read, so
    /// that the list can show it. When the backend is away, what is known must do.
    pub(in crate::engine) async fn find_threads(&self, client: &Client) -> Result<()> {
        let threads = match self.listed_threads(client).await {
            Ok((_, threads)) => threads,
            Err(error) if is_away(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(bridge) = self.bridge(&client.app.id).await? else { return Ok(()) };
        let app = bridge.app();
        let has_news = |(room, time): &&(RoomId, String)| match self.bodies.read_at(app, room) {
            Some(before) => before != *time,
            // Not since this node began: its preview is not at hand, and it may have news.
            None => true,
        };
        let most = limits::BRIDGE_NEW_ROOMS_READ_MAX;
        for (room, _) in threads.iter().filter(has_news).take(most) {
            match self.fetch_thread(&bridge, Some(client.user()), room).await {
                // One bad thread is no reason to hide the others; opening it says what it is.
                Ok(_) | Err(Error::BridgeRefused { .. } | Error::BridgeBroken { .. }) => {}
                Err(error) if is_away(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// From memory only; says whether the message has its words now.
    pub(in crate::engine) fn put_known(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &mut Message,
    ) -> bool {
        if !is_bare(message) {
            return true;
        }
        let external = message.external.as_deref().unwrap_or("");
        let Some(body) = self.bodies.get(app, room, external) else { return false };
        body.put(message);
        true
    }

    /// The words of a message that has just got its row, for its event and its answer.
    pub(super) fn put_words(&self, app: &AppId, appended: &mut Appended, body: &Body) {
        let Appended { message, head, .. } = appended;
        if let Some(external) = &message.external {
            self.bodies.keep(app, &message.room, external, body);
            self.bodies.newest(app, &message.room, message.seq, body.words().as_deref());
        }
        body.clone().put(message);
        let room = message.room.clone();
        self.put_preview(app, &room, head);
    }

    /// The preview of a head, from memory.
    pub(in crate::engine) fn put_preview(&self, app: &AppId, room: &RoomId, head: &mut Head) {
        let Some(preview) = &mut head.preview else { return };
        if preview.text.is_none() && preview.kind != MessageKind::Custom {
            preview.text = self.bodies.preview(app, room, preview.seq);
        }
    }
}

fn is_away(error: &Error) -> bool {
    matches!(error, Error::BridgeUnreachable { .. } | Error::Overloaded { .. })
}

fn is_bare(message: &Message) -> bool {
    message.external.is_some()
        && message.deleted_at.is_none()
        && message.text.is_none()
        && message.custom.is_none()
}
