//! The before-send hook: its settings, what an app's endpoint is asked, and how its answer is read.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::{BeforeSendView, EditMessage, IssuedBeforeSend, SetBeforeSend};
use snug_core::error::Error;
use snug_core::limits;
use snug_core::model::{self, MessageKind, OnFailure, RoomKind};
use snug_core::ports::{self, HookAnswer, HookQuestion};
use utoipa::ToSchema;

use crate::ErrorCode;
use crate::body::parse_within;
use crate::changes::EditBody;
use crate::extras::{Card, Forwarded, Location, Mentions, ReplyTo, format_word};
use crate::threads::ThreadPlace;
use crate::value::{WireTime, object, or_default, raw};

/// Who is asked before a message of a user's is stored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BeforeSendBody {
    /// Called with a POST.
    pub url: String,
    /// 100 to 5,000; 1,500 by default.
    pub timeout_ms: Option<u64>,
    /// `allow` or `refuse`: what becomes of a message about which the endpoint gave no answer.
    pub on_failure: String,
    /// `direct`, `group`, `channel`: where to ask; everywhere when absent.
    #[serde(default, deserialize_with = "or_default")]
    pub rooms: Vec<String>,
    /// `text`, `custom`, `card`, `location`: what to ask about; everything when absent.
    #[serde(default, deserialize_with = "or_default")]
    pub kinds: Vec<String>,
}

impl TryFrom<BeforeSendBody> for SetBeforeSend {
    type Error = Error;
    fn try_from(body: BeforeSendBody) -> Result<Self, Error> {
        let BeforeSendBody { url, timeout_ms, on_failure, rooms, kinds } = body;
        let on_failure = OnFailure::parse(&on_failure)
            .ok_or_else(|| Error::invalid("on_failure", "allow or refuse"))?;
        let rooms = parsed("rooms", &rooms, RoomKind::parse, "direct, group or channel")?;
        // What the room itself says comes from the backend.
        let kind =
            |word: &str| MessageKind::parse(word).filter(|kind| *kind != MessageKind::System);
        let kinds = parsed("kinds", &kinds, kind, "text, custom, card or location")?;
        Ok(Self { url, timeout_ms, on_failure, rooms, kinds })
    }
}

fn parsed<T>(
    field: &str,
    words: &[String],
    parse: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Vec<T>, Error> {
    let one = |(n, word): (usize, &String)| {
        parse(word).ok_or_else(|| Error::invalid(&format!("{field}[{n}]"), expected))
    };
    words.iter().enumerate().map(one).collect()
}

/// The app's before-send hook.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BeforeSendAnswer {
    pub url: String,
    pub timeout_ms: u64,
    /// `allow` or `refuse`.
    pub on_failure: String,
    /// Where it is asked; everywhere when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// What it is asked about; everything when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// `whsec_…`: shown when it is made, and not again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Calls carry more than one signature until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rotating_until: Option<WireTime>,
}

impl From<BeforeSendView> for BeforeSendAnswer {
    fn from(view: BeforeSendView) -> Self {
        let BeforeSendView { url, timeout_ms, on_failure, rooms, kinds, rotating_until } = view;
        let rotating_until = rotating_until.map(WireTime);
        let on_failure = on_failure.as_str().to_owned();
        Self { url, timeout_ms, on_failure, rooms, kinds, secret: None, rotating_until }
    }
}

impl From<IssuedBeforeSend> for BeforeSendAnswer {
    fn from(issued: IssuedBeforeSend) -> Self {
        let IssuedBeforeSend { view, secret } = issued;
        Self { secret, ..view.into() }
    }
}

/// What the endpoint is asked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BeforeSendCall {
    /// The same when the same is asked again; also in `webhook-id`.
    pub id: String,
    /// `message.sending` or `message.editing`.
    #[serde(rename = "type")]
    pub kind: String,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: WireTime,
    pub data: BeforeSendData,
}

/// The message, and where it is about to be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BeforeSendData {
    pub app: String,
    pub room: BeforeSendRoom,
    pub sender: String,
    pub message: BeforeSendMessage,
}

/// The room; a first message is asked about before its room is made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BeforeSendRoom {
    pub id: String,
    /// `direct`, `group` or `channel`.
    pub kind: String,
    /// Of a direct room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
}

/// The message as it would be stored; an edited one whole, as it would be afterwards.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BeforeSendMessage {
    pub id: String,
    /// Of a message that is edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// `text`, `custom`, `card` or `location`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `markdown`: the text is its source; plain when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadPlace>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// It is said to those who have the room open now, and would be kept nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
}

