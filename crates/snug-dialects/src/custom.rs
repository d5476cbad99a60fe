//! A dialect's part of a user's, a room's or a message's custom JSON: what the wire knows and the
//! engine does not. The parts of others stay as they are.

use serde_json::{Map, Value};
use snug_core::limits;
use snug_core::model::{CustomJson, JsonError, Patch};

/// The part under the dialect's name; empty when there is none.
pub(crate) fn part(custom: Option<&CustomJson>, dialect: &str) -> Map<String, Value> {
    let parsed = custom.and_then(|custom| serde_json::from_str(custom.as_str()).ok());
    let Some(Value::Object(mut all)) = parsed else {
        return Map::new();
    };
    match all.remove(dialect) {
        Some(Value::Object(part)) => part,
        _ => Map::new(),
    }
}

/// Custom JSON in which the dialect's part is another; the others' stay. A customer's JSON that
/// is no object is not touched.
pub(crate) fn with_part(
    custom: Option<&CustomJson>,
    dialect: &str,
    part: Map<String, Value>,
) -> Result<Patch<CustomJson>, JsonError> {
    let parsed = custom.and_then(|custom| serde_json::from_str(custom.as_str()).ok());
    let mut all = match parsed {
        Some(Value::Object(all)) => all,
        Some(_) => return Ok(Patch::Keep),
        None => Map::new(),
    };
    all.insert(dialect.to_owned(), Value::Object(part));
    json(&Value::Object(all)).map(Patch::Set)
}

/// Custom JSON within its bounds.
pub(crate) fn json(value: &Value) -> Result<CustomJson, JsonError> {
    let raw = serde_json::value::to_raw_value(value).map_err(|_| JsonError::Malformed)?;
    CustomJson::new(raw, limits::CUSTOM_BYTES_MAX)
}
