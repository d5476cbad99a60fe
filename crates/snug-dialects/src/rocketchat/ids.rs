//! Names of messages and rooms on this wire.
//!
//! A message's `_id` is one for the whole app here, while the engine's id is one for its room. A
//! message that came with an `_id` of its client's keeps it, and a document says in which room it
//! is. Any other message is named by its time, which no two of an app share.

use serde_json::json;
use snug_core::engine::{Actor, Engine, KeepRecord};
use snug_core::error::Error;
use snug_core::ids::{AppId, MessageId, ROCKETCHAT_PREFIX as MINTED, RoomId};
use snug_core::limits;
use snug_core::model::{Message, Time};
use snug_core::ports::{PutRecordOutcome, Record, RecordPlace};

use super::DIALECT;
use super::answer::{Failure, no_message};

/// Before a time in 13 digits of base 36: as long as the vendor's own ids.
const TIMED: &str = "snug";

fn place(app: &AppId, kind: &'static str) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: DIALECT, kind }
}

/// A message's `_id`.
pub(super) fn message_id(message: &Message) -> String {
    match message.id.as_str().strip_prefix(MINTED) {
        Some(minted) => minted.to_owned(),
        None => id_of(message.created_at),
    }
}

/// Whether the message came through this wire with an `_id`.
pub(super) fn is_minted(message: &Message) -> bool {
    message.id.as_str().starts_with(MINTED)
}

/// The `_id` of a message that is named by its time.
pub(super) fn id_of(at: Time) -> String {
    let mut digits = [b'0'; 13];
    let mut left = at.0.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        let value = u8::try_from(left % 36).unwrap_or(0);
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        left /= 36;
    }
    format!("{TIMED}{}", digits.map(char::from).iter().collect::<String>())
}

fn time_of(id: &str) -> Option<Time> {
    let digits = id.strip_prefix(TIMED).filter(|digits| digits.len() == 13)?;
    let small = digits.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    small.then(|| i64::from_str_radix(digits, 36).ok().map(Time)).flatten()
}

/// The engine's id for one that was minted for this room before.
pub(super) async fn minted(
    engine: &Engine,
    app: &AppId,
    room: &RoomId,
    id: &str,
) -> Result<Option<MessageId>, Failure> {
    let known = engine.record(&place(app, "message"), id).await?;
    let here = known.is_some_and(|known| room_in(&known.value).as_ref() == Some(room));
    Ok(here.then(|| MessageId::new(&format!("{MINTED}{id}")).ok()).flatten())
}

/// The engine's id for one that a client minted, which must be free or in this room.
pub(super) async fn mint(
    engine: &Engine,
    app: &AppId,
    room: &RoomId,
    id: &str,
) -> Result<MessageId, Failure> {
    let wrong = || Failure::bad("error-invalid-id", "_id: expected 1 to 61 printable characters");
    if time_of(id).is_some() {
        return Err(wrong());
    }
    let minted = MessageId::new(&format!("{MINTED}{id}")).map_err(|_| wrong())?;
    // Before the message: a document without its message harms nobody.
    let keep = KeepRecord {
        key: id.to_owned(),
        value: json!({ "room": room }).to_string(),
        expected: Some(0),
        secret: None,
        ttl_seconds: None,
    };
    match engine.keep_record(&place(app, "message"), keep).await? {
        PutRecordOutcome::Put(_) => Ok(minted),
        PutRecordOutcome::Conflict(Some(found)) if room_in(&found.value).as_ref() == Some(room) => {
            Ok(minted)
        }
        _ => Err(Error::MessageIdConflict.into()),
    }
}

/// The message of an `_id`, if the caller may read it.
pub(super) async fn message(engine: &Engine, actor: &Actor, id: &str) -> Result<Message, Failure> {
    let gone = || no_message(id);
    let found = match time_of(id) {
        Some(at) => engine.message_at(actor, at).await?.ok_or_else(gone)?,
        None => {
            let place = place(&actor.app().id, "message");
            let Some(known) = engine.record(&place, id).await? else { return Err(gone()) };
            let room = room_in(&known.value).ok_or_else(gone)?;
            let minted = MessageId::new(&format!("{MINTED}{id}")).map_err(|_| gone())?;
            match engine.message(actor, &room, &minted).await {
                Err(Error::NotAMember | Error::RoomNotFound(_) | Error::MessageNotFound(_)) => {
                    return Err(gone());
                }
                found => found?,
            }
        }
    };
    if found.is_gone() { Err(gone()) } else { Ok(found) }
}

