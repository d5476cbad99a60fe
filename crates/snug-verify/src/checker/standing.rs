//! Who stands how in which room, and what a room says of who may do what. It is told by hand here
//! and not taken from the engine's table, so that the two are held against each other.

use snug_core::ids::{DIRECT_PREFIX, RoomId, UserId};
use snug_core::model::{ListedRoom, MemberState, Membership, Role, Room, RoomPolicy, Ruled};

use super::Checker;

/// The least role where a room says nothing of it, in a room that is not large.
fn usual(room: &RoomId, ruled: Ruled) -> Role {
    match ruled {
        Ruled::Send | Ruled::React | Ruled::AddMembers | Ruled::MentionAll => Role::Member,
        Ruled::Pin if room.as_str().starts_with(DIRECT_PREFIX) => Role::Member,
        Ruled::Pin | Ruled::RemoveMembers | Ruled::UpdateRoom => Role::Admin,
    }
}

impl Checker {
    /// From this rev on a user stands so in the room, by an acknowledged change.
    pub fn stands(
        &mut self,
        room: &RoomId,
        user: &UserId,
        rev: u64,
        (state, role): (MemberState, Role),
    ) {
        let log = self.room(room);
        let active = state == MemberState::Active;
        // Who is out stays out since then: an invitation covers up nothing that was told before it.
        if active || log.is_member_at(user, rev) != Some(false) {
            log.member(user, rev, active);
        }
        log.standings.entry(user.clone()).or_default().insert(rev, (state, role));
    }

    /// From this rev on the room says so who may do what.
    pub fn ruled(&mut self, room: &RoomId, rev: u64, policy: &RoomPolicy) {
        self.room(room).rules.insert(rev, policy.clone());
    }

    /// How a user stands in a room now; `None` when nothing was ever told.
    #[must_use]
    pub fn standing(&self, room: &RoomId, user: &UserId) -> Option<(MemberState, Role)> {
        let (_, standing) = self.rooms.get(room)?.standings.get(user)?.last_key_value()?;
        Some(*standing)
    }

    /// Whether a page of this user may do something there now, as far as the room's own word and
    /// the user's role go; `None` where too little is known.
    #[must_use]
    pub fn may(&self, room: &RoomId, user: &UserId, ruled: Ruled) -> Option<bool> {
        let (_, policy) = self.rooms.get(room)?.rules.last_key_value()?;
        let least = policy.least(ruled).unwrap_or_else(|| usual(room, ruled));
        Some(match self.standing(room, user) {
            Some((MemberState::Active, role)) => role >= least,
            _ => false,
        })
    }

    /// Line 11 where the room's own word decides. `done`: true of a success, false of the refusal
    /// that names the role, none of any other answer.
    pub fn judged(
        &mut self,
        (room, user): (&RoomId, &UserId),
        what: &str,
        may: Option<bool>,
        done: Option<bool>,
    ) {
        match (may, done) {
            (Some(false), Some(true)) => {
                self.broken(11, format!("{room}: {user} may not {what}, and did"));
            }
            (Some(true), Some(false)) => {
                self.broken(11, format!("{room}: {user} may {what}, and was refused"));
            }
            _ => {}
        }
    }

    /// A read was answered, well or as one of who is not in: line 12. No room here is a channel.
    pub fn looked(&mut self, room: &RoomId, user: &UserId, shown: bool) {
        let inside = matches!(self.standing(room, user), Some((MemberState::Active, _)));
        if shown && !inside {
            self.broken(12, format!("{room}: {user} is not in and may read it"));
        } else if inside && !shown {
            self.broken(0, format!("{room}: {user} is in and may not read it"));
        }
    }

    /// An invitation was answered, with what was asked done or refused because there is none.
    pub fn answered_invitation(
        &mut self,
        (room, user): (&RoomId, &UserId),
        accepts: bool,
        before: Option<(MemberState, Role)>,
        done: bool,
    ) {
        let before = before.map(|(state, _)| state);
        let invited = before == Some(MemberState::Invited);
        if invited && !done {
            self.broken(0, format!("{room}: {user} is invited, and was told otherwise"));
        }
        let came_in = accepts && done && !invited && before != Some(MemberState::Active);
        if came_in {
            self.broken(11, format!("{room}: {user} came in, and nobody had asked"));
        }
        let now = self.standing(room, user).map(|(state, _)| state);
        let expected = if accepts { MemberState::Active } else { MemberState::Left };
        let is_so = now == Some(expected) || (!accepts && now == Some(MemberState::Creator));
        if invited && done && !is_so {
            self.broken(6, format!("{room}: {user} answered the invitation and is {now:?}"));
        }
    }

    /// What an invited user is shown of a room: what it is called, and nothing that is in it.
    pub fn invited_to(&mut self, room: &Room, mine: &Membership) {
        let head = &room.head;
        let nothing = (head.seq, head.count) == (0, 0)
            && head.preview.is_none()
            && head.rev == mine.rev
            && room.custom.is_none()
            && room.description.is_none()
            && room.tags.is_empty()
            && room.policy.is_empty()
            && room.min_seq == 1;
        if !nothing {
            let user = &mine.user;
            let what = format!("{user}, who is only invited, is shown what is in it: {room:?}");
            self.broken(12, format!("{}: {what}", room.id));
        }
    }

    /// All rooms that a user's list shows as invitations, when nothing is under way.
    pub fn invitations(&mut self, user: &UserId, listed: &[ListedRoom]) {
        for one in listed {
            self.invited_to(&one.room, &one.mine);
            if !one.members.is_empty() {
                self.broken(12, format!("{}: {user} is only invited: who is in", one.room.id));
            }
        }
        let open = self.rooms.keys().filter(|room| {
            self.standing(room, user).is_some_and(|(state, _)| state == MemberState::Invited)
        });
        let open: Vec<RoomId> = open.cloned().collect();
        let mut shown: Vec<RoomId> = listed.iter().map(|one| one.room.id.clone()).collect();
        shown.sort();
        if open != shown {
            self.broken(6, format!("{user} is invited to {open:?} and is listed {shown:?}"));
        }
    }
}
