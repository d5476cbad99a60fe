//! The breaks: each takes one promise away, as a careless change might.

/// A promise taken away.
#[derive(Debug)]
pub(super) struct Break {
    /// Of the delivery contract; 0 for what stands beside it.
    pub(super) line: u8,
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    /// Stands once in the file.
    from: &'static str,
    to: &'static str,
    /// What nextest is told; spaces part the words.
    pub(super) tests: &'static str,
}

impl Break {
    /// The file with the promise taken away.
    pub(super) fn broken(&self, whole: &str) -> Result<String, String> {
        match whole.matches(self.from).count() {
            1 => Ok(whole.replacen(self.from, self.to, 1)),
            found => Err(format!("`{}`: its place is {found} times in {}", self.name, self.file)),
        }
    }
}

const SQLITE: &str = "-p snug-sqlite";
const POSTGRES: &str = "-p snug-postgres";
const CORE: &str = "-p snug-core -p snug-sim";
const HUB: &str = "-p snug-server --lib";
const SOCKET: &str = "-p snug-server --test it -E test(socket::)";
const HOOK: &str = "-p snug-server --test it -E test(before_send::)";
const NODES: &str = "-p snug-server --test it -E test(delivery::nodes::line_08)";
const DOORS: &str = "-p snug-server --test it -E test(rest::)|test(sessions::)";

