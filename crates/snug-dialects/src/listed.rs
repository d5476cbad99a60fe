//! A user's whole room list, for wires that have no pages.

use snug_core::engine::{Client, Engine, RoomListRequest};
use snug_core::error::Result;
use snug_core::limits;
use snug_core::model::{ListedRoom, Membership, RoomFilter};

/// Every room of the caller's list that the filter leaves: the pinned ones first, then by activity.
///
/// # Errors
/// The engine's.
pub(crate) async fn all_rooms(
    engine: &Engine,
    client: &Client,
    include_left: bool,
    filter: RoomFilter,
) -> Result<Vec<ListedRoom>> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let limit = Some(limits::ROOMS_PAGE_MAX);
        let request = RoomListRequest { cursor, limit, include_left, filter: filter.clone() };
        let page = engine.room_list(client, request).await?;
        // These wires have no way to accept: to them who is only invited is not in, or has left.
        let left = |mine: &Membership| include_left && mine.left_seq.is_some();
        let shown = |one: &ListedRoom| !one.mine.is_invited() || left(&one.mine);
        all.extend(page.rooms.into_iter().filter(shown));
        cursor = page.next;
        if cursor.is_none() || all.len() >= limits::ROOMS_PER_USER_MAX {
            return Ok(all);
        }
    }
}
