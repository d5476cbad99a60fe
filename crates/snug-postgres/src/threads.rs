//! Threads: the summary that a reply's commit writes, who follows, the own cursor, and pages.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{Message, Thread, ThreadMine, ThreadSummary};
use snug_core::ports::{Append, HistoryQuery, StoreResult, ThreadStore, ThreadsQuery};
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::append::Loaded;
use crate::messages::{place, room_of};
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, message_columns, rows};

const SUMMARIES: &str = "SELECT i.n, t.replies, t.last_seq, t.last_at, t.participants, t.rev
    FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS i(app, room, root, n)
    JOIN threads t ON t.app = i.app AND t.room = i.room AND t.root = i.root";
const SAVE: &str = "INSERT INTO threads (app, room, root, replies, last_seq, last_at,
      participants, rev)
    SELECT app, room, root, replies, last_seq, last_at, participants, rev
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::text[], $8::bigint[])
    AS i(app, room, root, replies, last_seq, last_at, participants, rev)
    ON CONFLICT (app, room, root) DO UPDATE SET replies = excluded.replies,
      last_seq = excluded.last_seq, last_at = excluded.last_at,
      participants = excluded.participants, rev = excluded.rev";
const ROOTS: &str = "UPDATE messages g SET threaded = true
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS i(app, room, root)
    WHERE g.app = i.app AND g.room = i.room AND g.seq = i.root AND NOT g.threaded";
const FOLLOW: &str = "INSERT INTO thread_users AS u (app, room, user_id, root, following, read_seq)
    SELECT i.app, i.room, i.user_id, i.root, true, 0
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS i(app, room, user_id, root)
    JOIN members m ON m.app = i.app AND m.room = i.room AND m.user_id = i.user_id
      AND m.state = 'active'
    ON CONFLICT (app, room, user_id, root) DO UPDATE SET following = true WHERE NOT u.following";
/// A reply that went out of sight or came back.
const CHANGE: &str = "WITH newest AS (SELECT g.seq, g.created_at FROM messages g
      WHERE g.app = $1 AND g.room = $2 AND g.thread = $3 AND g.deleted_at IS NULL
        AND g.hidden_at IS NULL ORDER BY g.seq DESC LIMIT 1)
    UPDATE threads t SET replies = greatest(t.replies + $4::bigint, 0), rev = $5,
      last_seq = coalesce((SELECT n.seq FROM newest n), t.last_seq),
      last_at = coalesce((SELECT n.created_at FROM newest n), t.last_at)
    WHERE t.app = $1 AND t.room = $2 AND t.root = $3
    RETURNING t.replies, t.last_seq, t.last_at, t.participants, t.rev";
const FORGET: &str =
    "DELETE FROM thread_users WHERE app = $1 AND room = $2 AND user_id = ANY($3::text[])";
macro_rules! replies {
    ($order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages g WHERE g.app = $1 AND g.room = $2 AND g.thread = $3
                AND g.seq >= (SELECT r.min_seq FROM rooms r
                  WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL)
                AND g.seq > $4 AND g.seq < $5 ORDER BY g.seq ",
            $order,
            " LIMIT $6"
        )
    };
}
// They stand in a statement's text.
const _: () = assert!(limits::THREAD_UNREAD_LOOKED_MAX == 1_000);
const _: () = assert!(limits::THREAD_UNREAD_COUNTED_MAX == 100);

