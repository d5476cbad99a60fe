//! Sessions: one per user and device, gone from the answer on when closed.

use super::fixtures::{Fixture, random_text, room_id, user};
use crate::ids::{DeviceId, SessionId};
use crate::model::{CloseReason, Session, SessionSelector, Time, TokenHash, UserPatch};
use crate::ports::{
    Arrival, ClosedSession, JoinedRoom, NewSession, OpenOutcome, RefreshOutcome, SessionFacts,
    SessionOrigin, Store,
};

const HOUR_MS: i64 = 3_600_000;

/// A backend's session of an hour. Tokens are told apart by app in here.
pub(super) fn new(f: &Fixture<'_>, name: &str, device: &str, token: &str) -> NewSession {
    let now = f.now();
    NewSession {
        app: f.app.clone(),
        id: SessionId::new(&format!("ses_{}", random_text())).expect("a session id"),
        user: user(name),
        device: DeviceId::new(device).expect("a device id"),
        token: hash(f, token),
        origin: SessionOrigin::Backend,
        profile: UserPatch::default(),
        custom: None,
        push_token: Some(format!("push-{device}")),
        ttl_seconds: 3_600,
        expires_at: now.plus_millis(HOUR_MS),
        now,
    }
}

pub(super) fn hash(f: &Fixture<'_>, token: &str) -> TokenHash {
    TokenHash::of(&format!("{}/{token}", f.app))
}

async fn outcome(f: &Fixture<'_>, new: NewSession) -> OpenOutcome {
    f.store.open_session(new).await.expect("open_session")
}

pub(super) async fn opened(f: &Fixture<'_>, new: NewSession) -> (Session, Vec<ClosedSession>) {
    match outcome(f, new).await {
        OpenOutcome::Opened { session, replaced } => (session, replaced),
        other => panic!("a session that nothing forbids gave {other:?}"),
    }
}

pub(super) async fn open(f: &Fixture<'_>, name: &str, device: &str, token: &str) -> Session {
    opened(f, new(f, name, device, token)).await.0
}

pub(super) async fn by_token(f: &Fixture<'_>, token: &str) -> Option<SessionFacts> {
    f.store.session_by_token(&f.app, hash(f, token)).await.expect("session_by_token")
}

/// How the session of a token was closed; `None` while it lives.
async fn closed_as(f: &Fixture<'_>, token: &str) -> Option<CloseReason> {
    let facts = by_token(f, token).await;
    let facts = facts.unwrap_or_else(|| panic!("the token {token} is known"));
    facts.session.closed.map(|(_, reason)| reason)
}

async fn close(f: &Fixture<'_>, which: &SessionSelector) -> Vec<SessionId> {
    let closed = f
        .store
        .close_sessions(&f.app, which, CloseReason::Revoked, f.now())
        .await
        .expect("close_sessions");
    let mut ids: Vec<_> = closed.into_iter().map(|closed| closed.id).collect();
    ids.sort();
    ids
}

async fn refresh(f: &Fixture<'_>, old: &str, new: &str) -> RefreshOutcome {
    let now = f.now();
    let until = now.plus_millis(2 * HOUR_MS);
    f.store
        .refresh_session(&f.app, hash(f, old), hash(f, new), until, now)
        .await
        .expect("refresh_session")
}

/// An opened session is found by its token, with its user made.
pub async fn open_makes_session_and_user(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let new = new(&f, "anna", "phone", "one");
    let (session, replaced) = opened(&f, new.clone()).await;
    assert!(replaced.is_empty());
    assert_eq!((&session.id, &session.user), (&new.id, &new.user));
    assert_eq!(session.device, new.device);
    assert_eq!(session.ttl_seconds, new.ttl_seconds);
    assert_eq!(session.expires_at, new.expires_at);
    assert_eq!(session.closed, None);
    let facts = by_token(&f, "one").await.expect("the token is known");
    assert_eq!(facts.session, session);
    assert!(!facts.user_deactivated);
    assert_eq!(by_token(&f, "other").await, None);
    let made = store.user(&f.app, &user("anna")).await.expect("user");
    assert!(made.is_some(), "the user was made on the spot");
}

