//! What a generator process is told to do, and what it tells back. One line of JSON each way.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use snug_core::ids::{AppId, UserId, direct_room_id};

use crate::spread::Latencies;
use crate::tally::Faults;

/// Clients `first..first + clients`. Client `c` is in room `c / members`, as its member
/// `c % members`; the first `senders` members send. Rooms never span processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) target: Target,
    pub(crate) first: u32,
    pub(crate) clients: u32,
    pub(crate) members: u32,
    pub(crate) senders: u16,
    pub(crate) drive: Drive,
    pub(crate) drive_ms: u64,
    /// Bound on connecting, and on waiting for deliveries that are still due.
    pub(crate) patience_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Target {
    Floor,
    Snug(Credentials),
}

/// How to speak to the server under test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) app: String,
    pub(crate) server_key: String,
    pub(crate) names: Names,
    /// Open the room after connecting: events instead of heads.
    pub(crate) open_rooms: bool,
    /// In front of every message id, so that no two runs send the same message.
    pub(crate) run: String,
}

/// How users and rooms of a scenario are called; the preload and the load agree by it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Names {
    pub(crate) prefix: String,
    pub(crate) rooms: RoomNames,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RoomNames {
    Group,
    /// Rooms of two, keyed by the pair.
    Direct,
}

impl Names {
    pub(crate) fn user(&self, client: u32) -> String {
        format!("{}u{client}", self.prefix)
    }

    pub(crate) fn group(&self, room: u32) -> String {
        format!("{}r{room}", self.prefix)
    }

    /// The direct room of two clients.
    pub(crate) fn direct(&self, app: &str, a: u32, b: u32) -> String {
        let app = AppId::from_stored(app);
        let (a, b) = (self.user(a), self.user(b));
        let pair = (&UserId::from_stored(&a), &UserId::from_stored(&b));
        direct_room_id(&app, pair, "").as_str().to_owned()
    }

    /// Room `room` of the load: clients `2 * room` and the next, or the group of that number.
    pub(crate) fn room(&self, app: &str, room: u32) -> String {
        match self.rooms {
            RoomNames::Group => self.group(room),
            RoomNames::Direct => self.direct(app, room * 2, room * 2 + 1),
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Drive {
    /// Connections only.
    Hold,
    /// Every room gets a message per period, evenly spread, whatever comes back.
    Pace { period_ms: u64 },
    /// Rooms of two: each message is the answer to the other's.
    PingPong,
    /// So many sends of the process wait for their answers at any time. Client `c` owns the
    /// rooms `c * rooms .. (c + 1) * rooms` and takes them in turn.
    Window { outstanding: u32, rooms: u32 },
}

/// The first line a generator prints, when all its clients are ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Connected {
    pub(crate) connected: u32,
    pub(crate) seconds: f64,
}

/// The second line, after the drive.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) sent: u64,
    pub(crate) deliveries: u64,
    pub(crate) answers: u64,
    pub(crate) faults: Faults,
    /// From the send's stamp to its delivery, or (`Window`) to its answer.
    pub(crate) latencies: Latencies,
    /// From the first send to the last thing heard.
    pub(crate) seconds: f64,
    /// The first words of refusals and closes, with how often each came.
    pub(crate) complaints: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.deliveries += other.deliveries;
        self.answers += other.answers;
        self.faults.add(&other.faults);
        self.latencies.merge(&other.latencies);
        self.seconds = self.seconds.max(other.seconds);
        for (what, times) in &other.complaints {
            *self.complaints.entry(what.clone()).or_default() += times;
        }
    }
}