/// How a thread stands for the user of `u`, who may have no row there. What was said before joining
/// is not unread, and for who is out nothing is.
macro_rules! mine_columns {
    ($app:literal, $room:literal, $root:literal, $user:literal) => {
        concat!(
            "coalesce(u.following, false), coalesce(u.read_seq, 0),
             (SELECT count(*) FROM (SELECT FROM (SELECT x.deleted_at, x.hidden_at, x.kind, x.silent,
               x.sender, x.created_at FROM messages x WHERE x.app = ",
            $app,
            " AND x.room = ",
            $room,
            " AND x.thread = ",
            $root,
            " AND x.seq > coalesce(u.read_seq, 0) ORDER BY x.seq DESC LIMIT 1000) w
               WHERE w.deleted_at IS NULL AND w.hidden_at IS NULL AND w.kind <> 'system'
               AND NOT w.silent AND w.sender IS DISTINCT FROM ",
            $user,
            " AND w.created_at >= (SELECT a.joined_at FROM members a WHERE a.app = ",
            $app,
            " AND a.room = ",
            $room,
            " AND a.user_id = ",
            $user,
            " AND a.state = 'active') LIMIT 100) y)"
        )
    };
}
const MINE: &str = concat!(
    "SELECT ",
    mine_columns!("$1", "$2", "$3", "$4"),
    " FROM rooms r LEFT JOIN thread_users u
        ON u.app = $1 AND u.room = $2 AND u.user_id = $4 AND u.root = $3
      WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL AND r.min_seq <= $3"
);
const LIST: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", ",
    mine_columns!("g.app", "g.room", "g.seq", "$6::text"),
    " FROM threads t JOIN rooms r ON r.app = t.app AND r.id = t.room
      JOIN messages g ON g.app = t.app AND g.room = t.room AND g.seq = t.root
      LEFT JOIN thread_users u ON u.app = t.app AND u.room = t.room AND u.user_id = $6
        AND u.root = t.root
      WHERE t.app = $1 AND t.room = $2 AND t.last_seq < $3 AND t.last_seq > $4 AND t.root > $4
        AND t.root >= r.min_seq AND r.deleted_at IS NULL AND t.replies > 0
      ORDER BY t.last_seq DESC LIMIT $5"
);
/// Line 9: a cursor never goes back.
const READ: &str = "INSERT INTO thread_users AS u (app, room, user_id, root, following, read_seq)
    SELECT m.app, m.room, m.user_id, $4, false, least($5, r.seq)
    FROM rooms r JOIN members m ON m.app = r.app AND m.room = r.id AND m.user_id = $3
    WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL AND m.state = 'active'
    ON CONFLICT (app, room, user_id, root)
      DO UPDATE SET read_seq = greatest(u.read_seq, excluded.read_seq)";

/// Read behind the lock, like the keys; most batches have none.
pub(crate) async fn add(tx: &Tx, loaded: &mut Loaded, batch: &[&Append]) -> Result<(), Fail> {
    let replies: Vec<(&Append, u64)> = batch
        .iter()
        .filter_map(|append| Some((*append, append.message.thread.as_ref()?.root.seq)))
        .collect();
    if replies.is_empty() {
        return Ok(());
    }
    let apps: Vec<&str> = replies.iter().map(|(append, _)| append.app.as_str()).collect();
    let rooms: Vec<&str> = replies.iter().map(|(append, _)| append.room.as_str()).collect();
    let roots: Vec<i64> = replies.iter().map(|(_, root)| big(*root)).collect();
    let summaries = tx.prepare_cached(SUMMARIES).await?;
    for row in tx.query(&summaries, &[&apps, &rooms, &roots]).await? {
        let mut cells = Cells::of(&row);
        let (append, root) = replies[place(&mut cells)?];
        let summary = cells.thread_summary()?;
        if let Some(room) = room_of(loaded, append) {
            room.add_thread(root, summary);
        }
    }
    Ok(())
}

/// What a batch's replies make of their threads, with the statements ready, so that they can travel
/// with the others.
pub(crate) struct New<'a> {
    statements: [Statement; 3],
    /// As the last reply of each left it.
    threads: BTreeMap<(&'a str, &'a str, u64), &'a ThreadSummary>,
    followers: BTreeSet<(&'a str, &'a str, &'a str, u64)>,
}

pub(crate) async fn of_batch<'a>(tx: &Tx, loaded: &'a Loaded) -> Result<Option<New<'a>>, Fail> {
    let (mut threads, mut followers) = (BTreeMap::new(), BTreeSet::new());
    for ((app, id), room) in &loaded.rooms {
        let (app, id) = (app.as_str(), id.as_str());
        for stored in &room.stored {
            let Message { thread: Some(at), thread_summary: Some(summary), .. } = &stored.message
            else {
                continue;
            };
            threads.insert((app, id, at.seq), summary.as_ref());
            let users = stored.followers.iter();
            followers.extend(users.map(|user| (app, id, user.as_str(), at.seq)));
        }
    }
    if threads.is_empty() {
        return Ok(None);
    }
    let statements = [
        tx.prepare_cached(SAVE).await?,
        tx.prepare_cached(ROOTS).await?,
        tx.prepare_cached(FOLLOW).await?,
    ];
    Ok(Some(New { statements, threads, followers }))
}

