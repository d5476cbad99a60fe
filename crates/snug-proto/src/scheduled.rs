//! Messages that are sent later, as every door takes and answers them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::{self, EditMessage, ScheduledPatch, ScheduledRequest, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{self, Patch, Time};
use utoipa::{IntoParams, ToSchema};

use crate::changes::EditBody;
use crate::extras::{Card, Forward, Location, Mentions, format_word};
use crate::frame::event;
use crate::object::{is_false, list};
use crate::rest::SendBody;
use crate::value::{CustomIn, Id, WireTime, object, or_default, patch_object, raw};

/// A message that waits for its time, or could not be sent then: the send as it was given.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Scheduled {
    /// Of the message that will be sent.
    pub id: String,
    pub room: String,
    /// When it is to be sent.
    #[schema(value_type = String, format = DateTime)]
    pub at: WireTime,
    /// Of the backend's: as whom; absent when the room says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub silent: bool,
    /// Of two views the one with the higher rev is the newer.
    pub rev: u64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// It was not sent, and is not tried again until it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<ScheduledFailure>,
}

/// Why a message was not sent at its time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScheduledFailure {
    /// The code with which a send would have been refused.
    pub code: String,
    pub detail: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: WireTime,
}

impl From<model::ScheduledFailure> for ScheduledFailure {
    fn from(failure: model::ScheduledFailure) -> Self {
        let model::ScheduledFailure { code, detail, at } = failure;
        Self { code, detail, at: WireTime(at) }
    }
}

impl From<model::Scheduled> for Scheduled {
    fn from(scheduled: model::Scheduled) -> Self {
        let model::Scheduled {
            id,
            room,
            // Who reads it.
            owner: _,
            at,
            words,
            rev,
            created_at,
            // Between its time and its end; the owner hears of the end.
            sending: _,
            attempts: _,
            failed,
        } = scheduled;
        let model::ScheduledWords {
            sender,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
            // Of a later build, which can show it.
            unread: _,
        } = *words;
        let forward = forward
            .map(|model::ScheduledForward { room, id }| Forward { room: Id(room), id: Id(id) });
        Self {
            id: id.into(),
            room: room.into(),
            at: WireTime(at),
            sender: sender.map(Into::into),
            kind: kind.map(|kind| kind.as_str().to_owned()),
            text,
            format: format_word(format),
            custom: raw(custom),
            mentions: Some(mentions).filter(|all| !all.is_empty()).map(Into::into),
            reply_to: reply_to.map(Into::into),
            card: card.map(Into::into),
            location: location.map(Into::into),
            forward,
            thread: thread.map(Into::into),
            silent,
            rev,
            created_at: WireTime(created_at),
            failed: failed.map(Into::into),
        }
    }
}

/// A message to be sent at a time: a send and `at`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ScheduleBody {
    /// Ahead, within a year.
    #[schema(value_type = String, format = DateTime)]
    pub at: WireTime,
    /// Minted by the sender: the same id again is the same message.
    #[schema(value_type = Option<String>)]
    pub id: Option<Id<MessageId>>,
    /// Backends only.
    #[schema(value_type = Option<String>)]
    pub sender: Option<Id<UserId>>,
    /// `text`, `custom`, `card`, `location`, and for backends `system`.
    pub kind: Option<String>,
    pub text: Option<String>,
    /// `markdown`: how the text is written; plain when absent.
    pub format: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "object")]
    pub mentions: Option<Mentions>,
    /// The id of the message that is answered.
    #[schema(value_type = Option<String>)]
    pub reply_to: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
    #[serde(default, deserialize_with = "object")]
    pub forward: Option<Forward>,
    /// The id of the message in whose thread it is said.
    #[schema(value_type = Option<String>)]
    pub thread: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "or_default")]
    pub silent: bool,
}

impl ScheduleBody {
    /// When, and what.
    ///
    /// # Errors
    /// As of a send's body.
    pub fn into_send(self) -> Result<(Time, SendMessage), Error> {
        let Self {
            at,
            id,
            sender,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
        } = self;
        let send = SendBody {
            id,
            sender,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
            read_up_to: None,
        };
        Ok((at.0, SendMessage::try_from(send)?))
    }
}

/// `message.schedule`: the REST body, with its room.
#[derive(Debug, Deserialize)]
pub struct ScheduleData {
    pub room: Id<RoomId>,
    pub at: WireTime,
    pub id: Option<Id<MessageId>>,
    pub kind: Option<String>,
    pub text: Option<String>,
    pub format: Option<String>,
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "object")]
    pub mentions: Option<Mentions>,
    pub reply_to: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
    #[serde(default, deserialize_with = "object")]
    pub forward: Option<Forward>,
    pub thread: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "or_default")]
    pub silent: bool,
}

