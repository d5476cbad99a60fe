//! What holds when everybody acts at once. Cases take several handles of one database (nodes);
//! tasks spread over them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use super::fixtures::{ALL, Dice, Fixture, message_id, random_text, text_message, user, users};
use crate::ids::{AppId, RoomId, SessionId, direct_room_id};
use crate::model::{
    DirectKey, Message, Role, RoomKind, RoomPatch, SessionSelector, Time, TokenHash,
};
use crate::ports::{
    Append, AppendOutcome, ChangeMembers, ChangeMembersOutcome, CreateOperator, CreateRoomOutcome,
    Guard, MemberChange, OpenOutcome, RefreshOutcome, SessionOrigin, Store, StoreError,
    UpdateRoomOutcome,
};

/// Handles of one database, as several servers hold them.
type Nodes = [Arc<dyn Store>];

fn node(nodes: &Nodes, place: usize) -> Arc<dyn Store> {
    nodes[place % nodes.len()].clone()
}

/// Appends; a full queue says "nothing was written, try later", and so we do.
async fn append(store: &dyn Store, append: Append) -> AppendOutcome {
    loop {
        match store.append_message(append.clone()).await {
            Err(StoreError::Overloaded) => tokio::task::yield_now().await,
            done => return done.expect("append_message"),
        }
    }
}

/// Any number of creators of one direct room make one, with one first message.
pub async fn racing_creators_make_one_direct_room(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let (low, high) = (user("anna"), user("ben"));
    let id = direct_room_id(&f.app, (&low, &high), "");
    let start = Arc::new(Barrier::new(64));
    let mut tasks = JoinSet::new();
    for racer in 0..64 {
        let mut new = f.new_group(id.as_str(), &["anna", "ben"]);
        new.kind = RoomKind::Direct;
        new.direct = Some(DirectKey::new(low.clone(), high.clone(), String::new()));
        new.message = Some(text_message(f.message_id(), Some("anna"), "first"));
        if racer % 2 == 0 {
            new.members.reverse();
        }
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            store.create_room(new).await.expect("create_room")
        });
    }
    let mut created = 0;
    for outcome in tasks.join_all().await {
        match outcome {
            CreateRoomOutcome::Created(made) => {
                assert_eq!(made.room.id, id);
                created += 1;
            }
            CreateRoomOutcome::Exists(room) => assert_eq!(room.id, id),
            other => panic!("nothing forbids the room: {other:?}"),
        }
    }
    assert_eq!(created, 1, "64 creators make one room");
    let facts = f.facts(&id, "anna").await;
    assert_eq!(facts.room.member_count, 2);
    assert_eq!((facts.room.head.seq, facts.room.head.rev), (1, 2));
    assert_eq!(f.history(&id).await.len(), 1, "and one first message");
}

/// Creators of different rooms with the same people, named in any order, all succeed.
pub async fn creators_with_the_same_people_do_not_block_each_other(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let start = Arc::new(Barrier::new(32));
    let mut dice = Dice::new(9);
    let mut tasks = JoinSet::new();
    for racer in 0..32 {
        let names: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_by_cached_key(|_| dice.roll(1_000));
        let mut new = f.new_group(&format!("r{racer}"), &names);
        new.message = Some(text_message(f.message_id(), Some(names[3]), "first"));
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            store.create_room(new).await.expect("create_room")
        });
    }
    for outcome in tasks.join_all().await {
        assert!(matches!(outcome, CreateRoomOutcome::Created(_)));
    }
    let joined = nodes[0].joined_rooms(&f.app, &user("u7")).await;
    assert_eq!(joined.expect("joined_rooms").len(), 32);
}

