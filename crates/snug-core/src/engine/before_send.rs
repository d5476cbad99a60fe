//! The app's before-send hook: set by its backend, and asked before a message of a user's is
//! stored or its words are changed. What the backend itself sends is not asked about, and a
//! bridged app has none: its backend decides when the message is handed to it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::apps::KnownApp;
use super::bridge::boxed;
use super::changes::worked_out;
use super::secrets::{self, Overlap};
use super::{Actor, Backend, Engine};
use crate::error::{Error, Result};
use crate::ids::{AppId, base32};
use crate::limits;
use crate::model::{
    AppSettings, BeforeSendSettings, CustomJson, EditMessage, Message, MessageKind, OnFailure,
    RoomKind, Time,
};
use crate::ports::{
    HookAnswer, HookEvent, HookFailure, HookOutcome, HookQuestion, HookRoom, HookTarget,
    MessageChange, NewMessage, NewRoom, PayloadHash, RoomFacts,
};

/// A hook as its owner sets it.
#[derive(Debug, Clone)]
pub struct SetBeforeSend {
    pub url: String,
    pub timeout_ms: Option<u64>,
    pub on_failure: OnFailure,
    /// In which rooms it is asked; in all when empty.
    pub rooms: Vec<RoomKind>,
    /// About which messages; about all when empty.
    pub kinds: Vec<MessageKind>,
}

/// The hook as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeSendView {
    pub url: String,
    pub timeout_ms: u64,
    pub on_failure: OnFailure,
    pub rooms: Vec<String>,
    pub kinds: Vec<String>,
    /// Calls carry a second signature, under the secret before, until then.
    pub rotating_until: Option<Time>,
}

/// The hook with its secret in clear, shown once.
#[derive(Clone)]
pub struct IssuedBeforeSend {
    pub view: BeforeSendView,
    pub secret: Option<String>,
}

impl std::fmt::Debug for IssuedBeforeSend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedBeforeSend").field("view", &self.view).finish_non_exhaustive()
    }
}

/// What is asked about something that is not said yet.
struct About<'a> {
    hook: &'a KnownApp,
    room: HookRoom,
    /// Of a room that is there.
    facts: Option<&'a RoomFacts>,
    /// It is kept nowhere.
    ephemeral: bool,
}

impl<'a> About<'a> {
    fn new(hook: &'a KnownApp, room: HookRoom, facts: Option<&'a RoomFacts>) -> Self {
        Self { hook, room, facts, ephemeral: false }
    }
}

fn context(app: &AppId) -> String {
    format!("before-send/{app}")
}

fn view(hook: &BeforeSendSettings, now: Time) -> BeforeSendView {
    BeforeSendView {
        url: hook.url.clone(),
        timeout_ms: hook.timeout_ms,
        on_failure: hook.on_failure,
        rooms: hook.rooms.clone(),
        kinds: hook.kinds.clone(),
        rotating_until: secrets::rotating_until(&hook.secrets, now),
    }
}

