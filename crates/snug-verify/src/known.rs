//! A room as a client knows it, by rev.

use std::collections::BTreeMap;

use serde_json::Value;
use snug_core::ids::{MessageId, UserId};
use snug_core::model::{MessageKind, Time};

use crate::checker::{Facts, Seen, payload};

#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) epoch: String,
    /// Everything up to here is known.
    pub(crate) rev: u64,
    /// Where the last sync ended: others' cursors that were missed are found from here.
    pub(crate) synced: u64,
    pub(crate) messages: BTreeMap<u64, Value>,
    /// Role and rev of the active members.
    seats: BTreeMap<String, (String, u64)>,
    reads: BTreeMap<String, u64>,
    name: Option<String>,
    /// The user's own settings, with their rev.
    own: (u64, Value),
    /// The user's own marks, by the seq of their messages.
    marks: BTreeMap<u64, Value>,
    /// All marks up to this one were synced.
    pub(crate) marks_rev: u64,
}

impl Known {
    /// As `room.open` answers; everything since the room was made is still to be asked for.
    pub(crate) fn opened(room: &Value) -> Self {
        let mut known = Self { epoch: text(&room["epoch"]), rev: 1, synced: 1, ..Self::default() };
        known.name = room["name"].as_str().map(str::to_owned);
        known.take_own(&room["mine"]);
        for member in all(&room["members"]) {
            known.take_member(member);
        }
        known
    }

    /// The state of a message; the newer wins.
    pub(crate) fn take_message(&mut self, message: &Value) {
        let Some(seq) = message["seq"].as_u64() else { return };
        self.take_mark(seq, &message["own"]);
        let held = self.messages.get(&seq).and_then(|held| held["rev"].as_u64());
        if held.is_none_or(|held| held < number(&message["rev"])) {
            let mut message = message.clone();
            if let Some(fields) = message.as_object_mut() {
                fields.remove("own");
            }
            self.messages.insert(seq, message);
        }
    }

    /// How the user keeps a message; the newer wins, and what is absent says nothing.
    pub(crate) fn take_mark(&mut self, seq: u64, own: &Value) {
        let known = self.marks.get(&seq).map_or(0, |known| number(&known["rev"]));
        if number(&own["rev"]) > known {
            self.marks.insert(seq, own.clone());
        }
    }

    /// Whether the user has deleted the message for oneself.
    pub(crate) fn has_deleted(&self, seq: u64) -> bool {
        self.marks.get(&seq).is_some_and(|own| own["deleted"] == true)
    }

    pub(crate) fn take_member(&mut self, member: &Value) {
        let (user, rev) = (text(&member["user"]), number(&member["rev"]));
        self.take_read(&user, number(&member["read_seq"]));
        if member["state"] == "left" {
            if self.seats.get(&user).is_some_and(|(_, known)| *known <= rev) {
                self.seats.remove(&user);
            }
        } else if self.seats.get(&user).is_none_or(|(_, known)| *known <= rev) {
            self.seats.insert(user, (text(&member["role"]), rev));
        }
    }

    pub(crate) fn take_read(&mut self, user: &str, seq: u64) {
        let known = self.reads.entry(user.to_owned()).or_insert(0);
        *known = seq.max(*known);
    }

    /// The user's own view: settings that are newer. Whether a room is hidden follows from the
    /// room's count, and is told as it was then.
    pub(crate) fn take_own(&mut self, mine: &Value) {
        let mut settings = mine["settings"].clone();
        let rev = number(&settings["rev"]);
        if let Some(settings) = settings.as_object_mut() {
            settings.remove("hidden");
        }
        if rev > self.own.0 {
            self.own = (rev, settings);
        }
    }