/// Senders in one room leave seq 1..n and revs without hole or double, in one order of time.
pub async fn racing_senders_leave_no_hole(nodes: &Nodes) {
    const EACH: usize = 8;
    let f = Fixture::new(nodes[0].as_ref()).await;
    let names: Vec<String> = (0..64).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = f.group("room", &names).await;
    let start = Arc::new(Barrier::new(64));
    let mut tasks = JoinSet::new();
    for (racer, name) in names.iter().enumerate() {
        let guard = f.guard(&room, name).await;
        let sends: Vec<_> = (0..EACH)
            .map(|_| {
                let message = text_message(f.message_id(), Some(name), "race");
                f.append_of(&room, guard.clone(), message)
            })
            .collect();
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            let mut sent = Vec::new();
            for send in sends {
                match append(store.as_ref(), send).await {
                    AppendOutcome::Stored(appended) => sent.push(appended.message),
                    other => panic!("an append with a fresh guard and id gave {other:?}"),
                }
            }
            sent
        });
    }
    let mut answered = Vec::new();
    for sent in tasks.join_all().await {
        assert!(sent.is_sorted_by_key(|m| m.seq), "one sender's order is kept");
        answered.extend(sent);
    }
    answered.sort_by_key(|message| message.seq);
    let history = f.history(&room).await;
    assert_eq!(answered, history, "what was answered is what is stored");
    check_contiguous(&history, 64 * EACH, 1);
    let head = f.head(&room).await;
    let total = 64 * EACH as u64;
    assert_eq!((head.seq, head.rev, head.count), (total, total + 1, total));
    for name in names {
        let mine = f.mine(&room, name).await;
        assert_eq!(mine.own_count, EACH as u64, "{name} sent {EACH}");
        let after = history.iter().filter(|m| m.seq > mine.read_seq);
        let others = after.filter(|m| m.sender.as_ref() != Some(&mine.user));
        assert_eq!(mine.unread(head.count), others.count() as u64, "{name}");
    }
}

fn check_contiguous(history: &[Message], total: usize, first_rev: u64) {
    assert_eq!(history.len(), total);
    for (message, seq) in history.iter().zip(1_u64..) {
        assert_eq!(message.seq, seq, "no hole, no double");
        assert_eq!(message.rev, seq + first_rev);
        assert_eq!(message.count, seq);
    }
    let times = history.windows(2);
    assert!(
        times.into_iter().all(|two| two[0].created_at < two[1].created_at),
        "times strictly increase with seq"
    );
}

/// Sends that are each tried three times at once store one row each and answer alike.
pub async fn retried_sends_are_stored_once(nodes: &Nodes) {
    const ROOMS: usize = 4;
    const EACH: usize = 250;
    let f = Fixture::new(nodes[0].as_ref()).await;
    let mut sends = Vec::new();
    for r in 0..ROOMS {
        let room = f.group(&format!("r{r}"), &["anna", "ben"]).await;
        let guard = f.guard(&room, "anna").await;
        for m in 0..EACH {
            let message = text_message(message_id(&format!("m{m}")), Some("anna"), "again");
            let send = f.append_of(&room, guard.clone(), message);
            sends.extend([send.clone(), send.clone(), send]);
        }
    }
    // A third is tried in another order, so that repeats meet first tries of other nodes.
    let mut dice = Dice::new(1);
    sends.sort_by_cached_key(|_| dice.roll(1 << 30));
    let at_once = Arc::new(Semaphore::new(512));
    let mut tasks = JoinSet::new();
    for (place, send) in sends.into_iter().enumerate() {
        let (store, at_once) = (node(nodes, place), at_once.clone());
        tasks.spawn(async move {
            let _permit = at_once.acquire().await.expect("never closed");
            append(store.as_ref(), send).await
        });
    }
    let (mut stored, mut repeated) = (Vec::new(), Vec::new());
    for outcome in tasks.join_all().await {
        match outcome {
            AppendOutcome::Stored(appended) => stored.push(appended.message),
            AppendOutcome::Duplicate(message) => repeated.push(*message),
            other => panic!("a send or its repeat gave {other:?}"),
        }
    }
    assert_eq!(stored.len(), ROOMS * EACH, "each is stored once");
    assert_eq!(repeated.len(), 2 * ROOMS * EACH, "each other try is a repeat");
    let key = |m: &Message| (m.room.clone(), m.id.clone());
    stored.sort_by_key(key);
    repeated.sort_by_key(key);
    for (first, repeats) in stored.iter().zip(repeated.chunks(2)) {
        assert!(repeats.iter().all(|again| again == first), "answers are alike");
    }
    for r in 0..ROOMS {
        let history = f.history(&super::fixtures::room_id(&format!("r{r}"))).await;
        check_contiguous(&history, EACH, 1);
    }
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Remove,
    Freeze,
    Deactivate,
}

