//! What an append does to a locked room, decided in memory: no statement may enter here.
//!
//! A batch may hold several appends to one room, so each is decided on the room as the ones
//! before it left it; what is stored in the end is written by `messages`.

use std::collections::{BTreeSet, HashMap};

use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{Head, Membership, Mentioned, Message, Preview, ThreadSummary, Time};
use snug_core::ports::{Append, AppendOutcome, Appended, Guard, KeyHit, NewMessage, PayloadHash};

/// What the database knows about a cursor at the place where `read_up_to` wants it, as far as
/// the room went before this batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) seq: u64,
    /// The room's counting number there.
    pub(crate) count: u64,
    /// The sender's own number at the newest own message on the way there that no cursor passed.
    pub(crate) own: u64,
    /// No message of others lies between there and the room's end.
    pub(crate) clear: bool,
    /// Counting messages of others above it that are deleted or hidden.
    pub(crate) gone: u64,
    /// Messages above it that mention the sender.
    pub(crate) mentions: Mentioned,
}

/// A member whose membership is locked.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) membership: Membership,
    clear: bool,
    touched: bool,
}

/// A row of `messages` to be.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) hash: PayloadHash,
    /// The sender's counting number with this message; 0 when the sender is no active member.
    pub(crate) own_no: u64,
    /// The sender's cursor stayed behind it: whoever moves the cursor has to look for it.
    pub(crate) behind: bool,
    /// Who follows the thread of a reply from then on.
    pub(crate) followers: Vec<UserId>,
}

/// A locked room, as the appends so far left it.
#[derive(Debug)]
pub(crate) struct LockedRoom {
    id: RoomId,
    living: bool,
    policy_rev: u64,
    /// Ids of messages below it, of before a deletion, are free.
    pub(crate) min_seq: u64,
    pub(crate) head: Head,
    pub(crate) last_time: Time,
    start_seq: u64,
    pub(crate) stored: Vec<Stored>,
    members: HashMap<UserId, Sender>,
    keys: HashMap<MessageId, KeyHit>,
    /// The backend's ids, of those that the batch brings, that are taken.
    externals: BTreeSet<String>,
    /// By the root's seq, those of the threads that the batch replies in.
    threads: HashMap<u64, ThreadSummary>,
}

impl LockedRoom {
    pub(crate) fn new(
        id: RoomId,
        living: bool,
        (policy_rev, min_seq): (u64, u64),
        head: Head,
        last_time: Time,
    ) -> Self {
        Self {
            id,
            living,
            policy_rev,
            min_seq,
            start_seq: head.seq,
            head,
            last_time,
            stored: Vec::new(),
            members: HashMap::new(),
            keys: HashMap::new(),
            externals: BTreeSet::new(),
            threads: HashMap::new(),
        }
    }

    pub(crate) fn add_key(&mut self, hit: KeyHit) {
        if hit.message.seq >= self.min_seq {
            self.keys.insert(hit.message.id.clone(), hit);
        }
    }

    pub(crate) fn add_external(&mut self, external: String) {
        self.externals.insert(external);
    }

    pub(crate) fn add_thread(&mut self, root: u64, summary: ThreadSummary) {
        self.threads.insert(root, summary);
    }

    pub(crate) fn add_member(&mut self, membership: Membership) {
        let sender = Sender { membership, clear: false, touched: false };
        self.members.entry(sender.membership.user.clone()).or_insert(sender);
    }

    pub(crate) fn has_member(&self, user: &UserId) -> bool {
        self.members.contains_key(user)
    }

    /// Memberships that the appends changed.
    pub(crate) fn touched(&self) -> impl Iterator<Item = &Membership> {
        let touched = self.members.values().filter(|sender| sender.touched);
        touched.map(|sender| &sender.membership)
    }

    fn guard_holds(&self, guard: &Guard) -> bool {
        guard.room_policy_rev == self.policy_rev
            && guard.member.as_ref().is_none_or(|(user, rev)| {
                let sender = self.members.get(user);
                sender.is_some_and(|s| s.membership.policy_rev == *rev)
            })
    }

