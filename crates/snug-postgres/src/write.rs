//! What an append writes, once it is decided: the statements of a batch, in one flight.

use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{CustomJson, Extras, Membership, Message};
use tokio_postgres::Statement;

use crate::append::{Loaded, Stored};
use crate::pool::{Fail, Tx};
use crate::rows::big;
use crate::{mentions, outbox, threads};

/// Frees ids that messages of before a deletion hold: nobody can see those any more.
const FREE_IDS: &str = "DELETE FROM messages g
    USING unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS i(app, room, id, min_seq)
    WHERE g.app = i.app AND g.room = i.room AND g.id = i.id AND g.seq < i.min_seq";
const INSERT: &str = "INSERT INTO messages (app, room, seq, id, rev, first_rev, sender, kind, text,
      custom, silent, counted, own_no, behind, hash, created_at, external, extras, thread,
      thread_id)
    SELECT app, room, seq, id, rev, rev, sender, kind, text, custom, silent, counted, own_no,
      behind, hash, created_at, external, extras, thread, thread_id
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[],
      $7::text[], $8::text[], $9::text[], $10::boolean[], $11::bigint[], $12::bigint[],
      $13::boolean[], $14::bytea[], $15::bigint[], $16::text[], $17::text[], $18::bigint[],
      $19::text[])
    AS i(app, room, seq, id, rev, sender, kind, text, custom, silent, counted, own_no, behind,
      hash, created_at, external, extras, thread, thread_id)";
const HEADS: &str = "UPDATE rooms r SET seq = i.seq, rev = i.rev, counted = i.counted,
      activity_at = i.activity_at, last_time = i.last_time, changed_at = $13,
      preview_seq = i.preview_seq, preview_sender = i.sender, preview_kind = i.kind,
      preview_text = i.text, preview_at = i.preview_at
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::bigint[])
    AS i(app, room, seq, rev, counted, activity_at, last_time, preview_seq, sender, kind, text,
      preview_at)
    WHERE r.app = i.app AND r.id = i.room";
const CURSORS: &str = "UPDATE members m SET read_seq = i.read_seq, read_count = i.read_count,
      read_rev = i.read_rev, own_count = i.own_count, read_own = i.read_own, changed_at = $9
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::bigint[], $8::bigint[])
    AS i(app, room, user_id, read_seq, read_count, read_rev, own_count, read_own)
    WHERE m.app = i.app AND m.room = i.room AND m.user_id = i.user_id";

/// Writes what was decided; with `commit` the commit goes out in the same flight.
///
/// The statements are prepared first: from there on nothing waits before it sends, so they reach
/// the database in the order in which they stand here, the commit last.
pub(crate) async fn write(tx: &Tx, loaded: &Loaded, commit: bool) -> Result<(), Fail> {
    let finish = async {
        if commit {
            tx.batch_execute("COMMIT").await?;
        }
        Ok::<(), Fail>(())
    };
    if loaded.rooms.values().all(|room| room.stored.is_empty()) {
        return finish.await;
    }
    free_ids(tx, loaded).await?;
    let insert = tx.prepare_cached(INSERT).await?;
    let heads = tx.prepare_cached(HEADS).await?;
    let cursors = tx.prepare_cached(CURSORS).await?;
    let note = if outbox::is_heard(loaded) {
        Some(tx.prepare_cached(outbox::NOTE_MESSAGES).await?)
    } else {
        None
    };
    if !loaded.strangers.is_empty() {
        let users = loaded.strangers.iter().map(|(app, user)| (app, user));
        crate::users::make_bare(tx, users, loaded.stamp).await?;
    }
    let mentions = mentions::of_batch(tx, loaded).await?;
    let threads = threads::of_batch(tx, loaded).await?;
    tokio::try_join!(
        insert_messages(tx, &insert, loaded),
        mentions::insert(tx, mentions.as_ref()),
        threads::write(tx, threads.as_ref()),
        update_heads(tx, &heads, loaded),
        update_cursors(tx, &cursors, loaded),
        outbox::note_messages(tx, note.as_ref(), loaded),
        finish,
    )?;
    Ok(())
}

/// Only rooms that were made anew have ids to free; others cost nothing.
async fn free_ids(tx: &Tx, loaded: &Loaded) -> Result<(), Fail> {
    let anew = || {
        let rooms = loaded.rooms.iter().filter(|(_, room)| room.min_seq > 1);
        rooms.flat_map(|((app, _), room)| {
            room.stored.iter().map(move |stored| (app, room.min_seq, &stored.message))
        })
    };
    if anew().next().is_none() {
        return Ok(());
    }
    let apps: Vec<&str> = anew().map(|(app, _, _)| app.as_str()).collect();
    let rooms: Vec<&str> = anew().map(|(_, _, message)| message.room.as_str()).collect();
    let ids: Vec<&str> = anew().map(|(_, _, message)| message.id.as_str()).collect();
    let bounds: Vec<i64> = anew().map(|(_, min_seq, _)| big(min_seq)).collect();
    let free = tx.prepare_cached(FREE_IDS).await?;
    tx.execute(&free, &[&apps, &rooms, &ids, &bounds]).await?;
    Ok(())
}

