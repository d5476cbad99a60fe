//! Rooms: made, changed, deleted. Whoever changes a room locks its row first, then memberships.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{
    CustomJson, Head, Member, MemberState, Membership, OwnPatch, Role, Room, RoomKind, RoomPatch,
    Time,
};
use snug_core::ports::{
    Append, AppendOutcome, ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, CreatedRoom,
    Guard, NewRoom, OutboxEntry, RoomFacts, RoomStore, StoreResult, UpdateRoomOutcome,
};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::members::{self, Joining};
use crate::messages::append_within;
use crate::outbox::note;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, db_time, head_columns, membership_columns, room_columns, rows};
use crate::{own, users};

const INSERT: &str = concat!(
    "INSERT INTO rooms AS r (app, id, kind, direct_low, direct_high, direct_context, name, avatar,
       description, custom, creator, frozen, created_at, changed_at, epoch, min_seq, min_rev,
       policy_rev, member_count, seq, rev, members_rev, room_rev, counted, activity_at, last_time,
       tags, policy)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, false, $12, ",
    db_time!(),
    ", $13, 1, 1, 1, $14, 0, 1, 0, 1, 0, $12, 0, $15, $16)
     ON CONFLICT (app, id) DO NOTHING RETURNING ",
    room_columns!()
);
/// Makes a deleted room anew on its counters; `last_time` goes on too.
const REVIVE: &str = concat!(
    "UPDATE rooms r SET kind = $3, direct_low = $4, direct_high = $5, direct_context = $6,
       name = $7, avatar = $8, description = $9, custom = $10, creator = $11, frozen = false,
       archived = false, tags = $15, policy = $16, created_at = $12, changed_at = ",
    db_time!(),
    ", deleted_at = NULL, epoch = $13, min_seq = r.seq + 1, min_rev = r.rev + 1,
       policy_rev = r.policy_rev + 1, member_count = $14, rev = r.rev + 1,
       room_rev = r.rev + 1, activity_at = $12,
       preview_seq = NULL, preview_sender = NULL, preview_kind = NULL, preview_text = NULL,
       preview_at = NULL
     WHERE r.app = $1 AND r.id = $2 RETURNING ",
    room_columns!()
);
const LOCK: &str =
    concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.app = $1 AND r.id = $2 FOR UPDATE");
const FACTS: &str = concat!(
    "SELECT u.deactivated_at IS NOT NULL, ",
    room_columns!(),
    ", ",
    membership_columns!(),
    " FROM rooms r
      LEFT JOIN members m ON m.app = r.app AND m.room = r.id AND m.user_id = $3
      LEFT JOIN users u ON u.app = r.app AND u.id = $3
      WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL"
);
/// Writes a room that was changed in memory under its lock. A policy that was not said stays as it
/// is, with what only a later release can read of it.
const UPDATE: &str = concat!(
    "UPDATE rooms r SET name = $3, avatar = $4, description = $5, custom = $6, tags = $7,
       frozen = $8, archived = $9, policy = CASE WHEN $12::boolean THEN $11 ELSE r.policy END,
       policy_rev = r.policy_rev + ($10::boolean)::integer,
       rev = r.rev + 1, room_rev = r.rev + 1, changed_at = ",
    db_time!(),
    " WHERE r.app = $1 AND r.id = $2 RETURNING ",
    room_columns!()
);
/// Also of what a node of the release before would not take away at making the room anew.
const DELETE: &str = concat!(
    "UPDATE rooms r SET deleted_at = $3, policy = NULL, changed_at = ",
    db_time!(),
    ", rev = r.rev + 1, members_rev = r.rev + 1, min_seq = r.seq + 1, min_rev = r.rev + 1,
       policy_rev = r.policy_rev + 1, member_count = 0,
       preview_seq = NULL, preview_sender = NULL, preview_kind = NULL, preview_text = NULL,
       preview_at = NULL
     WHERE r.app = $1 AND r.id = $2 RETURNING ",
    room_columns!()
);
const GUARD: &str = "SELECT policy_rev FROM members
    WHERE app = $1 AND room = $2 AND user_id = $3 FOR UPDATE";
const OF_KIND: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms r WHERE r.app = $1 AND r.kind = $2 AND r.id > $3 AND r.deleted_at IS NULL
      ORDER BY r.id LIMIT $4"
);
const JOINED: &str = concat!(
    "SELECT r.id, ",
    head_columns!("r"),
    " FROM members m JOIN rooms r ON r.app = m.app AND r.id = m.room
      WHERE m.app = $1 AND m.user_id = $2 AND m.state = 'active' AND r.deleted_at IS NULL
      ORDER BY r.activity_at DESC, r.id DESC LIMIT $3"
);