    /// Decides one append, in the order that the port names.
    pub(crate) fn append(
        &mut self,
        append: &Append,
        cursor: Option<Cursor>,
        stamp: Time,
        floor: &mut Time,
    ) -> AppendOutcome {
        if !self.living {
            return AppendOutcome::RoomNotFound;
        }
        let new = &append.message;
        if let Some(hit) = self.keys.get(&new.id) {
            return if hit.hash == new.hash && hit.message.sender == new.sender {
                AppendOutcome::Duplicate(Box::new(hit.message.clone()))
            } else {
                AppendOutcome::Conflict
            };
        }
        if new.external.as_ref().is_some_and(|external| self.externals.contains(external)) {
            return AppendOutcome::Conflict;
        }
        if !self.guard_holds(&append.guard) {
            return AppendOutcome::GuardMoved;
        }
        self.externals.extend(new.external.clone());
        let before = self.head.seq;
        let counts = new.counts();
        let message = self.number(new, counts, append.now, floor);
        let (own_no, behind) = self.move_sender(new, counts, before, cursor, stamp);
        self.add_key(KeyHit { hash: new.hash, message: message.clone() });
        let followers = new.followers().into_iter().cloned().collect();
        let (hash, kept) = (new.hash, message.clone());
        self.stored.push(Stored { message: kept, hash, own_no, behind, followers });
        let mine = new.sender.as_ref().and_then(|user| self.standing(user));
        AppendOutcome::Stored(Box::new(Appended { message, head: self.head.clone(), mine }))
    }

    /// An active member's membership as it is now: what the batch brought may mention the member.
    fn standing(&self, user: &UserId) -> Option<Membership> {
        let mine = self.members.get(user).map(|sender| &sender.membership);
        let mut mine = mine.filter(|mine| mine.is_active()).cloned()?;
        let after = mine.read_seq.max(mine.visible_after_seq);
        let meant = |stored: &&Stored| {
            let message = &stored.message;
            message.seq > after
                && message.sender.as_ref() != Some(user)
                && message.mentions().is_some_and(|mentions| mentions.mean(user, mine.role))
        };
        let Mentioned { mut all, mut by_name } = mine.mentions;
        for stored in self.stored.iter().filter(meant) {
            let mentions = stored.message.mentions();
            all += 1;
            by_name += u64::from(mentions.is_some_and(|named| named.users.contains(user)));
        }
        mine.mentions = Mentioned::bounded(all, by_name);
        Some(mine)
    }

    /// Gives the message its place and moves the head there.
    fn number(&mut self, new: &NewMessage, counts: bool, now: Time, floor: &mut Time) -> Message {
        let head = &mut self.head;
        head.seq += 1;
        head.rev += 1;
        head.count += u64::from(counts);
        // Line 3: it rises in the room, and no other message of the app has it.
        let least = self.last_time.max(*floor).0.saturating_add(1);
        self.last_time = now.max(Time(least));
        *floor = self.last_time;
        let mut message = Message {
            id: new.id.clone(),
            external: new.external.clone(),
            room: self.id.clone(),
            seq: head.seq,
            rev: head.rev,
            first_rev: head.rev,
            sender: new.sender.clone(),
            kind: new.kind,
            text: new.text.clone(),
            custom: new.custom.clone(),
            extras: new.extras.clone(),
            silent: new.silent,
            count: head.count,
            created_at: self.last_time,
            edited_at: None,
            deleted_at: None,
            hidden_at: None,
            pinned_at: None,
            reactions: Vec::new(),
            thread: new.thread.as_ref().map(|reply| Box::new(reply.root.clone())),
            thread_summary: None,
            own: None,
        };
        if let Some(place) = &message.thread {
            // It moves the room in no list; the thread has one more.
            let root = place.seq;
            let summary = ThreadSummary::with(self.threads.get(&root), &message);
            self.threads.insert(root, summary.clone());
            message.thread_summary = Some(Box::new(summary));
        } else {
            head.activity_at = message.created_at;
            head.preview = Some(Preview::of(&message));
        }
        message
    }

