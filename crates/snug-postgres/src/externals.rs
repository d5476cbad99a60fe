//! Messages of bridged apps, by the ids under which customers' backends keep them.

use snug_core::ids::{AppId, MessageId, RoomId};
use snug_core::ports::Append;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::append::Loaded;
use crate::messages::{place, room_of};
use crate::pool::{Fail, Tx};
use crate::rows::Cells;

/// The backend's ids that are taken, asked only for messages that bring one.
const TAKEN: &str = "SELECT i.n, i.external
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS i(app, room, external, n)
    JOIN rooms r ON r.app = i.app AND r.id = i.room
    WHERE EXISTS (SELECT FROM messages g WHERE g.app = i.app AND g.room = i.room
      AND g.external = i.external AND g.seq >= r.min_seq)";
const EXTERNALS: &str = "SELECT g.external, g.id FROM messages g
    JOIN rooms r ON r.app = g.app AND r.id = g.room
    WHERE g.app = $1 AND g.room = $2 AND g.external = ANY($3::text[]) AND g.seq >= r.min_seq
      AND r.deleted_at IS NULL";

/// Read behind the lock, like the keys; most batches have none.
pub(crate) async fn add(tx: &Tx, loaded: &mut Loaded, batch: &[&Append]) -> Result<(), Fail> {
    let bridged: Vec<(&Append, &str)> = batch
        .iter()
        .filter_map(|append| Some((*append, append.message.external.as_deref()?)))
        .collect();
    if bridged.is_empty() {
        return Ok(());
    }
    let apps: Vec<&str> = bridged.iter().map(|(append, _)| append.app.as_str()).collect();
    let rooms: Vec<&str> = bridged.iter().map(|(append, _)| append.room.as_str()).collect();
    let externals: Vec<&str> = bridged.iter().map(|(_, external)| *external).collect();
    let taken = tx.prepare_cached(TAKEN).await?;
    for row in tx.query(&taken, &[&apps, &rooms, &externals]).await? {
        let mut cells = Cells::of(&row);
        let (append, _) = bridged[place(&mut cells)?];
        let external = cells.next()?;
        if let Some(room) = room_of(loaded, append) {
            room.add_external(external);
        }
    }
    Ok(())
}

/// Which of these are there, each with its message.
pub(crate) async fn known(
    store: &PostgresStore,
    app: &AppId,
    room: &RoomId,
    externals: &[String],
) -> Result<Vec<(String, MessageId)>, Fail> {
    let client = store.reads.get().await?;
    let known = client.prepare_cached(EXTERNALS).await?;
    let found = client.query(&known, &[&app.as_str(), &room.as_str(), &externals]).await?;
    let read = |row: &Row| {
        let mut cells = Cells::of(row);
        Ok((cells.next()?, MessageId::from_stored(cells.next()?)))
    };
    found.iter().map(read).collect()
}