/// The same user and device again replaces; another device or user does not.
pub async fn the_same_device_replaces(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = open(&f, "anna", "phone", "one").await;
    open(&f, "anna", "tablet", "two").await;
    open(&f, "ben", "phone", "three").await;
    let (_, replaced) = opened(&f, new(&f, "anna", "phone", "four")).await;
    let expected = ClosedSession { id: first.id, user: first.user, device: first.device };
    assert_eq!(replaced, vec![expected]);
    assert_eq!(closed_as(&f, "one").await, Some(CloseReason::Replaced));
    for token in ["two", "three", "four"] {
        assert_eq!(closed_as(&f, token).await, None, "{token} lives");
    }
    let (_, replaced) = opened(&f, new(&f, "anna", "phone", "five")).await;
    assert_eq!(replaced.len(), 1, "what was replaced is not replaced again");
}

/// A token shown again gives its session as it is, also when closed.
pub async fn a_token_shown_again_gives_its_session(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let minted = |f: &Fixture<'_>| {
        let mut minted = new(f, "anna", "phone", "jwt");
        minted.origin =
            SessionOrigin::Minted { issued_at: Time::from_seconds(minted.now.seconds() - 5) };
        minted
    };
    let (session, _) = opened(&f, minted(&f)).await;
    let again = outcome(&f, minted(&f)).await;
    assert_eq!(again, OpenOutcome::Existing(session.clone()));
    assert_eq!(
        close(&f, &SessionSelector::Session(session.id.clone())).await,
        vec![session.id.clone()]
    );
    let OpenOutcome::Existing(again) = outcome(&f, minted(&f)).await else {
        panic!("a closed session's token opened another");
    };
    assert_eq!(again.id, session.id);
    assert_eq!(again.closed.map(|(_, reason)| reason), Some(CloseReason::Revoked));
}

/// A deactivated user opens nothing, by whatever door.
pub async fn the_deactivated_open_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    open(&f, "anna", "phone", "one").await;
    let out = store.deactivate_user(&f.app, &user("anna"), f.now()).await;
    assert!(out.expect("deactivate_user").is_some());
    assert_eq!(closed_as(&f, "one").await, Some(CloseReason::Deactivated));
    let facts = by_token(&f, "one").await.expect("the token is known");
    assert!(facts.user_deactivated, "the token tells that its user is out");
    let refused = outcome(&f, new(&f, "anna", "tablet", "two")).await;
    assert_eq!(refused, OpenOutcome::UserDeactivated);
    let mut minted = new(&f, "anna", "tablet", "three");
    let ahead = Time::from_seconds(minted.now.seconds() + 10);
    minted.origin = SessionOrigin::Minted { issued_at: ahead };
    assert_eq!(outcome(&f, minted.clone()).await, OpenOutcome::UserDeactivated);
    assert_eq!(by_token(&f, "two").await, None, "nothing was stored");

    let back = store.reactivate_user(&f.app, &user("anna"), f.now()).await;
    assert!(back.expect("reactivate_user").is_some());
    let mut before = new(&f, "anna", "tablet", "four");
    let issued_at = Time::from_seconds(before.now.seconds() - 5);
    before.origin = SessionOrigin::Minted { issued_at };
    assert_eq!(
        outcome(&f, before).await,
        OpenOutcome::Revoked,
        "a JWT of before the deactivation stays refused"
    );
    open(&f, "anna", "tablet", "five").await;
    opened(&f, minted).await;
}

/// A JWT minted in or before the second of a revoke is refused; a later one opens.
pub async fn a_revoke_refuses_jwts_minted_before(store: &dyn Store) {
    let f = Fixture::new(store).await;
    // The revokes come before anything of these users is stored: a JWT that was never shown
    // must not outlive its revoke.
    let at = f.now();
    let device = DeviceId::new("phone").expect("a device id");
    for which in [SessionSelector::User(user("anna")), SessionSelector::Device(user("ben"), device)]
    {
        store
            .close_sessions(&f.app, &which, CloseReason::Revoked, at)
            .await
            .expect("close_sessions");
    }
    let second = at.seconds();
    for (name, device, issued, opens) in [
        ("anna", "phone", second - 30, false),
        ("anna", "phone", second, false),
        ("anna", "phone", 0, false),
        ("anna", "tablet", second, false),
        ("anna", "phone", second + 1, true),
        ("ben", "phone", second - 30, false),
        ("ben", "phone", second, false),
        ("ben", "phone", 0, false),
        ("ben", "tablet", second, true),
        ("ben", "phone", second + 1, true),
        ("cleo", "phone", second - 30, true),
        ("cleo", "tablet", 0, true),
    ] {
        let place = format!("{name} on {device}, minted {} s after", issued - second);
        let mut minted = new(&f, name, device, &place);
        minted.origin = SessionOrigin::Minted { issued_at: Time::from_seconds(issued) };
        let got = outcome(&f, minted).await;
        if opens {
            assert!(matches!(got, OpenOutcome::Opened { .. }), "{place}: {got:?}");
        } else {
            assert_eq!(got, OpenOutcome::Revoked, "{place}");
            assert_eq!(by_token(&f, &place).await, None, "{place}: nothing stored");
        }
    }
    open(&f, "anna", "laptop", "by the backend").await;
}