    /// Moves the sender's cursor and own count; the message's own number and whether it stayed
    /// ahead of the cursor. `before` is the room's seq without this message.
    fn move_sender(
        &mut self,
        new: &NewMessage,
        counts: bool,
        before: u64,
        cursor: Option<Cursor>,
        stamp: Time,
    ) -> (u64, bool) {
        let Some(user) = &new.sender else {
            return (0, false);
        };
        let Some(sender) = self.members.get_mut(user) else {
            return (0, false);
        };
        if !sender.membership.is_active() {
            return (0, false);
        }
        let start = sender.membership.read_seq;
        let target = new.read_up_to.unwrap_or(0).min(before);
        sender.read_up_to(target, self.start_seq, cursor, &self.stored);
        let mine = &mut sender.membership;
        mine.own_count += u64::from(counts);
        let others_since = |stored: &&Stored| {
            stored.message.seq > mine.read_seq && stored.message.sender.as_ref() != Some(user)
        };
        let clear = (sender.clear || mine.read_seq >= self.start_seq)
            && !self.stored.iter().any(|stored| others_since(&stored));
        if clear {
            mine.read_seq = self.head.seq;
            mine.read_count = self.head.count;
            mine.read_own = mine.own_count;
            mine.gone = 0;
            mine.mentions = Mentioned::default();
            sender.clear = true;
        }
        if mine.read_seq > start {
            mine.read_rev = self.head.rev;
        }
        if counts || mine.read_seq > start {
            mine.changed_at = stamp;
            sender.touched = true;
        }
        (mine.own_count, counts && !clear)
    }
}

impl Sender {
    /// Moves the cursor to `target`, which is in the database or in this batch.
    fn read_up_to(
        &mut self,
        target: u64,
        start_seq: u64,
        cursor: Option<Cursor>,
        stored: &[Stored],
    ) {
        let mine = &mut self.membership;
        if target > mine.read_seq {
            if target <= start_seq {
                let Some(cursor) = cursor else { return };
                mine.read_seq = cursor.seq;
                mine.read_count = cursor.count;
                mine.gone = cursor.gone;
                mine.mentions = cursor.mentions;
                mine.read_own = mine.read_own.max(cursor.own);
            } else {
                let at = stored.iter().rfind(|stored| stored.message.seq <= target);
                // Nothing of the sender's from before the batch is left behind the target.
                let ahead = stored.iter().find(|stored| {
                    stored.message.seq > target
                        && stored.message.sender.as_ref() == Some(&mine.user)
                        && stored.counts()
                });
                mine.read_own = ahead.map_or(mine.own_count, |stored| stored.own_no - 1);
                mine.read_count = at.map_or(mine.read_count, |stored| stored.message.count);
                mine.read_seq = target;
                mine.gone = 0;
                mine.mentions = Mentioned::default();
            }
        }
        if let Some(cursor) = cursor
            && cursor.seq == mine.read_seq
        {
            self.clear = cursor.clear;
        }
    }
}

impl Stored {
    fn counts(&self) -> bool {
        self.message.counts()
    }
}

/// The rooms of a batch that could be locked, and what was read along with them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) rooms: HashMap<(AppId, RoomId), LockedRoom>,
    /// By the append's place in the batch.
    pub(crate) cursors: Vec<Option<Cursor>>,
    /// Database time after the locks.
    pub(crate) stamp: Time,
    /// The newest time that each app's messages have, with what this batch gave.
    pub(crate) floors: HashMap<AppId, Time>,
    /// Who hears of each app's changes, as `outbox::heard_by` reads it.
    pub(crate) heard_by: HashMap<AppId, i32>,
    /// Senders without a membership, who may not exist yet.
    pub(crate) strangers: BTreeSet<(AppId, UserId)>,
}