fn room_in(value: &str) -> Option<RoomId> {
    let value: serde_json::Value = serde_json::from_str(value).ok()?;
    RoomId::new(value["room"].as_str()?).ok()
}

/// Takes a room's name, one for the whole app; `false` when it is taken.
pub(super) async fn claim(
    engine: &Engine,
    app: &AppId,
    name: &str,
    room: &RoomId,
) -> Result<bool, Failure> {
    // Who addresses a room by its id must not reach another one of that name.
    if let Ok(id) = RoomId::new(name)
        && exists(engine, app, &id).await?
    {
        return Ok(false);
    }
    let place = place(app, "room-name");
    let keep = |expected| KeepRecord {
        key: name.to_owned(),
        value: json!({ "room": room }).to_string(),
        expected: Some(expected),
        secret: None,
        ttl_seconds: None,
    };
    let found = match engine.keep_record(&place, keep(0)).await? {
        PutRecordOutcome::Put(_) => return Ok(true),
        PutRecordOutcome::Conflict(Some(found)) => found,
        _ => return Ok(false),
    };
    if !is_left(engine, app, &found).await? {
        return Ok(false);
    }
    let taken = engine.keep_record(&place, keep(found.rev)).await?;
    Ok(matches!(taken, PutRecordOutcome::Put(_)))
}

/// Whether the room of a name is gone by another door's doing, or was never made.
async fn is_left(engine: &Engine, app: &AppId, name: &Record) -> Result<bool, Failure> {
    let age = engine.now().seconds().saturating_sub(name.changed_at.seconds());
    if u64::try_from(age).unwrap_or(0) < limits::ROCKETCHAT_MAKING_SECONDS {
        // Its room may be in the making.
        return Ok(false);
    }
    match room_in(&name.value) {
        Some(room) => Ok(!exists(engine, app, &room).await?),
        None => Ok(true),
    }
}

async fn exists(engine: &Engine, app: &AppId, room: &RoomId) -> Result<bool, Failure> {
    let backend = Actor::Backend(engine.backend_by_dialect(app, DIALECT).await?);
    match engine.members(&backend, room, None, Some(1)).await {
        Ok(_) => Ok(true),
        Err(Error::RoomNotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives a room's name back; the name of another room stays, whatever this one called itself.
pub(super) async fn release(
    engine: &Engine,
    app: &AppId,
    name: &str,
    room: &RoomId,
) -> Result<(), Failure> {
    let place = place(app, "room-name");
    let found = engine.record(&place, name).await?;
    if found.is_some_and(|found| room_in(&found.value).as_ref() == Some(room)) {
        engine.forget_record(&place, name).await?;
    }
    Ok(())
}

/// The room of a name; a room that was not made here is called by its id.
pub(super) async fn by_name(engine: &Engine, app: &AppId, name: &str) -> Result<RoomId, Failure> {
    if let Some(found) = engine.record(&place(app, "room-name"), name).await? {
        return room_in(&found.value).ok_or_else(Failure::no_room);
    }
    RoomId::new(name).map_err(|_| Failure::no_room())
}

/// The room of an id, else of a name: nobody catches what is meant for an id by making a room of
/// that name.
pub(super) async fn by_id_or_name(
    engine: &Engine,
    app: &AppId,
    text: &str,
) -> Result<RoomId, Failure> {
    match RoomId::new(text) {
        Ok(id) if exists(engine, app, &id).await? => Ok(id),
        _ => by_name(engine, app, text).await,
    }
}

/// A new room's id, in the vendor's form.
pub(super) fn new_room(engine: &Engine) -> RoomId {
    RoomId::from_stored(&random(engine))
}

/// An id in the vendor's form.
pub(super) fn random(engine: &Engine) -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTWXYZab";
    let random: [u8; 17] = engine.random_bytes();
    random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_id_and_back() {
        for nanos in [0, 1_795_219_200_123_456_789, i64::MAX] {
            let id = id_of(Time(nanos));
            assert_eq!(id.len(), 17);
            assert_eq!(time_of(&id), Some(Time(nanos)));
        }
        for other in ["", "snug", "snugZZZZZZZZZZZZZ", "snugzzzzzzzzzzzzz", "7aDSXtjMA3KPLxLjt"] {
            assert_eq!(time_of(other), None, "{other}");
        }
        assert!(id_of(Time(5)) < id_of(Time(40)));
    }
}
