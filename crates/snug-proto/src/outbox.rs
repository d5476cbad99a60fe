//! What consumers outside are told, by webhook or by pulling: one shape for both; and how a
//! backend sees and steers it. Described in `docs/webhooks.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::{IssuedWebhook, OutboxPage, WebhookView};
use snug_core::error::Error;
use snug_core::ids::AppId;
use snug_core::model::{DeliveryState, OutboxDetail, OutboxRow, RoomDetail};
use utoipa::ToSchema;

use crate::object::{Message, said_policy};
use crate::value::WireTime;

/// Something that happened in a room. The body of a webhook, and an item of a pulled page.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OutsideEvent {
    /// Unique in the install, and the same at every attempt; also in `webhook-id`.
    pub id: String,
    /// `message.new`, `message.edited`, `message.deleted`, `message.hidden`, `message.shown`,
    /// `reaction.added`, `reaction.removed`, `members.added`, `members.invited`, `members.removed`,
    /// `room.created`, `room.changed`, `room.deleted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: WireTime,
    pub data: EventData,
}

/// What happened. `room` and `rev` name it; within a room, events come in the order of `rev`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventData {
    pub app: String,
    /// The place among all of the app's events.
    pub position: u64,
    pub room: String,
    pub rev: u64,
    /// Who did it; absent for a backend, and for messages, which have a sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The message concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The message with the words that it had at this rev, without reactions; without words
    /// when they were erased since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// The id under which the customer's backend keeps the words; bridged apps only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaction: Option<EventReaction>,
    /// Who was added or removed; in `room.created`, the first members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<EventMember>,
    /// In a new room: who was invited to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<String>,
    /// The room as the change left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_object: Option<EventRoom>,
}

/// A reaction given or taken back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventReaction {
    pub user: String,
    pub key: String,
}

/// A member.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventMember {
    pub user: String,
    /// The role that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A room's own facts at that rev.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventRoom {
    /// `direct`, `group` or `channel`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<BTreeMap<String, String>>,
    pub member_count: u32,
}

impl From<RoomDetail> for EventRoom {
    fn from(room: RoomDetail) -> Self {
        let RoomDetail {
            kind,
            context,
            name,
            avatar,
            description,
            custom,
            creator,
            frozen,
            archived,
            tags,
            policy,
            member_count,
        } = room;
        Self {
            kind,
            context,
            name,
            avatar,
            description,
            custom,
            creator: creator.map(Into::into),
            frozen,
            archived,
            tags,
            policy: said_policy(&policy),
            member_count,
        }
    }
}

/// The id of an app's event at a position.
#[must_use]
pub fn event_id(app: &AppId, position: u64) -> String {
    format!("{app}_{position}")
}

impl OutsideEvent {
    /// A row as consumers see it.
    ///
    /// # Errors
    /// [`Error::StoreBroken`] when its detail is no document.
    pub fn of(app: &AppId, row: OutboxRow) -> Result<Self, Error> {
        let OutboxRow { position, room, rev, kind, seq, detail, message, at, delivery: _ } = row;
        let broken = |_| Error::StoreBroken { cause: format!("the outbox of {app} at {position}") };
        let detail: OutboxDetail = match detail {
            Some(text) => serde_json::from_str(&text).map_err(broken)?,
            None => OutboxDetail::default(),
        };
        let OutboxDetail { v: _, by, reaction, members, invited, room: room_object } = detail;
        let external = message.as_ref().and_then(|message| message.external.clone());
        let member = |member: snug_core::model::MemberDetail| EventMember {
            user: member.user.into(),
            role: member.role,
        };
        Ok(Self {
            id: event_id(app, position),
            kind: kind.as_str().to_owned(),
            timestamp: WireTime(at),
            data: EventData {
                app: app.clone().into(),
                position,
                room: room.into(),
                rev,
                by: by.map(Into::into),
                seq,
                message: message.map(Into::into),
                external,
                reaction: reaction
                    .map(|given| EventReaction { user: given.user.into(), key: given.key }),
                members: members.into_iter().map(member).collect(),
                invited: invited.into_iter().map(Into::into).collect(),
                room_object: room_object.map(Into::into),
            },
        })
    }
}