impl Loaded {
    /// Decides the append at `place`. `None`, only when `skipping`: its room or membership is in
    /// somebody else's hands (or not there, which skipping cannot tell); it has to wait for them.
    pub(crate) fn decide(
        &mut self,
        place: usize,
        append: &Append,
        skipping: bool,
    ) -> Option<AppendOutcome> {
        let key = (append.app.clone(), append.room.clone());
        let Some(room) = self.rooms.get_mut(&key) else {
            return (!skipping).then_some(AppendOutcome::RoomNotFound);
        };
        let acting = append.guard.member.as_ref().map(|(user, _)| user);
        let mut wanted = append.message.sender.iter().chain(acting);
        if skipping && !wanted.all(|user| room.has_member(user)) {
            return None;
        }
        let floor = self.floors.entry(append.app.clone()).or_insert(Time(0));
        let outcome = room.append(append, self.cursors[place], self.stamp, floor);
        if let (AppendOutcome::Stored(_), Some(sender)) = (&outcome, &append.message.sender)
            && !room.has_member(sender)
        {
            self.strangers.insert((append.app.clone(), sender.clone()));
        }
        Some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snug_core::model::{
        Extras, MarksHead, MemberState, Mentions, MessageKind, OwnSettings, Role,
    };

    const NOBODY_HEARD: Head = Head {
        seq: 0,
        rev: 1,
        members_rev: 0,
        room_rev: 1,
        count: 0,
        activity_at: Time(0),
        preview: None,
    };

    fn user(n: u64) -> UserId {
        UserId::new(&format!("u{n}")).unwrap()
    }

    fn member(n: u64) -> Membership {
        Membership {
            user: user(n),
            role: Role::Member,
            state: MemberState::Active,
            invitation: None,
            joined_at: Time(0),
            left_at: None,
            left_seq: None,
            rev: 1,
            policy_rev: 1,
            visible_after_seq: 0,
            read_seq: 0,
            read_count: 0,
            read_rev: 1,
            own_count: 0,
            read_own: 0,
            gone: 0,
            mentions: Mentioned::default(),
            own: OwnSettings::default(),
            marks: MarksHead::default(),
            changed_at: Time(0),
        }
    }

    fn dice(state: &mut u64, sides: u64) -> u64 {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % sides
    }

    fn append(n: u64, state: &mut u64, seq: u64) -> Append {
        let read_up_to = match dice(state, 4) {
            0 => None,
            1 => Some(u64::MAX),
            _ => Some(dice(state, seq + 4)),
        };
        Append {
            app: AppId::from_stored("app"),
            room: RoomId::from_stored("room"),
            guard: Guard { room_policy_rev: 1, member: None },
            message: NewMessage {
                external: None,
                id: MessageId::new(&format!("m{n}")).unwrap(),
                sender: (dice(state, 8) > 0).then(|| user(dice(state, 3))),
                kind: MessageKind::Text,
                text: None,
                custom: None,
                extras: mentions(dice(state, 6)),
                silent: dice(state, 5) == 0,
                hash: PayloadHash([0; 32]),
                read_up_to,
                thread: None,
            },
            now: Time(0),
        }
    }

    /// Nobody, or some of those who are there.
    fn mentions(what: u64) -> Option<Box<Extras>> {
        let mentions = match what {
            0 => Mentions { everyone: true, ..Mentions::default() },
            1 => Mentions { roles: vec![Role::Member], ..Mentions::default() },
            2 | 3 => Mentions { users: vec![user(what - 2)], ..Mentions::default() },
            _ => return None,
        };
        Some(Box::new(Extras { mentions, ..Extras::default() }))
    }

    fn mentioned(stored: &[Stored], mine: &Membership, after: u64) -> Mentioned {
        let of_others =
            |s: &&Stored| s.message.seq > after && s.message.sender.as_ref() != Some(&mine.user);
        let mentions = stored.iter().filter(of_others).filter_map(|s| s.message.mentions());
        let meant: Vec<_> = mentions.filter(|all| all.mean(&mine.user, mine.role)).collect();
        let by_name = meant.iter().filter(|all| all.users.contains(&mine.user)).count();
        Mentioned { all: meant.len() as u64, by_name: by_name as u64 }
    }

    /// What the statement in `messages` reads, from what is stored.
    fn cursor(stored: &[Stored], mine: &Membership, up_to: u64) -> Cursor {
        let end = stored.last().map_or(0, |last| last.message.seq);
        let seq = mine.read_seq.max(up_to.min(end));
        let upto = |s: &&Stored| s.message.seq <= seq;
        let own = |s: &&Stored| s.message.sender.as_ref() == Some(&mine.user);
        let passed = |s: &&Stored| upto(s) && own(s) && s.behind && s.message.seq > mine.read_seq;
        Cursor {
            seq,
            count: stored.iter().rfind(upto).map_or(0, |s| s.message.count),
            own: stored.iter().rfind(passed).map_or(0, |s| s.own_no),
            clear: stored.iter().all(|s| upto(&s) || own(&s)),
            gone: 0,
            mentions: mentioned(stored, mine, seq),
        }
    }

    /// The promise of the port, counted over the whole room.
    fn check(stored: &[Stored], before: u64, append: &Append, mine: &Membership) {
        let end = stored.last().map_or(0, |last| last.message.seq);
        let own = |s: &&Stored| s.message.sender.as_ref() == Some(&mine.user);
        let mut at = before.max(append.message.read_up_to.unwrap_or(0).min(end - 1));
        if stored.iter().all(|s| s.message.seq <= at || own(&s)) {
            at = end;
        }
        let read = |s: &&Stored| s.message.seq <= at;
        let counting = || stored.iter().filter(|s| s.counts());
        assert_eq!(mine.read_seq, at);
        assert_eq!(mine.read_count, counting().filter(read).count() as u64);
        assert_eq!(mine.own_count, counting().filter(own).count() as u64);
        let read_own = counting().filter(own).filter(read).count() as u64;
        assert_eq!(mine.read_own, read_own);
        assert_eq!(mine.mentions, mentioned(stored, mine, at));
    }

    /// However appends fall into batches, cursors and counts are those of the whole history.
    #[test]
    fn batches_count_like_the_history() {
        for seed in 0..200 {
            let mut state = seed;
            let mut stored: Vec<Stored> = Vec::new();
            let mut members: Vec<Membership> = (0..3).map(member).collect();
            let (mut head, mut n) = (NOBODY_HEARD, 0);
            for _ in 0..12 {
                let id = RoomId::from_stored("room");
                let mut room = LockedRoom::new(id, true, (1, 1), head, Time(n as i64));
                // As the lock reads them: what mentions them is counted anew.
                members.iter_mut().for_each(|m| m.mentions = mentioned(&stored, m, m.read_seq));
                members.iter().for_each(|m| room.add_member(m.clone()));
                let (start, base) = (members.clone(), stored.len());
                for _ in 0..=dice(&mut state, 6) {
                    n += 1;
                    let append = append(n, &mut state, room.head.seq);
                    let sender = append.message.sender.clone();
                    let mine = start.iter().find(|m| Some(&m.user) == sender.as_ref());
                    let up_to = append.message.read_up_to.unwrap_or(0);
                    let facts = mine.map(|mine| cursor(&stored[..base], mine, up_to));
                    let AppendOutcome::Stored(done) =
                        room.append(&append, facts, Time(9), &mut Time(0))
                    else {
                        panic!("stored");
                    };
                    assert_eq!(done.message.seq, n);
                    let last = room.stored.last().unwrap();
                    let (message, followers) = (last.message.clone(), Vec::new());
                    stored.push(Stored { message, followers, ..*last });
                    if let Some(mine) = done.mine {
                        let place = members.iter().position(|m| m.user == mine.user).unwrap();
                        check(&stored, members[place].read_seq, &append, &mine);
                        members[place] = mine;
                    }
                }
                head = room.head;
            }
        }
    }
}
