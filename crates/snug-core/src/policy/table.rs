//! The table. `docs/rooms.md` shows it, row by row, and a test compares them.

use crate::limits;
use crate::model::{Role, Room, RoomKind, Ruled};

/// What a page may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    CreateRoom,
    /// A room with somebody whom the backend has put among the caller's contacts.
    CreateFromContact,
    UpdateRoom,
    /// To say who may do what, otherwise than this table.
    SetPolicy,
    AddMembers,
    RemoveMembers,
    Leave,
    Send,
    /// To mention everybody, or a role; asked beside `Send` and `EditMessage`.
    MentionAll,
    EditMessage,
    DeleteMessage,
    React,
    PinMessage,
    /// The words that edits have replaced.
    ReadVersions,
    Join,
    /// An invitation.
    Accept,
    Decline,
    Read,
    MarkRead,
    /// The caller's own settings of a room.
    SetOwn,
    Type,
    ListRooms,
    UpdateProfile,
}

/// Who may do something in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Every user of the app: it is done in no room.
    User,
    /// Who is not in.
    Outsider,
    /// Who was asked in.
    Invited,
    /// A member of this role or a higher one.
    Role(Role),
    /// Not in a room of this kind.
    Nobody,
}

/// To whom a room's state closes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    Open,
    /// To every page but an owner's.
    ButOwners,
    /// To every page; the backend goes on.
    ToPages,
    ToAll,
}

impl Closed {
    /// Whether a member of this role finds it closed.
    #[must_use]
    pub fn holds_for(self, role: Role) -> bool {
        match self {
            Self::Open => false,
            Self::ButOwners => role < Role::Owner,
            Self::ToPages | Self::ToAll => true,
        }
    }
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub operation: Operation,
    /// In words, as the docs say it.
    pub name: &'static str,
    /// In a direct room, a group, a channel.
    pub least: [Who; 3],
    /// The least role in a room of more than `MENTION_WIDE_MEMBERS_MAX` members, where it differs.
    pub least_in_large: Option<Role>,
    pub frozen: Closed,
    pub archived: Closed,
    /// Refused to pages of an app that leaves its rooms to its backend.
    pub backend_only: bool,
    /// Under which name a room says otherwise.
    pub ruled: Option<Ruled>,
}

const USER: [Who; 3] = [Who::User; 3];
const INVITED: [Who; 3] = [Who::Nobody, Who::Invited, Who::Invited];
const MEMBER: [Who; 3] = [Who::Role(Role::Member); 3];
const ADMIN: [Who; 3] = [Who::Role(Role::Admin); 3];
/// A direct room keeps its pair.
const NOT_DIRECT: [Who; 3] = [Who::Nobody, Who::Role(Role::Member), Who::Role(Role::Member)];

const fn rule(operation: Operation, name: &'static str, least: [Who; 3]) -> Rule {
    Rule {
        operation,
        name,
        least,
        least_in_large: None,
        frozen: Closed::Open,
        archived: Closed::Open,
        backend_only: false,
        ruled: None,
    }
}

impl Rule {
    const fn closed(mut self, frozen: Closed, archived: Closed) -> Self {
        self.frozen = frozen;
        self.archived = archived;
        self
    }

    const fn backends(mut self) -> Self {
        self.backend_only = true;
        self
    }

    const fn ruled(mut self, by: Ruled) -> Self {
        self.ruled = Some(by);
        self
    }

    const fn least_in_large(mut self, role: Role) -> Self {
        self.least_in_large = Some(role);
        self
    }

    /// Who may do it in this room, whose own word goes before the table's. What a kind of room
    /// cannot do, no word allows.
    #[must_use]
    pub fn who(&self, room: &Room) -> Who {
        let [direct, group, channel] = self.least;
        let least = match room.kind {
            RoomKind::Direct => direct,
            RoomKind::Group => group,
            RoomKind::Channel => channel,
        };
        let Who::Role(_) = least else { return least };
        if let Some(role) = self.ruled.and_then(|ruled| room.policy.least(ruled)) {
            return Who::Role(role);
        }
        match self.least_in_large {
            Some(role) if room.member_count > limits::MENTION_WIDE_MEMBERS_MAX => Who::Role(role),
            _ => least,
        }
    }