/// A replaced or singly closed session refuses no JWT.
pub async fn other_closes_refuse_no_jwt(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = open(&f, "anna", "phone", "one").await;
    let second = open(&f, "anna", "phone", "two").await;
    assert_eq!(close(&f, &SessionSelector::Session(second.id.clone())).await, vec![second.id]);
    assert_eq!(
        close(&f, &SessionSelector::Session(first.id)).await,
        Vec::<SessionId>::new(),
        "a replaced session is closed already"
    );
    let mut minted = new(&f, "anna", "phone", "three");
    minted.origin =
        SessionOrigin::Minted { issued_at: Time::from_seconds(minted.now.seconds() - 30) };
    opened(&f, minted).await;
}

/// A refresh exchanges the token once; the old one is refused from the answer on.
pub async fn refresh_exchanges_the_token_once(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let session = open(&f, "anna", "phone", "one").await;
    let RefreshOutcome::Refreshed(renewed) = refresh(&f, "one", "two").await else {
        panic!("a living session's token is exchanged");
    };
    assert_eq!(renewed.id, session.id, "the session goes on");
    assert!(renewed.expires_at > session.expires_at);
    assert_eq!(
        (renewed.ttl_seconds, renewed.created_at),
        (session.ttl_seconds, session.created_at),
        "a refresh does not lengthen the life of the next one"
    );
    assert_eq!(renewed.closed, None);
    assert_eq!(by_token(&f, "one").await, None, "the old token is refused");
    let facts = by_token(&f, "two").await.expect("the new token is known");
    assert_eq!(facts.session, renewed);
    assert_eq!(refresh(&f, "one", "three").await, RefreshOutcome::Gone);
    assert_eq!(by_token(&f, "three").await, None);
    assert_eq!(refresh(&f, "never", "four").await, RefreshOutcome::Gone);
    let next = refresh(&f, "two", "five").await;
    assert!(matches!(next, RefreshOutcome::Refreshed(_)), "{next:?}");
}

/// A JWT whose session was refreshed is refused like any old token, also after the session ended.
pub async fn an_exchanged_jwt_opens_nothing_again(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let minted = |device: &str| {
        let mut minted = new(&f, "anna", device, "jwt");
        minted.origin =
            SessionOrigin::Minted { issued_at: Time::from_seconds(minted.now.seconds() - 5) };
        minted
    };
    let (session, _) = opened(&f, minted("phone")).await;
    let refreshed = refresh(&f, "jwt", "two").await;
    assert!(matches!(refreshed, RefreshOutcome::Refreshed(_)), "{refreshed:?}");
    for device in ["phone", "tablet"] {
        assert_eq!(outcome(&f, minted(device)).await, OpenOutcome::Revoked, "on the {device}");
    }
    assert_eq!(closed_as(&f, "two").await, None, "the session goes on under its new token");
    close(&f, &SessionSelector::Session(session.id)).await;
    assert_eq!(outcome(&f, minted("phone")).await, OpenOutcome::Revoked);
    assert_eq!(by_token(&f, "jwt").await, None, "nothing was stored under the old token");
}

/// A closed or expired session is not refreshed.
pub async fn the_closed_and_expired_are_not_refreshed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let session = open(&f, "anna", "phone", "one").await;
    close(&f, &SessionSelector::Session(session.id)).await;
    assert_eq!(refresh(&f, "one", "two").await, RefreshOutcome::Gone);

    let session = open(&f, "anna", "tablet", "three").await;
    let end = session.expires_at;
    let late = store.refresh_session(&f.app, hash(&f, "three"), hash(&f, "four"), end, end).await;
    assert_eq!(late.expect("refresh_session"), RefreshOutcome::Gone);
    let facts = by_token(&f, "three").await.expect("the token is known");
    assert_eq!(
        facts.session, session,
        "an expired session is as it was: expiring is the reader's to see"
    );
    let just = Time(end.0 - 1);
    let just = store.refresh_session(&f.app, hash(&f, "three"), hash(&f, "four"), end, just).await;
    let just = just.expect("refresh_session");
    assert!(matches!(just, RefreshOutcome::Refreshed(_)), "{just:?}");
}