pub(crate) async fn write(tx: &Tx, new: Option<&New<'_>>) -> Result<(), Fail> {
    let Some(New { statements: [save, roots_of, follow], threads, followers }) = new else {
        return Ok(());
    };
    let apps: Vec<&str> = threads.keys().map(|key| key.0).collect();
    let rooms: Vec<&str> = threads.keys().map(|key| key.1).collect();
    let roots: Vec<i64> = threads.keys().map(|key| big(key.2)).collect();
    let column = |of: fn(&ThreadSummary) -> i64| -> Vec<i64> {
        threads.values().map(|summary| of(summary)).collect()
    };
    let replies = column(|summary| big(summary.replies));
    let seqs = column(|summary| big(summary.last_seq));
    let times = column(|summary| summary.last_at.0);
    let revs = column(|summary| big(summary.rev));
    // A list of strings can always be written.
    let users: Vec<String> = threads
        .values()
        .map(|summary| serde_json::to_string(&summary.participants).unwrap_or_default())
        .collect();
    let values: [&(dyn ToSql + Sync); 8] =
        [&apps, &rooms, &roots, &replies, &seqs, &times, &users, &revs];
    let of_apps: Vec<&str> = followers.iter().map(|one| one.0).collect();
    let of_rooms: Vec<&str> = followers.iter().map(|one| one.1).collect();
    let of_users: Vec<&str> = followers.iter().map(|one| one.2).collect();
    let of_roots: Vec<i64> = followers.iter().map(|one| big(one.3)).collect();
    let who: [&(dyn ToSql + Sync); 4] = [&of_apps, &of_rooms, &of_users, &of_roots];
    tokio::try_join!(
        async { tx.execute(save, &values).await },
        async { tx.execute(roots_of, &[&apps, &rooms, &roots]).await },
        async { tx.execute(follow, &who).await },
    )?;
    Ok(())
}

/// Brings the thread's summary to what a reply is now, in sight or not, and gives it to it.
pub(crate) async fn follow(
    tx: &Tx,
    (app, rev): (&AppId, i64),
    old: &Message,
    now: &mut Message,
) -> Result<(), Fail> {
    let Some(at) = now.thread.as_ref().filter(|_| old.is_gone() != now.is_gone()) else {
        return Ok(());
    };
    let change = tx.prepare_cached(CHANGE).await?;
    let by = if old.is_gone() { 1_i64 } else { -1 };
    let values: [&(dyn ToSql + Sync); 5] =
        [&app.as_str(), &now.room.as_str(), &big(at.seq), &by, &rev];
    let row = tx.query_opt(&change, &values).await?;
    now.thread_summary = row.map(|row| Cells::of(&row).thread_summary()).transpose()?.map(Box::new);
    Ok(())
}

/// Who is out follows nothing any more.
pub(crate) async fn forget(tx: &Tx, app: &str, room: &str, users: &[&str]) -> Result<(), Fail> {
    let forget = tx.prepare_cached(FORGET).await?;
    tx.execute(&forget, &[&app, &room, &users]).await?;
    Ok(())
}