/// After a removal, a freeze or a deactivation has returned, nothing that was decided before
/// is stored, however the two race.
pub async fn nothing_is_stored_after_a_removal(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    for round in 0..24 {
        let stop = [Stop::Remove, Stop::Freeze, Stop::Deactivate][round % 3];
        let name = format!("u{round}");
        let room = f.group(&format!("r{round}"), &["anna", &name]).await;
        let guard = f.guard(&room, &name).await;
        let start = Arc::new(Barrier::new(5));
        let mut senders = JoinSet::new();
        let stopped = Arc::new(AtomicBool::new(false));
        for racer in 0..4 {
            let start = start.clone();
            let sender = Sender {
                store: node(nodes, racer),
                app: f.app.clone(),
                room: room.clone(),
                guard: guard.clone(),
                name: name.clone(),
                place: racer,
                stopped: stopped.clone(),
            };
            senders.spawn(async move {
                start.wait().await;
                sender.send_until_refused().await
            });
        }
        start.wait().await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let seq = halt(&f, node(nodes, 1).as_ref(), &room, &name, stop).await;
        stopped.store(true, Ordering::SeqCst);
        let acked: u64 = senders.join_all().await.into_iter().sum();
        let history = f.history(&room).await;
        let last = history.last().map_or(0, |message| message.seq);
        assert!(last <= seq, "round {round}, {stop:?}: a message was stored after it returned");
        assert_eq!(history.len() as u64, acked, "what was acked is what is stored");
    }
}

/// Who sends on one old decision.
struct Sender {
    store: Arc<dyn Store>,
    app: AppId,
    room: RoomId,
    guard: Guard,
    name: String,
    place: usize,
    /// Set when the stop has returned: what is sent from then on must be refused.
    stopped: Arc<AtomicBool>,
}

impl Sender {
    /// How many were stored before the refusal.
    async fn send_until_refused(self) -> u64 {
        let f = Fixture::in_app(self.store.as_ref(), self.app.clone());
        let mut stored = 0;
        loop {
            let id = message_id(&format!("{}/{}/{stored}", self.name, self.place));
            let message = text_message(id, Some(&self.name), "on");
            let send = f.append_of(&self.room, self.guard.clone(), message);
            let too_late = self.stopped.load(Ordering::SeqCst);
            match append(self.store.as_ref(), send).await {
                AppendOutcome::Stored(_) => stored += 1,
                AppendOutcome::GuardMoved => return stored,
                other => panic!("a racing append gave {other:?}"),
            }
            assert!(!too_late, "sent after the stop returned, and stored");
        }
    }
}

/// Stops the sender; the room's seq right after the stop returned.
async fn halt(f: &Fixture<'_>, store: &dyn Store, room: &RoomId, name: &str, stop: Stop) -> u64 {
    match stop {
        Stop::Remove => {
            let removed = f.remove(room, &[name]).await;
            // The answer's own head: tells more than a read after it.
            return removed.room.head.seq;
        }
        Stop::Freeze => {
            let patch = RoomPatch { frozen: Some(true), ..RoomPatch::default() };
            let guard = f.backend_guard(room).await;
            let frozen = store.update_room(&f.app, room, patch, &guard, f.now()).await;
            let UpdateRoomOutcome::Updated(room) = frozen.expect("update_room") else {
                panic!("a freeze with a fresh guard is done");
            };
            return room.head.seq;
        }
        Stop::Deactivate => {
            let out = store.deactivate_user(&f.app, &user(name), f.now()).await;
            assert!(out.expect("deactivate_user").is_some());
        }
    }
    f.head(room).await.seq
}

