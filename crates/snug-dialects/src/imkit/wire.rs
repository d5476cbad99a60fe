//! Ids, times and users as IMKit writes them.

use serde_json::{Map, Value, json};
use snug_core::ids::UserId;
use snug_core::model::{CustomJson, Message, Patch, Time, User};

use super::DIALECT;
use super::answer::Failure;
use crate::custom;
pub(super) use crate::times::{iso, moment};

/// A message's id: its time and its place in the room, 24 hexadecimal digits that sort by time.
pub(super) fn message_id(message: &Message) -> String {
    id_of(message.created_at, message.seq)
}

pub(super) fn id_of(at: Time, seq: u64) -> String {
    format!("{:016x}{:08x}", at.0.max(0), seq & 0xffff_ffff)
}

/// The time in an id.
pub(super) fn time_of(id: &str) -> Option<Time> {
    let fits = id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(())?;
    i64::from_str_radix(&id[..16], 16).ok().map(Time)
}

/// This dialect's part of somebody's custom JSON.
pub(super) fn ours(custom: Option<&CustomJson>) -> Map<String, Value> {
    custom::part(custom, DIALECT)
}

/// Custom JSON in which this dialect's part is another; the others' stay. A customer's JSON that
/// is no object is not touched.
pub(super) fn with_ours(
    custom: Option<&CustomJson>,
    ours: Map<String, Value>,
) -> Result<Patch<CustomJson>, Failure> {
    custom::with_part(custom, DIALECT, ours).map_err(|wrong| Failure::body(wrong.to_string()))
}

pub(super) fn custom_json(value: &Value) -> Result<CustomJson, Failure> {
    custom::json(value).map_err(|wrong| Failure::body(wrong.to_string()))
}

/// A user id in a body or a path.
pub(super) fn user_id(text: &str) -> Result<UserId, Failure> {
    let status = http::StatusCode::BAD_REQUEST;
    UserId::new(text).map_err(|wrong| Failure::new(status, "INVALID_USER_ID", wrong.to_string()))
}

/// An id in JSON: text, an integer as its decimal text, or an object that has one.
pub(super) fn id_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Object(fields) => fields.get("_id").or_else(|| fields.get("id")).and_then(id_in),
        _ => None,
    }
}

/// One id or a list of them.
pub(super) fn user_ids(value: &Value) -> Result<Vec<UserId>, Failure> {
    let wrong = || Failure::body("expected client ids");
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => {
            all.iter().map(|one| user_id(&id_in(one).ok_or_else(wrong)?)).collect()
        }
        one => Ok(vec![user_id(&id_in(one).ok_or_else(wrong)?)?]),
    }
}

/// A user whose profile is known.
pub(super) fn user(app: &str, user: &User) -> Value {
    let ours = ours(user.custom.as_ref());
    let description = ours.get("description").cloned().unwrap_or(json!(""));
    let mut value = json!({
        "_id": user.id.as_str(),
        "id": user.id.as_str(),
        "appID": app,
        "nickname": user.name.as_deref().unwrap_or(""),
        "avatarUrl": user.avatar.as_deref().unwrap_or(""),
        "description": description,
        "createdTimeMS": user.created_at.millis(),
        "updatedTimeMS": user.changed_at.millis(),
    });
    if let Some(key) = ours.get("publicKey") {
        value["publicKey"] = key.clone();
    }
    value
}

/// A user of whom only the id is known.
pub(super) fn stranger(app: &str, id: &str) -> Value {
    json!({ "_id": id, "id": id, "appID": app, "nickname": "", "avatarUrl": "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_24_digits_and_sort_by_time() {
        let early = id_of(Time(1_795_000_000_000_000_001), 9);
        let late = id_of(Time(1_795_000_000_000_000_002), 1);
        assert_eq!(early.len(), 24);
        assert!(early < late);
        assert_eq!(time_of(&early), Some(Time(1_795_000_000_000_000_001)));
        for bad in ["", "m0", "+18eb4f3a1b2c3d400000001", "語語語語語語語語"] {
            assert_eq!(time_of(bad), None, "{bad:?}");
        }
        assert_eq!(time_of("ffffffffffffffff00000001"), None);
    }

    #[test]
    fn others_parts_of_custom_json_stay() {
        let custom = CustomJson::from_stored("{\"shop\":1,\"imkit\":{\"a\":1}}".into()).unwrap();
        assert_eq!(ours(Some(&custom))["a"], json!(1));
        let mut fresh = Map::new();
        fresh.insert("b".into(), json!(2));
        let Patch::Set(after) = with_ours(Some(&custom), fresh).unwrap() else { panic!() };
        assert_eq!(after.as_str(), "{\"imkit\":{\"b\":2},\"shop\":1}");
        let list = CustomJson::from_stored("[1]".into()).unwrap();
        assert_eq!(with_ours(Some(&list), Map::new()).unwrap(), Patch::Keep);
    }

    #[test]
    fn client_ids_come_in_three_forms() {
        let ids = user_ids(&json!(["a", 7, {"_id": "語"}])).unwrap();
        let ids: Vec<_> = ids.iter().map(UserId::as_str).collect();
        assert_eq!(ids, ["a", "7", "語"]);
        assert_eq!(user_ids(&json!("x:/?")).unwrap().len(), 1);
        assert!(user_ids(&json!([""])).is_err());
        assert!(user_ids(&json!([true])).is_err());
        assert!(user_ids(&json!("x".repeat(129))).is_err());
    }
}