async fn insert_messages(tx: &Tx, insert: &Statement, loaded: &Loaded) -> Result<(), Fail> {
    let stored: Vec<(&AppId, &Stored)> = loaded
        .rooms
        .iter()
        .flat_map(|((app, _), room)| room.stored.iter().map(move |s| (app, s)))
        .collect();
    fn column<'a, T>(stored: &[(&'a AppId, &'a Stored)], of: impl Fn(&'a Message) -> T) -> Vec<T> {
        stored.iter().map(|(_, s)| of(&s.message)).collect()
    }
    let apps: Vec<&str> = stored.iter().map(|(app, _)| app.as_str()).collect();
    let rooms = column(&stored, |m| m.room.as_str());
    let seqs = column(&stored, |m| big(m.seq));
    let ids = column(&stored, |m| m.id.as_str());
    let revs = column(&stored, |m| big(m.rev));
    let senders = column(&stored, |m| m.sender.as_ref().map(UserId::as_str));
    let kinds = column(&stored, |m| m.kind.as_str());
    let texts = column(&stored, |m| m.text.as_deref());
    let customs = column(&stored, |m| m.custom.as_ref().map(CustomJson::as_str));
    let silents = column(&stored, |m| m.silent);
    let counts = column(&stored, |m| big(m.count));
    let own_nos: Vec<i64> = stored.iter().map(|(_, s)| big(s.own_no)).collect();
    let behinds: Vec<bool> = stored.iter().map(|(_, s)| s.behind).collect();
    let hashes: Vec<&[u8]> = stored.iter().map(|(_, s)| s.hash.0.as_slice()).collect();
    let times = column(&stored, |m| m.created_at.0);
    let externals = column(&stored, |m| m.external.as_deref());
    let extras = column(&stored, |m| m.extras.as_deref().and_then(Extras::stored));
    let threads = column(&stored, |m| m.thread.as_ref().map(|at| big(at.seq)));
    let thread_ids = column(&stored, |m| m.thread.as_ref().map(|at| at.id.as_str()));
    tx.execute(
        insert,
        &[
            &apps,
            &rooms,
            &seqs,
            &ids,
            &revs,
            &senders,
            &kinds,
            &texts,
            &customs,
            &silents,
            &counts,
            &own_nos,
            &behinds,
            &hashes,
            &times,
            &externals,
            &extras,
            &threads,
            &thread_ids,
        ],
    )
    .await?;
    Ok(())
}

async fn update_heads(tx: &Tx, update: &Statement, loaded: &Loaded) -> Result<(), Fail> {
    let changed = || loaded.rooms.iter().filter(|(_, room)| !room.stored.is_empty());
    let heads = || changed().map(|(_, room)| &room.head);
    let previews = || heads().map(|head| head.preview.as_ref());
    let apps: Vec<&str> = changed().map(|((app, _), _)| app.as_str()).collect();
    let rooms: Vec<&str> = changed().map(|((_, room), _)| room.as_str()).collect();
    let seqs: Vec<i64> = heads().map(|head| big(head.seq)).collect();
    let revs: Vec<i64> = heads().map(|head| big(head.rev)).collect();
    let counts: Vec<i64> = heads().map(|head| big(head.count)).collect();
    let activity: Vec<i64> = heads().map(|head| head.activity_at.0).collect();
    let last: Vec<i64> = changed().map(|(_, room)| room.last_time.0).collect();
    let preview_seqs: Vec<Option<i64>> = previews().map(|p| p.map(|p| big(p.seq))).collect();
    let senders: Vec<Option<&str>> =
        previews().map(|p| p?.sender.as_ref().map(UserId::as_str)).collect();
    let kinds: Vec<Option<&str>> = previews().map(|p| p.map(|p| p.kind.as_str())).collect();
    let texts: Vec<Option<&str>> = previews().map(|p| p?.text.as_deref()).collect();
    let preview_times: Vec<Option<i64>> = previews().map(|p| p.map(|p| p.created_at.0)).collect();
    tx.execute(
        update,
        &[
            &apps,
            &rooms,
            &seqs,
            &revs,
            &counts,
            &activity,
            &last,
            &preview_seqs,
            &senders,
            &kinds,
            &texts,
            &preview_times,
            &loaded.stamp.0,
        ],
    )
    .await?;
    Ok(())
}

async fn update_cursors(tx: &Tx, update: &Statement, loaded: &Loaded) -> Result<(), Fail> {
    let touched: Vec<(&AppId, &RoomId, &Membership)> = loaded
        .rooms
        .iter()
        .flat_map(|((app, id), room)| room.touched().map(move |mine| (app, id, mine)))
        .collect();
    let column = |of: fn(&Membership) -> u64| -> Vec<i64> {
        touched.iter().map(|(_, _, mine)| big(of(mine))).collect()
    };
    let apps: Vec<&str> = touched.iter().map(|(app, _, _)| app.as_str()).collect();
    let rooms: Vec<&str> = touched.iter().map(|(_, room, _)| room.as_str()).collect();
    let users: Vec<&str> = touched.iter().map(|(_, _, m)| m.user.as_str()).collect();
    tx.execute(
        update,
        &[
            &apps,
            &rooms,
            &users,
            &column(|m| m.read_seq),
            &column(|m| m.read_count),
            &column(|m| m.read_rev),
            &column(|m| m.own_count),
            &column(|m| m.read_own),
            &loaded.stamp.0,
        ],
    )
    .await?;
    Ok(())
}