/// The room, living or deleted, locked until the transaction ends.
pub(crate) async fn lock(tx: &Tx, app: &AppId, room: &RoomId) -> Result<Option<Room>, Fail> {
    let lock = tx.prepare_cached(LOCK).await?;
    let row = tx.query_opt(&lock, &[&app.as_str(), &room.as_str()]).await?;
    row.map(|row| Cells::of(&row).room()).transpose()
}

/// Whether a decision made on what the guard saw still holds; the room is locked.
pub(crate) async fn guard_holds(
    tx: &Tx,
    app: &AppId,
    room: &Room,
    guard: &Guard,
) -> Result<bool, Fail> {
    if guard.room_policy_rev != room.policy_rev {
        return Ok(false);
    }
    let Some((user, seen)) = &guard.member else {
        return Ok(true);
    };
    let policy = tx.prepare_cached(GUARD).await?;
    let row = tx.query_opt(&policy, &[&app.as_str(), &room.id.as_str(), &user.as_str()]).await?;
    match row {
        Some(row) => Ok(Cells::of(&row).number()? == *seen),
        None => Ok(false),
    }
}

/// INSERT and REVIVE take the same parameters.
async fn put(tx: &Tx, statement: &str, new: &NewRoom) -> Result<Option<Row>, Fail> {
    let put = tx.prepare_cached(statement).await?;
    let direct = new.direct.as_ref();
    let count = i32::try_from(new.members.len()).unwrap_or(i32::MAX);
    let row = tx
        .query_opt(
            &put,
            &[
                &new.app.as_str(),
                &new.id.as_str(),
                &new.kind.as_str(),
                &direct.map(|d| d.low.as_str()),
                &direct.map(|d| d.high.as_str()),
                &direct.map(|d| d.context.as_str()),
                &new.name,
                &new.avatar,
                &new.description,
                &new.custom.as_ref().map(CustomJson::as_str),
                &new.creator.as_ref().map(UserId::as_str),
                &new.now.0,
                &new.epoch,
                &count,
                &new.tags,
                &new.policy.stored(),
            ],
        )
        .await?;
    Ok(row)
}

async fn write(tx: &Tx, app: &AppId, room: &Room, patch: &RoomPatch) -> Result<Room, Fail> {
    let update = tx.prepare_cached(UPDATE).await?;
    let row = tx
        .query_one(
            &update,
            &[
                &app.as_str(),
                &room.id.as_str(),
                &room.name,
                &room.avatar,
                &room.description,
                &room.custom.as_ref().map(CustomJson::as_str),
                &room.tags,
                &room.frozen,
                &room.archived,
                &patch.moves_policy(),
                &room.policy.stored(),
                &patch.policy.is_some(),
            ],
        )
        .await?;
    Cells::of(&row).room()
}

/// The new room, or the living one that has its id.
async fn make(tx: &Tx, new: &NewRoom) -> Result<Result<Room, Room>, Fail> {
    if let Some(row) = put(tx, INSERT, new).await? {
        return Ok(Ok(Cells::of(&row).room()?));
    }
    let lost = || Fail::Broken("a room that was there is gone".to_owned());
    let there = lock(tx, &new.app, &new.id).await?.ok_or_else(lost)?;
    if there.deleted_at.is_none() {
        return Ok(Err(there));
    }
    let row = put(tx, REVIVE, new).await?.ok_or_else(lost)?;
    Ok(Ok(Cells::of(&row).room()?))
}

/// Who makes the room and who speaks first.
fn acting(new: &NewRoom) -> Vec<&str> {
    let sender = new.message.as_ref().and_then(|said| said.sender.as_ref());
    new.creator.iter().chain(sender).map(UserId::as_str).collect()
}