    /// What a sync's page says.
    pub(crate) fn take_page(&mut self, page: &Value) {
        for message in all(&page["messages"]) {
            self.take_message(message);
        }
        for member in all(&page["members"]) {
            self.take_member(member);
        }
        for read in all(&page["reads"]) {
            self.take_read(&text(&read["user"]), number(&read["seq"]));
        }
        let marks = &page["marks"];
        for marked in all(&marks["changed"]) {
            self.take_mark(number(&marked["seq"]), &marked["own"]);
        }
        self.marks_rev = self.marks_rev.max(number(&marks["rev"]));
        if page["room_object"].is_object() {
            self.take_room(&page["room_object"]);
        }
        self.synced = number(&page["rev"]);
        self.rev = self.rev.max(self.synced);
    }

    pub(crate) fn take_room(&mut self, room: &Value) {
        self.name = room["name"].as_str().map(str::to_owned);
    }

    pub(crate) fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        facts.insert("epoch".to_owned(), self.epoch.clone());
        facts.insert("rev".to_owned(), self.rev.to_string());
        facts.insert("name".to_owned(), format!("{:?}", self.name));
        facts.insert("own settings".to_owned(), self.own.1.to_string());
        for (seq, message) in &self.messages {
            // Events have the words of what was deleted for oneself; nobody shows them.
            let shown = if self.has_deleted(*seq) {
                format!("{} {}", message["id"], message["rev"])
            } else {
                message.to_string()
            };
            facts.insert(format!("message {seq:>9}"), shown);
        }
        for (seq, own) in &self.marks {
            facts.insert(format!("mark {seq:>9}"), own.to_string());
        }
        for (user, (role, rev)) in &self.seats {
            facts.insert(format!("member {user}"), format!("{role} {rev}"));
            let read = self.reads.get(user).copied().unwrap_or(0);
            facts.insert(format!("read {user}"), read.to_string());
        }
        facts
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        let shown = self.messages.iter().filter_map(|(seq, message)| {
            let mut message = message.clone();
            if let Some(own) = self.marks.get(seq) {
                message["own"] = own.clone();
            }
            seen(&message)
        });
        shown.collect()
    }
}

/// A message as the checker knows it. One that was changed no longer shows at which rev it came.
/// The crowd takes no reaction back: that would leave no trace but the rev.
pub(crate) fn seen(message: &Value) -> Option<Seen> {
    let kind = MessageKind::parse(message["kind"].as_str()?)?;
    let silent = message["silent"] == true;
    let sender = message["sender"].as_str();
    let custom = message["custom"].is_null().then_some(None);
    let custom = custom.unwrap_or_else(|| Some(message["custom"].to_string()));
    let seq = message["seq"].as_u64()?;
    let for_me = message["own"]["deleted"] == true;
    let gone = for_me || message["deleted"] == true || message["hidden"] == true;
    let reacted = !all(&message["reactions"]).is_empty();
    let at = millis(message["created_at"].as_str()?)?;
    Some(Seen {
        id: MessageId::from_stored(message["id"].as_str()?),
        seq,
        first_rev: message["rev"].as_u64()?,
        sender: sender.map(UserId::from_stored),
        counts: kind != MessageKind::System && !silent && message["thread"].is_null(),
        gone,
        mentions: serde_json::from_value(message["mentions"].clone()).unwrap_or_default(),
        changed: gone || reacted || message["edited_at"].is_string(),
        // The wire has milliseconds, and two messages may share one: the place tells them apart,
        // so that only a clock that really went back is seen.
        at: Time(at.saturating_mul(1_000_000).saturating_add(i64::try_from(seq).unwrap_or(0))),
        body: payload(sender, kind, message["text"].as_str(), custom.as_deref(), silent),
    })
}

/// Milliseconds since 1970 of `2026-11-20T10:42:07.123Z`.
fn millis(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second, milli) =
        (part(11, 13)?, part(14, 16)?, part(17, 19)?, part(20, 23)?);
    // Days from the civil calendar, after Howard Hinnant's `days_from_civil`.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + milli)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub(crate) fn all(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn times_are_read() {
        assert_eq!(millis("1970-01-01T00:00:00.001Z"), Some(1));
        assert_eq!(millis("2026-11-20T10:42:07.123Z"), Some(1_795_171_327_123));
        assert_eq!(millis("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999));
        assert_eq!(millis("soon"), None);
    }
}
