//! What messages carry beside their words.

use super::fixtures::{Fixture, hashed, message_id, text_message, user};
use crate::ids::RoomId;
use crate::model::{
    Card, Degrees, Extras, Format, Forwarded, Head, Location, Mentions, Message, OutboxKind,
    ReplyTo, Role, Time,
};
use crate::ports::{
    Append, AppendOutcome, ChangeMessage, ChangeMessageOutcome, Consumers, MessageChange,
    NewMessage, OutboxQuery, SeenWords, Store,
};

/// All there is, with what has to be kept byte for byte.
fn extras() -> Extras {
    let degrees = |degrees| Degrees::new(degrees).expect("degrees");
    Extras {
        mentions: Mentions {
            users: vec![user("ben"), user("ünï \"x\"")],
            roles: vec![Role::Admin],
            everyone: true,
        },
        reply_to: Some(ReplyTo { id: message_id("a"), seq: 1 }),
        card: Some(Card { title: Some("語 \\ \u{1f6b2}".to_owned()), ..Card::default() }),
        location: Some(Location {
            lat: degrees(-0.000_000_1),
            lng: degrees(179.999_999_9),
            name: None,
            address: Some("line\nline".to_owned()),
        }),
        forwarded: Some(Forwarded { sender: user("語"), at: Time(1_760_000_000_000_000_001) }),
        format: Some(Format::Markdown),
    }
}

fn preview_of(head: &Head) -> Option<&str> {
    head.preview.as_ref().and_then(|preview| preview.text.as_deref())
}

/// What lists show of a text with marks is its words, after an edit too; one without a format is
/// shown as it is.
pub async fn previews_have_no_marks(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let marked = Extras { format: Some(Format::Markdown), ..Extras::default() };
    let plain = text_message(message_id("m"), Some("anna"), "**bold** `a*b`");
    let sent = NewMessage { extras: Some(Box::new(marked.clone())), ..plain };
    let appended = f.append(&room, hashed(sent)).await;
    assert_eq!(preview_of(&appended.head), Some("bold a*b"));
    let edit = |text: &str, extras: Extras| MessageChange::Edit {
        text: Some(text.to_owned()),
        custom: None,
        extras: Some(Box::new(extras)),
    };
    for (extras, words) in [(marked, "new words"), (Extras::default(), "new *words*")] {
        change(&f, &room, edit("new *words*", extras)).await;
        let facts = store.room_facts(&f.app, &room, None).await.expect("room_facts");
        assert_eq!(preview_of(&facts.expect("the room").room.head), Some(words));
        let heads = store.joined_rooms(&f.app, &user("ben")).await.expect("joined_rooms");
        assert_eq!(preview_of(&heads[0].1), Some(words));
    }
}

fn carrying(id: &str, extras: Extras) -> NewMessage {
    let plain = text_message(message_id(id), Some("anna"), "words");
    hashed(NewMessage { extras: Some(Box::new(extras)), ..plain })
}

async fn change(f: &Fixture<'_>, room: &RoomId, change: MessageChange) -> Message {
    match changed_from(f, room, None, change).await {
        ChangeMessageOutcome::Changed(changed) => changed.0,
        other => panic!("a change that nothing forbids gave {other:?}"),
    }
}

async fn changed_from(
    f: &Fixture<'_>,
    room: &RoomId,
    seen: Option<&Message>,
    change: MessageChange,
) -> ChangeMessageOutcome {
    let change = ChangeMessage {
        app: f.app.clone(),
        room: room.clone(),
        id: message_id("m"),
        guard: f.backend_guard(room).await,
        seen: seen.map(|seen| Box::new(SeenWords::of(seen))),
        change,
        by: None,
        now: f.now(),
    };
    f.store.change_message(change).await.expect("change_message")
}

