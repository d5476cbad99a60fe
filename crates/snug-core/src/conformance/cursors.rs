//! Read cursors and unread: monotone, exact at every place, equal to counting the history.

use super::fixtures::{Dice, Fixture, hashed, room_id, stored, system_message, text_message, user};
use crate::ids::RoomId;
use crate::model::{Membership, Message};
use crate::ports::{AppendOutcome, Appended, MemberChange, NewMessage, Store};

/// A cursor goes forward only, never beyond the room, and says whether it moved.
pub async fn a_cursor_is_monotone_and_capped(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    for n in 1..=5 {
        f.send(&room, "anna", &n.to_string()).await;
    }
    let head = f.head(&room).await;
    for (to, at, moves) in [
        (0, 0, false),
        (2, 2, true),
        (2, 2, false),
        (1, 2, false),
        (99, 5, true),
        (u64::from(u32::MAX), 5, false),
        (3, 5, false),
    ] {
        let moved =
            store.move_cursor(&f.app, &room, &user("ben"), to, f.now()).await.expect("move_cursor");
        let (mine, now, moved) = moved.expect("ben is an active member");
        assert_eq!(mine.read_seq, at, "the cursor after asking for {to}");
        assert_eq!(moved, moves, "whether asking for {to} moved it");
        assert_eq!(now, head, "a cursor takes no rev");
        assert_eq!(mine, f.mine(&room, "ben").await, "the answer is what is stored");
    }
}

/// `read_rev` is the room's rev when the cursor last moved, and only then.
pub async fn read_rev_tells_when_the_cursor_moved(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    let (ben, _) = f.read(&room, "ben", 1).await;
    assert_eq!(ben.read_rev, 2, "moved at the room's rev");
    f.send(&room, "anna", "2").await;
    let (ben, moved) = f.read(&room, "ben", 1).await;
    assert_eq!((ben.read_rev, moved), (2, false), "did not move");
    let ben = f.send(&room, "ben", "3").await.mine.expect("ben's");
    assert_eq!((ben.read_seq, ben.read_rev), (1, 2), "anna's 2 is unread");
    let mut fourth = text_message(f.message_id(), Some("ben"), "4");
    fourth.read_up_to = Some(2);
    let ben = f.append(&room, fourth).await;
    let mine = ben.mine.expect("ben's");
    assert_eq!((mine.read_seq, mine.read_rev), (4, ben.message.rev));
}

/// Nobody but an active member of a living room has a cursor.
pub async fn only_active_members_have_a_cursor(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    f.remove(&room, &["ben"]).await;
    for (room, name) in [(room.clone(), "ben"), (room, "nobody"), (room_id("none"), "anna")] {
        let moved = store.move_cursor(&f.app, &room, &user(name), 1, f.now()).await;
        assert_eq!(moved.expect("move_cursor"), None, "{name} in {room}");
    }
}

