//! Ids and tokens as this wire writes them, and what is looked up beside a frame: when the
//! message at a seq was stored, and what custom data a user's session brought.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use snug_core::engine::{Actor, Engine, HistoryRequest};
use snug_core::error::{Error, Result};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{CustomJson, Time};

use super::DIALECT;

/// Entries of each look-up table; a full one is emptied.
const KNOWN_MAX: usize = 10_000;
/// How long custom data is taken as read, in milliseconds.
const CUSTOM_MS: i64 = 10_000;

/// `<room>:<app>`.
pub(super) fn room_out(room: &RoomId, app: &AppId) -> String {
    format!("{room}:{app}")
}

/// With or without the app's suffix.
pub(super) fn room_in(text: &str, app: &AppId) -> Option<RoomId> {
    RoomId::new(bare(text, app)).ok()
}

/// With or without the app's suffix.
pub(super) fn user_in(text: &str, app: &AppId) -> Option<UserId> {
    UserId::new(bare(text, app)).ok()
}

fn bare<'t>(text: &'t str, app: &AppId) -> &'t str {
    let cut = text.strip_suffix(app.as_str()).and_then(|text| text.strip_suffix(':'));
    cut.unwrap_or(text)
}

/// A native token ends in `.<app>`; here it ends in `:<app>`.
pub(super) fn token_out(native: &str, app: &AppId) -> String {
    match native.strip_suffix(app.as_str()).and_then(|text| text.strip_suffix('.')) {
        Some(secret) => format!("{secret}:{app}"),
        None => format!("{native}:{app}"),
    }
}

/// The app and the native token.
pub(super) fn token_in(text: &str) -> Option<(AppId, String)> {
    let (secret, app) = text.rsplit_once(':')?;
    let app = AppId::new(app).ok()?;
    let native = format!("{secret}.{app}");
    Some((app, native))
}

/// A time from a number or its digits; never through a float. Zero is none.
pub(super) fn time_in(value: &serde_json::Value) -> Option<Time> {
    let number = match value {
        serde_json::Value::String(digits) => digits.trim().parse().ok()?,
        other => other.as_i64()?,
    };
    (number > 0).then_some(Time(number))
}

/// Custom data as it was given: JSON is kept as it stands, so that other doors can read it; any
/// other text as a JSON string.
pub(super) fn custom_in(text: &str) -> Result<CustomJson> {
    let wrong = |_| Error::invalid("custom_data", "JSON of at most 4 KiB");
    let is_string = text.trim_start().starts_with('"');
    let json = match serde_json::from_str::<Box<RawValue>>(text) {
        Ok(raw) if !is_string && raw.get() == text => raw,
        _ => {
            let quoted = serde_json::Value::String(text.to_owned()).to_string();
            RawValue::from_string(quoted).map_err(|_| Error::Internal)?
        }
    };
    CustomJson::new(json, limits::SESSION_CUSTOM_BYTES_MAX).map_err(wrong)
}

pub(super) fn custom_out(custom: Option<&CustomJson>) -> String {
    let Some(custom) = custom else { return String::new() };
    match serde_json::from_str::<String>(custom.as_str()) {
        Ok(text) => text,
        Err(_) => custom.as_str().to_owned(),
    }
}

type Customs = HashMap<(AppId, UserId), (Time, Arc<str>)>;

/// What was looked up lately.
#[derive(Default)]
pub(super) struct Known {
    times: Mutex<HashMap<(AppId, RoomId, u64), Time>>,
    customs: Mutex<Customs>,
}

impl Known {
    /// When the message at a seq, or the last one before it, was stored; `None` before the first.
    pub(super) async fn time_of(
        &self,
        engine: &Engine,
        actor: &Actor,
        room: &RoomId,
        seq: u64,
    ) -> Result<Option<Time>> {
        if seq == 0 {
            return Ok(None);
        }
        let key = (actor.app().id.clone(), room.clone(), seq);
        if let Some(known) = self.times.lock().get(&key) {
            return Ok(Some(*known));
        }
        let before = Some(seq.saturating_add(1));
        let request = HistoryRequest { before, after: None, limit: Some(1) };
        let page = engine.history(actor, room, &request).await?;
        let found = page.messages.last().map(|message| message.created_at);
        if let Some(time) = found {
            self.note(key.0, key.1, seq, time);
        }
        Ok(found)
    }

    pub(super) fn note(&self, app: AppId, room: RoomId, seq: u64, time: Time) {
        let mut times = self.times.lock();
        if times.len() >= KNOWN_MAX {
            times.clear();
        }
        times.insert((app, room, seq), time);
    }

    /// The custom data of a user's newest session.
    pub(super) async fn custom_of(
        &self,
        engine: &Engine,
        app: &AppId,
        user: &UserId,
    ) -> Result<Arc<str>> {
        let key = (app.clone(), user.clone());
        let now = engine.now();
        if let Some((at, custom)) = self.customs.lock().get(&key)
            && (0..CUSTOM_MS).contains(&(now.millis() - at.millis()))
        {
            return Ok(custom.clone());
        }
        let backend = engine.backend_by_dialect(app, DIALECT).await?;
        let custom: Arc<str> = match engine.user(&backend, user).await {
            Ok(found) => custom_out(found.session_custom.as_ref()).into(),
            Err(Error::UserNotFound(_)) => "".into(),
            Err(error) => return Err(error),
        };
        let mut customs = self.customs.lock();
        if customs.len() >= KNOWN_MAX {
            customs.clear();
        }
        customs.insert(key, (now, custom.clone()));
        Ok(custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> AppId {
        AppId::new("app_0123456789abcdefghij").unwrap()
    }

    #[test]
    fn ids_are_taken_with_and_without_the_app() {
        let app = app();
        for text in ["a:b c/語?", "a:b c/語?:app_0123456789abcdefghij"] {
            assert_eq!(room_in(text, &app).unwrap().as_str(), "a:b c/語?");
            assert_eq!(user_in(text, &app).unwrap().as_str(), "a:b c/語?");
        }
        assert!(user_in(&"x".repeat(129), &app).is_none());
        assert!(user_in(":app_0123456789abcdefghij", &app).is_none());
    }

    #[test]
    fn tokens_go_there_and_back() {
        let native = "snug_st_secret.app_0123456789abcdefghij";
        let wire = token_out(native, &app());
        assert_eq!(wire, "snug_st_secret:app_0123456789abcdefghij");
        assert_eq!(token_in(&wire).unwrap(), (app(), native.to_owned()));
        assert!(token_in("no colon").is_none());
        assert!(token_in("x:nonsense").is_none());
    }

    #[test]
    fn custom_data_comes_back_byte_for_byte() {
        for text in ["{\"a\":  1}", "[1]", "plain words", "\"quoted\"", "", " {\"a\":1}", "7"] {
            assert_eq!(custom_out(Some(&custom_in(text).unwrap())), text, "{text:?}");
        }
        assert!(custom_in(&"x".repeat(5_000)).is_err());
    }

    #[test]
    fn times_keep_every_digit() {
        let digits = "1763690000123456789";
        let number = serde_json::from_str(digits).unwrap();
        for value in [number, serde_json::json!(digits)] {
            assert_eq!(time_in(&value), Some(Time(1_763_690_000_123_456_789)));
        }
        for nothing in ["0", "-1", "1.5", "\"x\"", "null", "99999999999999999999"] {
            assert_eq!(time_in(&serde_json::from_str(nothing).unwrap()), None, "{nothing}");
        }
    }
}