impl From<HookQuestion> for BeforeSendCall {
    fn from(question: HookQuestion) -> Self {
        let HookQuestion { app, id, event, at, room, message, ephemeral } = question;
        let sender = message.sender.clone().map(Into::into).unwrap_or_default();
        let room = room.into();
        let message = BeforeSendMessage { ephemeral, ..message.into() };
        Self {
            id,
            kind: event.as_str().to_owned(),
            timestamp: WireTime(at),
            data: BeforeSendData { app: app.into(), room, sender, message },
        }
    }
}

impl From<ports::HookRoom> for BeforeSendRoom {
    fn from(room: ports::HookRoom) -> Self {
        let ports::HookRoom { id, kind, context, name, custom } = room;
        let kind = kind.as_str().to_owned();
        Self { id: id.into(), kind, context, name, custom: raw(custom) }
    }
}

impl From<model::Message> for BeforeSendMessage {
    fn from(message: model::Message) -> Self {
        let model::Extras { mentions, reply_to, card, location, forwarded, format } =
            message.extras.map_or_else(Default::default, |extras| *extras);
        Self {
            id: message.id.into(),
            seq: (message.seq > 0).then_some(message.seq),
            kind: message.kind.as_str().to_owned(),
            text: message.text,
            format: format_word(format),
            custom: raw(message.custom),
            mentions: (!mentions.is_empty()).then(|| mentions.into()),
            reply_to: reply_to.map(Into::into),
            card: card.map(Into::into),
            location: location.map(Into::into),
            forwarded: forwarded.map(Into::into),
            thread: message.thread.map(|place| (*place).into()),
            silent: message.silent,
            ephemeral: false,
        }
    }
}

/// What the endpoint answers, with 200; 204 without a body allows.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BeforeSendVerdict {
    /// `allow`, `refuse` or `change`.
    pub action: String,
    /// Of a refusal: words for the sender, up to 200 characters.
    pub reason: Option<String>,
    /// Of a change: what is given takes the place of what was sent. Fields that an edit does not
    /// take are passed over, so that the message may come back whole.
    #[serde(default, deserialize_with = "object")]
    pub message: Option<EditBody>,
}

/// Reads an endpoint's answer.
///
/// # Errors
/// Why it is none, without anybody's words.
pub fn read_verdict(status: u16, body: &[u8]) -> Result<HookAnswer, String> {
    match status {
        204 => return Ok(HookAnswer::Allow),
        200 => {}
        300..=399 => return Err(format!("it answered {status}: redirects are not followed")),
        _ => return Err(format!("it answered {status}")),
    }
    let verdict = parse_within::<BeforeSendVerdict>(body, limits::HOOK_DEPTH_MAX);
    let BeforeSendVerdict { action, reason, message } = verdict.map_err(|problem| {
        let field = problem.field.filter(|field| !field.is_empty());
        match (problem.code, field) {
            (ErrorCode::MalformedJson, _) => "its answer is not JSON".to_owned(),
            (_, Some(field)) => format!("its answer is not as documented at {field:.100}"),
            (_, None) => "its answer is not as documented".to_owned(),
        }
    })?;
    match action.as_str() {
        "allow" => Ok(HookAnswer::Allow),
        "refuse" => Ok(HookAnswer::Refuse(reason.and_then(|reason| plain(&reason)))),
        "change" => {
            let message = message.ok_or("its change has no message")?;
            let edit = EditMessage::try_from(message);
            let edit = edit.map_err(|error| format!("its change cannot be stored: {error}"))?;
            Ok(HookAnswer::Change(Box::new(edit)))
        }
        _ => Err("its action is none of allow, refuse and change".to_owned()),
    }
}