    /// The row as `docs/rooms.md` shows it.
    #[must_use]
    pub fn as_documented(&self) -> String {
        let who = |who: Who| match who {
            Who::User => "any user".to_owned(),
            Who::Outsider => "any user".to_owned(),
            Who::Invited => "who is invited".to_owned(),
            Who::Nobody => "nobody".to_owned(),
            Who::Role(role) => role.as_str().to_owned(),
        };
        let in_large = self.least_in_large.map_or(String::new(), |role| {
            let most = limits::MENTION_WIDE_MEMBERS_MAX;
            format!("; above {most} members {}", role.as_str())
        });
        let closed = |closed: Closed| match closed {
            Closed::Open => "",
            Closed::ButOwners => "closed but for owners",
            Closed::ToPages => "closed to pages",
            Closed::ToAll => "closed",
        };
        let [direct, group, channel] = self.least.map(who);
        format!(
            "| {} | {direct}{in_large} | {group}{in_large} | {channel}{in_large} | {} | {} | {} | {} | <!-- rule -->",
            self.name,
            closed(self.frozen),
            closed(self.archived),
            if self.backend_only { "closed" } else { "" },
            self.ruled.map_or(String::new(), |ruled| format!("`{}`", ruled.as_str())),
        )
    }
}

/// Every operation in the order of [`Operation`].
pub const TABLE: [Rule; 23] = {
    use Closed::{ButOwners, Open, ToAll, ToPages};
    use Operation as O;
    let owner = Who::Role(Role::Owner);
    let [_, group, channel] = ADMIN;
    [
        rule(O::CreateRoom, "make a room", USER).backends(),
        rule(O::CreateFromContact, "make a room with a contact", USER),
        rule(O::UpdateRoom, "change the room", ADMIN)
            .closed(ButOwners, Open)
            .backends()
            .ruled(Ruled::UpdateRoom),
        rule(O::SetPolicy, "change the room's `policy`", [Who::Nobody, owner, owner]).backends(),
        rule(O::AddMembers, "add members", NOT_DIRECT)
            .closed(Open, ToPages)
            .backends()
            .ruled(Ruled::AddMembers),
        rule(O::RemoveMembers, "remove members", [Who::Nobody, group, channel])
            .backends()
            .ruled(Ruled::RemoveMembers),
        rule(O::Leave, "leave", NOT_DIRECT).backends(),
        rule(O::Send, "say something, reply in a thread", MEMBER)
            .closed(ToPages, ToAll)
            .ruled(Ruled::Send),
        rule(O::MentionAll, "mention everybody or a role", MEMBER)
            .closed(ToPages, ToAll)
            .ruled(Ruled::MentionAll)
            .least_in_large(Role::Admin),
        rule(O::EditMessage, "edit an own message", MEMBER).closed(ToPages, ToPages),
        rule(O::DeleteMessage, "unsend an own message; admins any", MEMBER),
        rule(O::React, "react", MEMBER).closed(ToPages, ToPages).ruled(Ruled::React),
        rule(O::PinMessage, "pin a message", [Who::Role(Role::Member), group, channel])
            .closed(ToPages, ToPages)
            .ruled(Ruled::Pin),
        rule(O::ReadVersions, "read what edits replaced", ADMIN),
        rule(O::Join, "join", [Who::Nobody, Who::Nobody, Who::Outsider])
            .closed(Open, ToPages)
            .backends(),
        rule(O::Accept, "accept an invitation", INVITED).closed(Open, ToPages),
        rule(O::Decline, "decline an invitation", INVITED),
        rule(O::Read, "read; in a channel every user may", MEMBER),
        rule(O::MarkRead, "mark as read", MEMBER),
        rule(O::SetOwn, "keep the room in the own way", MEMBER),
        rule(O::Type, "be seen typing", MEMBER).closed(ToPages, ToPages).ruled(Ruled::Send),
        rule(O::ListRooms, "list the own rooms, channels", USER),
        rule(O::UpdateProfile, "change the own profile", USER),
    ]
};

impl Operation {
    /// Every operation, for the tables in tests and docs.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::CreateRoom; TABLE.len()];
        let mut place = 0;
        while place < TABLE.len() {
            all[place] = TABLE[place].operation;
            place += 1;
        }
        all
    };

    /// Its row.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

static RULES: [Rule; TABLE.len()] = TABLE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_finds_its_row() {
        for operation in Operation::ALL {
            assert_eq!(operation.rule().operation, operation);
        }
    }
}