/// They come back as they were put in, from every read; a repeat is told with them; a tombstone
/// has none, and a message without any has none.
pub async fn extras_are_part_of_a_message(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    f.send(&room, "anna", "plain").await;
    let sent = f.append(&room, carrying("m", extras())).await.message;
    assert_eq!(sent.extras.as_deref(), Some(&extras()));
    let history = f.history(&room).await;
    assert_eq!((&history[0].extras, &history[1]), (&None, &sent));
    let hit = store.message_by_key(&f.app, &room, &message_id("m")).await.expect("by key");
    assert_eq!(hit.expect("it is there").message, sent);
    let at = store.message_at(&f.app, sent.created_at).await.expect("message_at");
    assert_eq!(at.as_ref(), Some(&sent));
    let changes = store.room_changes(&f.app, &room, 0, 0, 9).await.expect("room_changes");
    let changed = changes.expect("the room").messages;
    assert_eq!(changed.last(), Some(&sent), "a sync tells them");
    let again = Append {
        app: f.app.clone(),
        room: room.clone(),
        guard: f.backend_guard(&room).await,
        message: carrying("m", extras()),
        now: f.now(),
    };
    let again = store.append_message(again).await.expect("append_message");
    assert_eq!(again, AppendOutcome::Duplicate(Box::new(sent)));
    let hidden = change(&f, &room, MessageChange::Hide(true)).await;
    assert_eq!(hidden.extras.as_deref(), Some(&extras()), "the engine hides what is hidden");
    let gone = change(&f, &room, MessageChange::Delete).await;
    assert_eq!((&gone.extras, gone.deleted_at.is_some()), (&None, true));
}

/// An edit that names them replaces them, one that does not leaves them; what was said before is
/// told with the extras of then.
pub async fn an_edit_gives_extras_whole(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let consumers = Consumers { webhook: false, paused: false, pull: true, endpoint: None, rev: 0 };
    store.put_consumers(&f.app, &consumers, 0).await.expect("put_consumers").expect("the first");
    let room = f.group("r", &["anna", "ben"]).await;
    f.append(&room, carrying("m", extras())).await;
    let edit = |text: &str, extras: Option<Extras>| MessageChange::Edit {
        text: Some(text.to_owned()),
        custom: None,
        extras: extras.map(Box::new),
    };
    let kept = change(&f, &room, edit("other words", None)).await;
    assert_eq!(kept.extras.as_deref(), Some(&extras()));
    let fewer = Extras { mentions: Mentions::default(), ..extras() };
    let edited = change(&f, &room, edit("other words", Some(fewer.clone()))).await;
    assert_eq!(edited.extras.as_deref(), Some(&fewer), "a change of extras alone is a change");
    let none = change(&f, &room, edit("words", Some(Extras::default()))).await;
    assert_eq!(none.extras, None);
    let query = OutboxQuery { after: Some(0), limit: 9, ..OutboxQuery::default() };
    let rows = store.outbox(&f.app, &query).await.expect("outbox");
    let told = rows
        .iter()
        .filter(|row| matches!(row.kind, OutboxKind::MessageNew | OutboxKind::MessageEdited));
    let told: Vec<_> = told.filter_map(|row| row.message.clone()).collect();
    let had: Vec<_> = told.iter().map(|message| message.extras.as_deref().cloned()).collect();
    assert_eq!(had, [Some(extras()), Some(extras()), Some(fewer), None]);
}

/// An edit that was worked out from other words is not made: it would undo what came between. The
/// words are looked at before whether there is anything to do. What else moves a message is nothing
/// to an edit: a message that many react to can be edited.
pub async fn an_edit_of_a_message_that_moved_is_told(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let sent = f.append(&room, carrying("m", extras())).await.message;
    let edit = |extras: Extras| MessageChange::Edit {
        text: None,
        custom: None,
        extras: Some(Box::new(extras)),
    };
    let card = Extras { card: Some(Card::default()), ..extras() };
    let seen = Some(&sent);
    let react = |on| MessageChange::React { user: user("ben"), key: "x".to_owned(), on };
    for moved in [react(true), MessageChange::Pin(true), react(false)] {
        assert!(change(&f, &room, moved).await.rev > sent.rev);
    }
    let first = changed_from(&f, &room, seen, edit(card)).await;
    let ChangeMessageOutcome::Changed(first) = first else { panic!("{first:?}") };
    for stale in [edit(Extras::default()), edit(extras())] {
        let late = changed_from(&f, &room, seen, stale).await;
        assert_eq!(late, ChangeMessageOutcome::GuardMoved);
    }
    assert_eq!(f.history(&room).await[0], first.0, "nothing was undone");
    change(&f, &room, MessageChange::Hide(true)).await;
    let hidden = changed_from(&f, &room, Some(&first.0), edit(extras())).await;
    assert_eq!(hidden, ChangeMessageOutcome::GuardMoved, "out of sight meanwhile");
    change(&f, &room, MessageChange::Hide(false)).await;
    let again = changed_from(&f, &room, Some(&first.0), edit(extras())).await;
    assert!(matches!(again, ChangeMessageOutcome::Changed(_)), "{again:?}");
}
