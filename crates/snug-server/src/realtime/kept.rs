//! What a user deleted for oneself, as a connection of another system's wire knows it. Such a wire
//! has no word for it and its clients keep no note of it, so that an event must not bring the words
//! back. Who never deleted anything costs no look at the store.

use std::sync::Arc;

use hashbrown::HashMap;
use snug_core::event::{RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::RoomId;
use snug_core::model::{Mark, MarksHead};

/// Where a user's marks stand, of the rooms in which there are any.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<RoomId, MarksHead>);

impl Kept {
    /// Takes a view of them; an older one than that which is known changes nothing.
    pub(super) fn note(&mut self, room: &RoomId, marks: MarksHead) {
        if marks.is_default() {
            return;
        }
        let known = self.0.entry(room.clone()).or_default();
        if marks.rev > known.rev {
            *known = marks;
        }
    }

    /// News of the user's own.
    pub(super) fn hear(&mut self, event: &UserEvent) {
        match &event.body {
            UserEventBody::Mine { room, mine, .. } => self.note(room, mine.marks),
            UserEventBody::Joined { room, mine, .. } => self.note(&room.id, mine.marks),
            _ => {}
        }
    }

    /// The seq of the message that an event tells, if the user may have deleted it: what is to be
    /// asked for before it is told. Of the room's own conversation nothing above the highest one
    /// was deleted; of replies only that there are marks is known.
    pub(super) fn asks(&self, event: &RoomEvent) -> Option<u64> {
        let marks = self.0.get(&event.room)?;
        let (RoomEventBody::MessageAppended { message }
        | RoomEventBody::MessageChanged { message }) = &event.body
        else {
            return None;
        };
        let may = message.thread.is_some() || message.seq <= marks.deleted_seq;
        (may && !message.is_gone()).then_some(message.seq)
    }

    /// The event as the user may see it; `mark` is what was asked for.
    pub(super) fn seen(&mut self, event: Arc<RoomEvent>, mark: Option<Mark>) -> Arc<RoomEvent> {
        if matches!(event.body, RoomEventBody::RoomDeleted) {
            self.0.remove(&event.room);
            return event;
        }
        let Some(marks) = self.0.get(&event.room).copied() else { return event };
        let mark = mark.filter(|mark| mark.deleted);
        let in_room = match &event.body {
            RoomEventBody::RoomUpdated { room } | RoomEventBody::MembersChanged { room, .. } => {
                room.head.shows_deleted(marks)
            }
            _ => false,
        };
        if mark.is_none() && !in_room && !event.head.shows_deleted(marks) {
            return event;
        }
        let mut seen = RoomEvent::clone(&event);
        seen.head.hide_deleted(marks);
        match &mut seen.body {
            RoomEventBody::MessageAppended { message }
            | RoomEventBody::MessageChanged { message } => {
                if let Some(mark) = mark {
                    *message = message.clone().marked(mark);
                }
            }
            RoomEventBody::RoomUpdated { room } | RoomEventBody::MembersChanged { room, .. } => {
                Arc::make_mut(room).head.hide_deleted(marks);
            }
            _ => {}
        }
        Arc::new(seen)
    }
}