/// A page of events.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventsAnswer {
    pub events: Vec<OutsideEvent>,
    /// Where to go on: the next `after`.
    pub position: u64,
    /// Another page follows at once.
    pub more: bool,
}

impl EventsAnswer {
    /// # Errors
    /// As [`OutsideEvent::of`].
    pub fn of(app: &AppId, after: u64, page: OutboxPage) -> Result<Self, Error> {
        let OutboxPage { rows, more } = page;
        let position = rows.last().map_or(after, |row| row.position);
        let events =
            rows.into_iter().map(|row| OutsideEvent::of(app, row)).collect::<Result<_, _>>()?;
        Ok(Self { events, position, more })
    }
}

/// Where deliveries go.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WebhookBody {
    pub url: String,
}

/// How long the secret before signs too.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RotateWebhookBody {
    /// 24 hours when absent; 0 ends it at once.
    pub overlap_seconds: Option<u64>,
}

/// The app's endpoint.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WebhookAnswer {
    pub url: String,
    /// `whsec_…`: shown when it is made, and not again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Deliveries carry more than one signature until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rotating_until: Option<WireTime>,
    /// Nothing is delivered since then; set the endpoint again to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<WireTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<String>,
}

impl From<WebhookView> for WebhookAnswer {
    fn from(view: WebhookView) -> Self {
        let WebhookView { url, disabled, rotating_until } = view;
        let (disabled_at, disabled_because) =
            disabled.map_or((None, None), |(at, why)| (Some(WireTime(at)), Some(why)));
        let rotating_until = rotating_until.map(WireTime);
        Self { url, secret: None, rotating_until, disabled_at, disabled_because }
    }
}

impl From<IssuedWebhook> for WebhookAnswer {
    fn from(issued: IssuedWebhook) -> Self {
        let IssuedWebhook { view, secret } = issued;
        Self { secret, ..view.into() }
    }
}

/// Whether events are kept to be pulled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PullBody {
    pub enabled: bool,
}

/// An event on its way to the endpoint.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeliveryItem {
    pub id: String,
    pub position: u64,
    pub room: String,
    pub rev: u64,
    #[serde(rename = "type")]
    pub kind: String,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: WireTime,
    /// `waiting`, `delivered`, `parked`, or `off` when there was no endpoint.
    pub state: String,
    pub attempts: u32,
    /// What the endpoint answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<WireTime>,
    /// When it was delivered or parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_at: Option<WireTime>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeliveriesAnswer {
    pub deliveries: Vec<DeliveryItem>,
    /// The next `before`, when another page follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

impl DeliveriesAnswer {
    #[must_use]
    pub fn of(app: &AppId, page: OutboxPage) -> Self {
        let OutboxPage { rows, more } = page;
        let next = rows.last().map(|row| row.position).filter(|_| more);
        let item = |row: OutboxRow| DeliveryItem {
            id: event_id(app, row.position),
            position: row.position,
            room: row.room.into(),
            rev: row.rev,
            kind: row.kind.as_str().to_owned(),
            timestamp: WireTime(row.at),
            state: row.delivery.state.as_str().to_owned(),
            attempts: row.delivery.attempts,
            status: row.delivery.status,
            error: row.delivery.error,
            next_at: row.delivery.next_at.map(WireTime),
            done_at: row.delivery.done_at.map(WireTime),
        };
        Self { deliveries: rows.into_iter().map(item).collect(), next }
    }
}

/// A state as a query names it.
///
/// # Errors
/// Another word.
pub fn delivery_state(word: Option<&str>) -> Result<Option<DeliveryState>, Error> {
    let parse = |word| {
        DeliveryState::parse(word)
            .ok_or_else(|| Error::invalid("state", "waiting, delivered, parked or off"))
    };
    word.map(parse).transpose()
}

/// What to deliver again, by positions, both inclusive.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReplayBody {
    pub from: u64,
    pub to: u64,
}

/// What waits again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplayAnswer {
    pub replayed: u64,
    /// The last position that was reached; go on above it when the range was longer than one
    /// replay. Absent when there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}