/// The same people added from everywhere join once, and the count is right.
pub async fn racing_adds_join_each_once(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let room = f.group("room", &["anna"]).await;
    let crowd: Vec<String> = (0..30).map(|n| format!("u{n}")).collect();
    let start = Arc::new(Barrier::new(12));
    let mut tasks = JoinSet::new();
    for racer in 0..12 {
        let mut names: Vec<&str> = crowd[racer..racer + 18].iter().map(String::as_str).collect();
        if racer % 2 == 0 {
            names.reverse();
        }
        let change = ChangeMembers {
            app: f.app.clone(),
            room: room.clone(),
            guard: f.backend_guard(&room).await,
            change: MemberChange::Add { users: users(&names), role: Role::Member },
            announce: None,
            now: f.now(),
        };
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            store.change_members(change).await.expect("change_members")
        });
    }
    let (mut joined, mut changes) = (Vec::new(), 0);
    for outcome in tasks.join_all().await {
        let ChangeMembersOutcome::Changed(changed) = outcome else {
            panic!("members are no room policy: {outcome:?}");
        };
        changes += u64::from(!changed.members.is_empty());
        joined.extend(changed.members.into_iter().map(|member| member.user.id));
    }
    joined.sort();
    let expected: BTreeSet<_> = crowd[..29].iter().map(|name| user(name)).collect();
    assert!(expected.iter().eq(&joined), "each joined exactly once");
    let facts = f.facts(&room, "anna").await;
    assert_eq!(facts.room.member_count, 30);
    assert_eq!(facts.room.head.rev, 1 + changes, "a rev for each change, no more");
    let members = nodes[0].members(&f.app, &room, None, ALL, false).await;
    assert_eq!(members.expect("members").len(), 30);
}

/// However moves race, a cursor ends at the furthest, with its exact counts.
pub async fn racing_cursors_end_at_the_furthest(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let room = f.group("room", &["anna", "ben"]).await;
    for n in 0..40 {
        let name = if n % 4 == 0 { "ben" } else { "anna" };
        f.send(&room, name, "x").await;
    }
    let start = Arc::new(Barrier::new(32));
    let mut dice = Dice::new(12);
    let mut tasks = JoinSet::new();
    let mut furthest = f.mine(&room, "ben").await.read_seq;
    for racer in 0..32 {
        let to = dice.roll(40);
        furthest = furthest.max(to);
        let (store, start) = (node(nodes, racer), start.clone());
        let (app, room, now) = (f.app.clone(), room.clone(), f.now());
        tasks.spawn(async move {
            start.wait().await;
            let moved = store.move_cursor(&app, &room, &user("ben"), to, now).await;
            let (mine, _, _) = moved.expect("move_cursor").expect("ben is a member");
            assert!(mine.read_seq >= to, "a cursor is at least where it was moved");
        });
    }
    tasks.join_all().await;
    let mine = f.mine(&room, "ben").await;
    assert_eq!(mine.read_seq, furthest);
    assert_eq!(mine.read_count, furthest);
    assert_eq!(mine.read_own, furthest.div_ceil(4));
}

/// One token exchanged from eight places is exchanged once; seven new tokens are nothing.
pub async fn a_raced_refresh_succeeds_once(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let session = super::sessions::open(&f, "anna", "phone", "old").await;
    let start = Arc::new(Barrier::new(8));
    let old = super::sessions::hash(&f, "old");
    let mut tasks = JoinSet::new();
    for racer in 0..8 {
        let (store, start) = (node(nodes, racer), start.clone());
        let (app, now) = (f.app.clone(), f.now());
        tasks.spawn(async move {
            let new = TokenHash::of(&random_text());
            let until = now.plus_millis(3_600_000);
            start.wait().await;
            let outcome = store.refresh_session(&app, old, new, until, now).await;
            (new, outcome.expect("refresh_session"))
        });
    }
    let mut refreshed = 0;
    for (new, outcome) in tasks.join_all().await {
        let known = nodes[0].session_by_token(&f.app, new).await;
        let known = known.expect("session_by_token").map(|facts| facts.session);
        match outcome {
            RefreshOutcome::Refreshed(renewed) => {
                refreshed += 1;
                assert_eq!(renewed.id, session.id);
                assert_eq!(known, Some(renewed), "the winner's token is the session's");
            }
            RefreshOutcome::Gone => assert_eq!(known, None, "a loser's token is nothing"),
        }
    }
    assert_eq!(refreshed, 1, "eight refreshes of one token exchange it once");
}