impl Engine {
    /// The app's hook, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn before_send(&self, by: &Backend) -> Result<Option<BeforeSendView>> {
        let (settings, _) = self.stored_settings(&by.app.id).await?;
        Ok(settings.before_send.map(|hook| view(&hook, self.now())))
    }

    /// Sets who is asked before a send. The first one comes with its secret, which is not shown
    /// again. Other nodes ask after `APP_CACHE_MS` at the latest.
    ///
    /// # Errors
    /// A URL that may not be called, a time out of its bounds; [`Error::BridgeUnsupported`]; the
    /// store's.
    pub async fn set_before_send(
        &self,
        by: &Backend,
        set: SetBeforeSend,
    ) -> Result<IssuedBeforeSend> {
        let app = &by.app.id;
        if self.stored_settings(app).await?.0.bridge.is_some() {
            let what = "be asked before a send; it decides when the message is handed to it";
            return Err(Error::BridgeUnsupported { what });
        }
        let SetBeforeSend { url, timeout_ms, on_failure, rooms, kinds } = set;
        let wrong = |error: crate::ports::OutboundError| Error::invalid("url", error.to_string());
        self.outbound.check_url(&url).map_err(wrong)?;
        let timeout_ms = timeout_ms.unwrap_or(limits::HOOK_MS_DEFAULT);
        let (least, most) = (limits::HOOK_MS_MIN, limits::HOOK_MS_MAX);
        if !(least..=most).contains(&timeout_ms) {
            return Err(Error::invalid("timeout_ms", format!("{least} to {most}")));
        }
        let minted = self.mint_secret(&context(app));
        let mut hook = BeforeSendSettings {
            url,
            timeout_ms,
            on_failure,
            rooms: words(rooms, RoomKind::as_str),
            kinds: words(kinds, MessageKind::as_str),
            secrets: minted.first(),
        };
        let edit = |settings: &mut AppSettings| {
            let mut hook = hook.clone();
            if let Some(known) = settings.before_send.take() {
                hook.secrets = known.secrets;
            }
            settings.before_send = Some(hook);
        };
        hook = self.edit_settings(app, edit).await?.before_send.ok_or(Error::Internal)?;
        let first = hook.secrets.first().is_some_and(|secret| secret.sealed == minted.sealed);
        let secret = first.then_some(minted.text);
        Ok(IssuedBeforeSend { view: view(&hook, self.now()), secret })
    }

    /// Makes another secret. For a while, calls are signed with those before, too; without an
    /// overlap, with none of them.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]; too long an overlap; the store's.
    pub async fn rotate_before_send_secret(
        &self,
        by: &Backend,
        overlap_seconds: Option<u64>,
    ) -> Result<IssuedBeforeSend> {
        let app = &by.app.id;
        let now = self.now();
        let overlap = Overlap::of(overlap_seconds, now)?;
        let minted = self.mint_secret(&context(app));
        if self.stored_settings(app).await?.0.before_send.is_none() {
            return Err(no_hook());
        }
        let edit = |settings: &mut AppSettings| {
            if let Some(hook) = &mut settings.before_send {
                secrets::rotate(&mut hook.secrets, &minted, &overlap);
            }
        };
        let hook = self.edit_settings(app, edit).await?.before_send.ok_or_else(no_hook)?;
        Ok(IssuedBeforeSend { view: view(&hook, now), secret: Some(minted.text) })
    }

    /// Asks nobody any more, and forgets the secrets; says whether there was a hook. Other nodes
    /// ask until `APP_CACHE_MS` later at the latest.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete_before_send(&self, by: &Backend) -> Result<bool> {
        let was = self.stored_settings(&by.app.id).await?.0.before_send.is_some();
        if was {
            self.edit_settings(&by.app.id, |settings| settings.before_send = None).await?;
        }
        Ok(was)
    }

    /// Asks about a message that policy lets through; what the hook changes is changed in it.
    ///
    /// # Errors
    /// [`Error::MessageRefused`], [`Error::HookFailed`].
    pub(super) async fn ask_before_send(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        new: &mut NewMessage,
    ) -> Result<()> {
        let Some(hook) = self.hook(actor, facts.room.kind, new.kind).await? else { return Ok(()) };
        let about = About::new(&hook, HookRoom::of(&facts.room), Some(facts));
        boxed(self.ask_about_new(actor, about, new)).await
    }

    /// Asks about words that are kept nowhere. Says whether anybody was asked: what policy saw is
    /// old then.
    ///
    /// # Errors
    /// As a send's.
    pub(super) async fn ask_before_ephemeral(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        new: &mut NewMessage,
    ) -> Result<bool> {
        let hook = self.hook(actor, facts.room.kind, new.kind).await?;
        let Some(hook) = hook else { return Ok(false) };
        let about = About::new(&hook, HookRoom::of(&facts.room), Some(facts));
        boxed(self.ask_about_new(actor, About { ephemeral: true, ..about }, new)).await?;
        Ok(true)
    }

    /// Asks about the first message of a room that is about to be made. In a room that is there,
    /// the send asks.
    ///
    /// # Errors
    /// As a send's.
    pub(super) async fn ask_before_first(&self, actor: &Actor, new: &mut NewRoom) -> Result<()> {
        let Some(message) = &mut new.message else { return Ok(()) };
        let Some(hook) = self.hook(actor, new.kind, message.kind).await? else { return Ok(()) };
        if self.store.room_facts(&new.app, &new.id, actor.user()).await?.is_some() {
            return Ok(());
        }
        let room = HookRoom {
            id: new.id.clone(),
            kind: new.kind,
            context: new.direct.as_ref().map(|direct| direct.context.clone()),
            name: new.name.clone(),
            custom: new.custom.clone(),
        };
        boxed(self.ask_about_new(actor, About::new(&hook, room, None), message)).await
    }

    /// Asks about an edit that policy lets through: what the hook makes of it, if anything.
    ///
    /// # Errors
    /// As a send's.
    pub(super) async fn ask_before_edit(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        found: &Message,
        change: &MessageChange,
    ) -> Result<Option<EditMessage>> {
        let Some(hook) = self.hook(actor, facts.room.kind, found.kind).await? else {
            return Ok(None);
        };
        let edited = after(found, change);
        let question = HookQuestion {
            app: actor.app().id.clone(),
            id: id_of_edit(&actor.app().id, &edited),
            event: HookEvent::Editing,
            at: self.now(),
            room: HookRoom::of(&facts.room),
            message: edited.clone(),
            ephemeral: false,
        };
        let check =
            |edit: &EditMessage| worked_out(actor, Some(facts), &edited, edit.clone()).map(|_| ());
        boxed(self.ask(&hook, question, check)).await
    }

    async fn ask_about_new(
        &self,
        actor: &Actor,
        About { hook, room, facts, ephemeral }: About<'_>,
        new: &mut NewMessage,
    ) -> Result<()> {
        let draft = draft(&room, new, self.now());
        let question = HookQuestion {
            app: hook.app.id.clone(),
            id: id_of_send(&hook.app.id, &draft, &new.hash),
            event: HookEvent::Sending,
            at: draft.created_at,
            room,
            message: draft.clone(),
            ephemeral,
        };
        let mut made = None;
        let check = |edit: &EditMessage| {
            made = Some(worked_out(actor, facts, &draft, edit.clone())?);
            Ok(())
        };
        self.ask(hook, question, check).await?;
        if let Some(change) = made {
            let Message { text, custom, extras, .. } = after(&draft, &change);
            (new.text, new.custom, new.extras) = (text, custom, extras);
        }
        Ok(())
    }

    /// The app's settings, if its hook is to be asked. Read lately, as the app itself.
    async fn hook(
        &self,
        actor: &Actor,
        room: RoomKind,
        kind: MessageKind,
    ) -> Result<Option<Arc<KnownApp>>> {
        let Actor::Client(client) = actor else { return Ok(None) };
        let known = self.app_with_keys(&client.app.id).await?;
        let wants = |known: &Arc<KnownApp>| {
            known.settings.before_send.as_ref().is_some_and(|hook| {
                let among = |words: &[String], word: &str| {
                    words.is_empty() || words.iter().any(|known| known == word)
                };
                among(&hook.rooms, room.as_str()) && among(&hook.kinds, kind.as_str())
            })
        };
        Ok(known.filter(wants))
    }

    /// Asks once. Holds no place in the store while it waits. A change that `check` refuses is no
    /// answer.
    async fn ask(
        &self,
        known: &KnownApp,
        question: HookQuestion,
        mut check: impl FnMut(&EditMessage) -> Result<()>,
    ) -> Result<Option<EditMessage>> {
        let app = &known.app.id;
        let Some(hook) = &known.settings.before_send else { return Ok(None) };
        let opened = self.open_secrets(&context(app), &hook.secrets);
        let answer = match opened {
            Ok(secrets) => {
                let (url, timeout_ms) = (hook.url.clone(), hook.timeout_ms);
                self.hooks.ask(HookTarget { url, secrets, timeout_ms }, question).await
            }
            Err(_) => Err(HookFailure::Unanswered("its secret cannot be opened".to_owned())),
        };
        let failed = match answer {
            Ok(HookAnswer::Allow) => {
                self.hooks.told(app, HookOutcome::Allowed);
                return Ok(None);
            }
            Ok(HookAnswer::Refuse(reason)) => {
                self.hooks.told(app, HookOutcome::Refused);
                return Err(Error::MessageRefused { reason });
            }
            Ok(HookAnswer::Change(edit)) => match check(&edit) {
                Ok(()) => {
                    self.hooks.told(app, HookOutcome::Changed);
                    return Ok(Some(*edit));
                }
                Err(error) => format!("its change cannot be stored: {error}"),
            },
            Err(HookFailure::NoPlace) => {
                self.hooks.told(app, HookOutcome::Failed("too many questions are under way"));
                return Err(Error::HookFailed);
            }
            Err(HookFailure::Unanswered(cause)) => cause,
        };
        self.hooks.told(app, HookOutcome::Failed(&failed));
        match hook.on_failure {
            OnFailure::Allow => Ok(None),
            OnFailure::Refuse => Err(Error::HookFailed),
        }
    }
}