/// Each selector closes what it names and no more, once, with the reason given.
pub async fn selectors_close_what_they_name(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let phone = open(&f, "anna", "phone", "phone").await;
    let tablet = open(&f, "anna", "tablet", "tablet").await;
    let laptop = open(&f, "anna", "laptop", "laptop").await;
    open(&f, "ben", "phone", "ben").await;
    let by_id = SessionSelector::Session(phone.id.clone());
    assert_eq!(close(&f, &by_id).await, vec![phone.id.clone()]);
    assert_eq!(close(&f, &by_id).await, vec![], "closed once");
    let by_device = SessionSelector::Device(user("anna"), tablet.device);
    assert_eq!(close(&f, &by_device).await, vec![tablet.id.clone()]);
    assert_eq!(close(&f, &by_device).await, vec![]);
    assert_eq!(closed_as(&f, "laptop").await, None);
    let console = open(&f, "anna", "console", "console").await;
    let mut both = vec![laptop.id, console.id];
    both.sort();
    let by_user = SessionSelector::User(user("anna"));
    assert_eq!(close(&f, &by_user).await, both);
    assert_eq!(close(&f, &by_user).await, vec![]);
    for token in ["phone", "tablet", "laptop", "console"] {
        assert_eq!(closed_as(&f, token).await, Some(CloseReason::Revoked));
    }
    assert_eq!(closed_as(&f, "ben").await, None, "others' sessions live on");
    let unknown = SessionId::new("ses_unknown").expect("a session id");
    assert_eq!(close(&f, &SessionSelector::Session(unknown)).await, vec![]);
    let logged_out = open(&f, "anna", "phone", "again").await;
    let closed = store
        .close_sessions(
            &f.app,
            &SessionSelector::Session(logged_out.id.clone()),
            CloseReason::Closed,
            f.now(),
        )
        .await
        .expect("close_sessions");
    let expected =
        ClosedSession { id: logged_out.id, user: logged_out.user, device: logged_out.device };
    assert_eq!(closed, vec![expected]);
    assert_eq!(closed_as(&f, "again").await, Some(CloseReason::Closed));
}

/// A user's sessions are the living ones, newest first.
pub async fn sessions_of_a_user_are_the_living(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = open(&f, "anna", "phone", "1").await;
    let second = open(&f, "anna", "tablet", "2").await;
    let mut brief = new(&f, "anna", "console", "3");
    brief.expires_at = brief.now.plus_millis(1_000);
    let (brief, _) = opened(&f, brief).await;
    open(&f, "ben", "phone", "4").await;
    let closed = open(&f, "anna", "laptop", "5").await;
    close(&f, &SessionSelector::Session(closed.id)).await;
    let at = async |now: Time| {
        let found = store.sessions_of(&f.app, &user("anna"), now).await;
        found.expect("sessions_of")
    };
    let now = Time(brief.expires_at.0 - 1);
    let all = vec![brief.clone(), second.clone(), first.clone()];
    assert_eq!(at(now).await, all);
    assert_eq!(
        at(brief.expires_at).await,
        vec![second, first.clone()],
        "a session ends at its expiry"
    );
    assert_eq!(at(first.expires_at.plus_millis(HOUR_MS)).await, vec![]);
    let nobody = store.sessions_of(&f.app, &user("nobody"), now).await;
    assert!(nobody.expect("sessions_of").is_empty());
}

/// What an arriving connection is told, its rooms by id.
async fn arrival(f: &Fixture<'_>, name: &str, session: &Session) -> Option<Arrival> {
    let found = f.store.arrival(&f.app, &user(name), &session.id).await;
    let mut found = found.expect("arrival")?;
    found.rooms.sort_by(|one, other| one.room.cmp(&other.room));
    Some(found)
}

