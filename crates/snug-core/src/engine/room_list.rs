//! The room list: one indexed read. And the app's channels.

use super::bridge::boxed;
use super::marks::hide_own;
use super::sync::{UserCursor, decode, encode, overlapped};
use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::ids::RoomId;
use crate::limits;
use crate::model::{ListedRoom, NamePart, Room, RoomFilter, RoomKind, Time};
use crate::policy::{self, Operation};
use crate::ports::{ListCursor, RoomListQuery};

/// Which page of the list.
#[derive(Debug, Clone, Default)]
pub struct RoomListRequest {
    /// `next` of the page before.
    pub cursor: Option<String>,
    pub limit: Option<usize>,
    pub include_left: bool,
    pub filter: RoomFilter,
}

/// A page of the list: the pinned rooms first, each part by activity, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomListPage {
    pub rooms: Vec<ListedRoom>,
    pub next: Option<String>,
    /// Where the user's sync begins so that nothing between this read and it is missed.
    pub sync: String,
}

/// A page of the app's channels by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelsPage {
    pub rooms: Vec<Room>,
    /// Ask again with this, when there are more.
    pub next: Option<RoomId>,
}

impl Engine {
    /// A page of the channels that every user of the app may read and join; previews have words for
    /// the backend only.
    ///
    /// # Errors
    /// An invalid limit, policy's refusals; the store's.
    pub async fn channels(
        &self,
        actor: &Actor,
        after: Option<&RoomId>,
        limit: Option<usize>,
    ) -> Result<ChannelsPage> {
        if let Actor::Client(client) = actor {
            policy::check_app(Operation::ListRooms, client.app.policy)?;
        }
        let (usual, most) = (limits::ROOMS_PAGE_DEFAULT, limits::LISTING_PAGE_MAX);
        let limit = check::limit(limit, usual, most)?;
        let (app, kind) = (&actor.app().id, RoomKind::Channel);
        let mut rooms = self.store.rooms_of_kind(app, kind, after, limit + 1).await?;
        let more = rooms.len() > limit;
        rooms.truncate(limit);
        let next = rooms.last().filter(|_| more).map(|last| last.id.clone());
        if actor.user().is_some() {
            // What the caller deleted for oneself is not looked up for a list of others' rooms.
            for preview in rooms.iter_mut().filter_map(|room| room.head.preview.as_mut()) {
                preview.text = None;
            }
        }
        Ok(ChannelsPage { rooms, next })
    }

    /// A page of the caller's rooms.
    ///
    /// # Errors
    /// An invalid cursor, limit or filter; the store's.
    pub async fn room_list(
        &self,
        client: &Client,
        request: RoomListRequest,
    ) -> Result<RoomListPage> {
        policy::check_app(Operation::ListRooms, client.app.policy)?;
        let (usual, most) = (limits::ROOMS_PAGE_DEFAULT, limits::ROOMS_PAGE_MAX);
        let limit = check::limit(request.limit, usual, most)?;
        let after = request.cursor.as_deref().map(list_cursor).transpose()?;
        check_filter(&request.filter)?;
        if after.is_none() && self.bridge(&client.app.id).await?.is_some() {
            boxed(self.find_threads(client)).await?;
        }
        // The position is taken before the data (contract line 7).
        let position = self.store.position(self.now()).await?;
        let since = overlapped(position.at);
        let sync = UserCursor { epoch: position.epoch, since, after: None };
        let query = RoomListQuery {
            after,
            limit: limit + 1,
            include_left: request.include_left,
            members_shown: limits::LIST_MEMBERS_SHOWN,
            filter: request.filter,
            now: self.now(),
        };
        let mut rooms = self.store.room_list(&client.app.id, client.user(), &query).await?;
        let more = rooms.len() > limit;
        rooms.truncate(limit);
        for listed in &mut rooms {
            self.put_preview(&client.app.id, &listed.room.id, &mut listed.room.head);
            hide_own(&mut listed.room.head, Some(&listed.mine));
        }
        let next = rooms.last().filter(|_| more).map(cursor_behind);
        Ok(RoomListPage { rooms, next, sync: sync.encode() })
    }
}

fn check_filter(filter: &RoomFilter) -> Result<()> {
    let name = filter.name.as_ref().map(NamePart::as_str);
    for (field, text, most) in [
        ("tag", filter.tag.as_deref(), limits::TAG_BYTES_MAX),
        ("folder", filter.folder.as_deref(), limits::FOLDER_BYTES_MAX),
        ("name", name, limits::NAME_BYTES_MAX),
    ] {
        if let Some(text) = text {
            check::short_name(field, text, most)?;
        }
    }
    Ok(())
}

/// Behind a room that is not pinned it is written as before there were pins, so that a node of the
/// release before goes on from it.
fn cursor_behind(listed: &ListedRoom) -> String {
    let at = listed.room.head.activity_at.0.to_string();
    let room = listed.room.id.as_str();
    if listed.mine.own.pinned { encode(&[&at, room, "pinned"]) } else { encode(&[&at, room]) }
}

fn list_cursor(text: &str) -> Result<ListCursor> {
    let wrong = || Error::invalid("cursor", "`next` of the page before");
    let parts = decode(text).ok_or_else(wrong)?;
    let (at, room, pinned) = match parts.as_slice() {
        [at, room] => (at, room, false),
        [at, room, pinned] if pinned == "pinned" => (at, room, true),
        _ => return Err(wrong()),
    };
    let activity_at = Time(at.parse().map_err(|_| wrong())?);
    let room = RoomId::new(room).map_err(|_| wrong())?;
    Ok(ListCursor { pinned, activity_at, room })
}
