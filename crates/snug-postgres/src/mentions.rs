//! Whom messages mention, beside the messages: unread mentions are counted without reading any.
//! The count itself is a column of a membership (`rows::mentions_after!`).

use futures_util::future::try_join_all;
use snug_core::ids::{AppId, UserId};
use snug_core::model::Message;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::append::Loaded;
use crate::pool::{Fail, Tx};
use crate::rows::big;

const INSERT: &str = "INSERT INTO mentions (app, room, target, seq, sender)
    SELECT app, room, target, seq, sender
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
    AS i(app, room, target, seq, sender)
    ON CONFLICT DO NOTHING";
const REMOVE: &str = "DELETE FROM mentions
    WHERE app = $1 AND room = $2 AND target = $3 AND seq = $4";

/// A row to be.
struct Entry<'a> {
    app: &'a str,
    message: &'a Message,
    target: String,
}

/// Those of a batch; most batches have none, and cost nothing.
pub(crate) struct New<'a> {
    insert: Statement,
    entries: Vec<Entry<'a>>,
}

/// What a batch's messages add, with its statement ready, so that it can travel with the others.
pub(crate) async fn of_batch<'a>(tx: &Tx, loaded: &'a Loaded) -> Result<Option<New<'a>>, Fail> {
    let mut entries = Vec::new();
    for ((app, _), room) in &loaded.rooms {
        for stored in &room.stored {
            entries.extend(entries_of(app, &stored.message));
        }
    }
    if entries.is_empty() {
        return Ok(None);
    }
    Ok(Some(New { insert: tx.prepare_cached(INSERT).await?, entries }))
}

fn entries_of<'a>(app: &'a AppId, message: &'a Message) -> impl Iterator<Item = Entry<'a>> {
    let targets = message.mention_targets().into_iter();
    targets.map(move |target| Entry { app: app.as_str(), message, target })
}

pub(crate) async fn insert(tx: &Tx, new: Option<&New<'_>>) -> Result<(), Fail> {
    let Some(New { insert, entries }) = new else {
        return Ok(());
    };
    let apps: Vec<&str> = entries.iter().map(|entry| entry.app).collect();
    let rooms: Vec<&str> = entries.iter().map(|entry| entry.message.room.as_str()).collect();
    let targets: Vec<&str> = entries.iter().map(|entry| entry.target.as_str()).collect();
    let seqs: Vec<i64> = entries.iter().map(|entry| big(entry.message.seq)).collect();
    let senders: Vec<Option<&str>> =
        entries.iter().map(|entry| entry.message.sender.as_ref().map(UserId::as_str)).collect();
    tx.execute(insert, &[&apps, &rooms, &targets, &seqs, &senders]).await?;
    Ok(())
}

/// Brings the index from a message as it was to what it is now.
pub(crate) async fn follow(
    tx: &Tx,
    app: &AppId,
    (old, now): (&Message, &Message),
) -> Result<(), Fail> {
    let (had, has) = (old.mention_targets(), now.mention_targets());
    if !had.is_subset(&has) {
        let remove = &tx.prepare_cached(REMOVE).await?;
        // In one flight.
        let all = had.difference(&has).map(|target| async move {
            let key: [&(dyn ToSql + Sync); 4] =
                [&app.as_str(), &now.room.as_str(), target, &big(now.seq)];
            tx.execute(remove, &key).await
        });
        try_join_all(all).await?;
    }
    let entries: Vec<Entry<'_>> =
        entries_of(app, now).filter(|entry| !had.contains(&entry.target)).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let new = New { insert: tx.prepare_cached(INSERT).await?, entries };
    insert(tx, Some(&new)).await
}