/// The rooms of an arriving connection are the active memberships, with where the rooms stand.
pub async fn who_arrives_hears_the_rooms_as_they_stand(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let session = open(&f, "ben", "phone", "one").await;
    let arrived = arrival(&f, "ben", &session).await.expect("the session is known");
    assert_eq!((&arrived.session, arrived.rooms), (&session, vec![]));
    for id in ["a", "b", "c", "d", "e"] {
        f.group(id, &["anna", "ben", "zoe"]).await;
    }
    f.group("other", &["anna", "zoe"]).await;
    f.send(&room_id("b"), "anna", "hi").await;
    f.remove(&room_id("b"), &["zoe"]).await;
    f.send(&room_id("b"), "anna", "hi").await;
    f.remove(&room_id("c"), &["ben"]).await;
    f.remove(&room_id("d"), &["ben"]).await;
    f.add(&room_id("d"), &["ben"]).await;
    let deleted = store.delete_room(&f.app, &room_id("e"), f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let mut expected = Vec::new();
    for id in ["a", "b", "d"] {
        let head = f.head(&room_id(id)).await;
        let (rev, members_rev) = (head.rev, head.members_rev);
        let marks = f.mine(&room_id(id), "ben").await.marks;
        expected.push(JoinedRoom { room: room_id(id), rev, members_rev, marks });
    }
    assert!(expected[1].members_rev > 0 && expected[1].rev > expected[1].members_rev);
    let arrived = arrival(&f, "ben", &session).await.expect("the session is known");
    assert_eq!(arrived.rooms, expected);
    let ben = store.user(&f.app, &user("ben")).await.expect("user");
    assert_eq!(Some(arrived.user), ben);
    assert_eq!(arrived.epoch, store.position(f.now()).await.expect("position").epoch);
}

/// A session that ended shows so, and is nobody else's, nor another app's.
pub async fn who_arrives_is_who_the_session_is_of(store: &dyn Store) {
    let (f, two) = (Fixture::new(store).await, Fixture::new(store).await);
    let session = open(&f, "anna", "phone", "one").await;
    open(&f, "ben", "phone", "two").await;
    open(&two, "anna", "phone", "three").await;
    assert_eq!(arrival(&f, "ben", &session).await, None);
    assert_eq!(arrival(&f, "nobody", &session).await, None);
    assert_eq!(arrival(&two, "anna", &session).await, None);
    assert!(matches!(refresh(&f, "one", "fresh").await, RefreshOutcome::Refreshed(_)));
    let renewed = arrival(&f, "anna", &session).await.expect("the session is known").session;
    assert_eq!((&renewed.id, renewed.closed), (&session.id, None));
    assert!(renewed.expires_at > session.expires_at, "what was exchanged shows");
    close(&f, &SessionSelector::Session(session.id.clone())).await;
    let closed = arrival(&f, "anna", &session).await.expect("the session is known").session;
    assert_eq!(closed.closed.map(|(_, reason)| reason), Some(CloseReason::Revoked));
    let other = open(&f, "anna", "phone", "four").await;
    let done = store.deactivate_user(&f.app, &user("anna"), f.now()).await;
    assert!(done.expect("deactivate_user").is_some());
    let out = arrival(&f, "anna", &other).await.expect("the session is known");
    assert!(out.user.deactivated_at.is_some() && out.session.closed.is_some());
}

/// No token, session or revoke of one app means anything in another.
pub async fn apps_never_meet(store: &dyn Store) {
    let (one, two) = (Fixture::new(store).await, Fixture::new(store).await);
    let session = open(&one, "anna", "phone", "token").await;
    let token = hash(&one, "token");
    let seen = store.session_by_token(&two.app, token).await;
    assert_eq!(seen.expect("session_by_token"), None);
    let now = two.now();
    let until = now.plus_millis(HOUR_MS);
    let fresh = hash(&two, "fresh");
    let stolen = store.refresh_session(&two.app, token, fresh, until, now).await;
    assert_eq!(stolen.expect("refresh_session"), RefreshOutcome::Gone);
    let mut same_token = new(&two, "anna", "phone", "unused");
    same_token.token = token;
    let (other, replaced) = opened(&two, same_token).await;
    assert!(replaced.is_empty(), "the other app's session is not replaced");
    assert_ne!(other.id, session.id);
    for which in [
        SessionSelector::Session(session.id.clone()),
        SessionSelector::Device(user("anna"), session.device.clone()),
        SessionSelector::User(user("anna")),
    ] {
        assert!(!close(&two, &which).await.contains(&session.id));
    }
    assert_eq!(closed_as(&one, "token").await, None);
    let mut minted = new(&one, "anna", "phone", "jwt");
    minted.origin =
        SessionOrigin::Minted { issued_at: Time::from_seconds(minted.now.seconds() - 30) };
    opened(&one, minted).await;
}
