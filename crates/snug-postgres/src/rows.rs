//! Rows to domain values and back. Columns are read in the order in which the lists here name
//! them; a list and its reader stand side by side.

use snug_core::ids::{AppId, DeviceId, MessageId, OperatorId, RoomId, SessionId, UserId};
use snug_core::model::{
    CloseReason, CustomJson, DirectKey, Extras, Head, Invitation, Mark, MarksHead, Member,
    MemberState, Membership, Mentioned, Message, MessageKind, MessageVersion, Mute, Operator,
    OperatorRole, OwnSettings, Preview, Reaction, Role, Room, RoomKind, RoomPolicy, Session,
    ThreadMine, ThreadPlace, ThreadSummary, Time, User,
};
use snug_core::ports::PayloadHash;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::pool::Fail;

/// The database's own time in nanoseconds.
macro_rules! db_time {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"
    };
}
macro_rules! head_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".seq, ",
            $t,
            ".rev, ",
            $t,
            ".members_rev, ",
            $t,
            ".room_rev, ",
            $t,
            ".counted, ",
            $t,
            ".activity_at, ",
            $t,
            ".preview_seq, ",
            $t,
            ".preview_sender, ",
            $t,
            ".preview_kind, ",
            $t,
            ".preview_text, ",
            $t,
            ".preview_at"
        )
    };
}
macro_rules! room_columns {
    () => {
        concat!(
            "r.id, r.kind, r.direct_low, r.direct_high, r.direct_context, r.name, r.avatar, \
             r.description, r.custom, r.tags, r.creator, r.frozen, r.archived, r.policy, \
             r.created_at, \
             r.changed_at, r.deleted_at, r.epoch, r.min_seq, r.min_rev, r.policy_rev, r.member_count, ",
            crate::rows::head_columns!("r")
        )
    };
}
/// What a room looked like to who left it; all null when the row is missing. A message that is
/// hidden now shows nothing; of a deleted one nothing is kept.
macro_rules! left_columns {
    () => {
        "l.name, l.avatar, l.description, l.custom, l.frozen, l.tags, l.archived, \
         l.changed_at, l.member_count, l.seq, l.rev, l.members_rev, l.room_rev, l.counted, \
         l.activity_at, l.preview_seq, l.preview_sender, l.preview_kind, \
         CASE WHEN l.preview_text IS NOT NULL AND (SELECT w.hidden_at FROM messages w \
             WHERE w.app = l.app AND w.room = l.room AND w.seq = l.preview_seq LIMIT 1) IS NULL \
           THEN l.preview_text END, l.preview_at"
    };
}
/// How many messages after a place mention the member `m`, and of those by name, as one array.
macro_rules! mentions_after {
    ($place:literal) => {
        concat!(
            "(SELECT ARRAY[count(*), count(*) FILTER (WHERE z.named)] \
               FROM (SELECT bool_or(y.named) AS named FROM (",
            crate::rows::first_mentions!("'*'", "false", $place),
            " UNION ALL ",
            crate::rows::first_mentions!("'r:' || m.role", "false", $place),
            " UNION ALL ",
            crate::rows::first_mentions!("'u:' || m.user_id", "true", $place),
            ") y GROUP BY y.seq) z)"
        )
    };
}
macro_rules! first_mentions {
    ($target:literal, $named:literal, $place:literal) => {
        concat!(
            "(SELECT x.seq, ",
            $named,
            " AS named FROM mentions x WHERE x.app = m.app AND x.room = m.room AND x.target = ",
            $target,
            " AND x.seq > greatest(",
            $place,
            ", m.visible_after_seq) AND x.sender IS DISTINCT FROM m.user_id \
             AND (x.seq > m.deleted_seq OR NOT EXISTS (SELECT FROM marks k WHERE k.app = m.app \
               AND k.room = m.room AND k.user_id = m.user_id AND k.seq = x.seq AND k.deleted)) \
             ORDER BY x.seq LIMIT 100)"
        )
    };
}
/// How many counting messages of others after a place are gone for everybody, or were deleted by the
/// member `m` for oneself: most members have nothing of the kind there, and no look is spent on it.
macro_rules! gone_after {
    ($place:literal) => {
        concat!(
            "(SELECT count(*) FROM (SELECT FROM gone_messages x WHERE x.app = m.app \
               AND x.room = m.room AND x.seq > ",
            $place,
            " AND x.sender IS DISTINCT FROM m.user_id LIMIT 1000) y) \
             + CASE WHEN m.deleted_seq > ",
            $place,
            " THEN (SELECT count(*) FROM (SELECT FROM marks k \
               CROSS JOIN LATERAL (SELECT FROM messages w WHERE w.app = k.app AND w.room = k.room \
                 AND w.seq = k.seq AND w.deleted_at IS NULL AND w.hidden_at IS NULL \
                 AND w.kind <> 'system' AND NOT w.silent AND w.thread IS NULL \
                 AND w.sender IS DISTINCT FROM m.user_id LIMIT 1) w \
               WHERE k.app = m.app AND k.room = m.room AND k.user_id = m.user_id AND k.seq > ",
            $place,
            " AND k.deleted LIMIT 1000) y) ELSE 0 END"
        )
    };
}
macro_rules! membership_columns {
    () => {
        crate::rows::membership_columns!(crate::rows::mentions_after!("m.read_seq"))
    };
    ($($mentions:tt)+) => {
        concat!(
            "m.user_id, m.role, m.state, m.joined_at, m.left_at, m.left_seq, m.rev, m.policy_rev, \
             m.visible_after_seq, m.read_seq, m.read_count, m.read_rev, m.own_count, m.read_own, \
             m.changed_at, m.pinned, m.muted_until, m.hidden_count, m.folder, m.settings_rev, \
             m.marks_rev, m.deleted_seq, m.invited_by, m.invited_at, ",
            crate::rows::gone_after!("m.read_seq"),
            ", ",
            $($mentions)+
        )
    };
}
macro_rules! user_columns {
    () => {
        "u.id, u.name, u.avatar, u.locale, u.custom, u.session_custom, u.deactivated_at, \
         u.created_at, u.changed_at, u.invisible"
    };
}
/// A member as others see one: `m` joined with `u`.
macro_rules! member_columns {
    () => {
        concat!("m.role, m.state, m.joined_at, m.read_seq, m.rev, ", crate::rows::user_columns!())
    };
}
macro_rules! message_columns {
    () => {
        "g.id, g.room, g.seq, g.rev, g.first_rev, g.sender, g.kind, g.text, g.custom, g.silent, \
         g.counted, g.created_at, g.deleted_at, g.edited_at, g.hidden_at, \
         CASE WHEN g.reacted THEN (SELECT json_agg(json_build_array(x.key, x.n, x.users) \
             ORDER BY x.first) FROM (SELECT k.key, count(*) AS n, min(k.rev) AS first, \
               (array_agg(k.user_id ORDER BY k.rev))[1:100] AS users FROM reactions k \
             WHERE k.app = g.app AND k.room = g.room AND k.seq = g.seq GROUP BY k.key) x)::text \
         END, g.external, g.extras, g.pinned_at, g.thread, g.thread_id, \
         CASE WHEN g.threaded OR g.thread IS NOT NULL THEN (SELECT json_build_array(t.replies, \
             t.last_seq, t.last_at, t.participants, t.rev)::text FROM threads t \
           WHERE t.app = g.app AND t.room = g.room AND t.root = coalesce(g.thread, g.seq)) END"
    };
}
macro_rules! session_columns {
    () => {
        "s.id, s.user_id, s.device, s.created_at, s.ttl_seconds, s.expires_at, s.closed_at, s.close_reason"
    };
}
macro_rules! operator_columns {
    () => {
        "o.id, o.email, o.password_hash, o.role, o.created_at"
    };
}
pub(crate) use {
    db_time, first_mentions, gone_after, head_columns, left_columns, member_columns,
    membership_columns, mentions_after, message_columns, operator_columns, room_columns,
    session_columns, user_columns,
};

