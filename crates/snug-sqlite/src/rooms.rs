//! Rooms: made, changed, deleted; where every call on a room begins.

use async_trait::async_trait;
use rusqlite::{Connection, named_params};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{
    CustomJson, Head, Member, MemberState, Membership, OwnPatch, Role, Room, RoomKind, RoomPatch,
    Time,
};
use snug_core::ports::{
    ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, CreatedRoom, Guard, NewRoom,
    OutboxEntry, RoomFacts, RoomStore, StoreResult, UpdateRoomOutcome,
};

use crate::SqliteStore;
use crate::changes::count_aside;
use crate::invitations::too_many_invited;
use crate::members::{self, Joining};
use crate::messages::{guard_holds, store_said};
use crate::outbox::{heard_by, hearers, note};
use crate::rows::{
    HEAD_WIDTH, HeadRow, Sql, all, change, head_columns, int, one, room, room_columns, size,
    stored_tags,
};
use crate::users;

#[async_trait]
impl RoomStore for SqliteStore {
    async fn create_room(&self, new: NewRoom) -> StoreResult<CreateRoomOutcome> {
        let (app, now, most) = (new.app.clone(), new.now, self.rooms_per_user_max);
        self.write_at(&app, now, move |conn, at| create(conn, &new, most, at)).await
    }

    async fn room_facts(
        &self,
        app: &AppId,
        room: &RoomId,
        user: Option<&UserId>,
    ) -> StoreResult<Option<RoomFacts>> {
        let (app, room, user) = (app.clone(), room.clone(), user.cloned());
        self.read(Some(app.clone()), move |conn| {
            let Some(head) = living(conn, &app, &room)? else {
                return Ok(None);
            };
            let (mine, deactivated) = match &user {
                Some(user) => (
                    members::find_member(conn, head.rk, user)?,
                    users::is_deactivated(conn, &app, user)?,
                ),
                None => (None, false),
            };
            let room = room_of(conn, &head)?;
            let mut mine = mine.map(|mine| mine.facts);
            if let Some(mine) = &mut mine {
                count_aside(conn, &head, mine)?;
            }
            Ok(Some(RoomFacts { room, mine, deactivated }))
        })
        .await
    }

    async fn update_room(
        &self,
        app: &AppId,
        room: &RoomId,
        patch: RoomPatch,
        guard: &Guard,
        now: Time,
    ) -> StoreResult<UpdateRoomOutcome> {
        let (id, room, guard) = (app.clone(), room.clone(), guard.clone());
        self.write_at(app, now, move |conn, at| {
            let Some(mut head) = living(conn, &id, &room)? else {
                return Ok(UpdateRoomOutcome::RoomNotFound);
            };
            if !guard_holds(conn, &head, &guard, None)? {
                return Ok(UpdateRoomOutcome::GuardMoved);
            }
            if patch.if_rev.is_some_and(|rev| rev != head.room_rev) {
                return Ok(UpdateRoomOutcome::RevMoved { room_rev: head.room_rev });
            }
            let mut updated = room_of(conn, &head)?;
            if let Err(error) = patch.apply(&mut updated) {
                return Ok(UpdateRoomOutcome::NotMerged(error));
            }
            update(conn, &mut head, &mut updated, (&patch, at))?;
            let by = guard.member.as_ref().map(|(user, _)| user);
            note(conn, &id, &head, || OutboxEntry::room_changed(&updated, by), at)?;
            Ok(UpdateRoomOutcome::Updated(Box::new(updated)))
        })
        .await
    }

