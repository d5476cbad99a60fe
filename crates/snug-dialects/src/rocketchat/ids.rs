//! Names of messages and rooms on this wire.
//!
//! A message's `_id` is one for the whole app here, while the engine's id is one for its room. A
//! message that came with an `_id` of its client's keeps it, and a document says in which room it
//! is. Any other message is named by its time, which no two of an app share.

use serde_json::json;
use snug_core::engine::{Actor, Engine, KeepRecord};
use snug_core::error::Error;
use snug_core::ids::{AppId, MessageId, RoomId};
use snug_core::model::{Message, Time};
use snug_core::ports::{PutRecordOutcome, RecordPlace};

use super::DIALECT;
use super::answer::{Failure, no_message};

/// Before the ids that this wire's clients minted.
const MINTED: &str = "rc:";
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
    let keep = KeepRecord {
        key: name.to_owned(),
        value: json!({ "room": room }).to_string(),
        expected: Some(0),
        secret: None,
        ttl_seconds: None,
    };
    let kept = engine.keep_record(&place(app, "room-name"), keep).await?;
    Ok(matches!(kept, PutRecordOutcome::Put(_)))
}

pub(super) async fn release(engine: &Engine, app: &AppId, name: &str) -> Result<(), Failure> {
    Ok(engine.forget_record(&place(app, "room-name"), name).await.map(drop)?)
}

/// The room of a name; a room that was not made here is called by its id.
pub(super) async fn by_name(engine: &Engine, app: &AppId, name: &str) -> Result<RoomId, Failure> {
    if let Some(found) = engine.record(&place(app, "room-name"), name).await? {
        return room_in(&found.value).ok_or_else(Failure::no_room);
    }
    RoomId::new(name).map_err(|_| Failure::no_room())
}

/// A new room's id, in the vendor's form.
pub(super) fn new_room(engine: &Engine) -> RoomId {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTWXYZab";
    let random: [u8; 17] = engine.random_bytes();
    let text: String =
        random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    RoomId::from_stored(&text)
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