impl PostgresStore {
    async fn of_kind(
        &self,
        app: &AppId,
        kind: RoomKind,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<Room>, Fail> {
        let client = self.reads.get().await?;
        let of_kind = client.prepare_cached(OF_KIND).await?;
        let (after, most) = (after.map_or("", RoomId::as_str), rows(limit, 0));
        let found = client.query(&of_kind, &[&app.as_str(), &kind.as_str(), &after, &most]).await?;
        found.iter().map(|row| Cells::of(row).room()).collect()
    }

    async fn create_once(&self, new: &NewRoom) -> Result<CreateRoomOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let room = match make(&tx, new).await? {
            Ok(room) => room,
            Err(there) => {
                tx.rollback().await?;
                return Ok(CreateRoomOutcome::Exists(Box::new(there)));
            }
        };
        let mut joining: Vec<Joining<'_>> =
            new.members.iter().map(|(user, role)| (user, *role, MemberState::Active)).collect();
        let outside = new.creator.as_ref().filter(|creator| {
            let is_member = new.members.iter().any(|(user, _)| user == *creator);
            !is_member
        });
        if let Some(creator) = outside {
            joining.push((creator, Role::Member, MemberState::Creator));
        }
        let named = joining.iter().map(|(user, _, _)| *user).chain(&new.invited);
        let named = named.map(|user| (&new.app, user));
        users::make_bare(&tx, named, new.now).await?;
        if users::any_is_out(&tx, &new.app, &acting(new)).await? {
            tx.rollback().await?;
            return Ok(CreateRoomOutcome::CreatorDeactivated);
        }
        let users: Vec<&str> = new.members.iter().map(|(user, _)| user.as_str()).collect();
        if self.room_bound.is_met(&tx, &new.app, &users).await? {
            tx.rollback().await?;
            return Ok(CreateRoomOutcome::TooMany);
        }
        let asked: Vec<&str> = new.invited.iter().map(UserId::as_str).collect();
        if members::too_many_invited(&tx, &new.app, &new.id, &asked).await? {
            tx.rollback().await?;
            return Ok(CreateRoomOutcome::TooManyInvited);
        }
        members::join(&tx, &new.app, &room, &joining, new.now).await?;
        if !asked.is_empty() {
            let by = (&asked[..], Role::Member, new.creator.as_ref());
            members::invite(&tx, &new.app, &room, by, new.now).await?;
        }
        let entry = OutboxEntry::room_created(&room, &new.members, &new.invited);
        note(&tx, (&new.app, &new.id), room.head.rev, &entry, room.changed_at).await?;
        let (members, mut memberships) = members::named(&tx, &new.app, &new.id, &users).await?;
        if !asked.is_empty() {
            memberships.extend(members::named(&tx, &new.app, &new.id, &asked).await?.1);
        }
        let message = self.first_message(&tx, new, &room).await?;
        tx.commit().await?;
        Ok(CreateRoomOutcome::Created(Box::new(CreatedRoom {
            room,
            members,
            memberships,
            message,
        })))
    }

    /// Appends what the room is made with.
    async fn first_message(
        &self,
        tx: &Tx,
        new: &NewRoom,
        room: &Room,
    ) -> Result<Option<snug_core::ports::Appended>, Fail> {
        let Some(message) = &new.message else {
            return Ok(None);
        };
        let append = Append {
            app: new.app.clone(),
            room: new.id.clone(),
            guard: Guard { room_policy_rev: room.policy_rev, member: None },
            message: message.clone(),
            now: new.now,
        };
        let AppendOutcome::Stored(appended) = append_within(tx, &append).await? else {
            return Err(Fail::Broken("a new room refused its first message".to_owned()));
        };
        Ok(Some(*appended))
    }

    async fn facts_once(
        &self,
        app: &AppId,
        room: &RoomId,
        user: Option<&UserId>,
    ) -> Result<Option<RoomFacts>, Fail> {
        let client = self.reads.get().await?;
        let facts = client.prepare_cached(FACTS).await?;
        let user = user.map(UserId::as_str);
        let row = client.query_opt(&facts, &[&app.as_str(), &room.as_str(), &user]).await?;
        let Some(row) = row else { return Ok(None) };
        let mut cells = Cells::of(&row);
        let deactivated = cells.next()?;
        Ok(Some(RoomFacts { room: cells.room()?, mine: cells.membership_or_none()?, deactivated }))
    }