/// A send reads up to what it carries, and past itself only when nothing of others is between.
pub async fn a_send_moves_the_cursor_past_own_only(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo"]).await;
    let at = |sent: Appended| sent.mine.expect("the sender's membership").read_seq;
    assert_eq!(at(f.send(&room, "ben", "1").await), 1, "alone: past the own");
    assert_eq!(at(f.send(&room, "ben", "2").await), 2);
    f.send(&room, "anna", "3").await;
    assert_eq!(at(f.send(&room, "ben", "4").await), 2, "anna's 3 is unread");
    assert_eq!(at(f.send(&room, "ben", "5").await), 2);
    assert_eq!(at(carrying(&f, &room, "ben", 2).await), 2, "6: still unread");
    assert_eq!(
        at(carrying(&f, &room, "ben", 3).await),
        7,
        "read to 3, then only own messages up to 7"
    );
    f.send(&room, "anna", "8").await;
    f.send(&room, "cleo", "9").await;
    assert_eq!(at(carrying(&f, &room, "ben", 8).await), 8, "cleo's 9 is unread");
    assert_eq!(at(carrying(&f, &room, "ben", 3).await), 8, "never back");
    assert_eq!(
        at(carrying(&f, &room, "ben", 999).await),
        12,
        "capped at the room, then past the own"
    );
    let mut silent = text_message(f.message_id(), Some("anna"), "13");
    silent.silent = true;
    f.append(&room, hashed(silent)).await;
    assert_eq!(at(f.send(&room, "ben", "14").await), 12, "a silent one is of others too");
    f.read(&room, "ben", 14).await;
    let said = system_message(f.message_id(), r#"{"type":"room_updated"}"#);
    f.append(&room, said).await;
    assert_eq!(at(f.send(&room, "ben", "16").await), 14, "nobody's is of others too");
}

async fn carrying(f: &Fixture<'_>, room: &RoomId, name: &str, read_up_to: u64) -> Appended {
    let mut message = text_message(f.message_id(), Some(name), "reading");
    message.read_up_to = Some(read_up_to);
    f.append(room, message).await
}

/// `read_count` and `read_own` are exact wherever the cursor stops, step by step or by a jump.
pub async fn counts_are_exact_at_every_cursor(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let jumpers: Vec<String> = (1..=24).map(|n| format!("jumper{n}")).collect();
    let mut names = vec!["anna", "ben"];
    names.extend(jumpers.iter().map(String::as_str));
    let room = f.group("team", &names).await;
    for n in 0..24_usize {
        let sender = names[n % 5];
        let message = match n % 7 {
            3 => system_message(f.message_id(), r#"{"type":"room_updated"}"#),
            5 => {
                let mut silent = text_message(f.message_id(), Some(sender), "psst");
                silent.silent = true;
                hashed(silent)
            }
            _ => text_message(f.message_id(), Some(sender), "x"),
        };
        f.append(&room, message).await;
    }
    let history = f.history(&room).await;
    for seq in 1..=24 {
        let (mine, _) = f.read(&room, "ben", seq).await;
        check_counts(&mine, &history, "ben step by step");
    }
    for (place, name) in jumpers.iter().enumerate() {
        let (mine, _) = f.read(&room, name, place as u64 + 1).await;
        check_counts(&mine, &history, name);
    }
}

fn counts(message: &Message) -> bool {
    !message.silent && message.kind != crate::model::MessageKind::System
}

/// Compares the stored numbers with the history, for who was a member from the start.
fn check_counts(mine: &Membership, history: &[Message], who: &str) {
    let counted = |upto: u64, own: bool| {
        let own_only = |m: &&Message| !own || m.sender.as_ref() == Some(&mine.user);
        let upto = history.iter().filter(|m| m.seq <= upto);
        upto.filter(|m| counts(m)).filter(own_only).count() as u64
    };
    let at = mine.read_seq;
    assert_eq!(mine.read_count, counted(at, false), "{who}: read_count at {at}");
    assert_eq!(mine.read_own, counted(at, true), "{who}: read_own at {at}");
    assert_eq!(mine.own_count, counted(u64::MAX, true), "{who}: own_count");
}

/// Unread is what counting the history says, after any sequence of sends, reads, removals,
/// returns and repeats.
pub async fn unread_equals_counting_the_history(store: &dyn Store) {
    for seed in [1, 20_260, 77] {
        let mut walk = Walk::new(Fixture::new(store).await, seed).await;
        for step in 0..150 {
            walk.step().await;
            walk.check_one(step).await;
        }
        walk.check_all().await;
    }
}

const PEOPLE: [&str; 5] = ["anna", "ben", "cleo", "dan", "eve"];

struct Person {
    active: bool,
    ever_left: bool,
    cursor: u64,
}

/// A random walk of a room beside the simplest model of it.
struct Walk<'a> {
    f: Fixture<'a>,
    room: RoomId,
    seed: u64,
    dice: Dice,
    /// Sender by place in `PEOPLE`, and whether the message counts.
    log: Vec<(Option<usize>, bool)>,
    people: Vec<Person>,
    sent: Vec<NewMessage>,
}

impl<'a> Walk<'a> {
    async fn new(f: Fixture<'a>, seed: u64) -> Self {
        let room = f.group("walk", &PEOPLE).await;
        let person = |_: &&str| Person { active: true, ever_left: false, cursor: 0 };
        Self {
            f,
            room,
            seed,
            dice: Dice::new(seed),
            log: Vec::new(),
            people: PEOPLE.iter().map(person).collect(),
            sent: Vec::new(),
        }
    }

    fn seq(&self) -> u64 {
        self.log.len() as u64
    }

    async fn step(&mut self) {
        let who = *self.dice.pick(&[0, 1, 2, 3, 4]);
        match self.dice.roll(20) {
            0 => self.say().await,
            1..=4 => self.move_cursor(who).await,
            5 => self.toggle(who).await,
            6 | 7 => self.repeat().await,
            _ => self.send(who).await,
        }
    }

    async fn say(&mut self) {
        let said = system_message(self.f.message_id(), r#"{"type":"room_updated"}"#);
        self.f.append(&self.room, said).await;
        self.log.push((None, false));
    }

    async fn send(&mut self, who: usize) {
        let mut message = text_message(self.f.message_id(), Some(PEOPLE[who]), "walking");
        message.silent = self.dice.roll(5) == 0;
        if self.dice.roll(3) == 0 {
            message.read_up_to = Some(self.dice.roll(self.seq() + 3));
        }
        let message = hashed(message);
        self.f.append(&self.room, message.clone()).await;
        let head = self.seq();
        self.log.push((Some(who), !message.silent));
        self.sent.push(message.clone());
        let person = &mut self.people[who];
        if !person.active {
            return;
        }
        let carried = message.read_up_to.unwrap_or(0).min(head);
        person.cursor = person.cursor.max(carried);
        let from = usize::try_from(person.cursor).expect("small");
        if self.log[from..].iter().all(|entry| entry.0 == Some(who)) {
            person.cursor = head + 1;
        }
    }

    async fn move_cursor(&mut self, who: usize) {
        if !self.people[who].active {
            return;
        }
        let to = self.dice.roll(self.seq() + 3);
        let (_, moved) = self.f.read(&self.room, PEOPLE[who], to).await;
        let to = to.min(self.seq());
        let cursor = &mut self.people[who].cursor;
        assert_eq!(moved, to > *cursor, "seed {}: moved", self.seed);
        *cursor = to.max(*cursor);
    }

    /// Removes who is there, brings back who is away, with an announcement half the time.
    async fn toggle(&mut self, who: usize) {
        let users = vec![user(PEOPLE[who])];
        let active = self.people[who].active;
        let change = if active {
            MemberChange::Remove { users }
        } else {
            MemberChange::Add { users, role: crate::model::Role::Member }
        };
        let announce = (self.dice.roll(2) == 0)
            .then(|| system_message(self.f.message_id(), r#"{"type":"members_changed"}"#));
        let announced = announce.is_some();
        self.f.change(&self.room, change, announce).await;
        let seq = self.seq();
        let person = &mut self.people[who];
        person.active = !active;
        person.ever_left |= active;
        if person.active {
            person.cursor = seq;
        }
        if announced {
            self.log.push((None, false));
        }
    }

    async fn repeat(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let message = self.dice.pick(&self.sent).clone();
        let guard = self.f.backend_guard(&self.room).await;
        let outcome = self.f.try_append(&self.room, guard, message).await;
        assert!(matches!(outcome, AppendOutcome::Duplicate(_)), "{outcome:?}");
    }

    async fn check_one(&mut self, step: u32) {
        let who = *self.dice.pick(&[0, 1, 2, 3, 4]);
        self.check(who, step).await;
    }

    async fn check_all(&self) {
        for who in 0..PEOPLE.len() {
            self.check(who, u32::MAX).await;
        }
        let history = self.f.history(&self.room).await;
        let seqs: Vec<u64> = history.iter().map(|m| m.seq).collect();
        assert_eq!(seqs, (1..=self.seq()).collect::<Vec<_>>(), "no hole, no double");
        let kept = |m: &Message| (m.sender.as_ref().map(ToString::to_string), counts(m));
        let logged =
            |entry: &(Option<usize>, bool)| (entry.0.map(|who| PEOPLE[who].to_owned()), entry.1);
        assert!(history.iter().map(kept).eq(self.log.iter().map(logged)));
    }

    async fn check(&self, who: usize, step: u32) {
        let (name, person) = (PEOPLE[who], &self.people[who]);
        let facts = self.f.facts(&self.room, name).await;
        let mine = facts.mine.expect("everybody joined once");
        let place = format!("seed {}, step {step}, {name}", self.seed);
        assert_eq!(facts.room.head.seq, self.seq(), "{place}: the room's seq");
        assert_eq!(facts.room.head.count, self.count(|_, counts| counts), "{place}: the count");
        assert_eq!(mine.is_active(), person.active, "{place}: state");
        let unread = mine.unread(facts.room.head.count);
        if !person.active {
            assert_eq!(unread, 0, "{place}: nothing is unread after leaving");
            return;
        }
        assert_eq!(mine.read_seq, person.cursor, "{place}: the cursor");
        let own = Some(who);
        let after = |seq: u64| seq > person.cursor;
        let log = || self.log.iter().zip(1_u64..).filter(|(entry, _)| entry.1);
        let others = log().filter(|(entry, seq)| entry.0 != own && after(*seq));
        assert_eq!(unread, others.count() as u64, "{place}: unread");
        let read = log().filter(|(_, seq)| !after(*seq)).count() as u64;
        assert_eq!(mine.read_count, read, "{place}: read_count");
        let own_after = log().filter(|(entry, seq)| entry.0 == own && after(*seq));
        let difference = mine.own_count.checked_sub(mine.read_own);
        assert_eq!(difference, Some(own_after.count() as u64), "{place}: own after");
        if !person.ever_left {
            let all = self.count(|sender, counts| counts && sender == own);
            assert_eq!(mine.own_count, all, "{place}: own_count");
        }
    }

    fn count(&self, which: impl Fn(Option<usize>, bool) -> bool) -> u64 {
        self.log.iter().filter(|entry| which(entry.0, entry.1)).count() as u64
    }
}

/// Who joins later has an exact count too, though the backend spoke for them before.
pub async fn who_joins_late_counts_exactly(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    f.send(&room, "ben", "before joining").await;
    f.send(&room, "anna", "2").await;
    f.send(&room, "ben", "still before").await;
    f.add(&room, &["ben"]).await;
    let unread = async || {
        let facts = f.facts(&room, "ben").await;
        let mine = facts.mine.expect("ben joined");
        mine.unread(facts.room.head.count)
    };
    assert_eq!(unread().await, 0, "joined read up to now");
    f.send(&room, "anna", "4").await;
    assert_eq!(unread().await, 1);
    f.send(&room, "ben", "5").await;
    assert_eq!(unread().await, 1);
    f.send(&room, "anna", "6").await;
    assert_eq!(unread().await, 2);
    f.read(&room, "ben", 4).await;
    assert_eq!(unread().await, 1, "4 is read, 5 is own, 6 is unread");
    f.read(&room, "ben", 5).await;
    assert_eq!(unread().await, 1);
    f.read(&room, "ben", 6).await;
    assert_eq!(unread().await, 0);
}

/// A repeat with another `read_up_to` is still a repeat, and reads nothing.
pub async fn a_repeat_reads_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let mut message = text_message(f.message_id(), Some("ben"), "1");
    let guard = f.guard(&room, "ben").await;
    stored(f.try_append(&room, guard.clone(), message.clone()).await);
    f.send(&room, "anna", "2").await;
    let before = f.mine(&room, "ben").await;
    message.read_up_to = Some(2);
    let again = f.try_append(&room, guard, message).await;
    assert!(matches!(again, AppendOutcome::Duplicate(_)), "{again:?}");
    assert_eq!(f.mine(&room, "ben").await, before);
}
