//! When nobody does anything any more: what is stored, what every client knows, and what a fresh
//! one learns must be the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use snug_core::ids::{RoomId, UserId};
use snug_core::model::Role;

use crate::backend::Shared;
use crate::checker::{RoomAtRest, Seen};
use crate::client::Client;
use crate::door::{Door, segment};
use crate::known::{all, number, seen};

/// Reads a room whole, as the backend.
pub(crate) async fn room<D: Door>(shared: &Shared<D>, room: &RoomId) -> Option<Vec<Seen>> {
    let base = format!("rooms/{}", segment(room.as_str()));
    let mut history: Vec<Seen> = Vec::new();
    let head = match shared.backend("GET", &base, None).await {
        Ok(head) => head,
        Err(refused) => {
            shared.checker().odd(format!("{room} at rest: {}", refused.code));
            return None;
        }
    };
    let min_seq = number(&head["min_seq"]);
    let mut after = min_seq.saturating_sub(1);
    loop {
        let path = format!("{base}/messages?after={after}&limit=100");
        let page = match shared.backend("GET", &path, None).await {
            Ok(page) => page,
            Err(refused) => {
                shared.checker().odd(format!("{room}'s history: {}", refused.code));
                return None;
            }
        };
        history.extend(all(&page["messages"]).iter().filter_map(seen));
        let last = history.last().map_or(after, |last| last.seq);
        if page["has_after"] != true || last == after {
            break;
        }
        after = last;
    }
    shared.checker().at_rest(&RoomAtRest {
        room,
        min_seq,
        min_rev: 1,
        head_seq: number(&head["seq"]),
        head_rev: number(&head["rev"]),
        history: &history,
    });
    Some(history)
}

/// A client that was there all the time beside one that has just come.
pub(crate) async fn client<D: Door>(
    client: &mut Client<D>,
    stored: &BTreeMap<RoomId, Vec<Seen>>,
) -> Result<(), String> {
    let shared = Arc::clone(&client.shared);
    client.sync_user().await;
    for room in client.rooms.keys().cloned().collect::<Vec<_>>() {
        client.sync(&room).await;
    }
    let mut fresh = Client::enter(&shared, &client.user, "verify-fresh").await?;
    let listed = fresh.list().await?;
    let who = client.user.to_string();
    let mut checker = shared.checker();
    let (resumed, anew): (Vec<_>, Vec<_>) =
        (client.rooms.keys().collect(), fresh.rooms.keys().collect());
    checker.resumed_rooms(&who, &resumed, &anew);
    for (room, known) in &client.rooms {
        let Some(anew) = fresh.rooms.get(room) else { continue };
        checker.same(&who, room, &known.facts(), &anew.facts());
        let (Some(stored), seen) = (stored.get(room), known.seen()) else { continue };
        checker.saw_page(&who, room, &seen);
        if seen.len() != stored.len() {
            let (has, there) = (seen.len(), stored.len());
            checker.odd(format!("{room}: {who} has {has} of {there} messages"));
        }
    }
    for (room, view) in &listed {
        let mine = &view["mine"];
        let read_seq = number(&mine["read_seq"]);
        checker.cursor(room, &client.user, read_seq);
        if let Some(stored) = stored.get(room) {
            let user: &UserId = &client.user;
            let mut stored = stored.clone();
            if let Some(anew) = fresh.rooms.get(room) {
                // What the user deleted for oneself is there for the others only.
                stored.iter_mut().for_each(|seen| seen.gone |= anew.has_deleted(seen.seq));
            }
            checker.unread((room, user), read_seq, number(&mine["unread"]), &stored);
            if let Some(role) = mine["role"].as_str().and_then(Role::parse) {
                let told = number(&mine["mentions"]);
                checker.mentions(room, (user, role), read_seq, told, &stored);
            }
        }
    }
    Ok(())
}
