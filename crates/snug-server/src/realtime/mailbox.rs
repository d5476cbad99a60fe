//! What waits for a connection that speaks another system's wire: events themselves, since their
//! form is that dialect's matter. Bounded like an outbox (contract line 13).

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use snug_core::event::{RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::RoomId;
use snug_core::limits;
use snug_dialects::Heard;
use tokio::sync::Notify;

/// What an event holds besides its text, in bytes: events are shared, so this is on the safe side.
const EVENT_BYTES: usize = 512;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Heard, usize)>,
    bytes: usize,
}

/// A bounded queue of events with one reader.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    ready: Notify,
}

impl Mailbox {
    pub(super) fn room(&self, event: &Arc<RoomEvent>) -> bool {
        let text = match &event.body {
            RoomEventBody::MessageAppended { message }
            | RoomEventBody::MessageChanged { message } => {
                message.text.as_ref().map_or(0, String::len)
                    + message.custom.as_ref().map_or(0, |custom| custom.as_str().len())
            }
            _ => 0,
        };
        self.push(Heard::Room(event.clone()), text)
    }

    pub(super) fn user(&self, event: &Arc<UserEvent>) -> bool {
        let text = match &event.body {
            UserEventBody::Scheduled { scheduled } => {
                let words = &scheduled.words;
                words.text.as_ref().map_or(0, String::len)
                    + words.custom.as_ref().map_or(0, |custom| custom.as_str().len())
            }
            _ => 0,
        };
        self.push(Heard::User(event.clone()), text)
    }

    pub(super) fn left(&self, room: &RoomId) -> bool {
        self.push(Heard::Left(room.clone()), 0)
    }

    /// `false` when it is full: what waited is dropped, and the connection is to end.
    fn push(&self, heard: Heard, text: usize) -> bool {
        let size = EVENT_BYTES + text;
        let fits = {
            let mut state = self.state.lock();
            let fits = state.bytes + size <= limits::CONNECTION_QUEUE_BYTES_MAX;
            if fits {
                state.bytes += size;
                state.waiting.push_back((heard, size));
            } else {
                *state = State::default();
            }
            fits
        };
        self.ready.notify_one();
        fits
    }

    pub(super) fn take(&self) -> Option<Heard> {
        let mut state = self.state.lock();
        let (heard, size) = state.waiting.pop_front()?;
        state.bytes -= size;
        if state.waiting.is_empty() {
            // An idle connection keeps no buffer.
            state.waiting = VecDeque::new();
        }
        Some(heard)
    }

    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }
}
