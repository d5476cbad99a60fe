//! The room list: one indexed read. And the app's channels.

use super::bridge::boxed;
use super::sync::{UserCursor, decode, encode, overlapped};
use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::ids::RoomId;
use crate::limits;
use crate::model::{ListedRoom, Room, RoomKind, Time};
use crate::policy::{self, Operation};
use crate::ports::{ListCursor, RoomListQuery};

/// Which page of the list.
#[derive(Debug, Clone, Default)]
pub struct RoomListRequest {
    /// `next` of the page before.
    pub cursor: Option<String>,
    pub limit: Option<usize>,
    pub include_left: bool,
}

/// A page of the list, by activity, newest first.
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
    /// A page of the channels that every user of the app may read and join.
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
        Ok(ChannelsPage { rooms, next })
    }

    /// A page of the caller's rooms.
    ///
    /// # Errors
    /// An invalid cursor or limit; the store's.
    pub async fn room_list(
        &self,
        client: &Client,
        request: RoomListRequest,
    ) -> Result<RoomListPage> {
        policy::check_app(Operation::ListRooms, client.app.policy)?;
        let (usual, most) = (limits::ROOMS_PAGE_DEFAULT, limits::ROOMS_PAGE_MAX);
        let limit = check::limit(request.limit, usual, most)?;
        let after = request.cursor.as_deref().map(list_cursor).transpose()?;
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
        };
        let mut rooms = self.store.room_list(&client.app.id, client.user(), &query).await?;
        let more = rooms.len() > limit;
        rooms.truncate(limit);
        for listed in &mut rooms {
            self.put_preview(&client.app.id, &listed.room.id, &mut listed.room.head);
        }
        let next = rooms.last().filter(|_| more).map(|last| {
            let at = activity(last);
            encode(&[&at.0.to_string(), last.room.id.as_str()])
        });
        Ok(RoomListPage { rooms, next, sync: sync.encode() })
    }
}

fn activity(listed: &ListedRoom) -> Time {
    listed.room.head.activity_at
}

fn list_cursor(text: &str) -> Result<ListCursor> {
    let wrong = || Error::invalid("cursor", "`next` of the page before");
    let parts = decode(text).ok_or_else(wrong)?;
    let [at, room] = parts.as_slice() else {
        return Err(wrong());
    };
    let activity_at = Time(at.parse().map_err(|_| wrong())?);
    Ok(ListCursor { activity_at, room: RoomId::new(room).map_err(|_| wrong())? })
}