fn no_hook() -> Error {
    Error::NotSetUp { what: "a before-send hook".to_owned() }
}

/// Each once, in the order in which they came.
fn words<T: Copy + PartialEq>(all: Vec<T>, word: fn(T) -> &'static str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for one in all {
        let word = word(one);
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// A message that is not stored yet, as it would be.
fn draft(room: &HookRoom, new: &NewMessage, now: Time) -> Message {
    let NewMessage {
        id,
        external,
        sender,
        kind,
        text,
        custom,
        extras,
        silent,
        hash: _,
        read_up_to: _,
        thread,
    } = new.clone();
    Message {
        id,
        external,
        room: room.id.clone(),
        seq: 0,
        rev: 0,
        first_rev: 0,
        sender,
        kind,
        text,
        custom,
        extras,
        silent,
        count: 0,
        created_at: now,
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
        pinned_at: None,
        reactions: Vec::new(),
        thread: thread.map(|reply| Box::new(reply.root)),
        thread_summary: None,
        own: None,
    }
}

/// The words of a message after an edit; what an edit does not give stays.
pub(super) fn after(found: &Message, change: &MessageChange) -> Message {
    let mut message = found.clone();
    if let MessageChange::Edit { text, custom, extras } = change.clone() {
        message.text = text.or(message.text);
        message.custom = custom.or(message.custom);
        message.extras = extras.or(message.extras);
    }
    message
}

/// A repeat of a send asks under the same id.
fn id_of_send(app: &AppId, draft: &Message, hash: &PayloadHash) -> String {
    let parts = [draft.room.as_str(), draft.id.as_str()];
    named(HookEvent::Sending, app, &parts, &hash.0)
}

fn id_of_edit(app: &AppId, edited: &Message) -> String {
    let extras = edited.extras.as_ref().and_then(|extras| extras.stored());
    let custom = edited.custom.as_ref().map(CustomJson::as_str);
    let parts = [
        edited.room.as_str(),
        edited.id.as_str(),
        edited.text.as_deref().unwrap_or(""),
        custom.unwrap_or(""),
        extras.as_deref().unwrap_or(""),
    ];
    named(HookEvent::Editing, app, &parts, &edited.rev.to_be_bytes())
}

fn named(event: HookEvent, app: &AppId, parts: &[&str], last: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [event.as_str(), app.as_str()].iter().chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash: [u8; 32] = hash.chain_update(last).finalize().into();
    let mut id = String::from("hook_");
    base32(&hash, 26, &mut id);
    id
}