    async fn set_own(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        patch: OwnPatch,
        now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>> {
        let (id, room, user) = (app.clone(), room.clone(), user.clone());
        self.write_at(app, now, move |conn, at| match living(conn, &id, &room)? {
            Some(head) => set_own(conn, &head, &user, &patch, at),
            None => Ok(None),
        })
        .await
    }

    async fn delete_room(
        &self,
        app: &AppId,
        room: &RoomId,
        now: Time,
    ) -> StoreResult<Option<Head>> {
        let (id, room) = (app.clone(), room.clone());
        self.write_at(app, now, move |conn, at| match living(conn, &id, &room)? {
            Some(head) => delete(conn, &id, head, (now, at)).map(Some),
            None => Ok(None),
        })
        .await
    }

    async fn change_members(&self, change: ChangeMembers) -> StoreResult<ChangeMembersOutcome> {
        let (app, now, most) = (change.app.clone(), change.now, self.rooms_per_user_max);
        self.write_at(&app, now, move |conn, at| members::change_members(conn, &change, most, at))
            .await
    }

    async fn members(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Option<&UserId>,
        limit: usize,
        invited: bool,
    ) -> StoreResult<Vec<Member>> {
        let (app, room, after) = (app.clone(), room.clone(), after.cloned());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => members::page(conn, &app, head.rk, after.as_ref(), limit, invited),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn members_among(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> StoreResult<Vec<(UserId, u64)>> {
        let (app, room, users) = (app.clone(), room.clone(), users.to_vec());
        self.read(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => members::among(conn, head.rk, &users),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn rooms_of_kind(
        &self,
        app: &AppId,
        kind: RoomKind,
        after: Option<&RoomId>,
        limit: usize,
    ) -> StoreResult<Vec<Room>> {
        let (app, after) = (app.clone(), after.cloned());
        self.read_page(Some(app.clone()), move |conn| {
            all(
                conn,
                concat!(
                    "SELECT ",
                    head_columns!(),
                    ", ",
                    room_columns!(),
                    " FROM rooms r INDEXED BY rooms_by_kind CROSS JOIN heads h ON h.rk = r.rk \
                     WHERE r.app = ?1 AND r.kind = ?2 AND r.id > ?3 AND h.deleted_at IS NULL \
                     ORDER BY r.id LIMIT ?4"
                ),
                (
                    app.as_str(),
                    kind.as_str(),
                    after.as_ref().map_or("", RoomId::as_str),
                    size(limit),
                ),
                |row| room(conn, row, HEAD_WIDTH, &HeadRow::read(row)?),
            )
        })
        .await
    }

    async fn joined_rooms(&self, app: &AppId, user: &UserId) -> StoreResult<Vec<(RoomId, Head)>> {
        let (app, user, most) = (app.clone(), user.clone(), self.rooms_per_user_max);
        self.read_page(Some(app.clone()), move |conn| {
            all(
                conn,
                concat!(
                    "SELECT ",
                    head_columns!(),
                    ", r.id FROM members m INDEXED BY members_by_user CROSS JOIN heads h ON h.rk = m.rk \
                     CROSS JOIN rooms r ON r.rk = m.rk \
                     WHERE m.app = ?1 AND m.user = ?2 AND m.state = 'active' \
                     ORDER BY h.activity_at DESC, r.id DESC LIMIT ?3"
                ),
                (app.as_str(), user.as_str(), size(most)),
                |row| {
                    let id = RoomId::from_stored(row.get_ref(HEAD_WIDTH)?.as_str()?);
                    Ok((id, HeadRow::read(row)?.head(conn)?))
                },
            )
        })
        .await
    }
}

/// The head of a room in any state. Everything that follows is keyed by its `rk`, so no later
/// statement can reach another app's room.
fn locate(conn: &Connection, app: &AppId, room: &RoomId) -> Sql<Option<HeadRow>> {
    one(
        conn,
        concat!(
            "SELECT ",
            head_columns!(),
            ", ",
            heard_by!("r.app"),
            " FROM rooms r CROSS JOIN heads h ON h.rk = r.rk WHERE r.app = ?1 AND r.id = ?2"
        ),
        (app.as_str(), room.as_str()),
        |row| Ok(HeadRow { heard_by: row.get(HEAD_WIDTH)?, ..HeadRow::read(row)? }),
    )
}

pub(crate) fn living(conn: &Connection, app: &AppId, room: &RoomId) -> Sql<Option<HeadRow>> {
    Ok(locate(conn, app, room)?.filter(|head| head.deleted_at.is_none()))
}

pub(crate) fn room_of(conn: &Connection, head: &HeadRow) -> Sql<Room> {
    let sql = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.rk = ?1");
    one(conn, sql, [head.rk], |row| room(conn, row, 0, head))?
        .ok_or(rusqlite::Error::QueryReturnedNoRows)
}

pub(crate) fn save_head(conn: &Connection, head: &HeadRow) -> Sql<()> {
    write_head(
        conn,
        "UPDATE heads SET seq = :seq, rev = :rev, members_rev = :members_rev, count = :count, \
         activity_at = :activity_at, changed_at = :changed_at, deleted_at = :deleted_at, \
         min_seq = :min_seq, min_rev = :min_rev, policy_rev = :policy_rev, \
         member_count = :member_count, gone = :gone, mentioned = :mentioned, \
         archived = :archived, room_rev = :room_rev, said_seq = :said_seq WHERE rk = :rk",
        head,
    )
}

fn insert_head(conn: &Connection, head: &HeadRow) -> Sql<()> {
    write_head(
        conn,
        "INSERT INTO heads (rk, seq, rev, members_rev, count, activity_at, changed_at, \
         deleted_at, min_seq, min_rev, policy_rev, member_count, gone, mentioned, archived, \
         room_rev, said_seq) \
         VALUES (:rk, :seq, :rev, :members_rev, :count, :activity_at, :changed_at, \
         :deleted_at, :min_seq, :min_rev, :policy_rev, :member_count, :gone, :mentioned, \
         :archived, :room_rev, :said_seq)",
        head,
    )
}

fn write_head(conn: &Connection, sql: &str, head: &HeadRow) -> Sql<()> {
    change(
        conn,
        sql,
        named_params! {
            ":rk": head.rk,
            ":seq": int(head.seq),
            ":rev": int(head.rev),
            ":members_rev": int(head.members_rev),
            ":count": int(head.count),
            ":activity_at": head.activity_at.0,
            ":changed_at": head.changed_at.0,
            ":deleted_at": head.deleted_at.map(|at| at.0),
            ":min_seq": int(head.min_seq),
            ":min_rev": int(head.min_rev),
            ":policy_rev": int(head.policy_rev),
            ":member_count": head.member_count,
            ":gone": int(head.gone),
            ":mentioned": int(head.mentioned),
            ":archived": head.archived,
            ":room_rev": int(head.room_rev),
            ":said_seq": int(head.said_seq),
        },
    )
    .map(drop)
}

fn create(conn: &Connection, new: &NewRoom, most: usize, at: Time) -> Sql<CreateRoomOutcome> {
    // Line 14: one writer, one row per (app, id); whoever comes second finds it.
    let found = locate(conn, &new.app, &new.id)?;
    if let Some(head) = found.filter(|head| head.deleted_at.is_none()) {
        return Ok(CreateRoomOutcome::Exists(Box::new(room_of(conn, &head)?)));
    }
    let acting =
        new.creator.iter().chain(new.message.iter().filter_map(|said| said.sender.as_ref()));
    for user in acting {
        if users::is_deactivated(conn, &new.app, user)? {
            return Ok(CreateRoomOutcome::CreatorDeactivated);
        }
    }
    if members::any_is_full(conn, &new.app, new.members.iter().map(|(user, _)| user), most)? {
        return Ok(CreateRoomOutcome::TooMany);
    }
    if too_many_invited(conn, &new.app, None, new.invited.iter())? {
        return Ok(CreateRoomOutcome::TooManyInvited);
    }
    let mut head = match found {
        Some(old) => make_anew(conn, new, old, at)?,
        None => make(conn, new, at)?,
    };
    let (members, memberships) = first_members(conn, new, &head, at)?;
    let active = memberships.iter().filter(|mine| mine.is_active()).count();
    head.member_count = u32::try_from(active).unwrap_or(u32::MAX);
    save_head(conn, &head)?;
    let room = room_of(conn, &head)?;
    note(
        conn,
        &new.app,
        &head,
        || OutboxEntry::room_created(&room, &new.members, &new.invited),
        at,
    )?;
    let place = (&new.app, &new.id);
    let said = new.message.as_ref();
    let message =
        said.map(|said| store_said(conn, place, &mut head, said, (new.now, at))).transpose()?;
    let created = CreatedRoom { room, members, memberships, message };
    Ok(CreateRoomOutcome::Created(Box::new(created)))
}

fn make(conn: &Connection, new: &NewRoom, at: Time) -> Sql<HeadRow> {
    write_room(
        conn,
        "INSERT INTO rooms (app, id, kind, direct_low, direct_high, direct_context, name, \
         avatar, description, custom, creator, frozen, created_at, epoch, tags, policy) \
         VALUES (:app, :id, :kind, :low, :high, :context, :name, \
         :avatar, :description, :custom, :creator, 0, :created_at, :epoch, :tags, :policy)",
        new,
    )?;
    let head = HeadRow {
        rk: conn.last_insert_rowid(),
        seq: 0,
        rev: 1,
        members_rev: 0,
        count: 0,
        activity_at: new.now,
        changed_at: at,
        deleted_at: None,
        min_seq: 1,
        min_rev: 0,
        policy_rev: 1,
        member_count: 0,
        gone: 0,
        mentioned: 0,
        archived: false,
        room_rev: 1,
        said_seq: 0,
        heard_by: hearers(conn, &new.app)?,
    };
    insert_head(conn, &head)?;
    Ok(head)
}

/// A deleted room's id on the same counters: no old client takes the new room for the old.
fn make_anew(conn: &Connection, new: &NewRoom, old: HeadRow, at: Time) -> Sql<HeadRow> {
    write_room(
        conn,
        "UPDATE rooms SET kind = :kind, direct_low = :low, direct_high = :high, \
         direct_context = :context, name = :name, avatar = :avatar, description = :description, \
         custom = :custom, creator = :creator, frozen = 0, created_at = :created_at, \
         epoch = :epoch, tags = :tags, policy = :policy WHERE app = :app AND id = :id",
        new,
    )?;
    Ok(HeadRow {
        rev: old.rev + 1,
        activity_at: old.activity_at.max(new.now),
        changed_at: at,
        deleted_at: None,
        min_seq: old.seq + 1,
        min_rev: old.rev + 1,
        policy_rev: old.policy_rev + 1,
        member_count: 0,
        gone: 0,
        archived: false,
        room_rev: old.rev + 1,
        ..old
    })
}

fn write_room(conn: &Connection, sql: &str, new: &NewRoom) -> Sql<()> {
    let direct = new.direct.as_ref();
    change(
        conn,
        sql,
        named_params! {
            ":app": new.app.as_str(),
            ":id": new.id.as_str(),
            ":kind": new.kind.as_str(),
            ":low": direct.map(|key| key.low.as_str()),
            ":high": direct.map(|key| key.high.as_str()),
            ":context": direct.map(|key| key.context.as_str()),
            ":name": new.name,
            ":avatar": new.avatar,
            ":description": new.description,
            ":custom": new.custom.as_ref().map(CustomJson::as_str),
            ":creator": new.creator.as_ref().map(UserId::as_str),
            ":created_at": new.now.0,
            ":epoch": new.epoch,
            ":tags": stored_tags(&new.tags),
            ":policy": new.policy.stored(),
        },
    )
    .map(drop)
}

type FirstMembers = (Vec<Member>, Vec<Membership>);

fn first_members(conn: &Connection, new: &NewRoom, head: &HeadRow, at: Time) -> Sql<FirstMembers> {
    let (mut members, mut memberships) = (Vec::new(), Vec::new());
    let joining = Joining { app: &new.app, head, now: new.now, at };
    for (place, (user, role)) in new.members.iter().enumerate() {
        if new.members[..place].iter().any(|(other, _)| other == user) {
            continue;
        }
        let (member, mine) = joining.join(conn, user, *role, MemberState::Active)?;
        members.push(member);
        memberships.push(mine);
    }
    for user in &new.invited {
        let (_, mine) = joining.invite(conn, user, Role::Member, new.creator.as_ref())?;
        memberships.push(mine);
    }
    if let Some(creator) = &new.creator
        && !new.members.iter().any(|(user, _)| user == creator)
    {
        let (_, mine) = joining.join(conn, creator, Role::Member, MemberState::Creator)?;
        memberships.push(mine);
    }
    Ok((members, memberships))
}

/// Writes a room that was changed in memory. A policy that was not said stays as it is, with what
/// only a later release can read of it.
fn update(
    conn: &Connection,
    head: &mut HeadRow,
    room: &mut Room,
    (patch, at): (&RoomPatch, Time),
) -> Sql<()> {
    change(
        conn,
        "UPDATE rooms SET name = ?2, avatar = ?3, description = ?4, custom = ?5, frozen = ?6, \
         tags = ?7, policy = iif(?9, ?8, policy) WHERE rk = ?1",
        (
            head.rk,
            &room.name,
            &room.avatar,
            &room.description,
            room.custom.as_ref().map(CustomJson::as_str),
            room.frozen,
            stored_tags(&room.tags),
            room.policy.stored(),
            patch.policy.is_some(),
        ),
    )?;
    // Line 4: a rev for what is the same for all members. Line 11: freezing, archiving and
    // saying who may do what move the policy.
    head.rev += 1;
    head.room_rev = head.rev;
    head.archived = room.archived;
    head.policy_rev += u64::from(patch.moves_policy());
    head.changed_at = at;
    save_head(conn, head)?;
    room.head.rev = head.rev;
    room.head.room_rev = head.room_rev;
    room.policy_rev = head.policy_rev;
    room.changed_at = at;
    Ok(())
}

fn set_own(
    conn: &Connection,
    head: &HeadRow,
    user: &UserId,
    patch: &OwnPatch,
    at: Time,
) -> Sql<Option<(Membership, Head, bool)>> {
    let mine = members::find_member(conn, head.rk, user)?;
    let Some(mut mine) = mine.map(|mine| mine.facts).filter(Membership::is_active) else {
        return Ok(None);
    };
    let changed = mine.own.apply(patch, head.count);
    if changed {
        mine.changed_at = at;
        members::save_own(conn, head.rk, &mine)?;
    }
    count_aside(conn, head, &mut mine)?;
    Ok(Some((mine, head.head(conn)?, changed)))
}

/// Messages stay in the file until they are cleared away, below `min_seq` for every reader.
fn delete(conn: &Connection, app: &AppId, mut head: HeadRow, (now, at): (Time, Time)) -> Sql<Head> {
    head.rev += 1;
    head.members_rev = head.rev;
    head.policy_rev += 1;
    head.min_seq = head.seq + 1;
    head.min_rev = head.rev;
    head.changed_at = at;
    head.deleted_at = Some(now);
    head.member_count = 0;
    change(conn, "UPDATE rooms SET policy = NULL WHERE rk = ?1", [head.rk])?;
    members::end_all(conn, &head, (now, at))?;
    save_head(conn, &head)?;
    note(conn, app, &head, OutboxEntry::room_deleted, at)?;
    head.head(conn)
}