    async fn update_once(
        &self,
        app: &AppId,
        id: &RoomId,
        patch: &RoomPatch,
        guard: &Guard,
    ) -> Result<UpdateRoomOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let room = lock(&tx, app, id).await?;
        let Some(room) = room.filter(|room| room.deleted_at.is_none()) else {
            tx.rollback().await?;
            return Ok(UpdateRoomOutcome::RoomNotFound);
        };
        if !guard_holds(&tx, app, &room, guard).await? {
            tx.rollback().await?;
            return Ok(UpdateRoomOutcome::GuardMoved);
        }
        if patch.if_rev.is_some_and(|rev| rev != room.head.room_rev) {
            tx.rollback().await?;
            return Ok(UpdateRoomOutcome::RevMoved { room_rev: room.head.room_rev });
        }
        let mut room = room;
        if let Err(error) = patch.apply(&mut room) {
            tx.rollback().await?;
            return Ok(UpdateRoomOutcome::NotMerged(error));
        }
        let room = write(&tx, app, &room, patch).await?;
        let by = guard.member.as_ref().map(|(user, _)| user);
        let entry = OutboxEntry::room_changed(&room, by);
        note(&tx, (app, id), room.head.rev, &entry, room.changed_at).await?;
        tx.commit().await?;
        Ok(UpdateRoomOutcome::Updated(Box::new(room)))
    }

    async fn delete_once(&self, app: &AppId, id: &RoomId, now: Time) -> Result<Option<Head>, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let room = lock(&tx, app, id).await?;
        if room.is_none_or(|room| room.deleted_at.is_some()) {
            tx.rollback().await?;
            return Ok(None);
        }
        let delete = tx.prepare_cached(DELETE).await?;
        let row = tx.query_one(&delete, &[&app.as_str(), &id.as_str(), &now.0]).await?;
        let room = Cells::of(&row).room()?;
        members::end_all(&tx, app, &room, now).await?;
        let entry = OutboxEntry::room_deleted();
        note(&tx, (app, id), room.head.rev, &entry, room.changed_at).await?;
        tx.commit().await?;
        Ok(Some(room.head))
    }

    async fn joined_once(&self, app: &AppId, user: &UserId) -> Result<Vec<(RoomId, Head)>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let joined = client.prepare_cached(JOINED).await?;
        let limit = rows(self.room_bound.most, 0);
        let found = client.query(&joined, &[&app.as_str(), &user.as_str(), &limit]).await?;
        let each = found.iter().map(|row| {
            let mut cells = Cells::of(row);
            Ok((cells.room_id()?, cells.head()?))
        });
        each.collect()
    }
}

#[async_trait]
impl RoomStore for PostgresStore {
    async fn create_room(&self, new: NewRoom) -> StoreResult<CreateRoomOutcome> {
        Ok(bounded(|| self.create_once(&new)).await?)
    }

    async fn room_facts(
        &self,
        app: &AppId,
        room: &RoomId,
        user: Option<&UserId>,
    ) -> StoreResult<Option<RoomFacts>> {
        Ok(bounded(|| self.facts_once(app, room, user)).await?)
    }

    async fn update_room(
        &self,
        app: &AppId,
        room: &RoomId,
        patch: RoomPatch,
        guard: &Guard,
        _now: Time,
    ) -> StoreResult<UpdateRoomOutcome> {
        Ok(bounded(|| self.update_once(app, room, &patch, guard)).await?)
    }

    async fn set_own(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        patch: OwnPatch,
        _now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>> {
        Ok(bounded(|| own::set_once(self, (app, room, user), &patch)).await?)
    }

    async fn delete_room(
        &self,
        app: &AppId,
        room: &RoomId,
        now: Time,
    ) -> StoreResult<Option<Head>> {
        Ok(bounded(|| self.delete_once(app, room, now)).await?)
    }

    async fn change_members(&self, change: ChangeMembers) -> StoreResult<ChangeMembersOutcome> {
        Ok(bounded(|| self.change_members_once(&change)).await?)
    }

    async fn members(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Option<&UserId>,
        limit: usize,
        invited: bool,
    ) -> StoreResult<Vec<Member>> {
        Ok(bounded(|| self.members_page(app, room, after, limit, invited)).await?)
    }

    async fn members_among(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> StoreResult<Vec<(UserId, u64)>> {
        Ok(bounded(|| self.among_once(app, room, users)).await?)
    }

    async fn rooms_of_kind(
        &self,
        app: &AppId,
        kind: RoomKind,
        after: Option<&RoomId>,
        limit: usize,
    ) -> StoreResult<Vec<Room>> {
        Ok(bounded(|| self.of_kind(app, kind, after, limit)).await?)
    }

    async fn joined_rooms(&self, app: &AppId, user: &UserId) -> StoreResult<Vec<(RoomId, Head)>> {
        Ok(bounded(|| self.joined_once(app, user)).await?)
    }
}

/// A rev as the statements take it.
pub(crate) fn rev_of(room: &Room) -> i64 {
    big(room.head.rev)
}