/// Words for the sender: one line, cut.
fn plain(reason: &str) -> Option<String> {
    let spaced = reason.chars().map(|char| if char.is_control() { ' ' } else { char });
    let line: String = spaced.collect();
    let cut: String = line.trim().chars().take(limits::HOOK_REASON_CHARS_MAX).collect();
    (!cut.is_empty()).then_some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use snug_core::model::Patch;

    fn read(text: &str) -> Result<HookAnswer, String> {
        read_verdict(200, text.as_bytes())
    }

    #[test]
    fn the_three_answers() {
        assert_eq!(read(r#"{"action":"allow"}"#), Ok(HookAnswer::Allow));
        assert_eq!(read_verdict(204, b"whatever"), Ok(HookAnswer::Allow));
        assert_eq!(read(r#"{"action":"refuse"}"#), Ok(HookAnswer::Refuse(None)));
        let refused = |reason: &str| Ok(HookAnswer::Refuse(Some(reason.to_owned())));
        let text = r#"{"action":"refuse","reason":" no\u0000 links\n"}"#;
        assert_eq!(read(text), refused("no  links"));
        assert_eq!(read(r#"{"action":"refuse","reason":"\t"}"#), Ok(HookAnswer::Refuse(None)));
        let long = "語".repeat(limits::HOOK_REASON_CHARS_MAX + 1);
        let cut = "語".repeat(limits::HOOK_REASON_CHARS_MAX);
        let text = format!(r#"{{"action":"refuse","reason":"{long}"}}"#);
        assert_eq!(read(&text), refused(&cut));
        let edit = EditMessage { text: Some("d***".to_owned()), ..EditMessage::default() };
        let text = r#"{"action":"change","message":{"id":"m","kind":"text","text":"d***"}}"#;
        assert_eq!(read(text), Ok(HookAnswer::Change(Box::new(edit))));
        let edit = EditMessage { mentions: Patch::Clear, ..EditMessage::default() };
        let text = r#"{"action":"change","message":{"mentions":null,"later":[1]},"later":true}"#;
        assert_eq!(read(text), Ok(HookAnswer::Change(Box::new(edit))));
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            "null",
            "allow",
            "[]",
            "{",
            "{}",
            r#"["allow"]"#,
            r#"{"action":"Allow"}"#,
            r#"{"action":null}"#,
            r#"{"action":{"refuse":1}}"#,
            r#"{"action":"delete"}"#,
            r#"{"action":"allow"}x"#,
            r#"{"action":"allow","action":"refuse"}"#,
            r#"{"action":"refuse","reason":7}"#,
            r#"{"action":"change"}"#,
            r#"{"action":"change","message":null}"#,
            r#"{"action":"change","message":[]}"#,
            r#"{"action":"change","message":"words"}"#,
            r#"{"action":"change","message":{"text":7}}"#,
            r#"{"action":"change","message":{"location":{"lat":181,"lng":0}}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for status in [100, 201, 202, 206, 301, 302, 304, 400, 401, 404, 410, 429, 500, 503] {
            assert!(read_verdict(status, br#"{"action":"allow"}"#).is_err(), "{status}");
        }
        let deep = format!(r#"{{"action":"allow","x":{}{}}}"#, "[".repeat(90), "]".repeat(90));
        assert!(read(&deep).is_err());
    }

    /// Whatever an endpoint answers, why it is none tells nobody's words.
    #[test]
    fn a_failure_tells_nothing_of_the_answer() {
        for text in [
            r#"{"action":"SECRET"}"#,
            r#"SECRET"#,
            r#"{"action":"change","message":{"text":{"a":"SECRET"}}}"#,
            r#"{"action":"change","message":{"mentions":{"roles":["SECRET"]}}}"#,
            r#"{"action":"change","message":{"mentions":"SECRET"}}"#,
        ] {
            let cause = read(text).expect_err(text);
            assert!(!cause.contains("SECRET"), "{cause}");
        }
    }

    /// Cut, turned and doubled at every place: nothing panics, and no broken answer allows.
    #[test]
    fn a_damaged_answer_never_allows() {
        let whole = r#"{"action":"refuse","reason":"\u00e9","message":{"text":"x","custom":[1]}}"#;
        for at in 0..whole.len() {
            for damage in ["", "\u{0}", "\"", "}", "{", ",", "\\", "9"] {
                let text = format!("{}{damage}{}", &whole[..at], &whole[at + 1..]);
                let cut = &whole[..at];
                for text in [text.as_str(), cut] {
                    assert_ne!(read(text), Ok(HookAnswer::Allow), "{text}");
                }
            }
        }
    }

    #[test]
    fn settings_name_what_is_wrong() {
        let set = |on_failure: &str, rooms: &[&str], kinds: &[&str]| {
            let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            SetBeforeSend::try_from(BeforeSendBody {
                url: "https://x.example".to_owned(),
                timeout_ms: None,
                on_failure: on_failure.to_owned(),
                rooms: all(rooms),
                kinds: all(kinds),
            })
        };
        assert!(set("allow", &["direct", "group", "channel"], &["text", "card"]).is_ok());
        let field = |set: Result<SetBeforeSend, Error>| match set {
            Err(Error::InvalidField { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(set("ignore", &[], &[])), "on_failure");
        assert_eq!(field(set("allow", &["group", "dm"], &[])), "rooms[1]");
        assert_eq!(field(set("allow", &[], &["system"])), "kinds[0]");
    }
}