impl ScheduleData {
    /// The room and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, ScheduleBody) {
        let Self {
            room,
            at,
            id,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
        } = self;
        let body = ScheduleBody {
            at,
            id,
            sender: None,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
        };
        (room.0, body)
    }
}

/// Another time, or other words, for a scheduled message; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct UpdateScheduledBody {
    /// Needed for one that failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<WireTime>,
    pub text: Option<String>,
    /// `markdown`: how the new text is written; plain when absent.
    pub format: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    /// All of them; `null` takes them away.
    #[serde(default, deserialize_with = "patch_object")]
    #[schema(value_type = Option<Mentions>)]
    pub mentions: Patch<Mentions>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
}

impl TryFrom<UpdateScheduledBody> for ScheduledPatch {
    type Error = Error;
    fn try_from(body: UpdateScheduledBody) -> Result<Self, Error> {
        let UpdateScheduledBody { at, text, format, custom, mentions, card, location } = body;
        let words = EditBody { text, format, custom, mentions, card, location };
        Ok(Self { at: at.map(|at| at.0), words: EditMessage::try_from(words)? })
    }
}

/// `scheduled.update`: the REST body, with its message.
#[derive(Debug, Deserialize)]
pub struct UpdateScheduledData {
    pub id: Id<MessageId>,
    pub at: Option<WireTime>,
    pub text: Option<String>,
    pub format: Option<String>,
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "patch_object")]
    pub mentions: Patch<Mentions>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
}

impl UpdateScheduledData {
    /// The message and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (MessageId, UpdateScheduledBody) {
        let Self { id, at, text, format, custom, mentions, card, location } = self;
        (id.0, UpdateScheduledBody { at, text, format, custom, mentions, card, location })
    }
}

/// `scheduled.cancel`.
#[derive(Debug, Deserialize)]
pub struct CancelScheduledData {
    pub id: Id<MessageId>,
}

/// Which scheduled messages, and `scheduled.list`.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ScheduledParams {
    /// Those of this room
    #[param(value_type = Option<String>)]
    pub room: Option<Id<RoomId>>,
    /// 1 to 100, which is the default
    pub limit: Option<usize>,
    /// `next` of the page before
    pub cursor: Option<String>,
}

impl From<ScheduledParams> for ScheduledRequest {
    fn from(params: ScheduledParams) -> Self {
        let ScheduledParams { room, limit, cursor } = params;
        Self { room: room.map(|room| room.0), cursor, limit }
    }
}

/// A page of the caller's scheduled messages, soonest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ScheduledPage {
    pub scheduled: Vec<Scheduled>,
    /// `cursor` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<engine::ScheduledPage> for ScheduledPage {
    fn from(page: engine::ScheduledPage) -> Self {
        let engine::ScheduledPage { scheduled, next } = page;
        Self { scheduled: list(scheduled), next }
    }
}

/// The answer to `message.schedule` and `scheduled.update`.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScheduledAnswer {
    pub scheduled: Scheduled,
}

impl From<model::Scheduled> for ScheduledAnswer {
    fn from(scheduled: model::Scheduled) -> Self {
        Self { scheduled: scheduled.into() }
    }
}

/// `scheduled`: a message as it is now, or the id of one that is scheduled no more.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ScheduledEvent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Scheduled>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Sent or taken back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
    /// Sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sent: bool,
    /// It is too large to be pushed: the list has it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
}

/// Told to the user's own connections of a message that was scheduled, changed, or failed.
#[must_use]
pub fn told(scheduled: &model::Scheduled) -> Vec<u8> {
    let id = scheduled.id.to_string();
    let scheduled = Some(scheduled.clone().into());
    let whole = event("scheduled", &ScheduledEvent { scheduled, ..ScheduledEvent::default() });
    if whole.len() <= limits::EVENT_BYTES_MAX {
        return whole;
    }
    let again = ScheduledEvent { id: Some(id), again: true, ..ScheduledEvent::default() };
    event("scheduled", &again)
}

/// Told to the user's own connections of a message that is scheduled no more.
#[must_use]
pub fn gone(id: &MessageId, sent: bool) -> Vec<u8> {
    let id = Some(id.to_string());
    event("scheduled", &ScheduledEvent { id, gone: true, sent, ..ScheduledEvent::default() })
}
