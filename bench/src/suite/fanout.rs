//! Deliveries: the cost of one, from a paced crowd and from pairs that answer each other.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::fleets::Fleets;
use super::{Outline, Suite};
use crate::load::plan::{Drive, Names, Plan, Report, RoomNames};
use crate::machine::{Meter, Used};
use crate::preload::Wanted;
use crate::report::{Sample, Table};
use crate::stage::{Contender, Stage};

const PRELOAD_LIMIT: Duration = Duration::from_secs(60);
/// 10,000 sessions are opened first, each by a commit of its own.
const PATIENCE_MS: u64 = 90_000;
const FLOORS: [Contender; 2] = [Contender::Floor, Contender::LogFloor];

/// The plan but for where it goes.
struct Shape {
    clients: u32,
    members: u32,
    senders: u16,
    drive: Drive,
    drive_ms: u64,
    rooms: RoomNames,
}

pub(super) fn b1(suite: &Suite) -> Table {
    let (rooms, members) = (suite.size(100, 20), suite.size(100, 50));
    let shape = Shape {
        clients: rooms * members,
        members,
        senders: 4,
        drive: Drive::Pace { period_ms: 1_000 },
        drive_ms: suite.size(20_000, 4_000),
        rooms: RoomNames::Group,
    };
    let note = format!(
        "{rooms} rooms of {members}, all online with the room open, one message per second and \
         room (four senders in turn), {} s.",
        shape.drive_ms / 1_000
    );
    measure(suite, "B1: paced rooms", note, &shape, |shape| {
        // As the load sees it: client `c` is in room `c / members`.
        let row = |room| (room * shape.members..(room + 1) * shape.members).collect();
        let group = |room| Wanted::Group { room, members: row(room) };
        (0..shape.clients / shape.members).map(group).collect()
    })
}

pub(super) fn c(suite: &Suite) -> Table {
    // Enough pairs that the fastest server does not meet a connection's frame limit.
    let pairs = suite.size(1_000, 500);
    let shape = Shape {
        clients: pairs * 2,
        members: 2,
        senders: 2,
        drive: Drive::PingPong,
        drive_ms: suite.size(10_000, 2_000),
        rooms: RoomNames::Direct,
    };
    let note = format!(
        "{pairs} pairs, each message the answer to the other's, {} s. A message counts as two \
         deliveries: its sender sees it, too.",
        shape.drive_ms / 1_000
    );
    measure(suite, "C: pairs, closed loop", note, &shape, |shape| {
        let pair = |room| Wanted::Direct { a: room * 2, b: room * 2 + 1 };
        (0..shape.clients / 2).map(pair).collect()
    })
}

fn measure(
    suite: &Suite,
    name: &str,
    note: String,
    shape: &Shape,
    wanted: impl Fn(&Shape) -> Vec<Wanted>,
) -> Table {
    let outline = Outline {
        name: name.to_owned(),
        note,
        headline: "CPU s per 1M deliveries",
        against: Contender::LogFloor,
    };
    let prepare = |contender| {
        let names = Names { prefix: "f".to_owned(), rooms: shape.rooms };
        let stage = Stage::set(&suite.hall, contender, names)?;
        let wanted = wanted(shape);
        stage.with_store(PRELOAD_LIMIT, async |preload| {
            preload.rooms(wanted.into_iter(), false).await
        })?;
        Ok((stage, ()))
    };
    suite.measure(outline, &suite.contenders(&FLOORS), prepare, |stage, ()| sample(stage, shape))
}

fn sample(stage: &Stage<'_>, shape: &Shape) -> io::Result<Sample> {
    let stand = stage.open()?;
    let mut fleets = Fleets::connect(&Plan {
        address: stand.address,
        target: stage.target(true),
        first: 0,
        clients: shape.clients,
        members: shape.members,
        senders: shape.senders,
        drive: shape.drive,
        drive_ms: shape.drive_ms,
        patience_ms: PATIENCE_MS,
    })?;
    let meter = Meter::begin(stand.pid());
    let report = fleets.drive()?;
    Ok(judged(&report, &meter.end()))
}

/// The figures of a drive.
fn judged(report: &Report, used: &Used) -> Sample {
    let millions = (report.deliveries as f64 / 1e6).max(f64::MIN_POSITIVE);
    let mut figures = BTreeMap::from([
        ("CPU s per 1M deliveries", used.server / millions),
        ("CPU s in the window", used.server),
        ("deliveries/s", report.deliveries as f64 / report.seconds),
        ("p50 ms", report.latencies.quantile_ms(0.5)),
        ("p99 ms", report.latencies.quantile_ms(0.99)),
    ]);
    if used.database > 0.0 {
        figures.insert("database CPU s per 1M", used.database / millions);
    }
    Sample {
        figures,
        faults: report.faults,
        complaints: report.complaints.clone(),
        others: used.others,
    }
}