type Read<T> = Result<T, Fail>;

/// Reads a row's columns one after the other.
pub(crate) struct Cells<'a> {
    row: &'a Row,
    at: usize,
}

impl<'a> Cells<'a> {
    pub(crate) fn of(row: &'a Row) -> Self {
        Self { row, at: 0 }
    }

    pub(crate) fn next<T: FromSql<'a>>(&mut self) -> Read<T> {
        let value = self.row.try_get(self.at)?;
        self.at += 1;
        Ok(value)
    }

    pub(crate) fn number(&mut self) -> Read<u64> {
        u64::try_from(self.next::<i64>()?).map_err(|_| broken("a number below zero"))
    }

    fn number_or_none(&mut self) -> Read<Option<u64>> {
        let number = self.next::<Option<i64>>()?;
        number.map(u64::try_from).transpose().map_err(|_| broken("a number below zero"))
    }

    pub(crate) fn time(&mut self) -> Read<Time> {
        Ok(Time(self.next()?))
    }

    pub(crate) fn time_or_none(&mut self) -> Read<Option<Time>> {
        Ok(self.next::<Option<i64>>()?.map(Time))
    }

    pub(crate) fn word<T>(&mut self, parse: fn(&str) -> Option<T>) -> Read<T> {
        let text: &str = self.next()?;
        parse(text).ok_or_else(|| broken("a word nobody knows"))
    }

    pub(crate) fn app(&mut self) -> Read<AppId> {
        Ok(AppId::from_stored(self.next()?))
    }

    pub(crate) fn room_id(&mut self) -> Read<RoomId> {
        Ok(RoomId::from_stored(self.next()?))
    }

    pub(crate) fn user_id(&mut self) -> Read<UserId> {
        Ok(UserId::from_stored(self.next()?))
    }

    fn user_or_none(&mut self) -> Read<Option<UserId>> {
        Ok(self.next::<Option<&str>>()?.map(UserId::from_stored))
    }

    fn custom(&mut self) -> Read<Option<CustomJson>> {
        let text: Option<String> = self.next()?;
        text.map(CustomJson::from_stored)
            .transpose()
            .map_err(|_| broken("custom JSON that is none"))
    }

    pub(crate) fn hash(&mut self) -> Read<[u8; 32]> {
        let bytes: &[u8] = self.next()?;
        bytes.try_into().map_err(|_| broken("a hash that is no SHA-256"))
    }

    pub(crate) fn head(&mut self) -> Read<Head> {
        Ok(Head {
            seq: self.number()?,
            rev: self.number()?,
            members_rev: self.number()?,
            room_rev: self.number()?,
            count: self.number()?,
            activity_at: self.time()?,
            preview: self.preview()?,
        })
    }

    fn preview(&mut self) -> Read<Option<Preview>> {
        let Some(seq) = self.number_or_none()? else {
            self.at += 4;
            return Ok(None);
        };
        Ok(Some(Preview {
            seq,
            sender: self.user_or_none()?,
            kind: self.word(MessageKind::parse)?,
            text: self.next()?,
            created_at: self.time()?,
        }))
    }

    pub(crate) fn room(&mut self) -> Read<Room> {
        Ok(Room {
            id: self.room_id()?,
            kind: self.word(RoomKind::parse)?,
            direct: self.direct()?,
            name: self.next()?,
            avatar: self.next()?,
            description: self.next()?,
            custom: self.custom()?,
            tags: self.next()?,
            creator: self.user_or_none()?,
            frozen: self.next()?,
            archived: self.next()?,
            policy: self.policy()?,
            created_at: self.time()?,
            changed_at: self.time()?,
            deleted_at: self.time_or_none()?,
            epoch: self.next()?,
            min_seq: self.number()?,
            min_rev: self.number()?,
            policy_rev: self.number()?,
            member_count: self.member_count()?,
            head: self.head()?,
        })
    }

    fn policy(&mut self) -> Read<RoomPolicy> {
        RoomPolicy::from_stored(self.next()?).ok_or_else(|| broken("a policy that cannot be read"))
    }

    fn member_count(&mut self) -> Read<u32> {
        u32::try_from(self.next::<i32>()?).map_err(|_| broken("a count below zero"))
    }

    fn direct(&mut self) -> Read<Option<DirectKey>> {
        let (low, high) = (self.user_or_none()?, self.user_or_none()?);
        let context: Option<String> = self.next()?;
        Ok(match (low, high, context) {
            (Some(low), Some(high), Some(context)) => Some(DirectKey { low, high, context }),
            _ => None,
        })
    }

    /// Dresses `room` as it was when its reader left, if there is such a view.
    pub(crate) fn dress_left(&mut self, room: &mut Room) -> Read<bool> {
        let (name, avatar, description) = (self.next()?, self.next()?, self.next()?);
        let custom = self.custom()?;
        let Some(frozen) = self.next::<Option<bool>>()? else {
            self.at += 15;
            return Ok(false);
        };
        room.tags = self.next()?;
        room.archived = self.next()?;
        // Who left may do nothing there, whatever it says by now.
        room.policy = RoomPolicy::default();
        room.name = name;
        room.avatar = avatar;
        room.description = description;
        room.custom = custom;
        room.frozen = frozen;
        room.changed_at = self.time()?;
        room.member_count = self.member_count()?;
        room.head = self.head()?;
        Ok(true)
    }

    pub(crate) fn membership(&mut self) -> Read<Membership> {
        let user = self.user_id()?;
        self.membership_of(user)
    }

    pub(crate) fn membership_or_none(&mut self) -> Read<Option<Membership>> {
        match self.user_or_none()? {
            Some(user) => self.membership_of(user).map(Some),
            None => {
                self.at += 23;
                Ok(None)
            }
        }
    }

    fn membership_of(&mut self, user: UserId) -> Read<Membership> {
        let mut mine = Membership {
            user,
            role: self.word(Role::parse)?,
            state: self.word(MemberState::parse)?,
            invitation: None,
            joined_at: self.time()?,
            left_at: self.time_or_none()?,
            left_seq: self.number_or_none()?,
            rev: self.number()?,
            policy_rev: self.number()?,
            visible_after_seq: self.number()?,
            read_seq: self.number()?,
            read_count: self.number()?,
            read_rev: self.number()?,
            own_count: self.number()?,
            read_own: self.number()?,
            changed_at: self.time()?,
            own: self.own()?,
            marks: MarksHead { rev: self.number()?, deleted_seq: self.number()? },
            gone: 0,
            mentions: Mentioned::default(),
        };
        let (by, since) = (self.user_or_none()?, self.time_or_none()?);
        // A node of the release before makes a member of somebody and leaves these as they were.
        let asked = matches!(mine.state, MemberState::Invited | MemberState::Left);
        mine.invitation = since.filter(|_| asked).map(|at| Invitation { by, at });
        let (gone, mentions) = (self.number()?, self.mentioned()?);
        if mine.is_active() {
            mine.mentions = mentions;
        }
        // Of who is invited nothing is counted.
        if mine.invitation.is_none() {
            mine.gone = gone;
        }
        Ok(mine)
    }

    pub(crate) fn mark(&mut self) -> Read<Mark> {
        let (starred_at, deleted) = (self.time_or_none()?, self.next()?);
        Ok(Mark { starred_at, deleted, rev: self.number()? })
    }

    pub(crate) fn message_id(&mut self) -> Read<MessageId> {
        Ok(MessageId::from_stored(self.next()?))
    }

    pub(crate) fn own(&mut self) -> Read<OwnSettings> {
        Ok(OwnSettings {
            pinned: self.next()?,
            muted: self.next::<Option<i64>>()?.map(Mute::from_stored),
            hidden_count: self.number_or_none()?,
            folder: self.next()?,
            rev: self.number()?,
        })
    }

    /// As `mentions_after!` tells it.
    pub(crate) fn mentioned(&mut self) -> Read<Mentioned> {
        let [all, by_name] = <[i64; 2]>::try_from(self.next::<Vec<i64>>()?)
            .map_err(|_| broken("mentions that are not two numbers"))?;
        Ok(Mentioned::bounded(all.unsigned_abs(), by_name.unsigned_abs()))
    }

    pub(crate) fn user(&mut self) -> Read<User> {
        Ok(User {
            id: self.user_id()?,
            name: self.next()?,
            avatar: self.next()?,
            locale: self.next()?,
            custom: self.custom()?,
            session_custom: self.custom()?,
            deactivated_at: self.time_or_none()?,
            created_at: self.time()?,
            changed_at: self.time()?,
            invisible: self.next()?,
        })
    }

    pub(crate) fn member(&mut self) -> Read<Member> {
        let role = self.word(Role::parse)?;
        let state = self.word(MemberState::parse)?;
        let joined_at = self.time()?;
        let (read_seq, rev) = (self.number()?, self.number()?);
        Ok(Member { user: self.user()?, role, state, joined_at, read_seq, rev })
    }

    pub(crate) fn message(&mut self) -> Read<Message> {
        let message = Message {
            id: MessageId::from_stored(self.next()?),
            external: None,
            room: self.room_id()?,
            seq: self.number()?,
            rev: self.number()?,
            first_rev: self.number()?,
            sender: self.user_or_none()?,
            kind: self.word(MessageKind::parse)?,
            text: self.next()?,
            custom: self.custom()?,
            extras: None,
            silent: self.next()?,
            count: self.number()?,
            created_at: self.time()?,
            deleted_at: self.time_or_none()?,
            edited_at: self.time_or_none()?,
            hidden_at: self.time_or_none()?,
            pinned_at: None,
            reactions: self.reactions()?,
            thread: None,
            thread_summary: None,
            own: None,
        };
        let (external, extras) = (self.next()?, self.extras()?);
        let pinned_at = self.time_or_none()?;
        let thread = self.thread_place()?.map(Box::new);
        let thread_summary = self.summary_of_message()?.map(Box::new);
        Ok(Message { external, extras, pinned_at, thread, thread_summary, ..message })
    }

    fn thread_place(&mut self) -> Read<Option<ThreadPlace>> {
        let seq = self.number_or_none()?;
        let id: Option<&str> = self.next()?;
        let place = |(seq, id)| ThreadPlace { id: MessageId::from_stored(id), seq };
        Ok(seq.zip(id).map(place))
    }

    fn summary_of_message(&mut self) -> Read<Option<ThreadSummary>> {
        let Some(text) = self.next::<Option<&str>>()? else {
            return Ok(None);
        };
        let (replies, last_seq, last_at, users, rev): (u64, u64, i64, String, u64) =
            serde_json::from_str(text).map_err(|_| broken("a thread that is none"))?;
        let participants = participants(&users)?;
        Ok(Some(ThreadSummary { replies, last_seq, last_at: Time(last_at), participants, rev }))
    }

    pub(crate) fn thread_summary(&mut self) -> Read<ThreadSummary> {
        Ok(ThreadSummary {
            replies: self.number()?,
            last_seq: self.number()?,
            last_at: self.time()?,
            participants: participants(self.next()?)?,
            rev: self.number()?,
        })
    }

    pub(crate) fn thread_mine(&mut self) -> Read<ThreadMine> {
        let following = self.next()?;
        let (read_seq, unread) = (self.number()?, self.number()?);
        Ok(ThreadMine::bounded(following, read_seq, unread))
    }

    pub(crate) fn version(&mut self) -> Read<MessageVersion> {
        Ok(MessageVersion {
            rev: self.number()?,
            text: self.next()?,
            custom: self.custom()?,
            extras: self.extras()?,
            by: self.user_or_none()?,
            at: self.time()?,
        })
    }

    pub(crate) fn extras(&mut self) -> Read<Option<Box<Extras>>> {
        let text: Option<&str> = self.next()?;
        let read = |text| Extras::from_stored(text).map_err(Fail::Broken);
        text.map(read).transpose()
    }

    fn reactions(&mut self) -> Read<Vec<Reaction>> {
        let Some(text) = self.next::<Option<&str>>()? else {
            return Ok(Vec::new());
        };
        let found: Vec<(String, u64, Vec<String>)> =
            serde_json::from_str(text).map_err(|_| broken("reactions that are none"))?;
        let read = |(key, count, users): (String, u64, Vec<String>)| Reaction {
            key,
            count,
            users: users.iter().map(|user| UserId::from_stored(user)).collect(),
        };
        Ok(found.into_iter().map(read).collect())
    }

    pub(crate) fn payload_hash(&mut self) -> Read<PayloadHash> {
        Ok(PayloadHash(self.hash()?))
    }

    pub(crate) fn session(&mut self) -> Read<Session> {
        let id = SessionId::from_stored(self.next()?);
        let user = self.user_id()?;
        let device = DeviceId::from_stored(self.next()?);
        let (created_at, ttl_seconds) = (self.time()?, self.number()?);
        let expires_at = self.time()?;
        let closed_at = self.time_or_none()?;
        let reason: Option<&str> = self.next()?;
        let reason = reason.and_then(CloseReason::parse);
        Ok(Session {
            id,
            user,
            device,
            created_at,
            ttl_seconds,
            expires_at,
            closed: closed_at.zip(reason),
        })
    }

    pub(crate) fn operator(&mut self) -> Read<Operator> {
        Ok(Operator {
            id: OperatorId::from_stored(self.next()?),
            email: self.next()?,
            password_hash: self.next()?,
            role: self.word(OperatorRole::parse)?,
            created_at: self.time()?,
        })
    }
}

fn participants(text: &str) -> Read<Vec<UserId>> {
    serde_json::from_str(text).map_err(|_| broken("users that are none"))
}

fn broken(why: &str) -> Fail {
    Fail::Broken(why.to_owned())
}

/// A number as the database holds it. Those of ours never reach the end of its range; those that
/// callers ask about may ("everything before 2^64 - 1"), and mean the end.
pub(crate) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A page's length, plus `more` to see whether something follows.
pub(crate) fn rows(limit: usize, more: usize) -> i64 {
    i64::try_from(limit.saturating_add(more)).unwrap_or(i64::MAX)
}
