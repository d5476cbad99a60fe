//! A member's own settings of a room.

use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Head, Membership, Mute, OwnPatch};
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::pool::{Fail, Tx};
use crate::rows::{Cells, big, db_time, head_columns, membership_columns};

/// Shared: settings of several members move side by side, but no append comes between the
/// counting number that is written and the commit.
const LOCK_ROOM: &str = concat!(
    "SELECT ",
    head_columns!("r"),
    " FROM rooms r WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL FOR SHARE"
);
const LOCK: &str = "SELECT m.pinned, m.muted_until, m.hidden_count, m.folder, m.settings_rev
    FROM members m WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3 AND m.state = 'active'
    FOR UPDATE";
const SET: &str = concat!(
    "UPDATE members m SET pinned = $4, muted_until = $5, hidden_count = $6, folder = $7,
       settings_rev = $8, changed_at = ",
    db_time!(),
    " WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3"
);
/// Not the statement that takes the lock: its snapshot would be older than its wait.
const MINE: &str = concat!(
    "SELECT ",
    membership_columns!(),
    " FROM members m WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3"
);

pub(crate) async fn set_once(
    store: &PostgresStore,
    (app, room, user): (&AppId, &RoomId, &UserId),
    patch: &OwnPatch,
) -> Result<Option<(Membership, Head, bool)>, Fail> {
    let tx = Tx::begin(store.reads.get().await?);
    let lock_room = tx.prepare_cached(LOCK_ROOM).await?;
    let lock = tx.prepare_cached(LOCK).await?;
    let (app, room, user) = (app.as_str(), room.as_str(), user.as_str());
    let (head, own) =
        tokio::try_join!(async { tx.query_opt(&lock_room, &[&app, &room]).await }, async {
            tx.query_opt(&lock, &[&app, &room, &user]).await
        },)?;
    let (Some(head), Some(own)) = (head, own) else {
        tx.rollback().await?;
        return Ok(None);
    };
    let (head, mut own) = (Cells::of(&head).head()?, Cells::of(&own).own()?);
    let changed = own.apply(patch, head.count);
    if changed {
        let set = tx.prepare_cached(SET).await?;
        let (muted, hidden) = (own.muted.map(Mute::stored), own.hidden_count.map(big));
        let rev = big(own.rev);
        let to: [&(dyn ToSql + Sync); 8] =
            [&app, &room, &user, &own.pinned, &muted, &hidden, &own.folder, &rev];
        tx.execute(&set, &to).await?;
    }
    let mine = tx.prepare_cached(MINE).await?;
    let row = tx.query_one(&mine, &[&app, &room, &user]).await?;
    let mine = Cells::of(&row).membership()?;
    tx.commit().await?;
    Ok(Some((mine, head, changed)))
}