pub(super) const BREAKS: [Break; 33] = [
    Break {
        line: 1,
        name: "an ack without a commit",
        file: "crates/snug-sqlite/src/writer.rs",
        from: r#"self.exec("COMMIT")"#,
        to: r#"self.exec("ROLLBACK")"#,
        tests: SQLITE,
    },
    Break {
        line: 2,
        name: "a repeat is stored again",
        file: "crates/snug-sqlite/src/messages.rs",
        from: "by_key(conn, &head, room, &new.id)? {",
        to: "by_key(conn, &head, room, &new.id)?.filter(|_| false) {",
        tests: SQLITE,
    },
    Break {
        line: 2,
        name: "the payload of a repeat is not compared",
        file: "crates/snug-sqlite/src/messages.rs",
        from: "hit.hash == new.hash && hit.message.sender",
        to: "hit.message.sender",
        tests: SQLITE,
    },
    Break {
        line: 2,
        name: "the hash leaves out mentions and cards",
        file: "crates/snug-core/src/engine/messages.rs",
        from: "send.extras.hashed() {",
        to: "send.extras.hashed().filter(|_| false) {",
        tests: DOORS,
    },
    Break {
        line: 2,
        name: "a retry is run through the hook again",
        file: "crates/snug-core/src/engine/messages.rs",
        from: "if client_minted && let Some(sent) = self.repeated(app, room, &message).await? {",
        to: "if client_minted && matches!(actor, Actor::Backend(_)) && \
             let Some(sent) = self.repeated(app, room, &message).await? {",
        tests: HOOK,
    },
    Break {
        line: 3,
        name: "a seq is used twice",
        file: "crates/snug-sqlite/src/messages.rs",
        from: "head.seq += 1;",
        to: "head.seq += u64::from(counts || head.seq == 0);",
        tests: SQLITE,
    },
    Break {
        line: 3,
        name: "a time names two messages",
        file: "crates/snug-sqlite/src/messages.rs",
        from: ".max(Time(last_time(conn)? + 1))",
        to: "",
        tests: SQLITE,
    },
    Break {
        line: 4,
        name: "an edit takes no rev",
        file: "crates/snug-sqlite/src/changes.rs",
        from: "head.rev += 1;",
        to: "",
        tests: SQLITE,
    },
    Break {
        line: 4,
        name: "an event is dropped",
        file: "crates/snug-core/src/engine/messages.rs",
        from: "self.publish_room(app, &room, head, RoomEventBody::MessageAppended { message });",
        to: "if message.seq % 2 == 0 { self.publish_room(app, &room, head, \
             RoomEventBody::MessageAppended { message }); }",
        tests: SOCKET,
    },
    Break {
        line: 5,
        name: "a reset is suppressed",
        file: "crates/snug-core/src/engine/sync.rs",
        from: "} else if rev < room.min_rev {",
        to: "} else if rev < room.min_rev && rev == u64::MAX {",
        tests: CORE,
    },
    Break {
        line: 5,
        name: "another epoch is not noticed",
        file: "crates/snug-core/src/engine/sync.rs",
        from: "if room.epoch != epoch {",
        to: "if room.epoch != epoch && epoch.is_empty() {",
        tests: DOORS,
    },
    Break {
        line: 9,
        name: "a cursor is merged by the last write",
        file: "crates/snug-sqlite/src/messages.rs",
        from: "to > mine.facts.read_seq;",
        to: "to != mine.facts.read_seq;",
        tests: SQLITE,
    },
    Break {
        line: 10,
        name: "own messages are unread",
        file: "crates/snug-core/src/model/member.rs",
        from: "all.saturating_sub(self.own_count.saturating_sub(self.read_own));",
        to: "all;",
        tests: CORE,
    },
    Break {
        line: 10,
        name: "what was unsent stays unread",
        file: "crates/snug-core/src/model/member.rs",
        from: "others.saturating_sub(self.gone)",
        to: "others",
        tests: CORE,
    },
    Break {
        line: 10,
        name: "what the room itself says counts",
        file: "crates/snug-core/src/ports/store/messages.rs",
        from: "self.kind != MessageKind::System && !self.silent && self.thread.is_none()",
        to: "!self.silent && self.thread.is_none()",
        tests: SQLITE,
    },
    Break {
        line: 11,
        name: "the room's guard is skipped",
        file: "crates/snug-sqlite/src/messages.rs",
        from: "if guard.room_policy_rev != head.policy_rev {",
        to: "if guard.room_policy_rev > head.policy_rev + 1_000 {",
        tests: SQLITE,
    },
    Break {
        line: 11,
        name: "saying who may do what moves no policy",
        file: "crates/snug-core/src/model/room.rs",
        from: " || self.policy.is_some()",
        to: "",
        tests: SQLITE,
    },
    Break {
        line: 11,
        name: "the member's guard is skipped, PostgreSQL",
        file: "crates/snug-postgres/src/append.rs",
        from: "s.membership.policy_rev == *rev)",
        to: "s.membership.policy_rev >= *rev)",
        tests: POSTGRES,
    },
    Break {
        line: 11,
        name: "an edit undoes another one",
        file: "crates/snug-sqlite/src/changes.rs",
        from: "is_some_and(|rev| rev != old.rev)",
        to: "is_some_and(|rev| rev > old.rev)",
        tests: SQLITE,
    },
    Break {
        line: 12,
        name: "a removal is not carried on events",
        file: "crates/snug-server/src/realtime/room.rs",
        from: "let knows = head.members_rev <= self.members_rev",
        to: "let knows = head.members_rev <= self.members_rev.max(u64::MAX - 1)",
        tests: HUB,
    },
    Break {
        line: 12,
        name: "who is back hears what was between",
        file: "crates/snug-server/src/realtime/room.rs",
        from: "if happened.head.rev < listener.since {",
        to: "if happened.head.rev < listener.since.min(1) {",
        tests: HUB,
    },
    Break {
        line: 12,
        name: "an invitation shows the room",
        file: "crates/snug-sqlite/src/sync.rs",
        from: "        room.show_invited(&mine);\n",
        to: "",
        tests: SQLITE,
    },
    Break {
        line: 13,
        name: "a slow reader is waited for",
        file: "crates/snug-server/src/realtime/outbox.rs",
        from: "if queue.pushed() + frame.len() > limits::CONNECTION_QUEUE_BYTES_MAX {",
        to: "if queue.pushed() + frame.len() > limits::CONNECTION_QUEUE_BYTES_MAX * 64 {",
        tests: HUB,
    },
    Break {
        line: 14,
        name: "a context makes no room of its own",
        file: "crates/snug-core/src/ids.rs",
        from: "for part in [app.as_str(), low.as_str(), high.as_str(), context] {",
        to: "for part in [app.as_str(), low.as_str(), high.as_str(), &context[..0]] {",
        tests: CORE,
    },
    Break {
        line: 16,
        name: "a message leaves no event",
        file: "crates/snug-sqlite/src/messages.rs",
        from: "note(conn, app, head, || OutboxEntry::appended(message.seq), message.created_at)?;",
        to: "",
        tests: SQLITE,
    },
    Break {
        line: 0,
        name: "a message that the hook refuses is stored",
        file: "crates/snug-core/src/engine/before_send.rs",
        from: "return Err(Error::MessageRefused { reason });",
        to: "return Ok(reason.and(None));",
        tests: HOOK,
    },
    Break {
        line: 0,
        name: "a message of another application",
        file: "crates/snug-sqlite/src/changes.rs",
        from: "WHERE m.created_at = ?1 AND r.app = ?2 AND",
        to: "WHERE m.created_at = ?1 AND r.app >= substr(?2, 1, 0) AND",
        tests: SQLITE,
    },
    Break {
        line: 0,
        name: "a tombstone keeps its words",
        file: "crates/snug-sqlite/src/changes.rs",
        from: "SET text = NULL, custom = NULL, extras = NULL, reacted = 0",
        to: "SET reacted = 0",
        tests: SQLITE,
    },
    Break {
        line: 0,
        name: "hidden words are shown",
        file: "crates/snug-core/src/model/message.rs",
        from: "if self.hidden_at.is_some() {",
        to: "if self.hidden_at.is_some() && self.text.is_none() {",
        tests: DOORS,
    },
    Break {
        line: 12,
        name: "a token that has expired is taken",
        file: "crates/snug-core/src/engine/sessions.rs",
        from: "if self.now() >= session.expires_at {",
        to: "if self.now().0 / 2 >= session.expires_at.0 {",
        tests: DOORS,
    },
    Break {
        line: 8,
        name: "what a dead node did not tell is not announced",
        file: "crates/snug-server/src/nodes.rs",
        from: "self.parts.bus.publish(Arc::new(Event::Room(RoomEvent { app, room, head, body })));",
        to: "drop((app, room, head, body));",
        tests: NODES,
    },
    Break {
        line: 8,
        name: "a node that is asked tells nothing again",
        file: "crates/snug-server/src/bus/window.rs",
        from: "self.sent = sent.take_while(|kept| kept.number <= after).count();",
        to: "let _ = (sent, after);",
        tests: HUB,
    },
    Break {
        line: 8,
        name: "numbers that are missing on the bus are not noticed",
        file: "crates/snug-server/src/bus/ears.rs",
        from: "if before > ear.number {",
        to: "if before > ear.number && ear.number == u64::MAX {",
        tests: HUB,
    },
];