impl PostgresStore {
    async fn replies_once(
        &self,
        (app, room): (&AppId, &RoomId),
        root: u64,
        query: &HistoryQuery,
    ) -> Result<Vec<Message>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let ascending = query.after.is_some();
        let page = if ascending { replies!("ASC") } else { replies!("DESC") };
        let page = client.prepare_cached(page).await?;
        let above = big(query.above.max(query.after.unwrap_or(0)));
        let below = query.before.map_or(i64::MAX, big);
        let (root, limit) = (big(root), rows(query.limit, 0));
        let values: [&(dyn ToSql + Sync); 6] =
            [&app.as_str(), &room.as_str(), &root, &above, &below, &limit];
        let found = client.query(&page, &values).await?;
        let mut messages =
            found.iter().map(|row| Cells::of(row).message()).collect::<Result<Vec<_>, _>>()?;
        if !ascending {
            messages.reverse();
        }
        Ok(messages)
    }

    async fn threads_once(
        &self,
        (app, room): (&AppId, &RoomId),
        query: &ThreadsQuery,
    ) -> Result<Vec<Thread>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let list = client.prepare_cached(LIST).await?;
        let (below, above) = (query.before.map_or(i64::MAX, big), big(query.above));
        let limit = rows(query.limit, 0);
        let user = query.user.as_ref().map(UserId::as_str);
        let values: [&(dyn ToSql + Sync); 6] =
            [&app.as_str(), &room.as_str(), &below, &above, &limit, &user];
        let found = client.query(&list, &values).await?;
        let read = |row| {
            let mut cells = Cells::of(row);
            let (root, mine) = (cells.message()?, cells.thread_mine()?);
            let mine = if user.is_some() { mine } else { ThreadMine::default() };
            Ok(Thread { root, mine })
        };
        found.iter().map(read).collect()
    }

    async fn mine_once(
        &self,
        (app, room): (&AppId, &RoomId),
        root: u64,
        user: &UserId,
    ) -> Result<ThreadMine, Fail> {
        let client = self.reads.get().await?;
        let mine = client.prepare_cached(MINE).await?;
        let values: [&(dyn ToSql + Sync); 4] =
            [&app.as_str(), &room.as_str(), &big(root), &user.as_str()];
        let row = client.query_opt(&mine, &values).await?;
        row.map_or(Ok(ThreadMine::default()), |row| Cells::of(&row).thread_mine())
    }

    async fn read_thread_once(
        &self,
        (app, room): (&AppId, &RoomId),
        root: u64,
        (user, seq): (&UserId, u64),
    ) -> Result<bool, Fail> {
        let client = self.reads.get().await?;
        let read = client.prepare_cached(READ).await?;
        let values: [&(dyn ToSql + Sync); 5] =
            [&app.as_str(), &room.as_str(), &user.as_str(), &big(root), &big(seq)];
        Ok(client.execute(&read, &values).await? > 0)
    }
}

#[async_trait]
impl ThreadStore for PostgresStore {
    async fn thread_replies(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>> {
        Ok(bounded(|| self.replies_once((app, room), root, query)).await?)
    }

    async fn threads(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &ThreadsQuery,
    ) -> StoreResult<Vec<Thread>> {
        Ok(bounded(|| self.threads_once((app, room), query)).await?)
    }

    async fn thread_mine(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
    ) -> StoreResult<ThreadMine> {
        Ok(bounded(|| self.mine_once((app, room), root, user)).await?)
    }

    async fn read_thread(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
        seq: u64,
    ) -> StoreResult<Option<ThreadMine>> {
        if !bounded(|| self.read_thread_once((app, room), root, (user, seq))).await? {
            return Ok(None);
        }
        Ok(Some(bounded(|| self.mine_once((app, room), root, user)).await?))
    }
}