/// One device opened from everywhere has one living session, and every other was replaced.
pub async fn racing_opens_leave_one_session(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let start = Arc::new(Barrier::new(16));
    let mut tasks = JoinSet::new();
    for racer in 0..16 {
        let new = super::sessions::new(&f, "anna", "phone", &format!("t{racer}"));
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            store.open_session(new).await.expect("open_session")
        });
    }
    let (mut opened, mut replaced) = (BTreeSet::new(), BTreeSet::new());
    for outcome in tasks.join_all().await {
        let OpenOutcome::Opened { session, replaced: old } = outcome else {
            panic!("a new token opens a session: {outcome:?}");
        };
        opened.insert(session.id);
        for closed in old {
            assert!(replaced.insert(closed.id), "a session is replaced once");
        }
    }
    assert_eq!(opened.len(), 16);
    let living = nodes[0].sessions_of(&f.app, &user("anna"), f.now()).await;
    let living: BTreeSet<SessionId> =
        living.expect("sessions_of").into_iter().map(|session| session.id).collect();
    assert_eq!(living.len(), 1, "one session of a device lives");
    let all: BTreeSet<_> = replaced.union(&living).cloned().collect();
    assert_eq!(all, opened, "who opened and did not survive was told replaced");
}

/// One JWT shown from everywhere at once is one session.
pub async fn one_jwt_is_one_session(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let start = Arc::new(Barrier::new(16));
    let mut tasks = JoinSet::new();
    for racer in 0..16 {
        let mut new = super::sessions::new(&f, "anna", "phone", "jwt");
        let issued_at = Time::from_seconds(new.now.seconds() - 1);
        new.origin = SessionOrigin::Minted { issued_at };
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            store.open_session(new).await.expect("open_session")
        });
    }
    let (mut opened, mut ids) = (0, BTreeSet::new());
    for outcome in tasks.join_all().await {
        match outcome {
            OpenOutcome::Opened { session, replaced } => {
                assert!(replaced.is_empty());
                opened += 1;
                ids.insert(session.id);
            }
            OpenOutcome::Existing(session) => {
                ids.insert(session.id);
            }
            other => panic!("a good JWT gave {other:?}"),
        }
    }
    assert_eq!((opened, ids.len()), (1, 1), "one is opened, all are it");
}

/// After a revoke has returned no session of before lives, however opens race it.
pub async fn a_revoke_leaves_no_old_jwt(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    for round in 0..8 {
        let name = format!("u{round}");
        let start = Arc::new(Barrier::new(9));
        let mut tasks = JoinSet::new();
        for racer in 0..8 {
            let device = format!("d{racer}");
            let mut new = super::sessions::new(&f, &name, &device, &format!("{name}/{racer}"));
            let issued_at = Time::from_seconds(new.now.seconds() - 1);
            new.origin = SessionOrigin::Minted { issued_at };
            let (store, start) = (node(nodes, racer), start.clone());
            tasks.spawn(async move {
                start.wait().await;
                store.open_session(new).await.expect("open_session")
            });
        }
        start.wait().await;
        let everything = SessionSelector::User(user(&name));
        let reason = crate::model::CloseReason::Revoked;
        node(nodes, round)
            .close_sessions(&f.app, &everything, reason, f.now())
            .await
            .expect("close_sessions");
        tasks.join_all().await;
        let living = nodes[0].sessions_of(&f.app, &user(&name), f.now()).await;
        let living = living.expect("sessions_of");
        assert!(living.is_empty(), "round {round}: {living:?} outlived a revoke");
    }
}

/// Racing sign-ups make one owner. Needs an empty install.
pub async fn racing_sign_ups_make_one_owner(nodes: &Nodes) {
    let start = Arc::new(Barrier::new(16));
    let mut tasks = JoinSet::new();
    for racer in 0..16 {
        let email = format!("o{racer}@shop.example");
        let new = super::operators::operator(&email, Time::from_seconds(1_700_000_000));
        let (store, start) = (node(nodes, racer), start.clone());
        tasks.spawn(async move {
            start.wait().await;
            let made = store.create_first_operator(new).await;
            (email, made.expect("create_first_operator"))
        });
    }
    let mut created = 0;
    for (email, outcome) in tasks.join_all().await {
        let found = nodes[0].operator_by_email(&email).await;
        let is_there = found.expect("operator_by_email").is_some();
        assert_eq!(is_there, outcome == CreateOperator::Created, "{email}");
        created += u32::from(is_there);
    }
    assert_eq!(created, 1, "sixteen sign-ups make one owner");
    let count = nodes[0].operator_count().await.expect("operator_count");
    assert_eq!(count, 1);
}
