//! Durable sends: 64 wait for their answers at any time, over 10,000 rooms of a store that is
//! not empty. The floor is a log that is synced before the answer. That what was answered is
//! what is stored is counted in the store itself, afterwards.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::fleets::Fleets;
use super::{Outline, Suite};
use crate::load::plan::{Drive, Names, Plan, RoomNames};
use crate::machine::Meter;
use crate::preload::Wanted;
use crate::report::{Sample, Table};
use crate::stage::{Contender, Stage};

const OUTSTANDING: u32 = 64;
/// Connections that share the sends: one may send 50 frames a second only.
const CLIENTS: u32 = 1_000;
const PATIENCE_MS: u64 = 20_000;
const COUNT_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn run(suite: &Suite) -> Table {
    let rooms_each = suite.size(10, 2);
    let rooms = CLIENTS * rooms_each;
    let rows_each: u32 = suite.size(100, 5);
    let limit = Duration::from_secs(suite.size(180, 15));
    let drive_ms = suite.size(15_000, 3_000);
    let contenders = suite.contenders(&[Contender::LogFloor]);
    let rows = std::cell::RefCell::new(BTreeMap::new());
    let outline = Outline {
        name: "Durable sends".to_owned(),
        note: format!(
            "{OUTSTANDING} sends wait for their answers at any time, from {CLIENTS} connections \
             over {rooms} rooms, {} s.",
            drive_ms / 1_000
        ),
        headline: "sends/s",
        against: Contender::LogFloor,
    };
    let prepare = |contender: Contender| {
        let names = Names { prefix: "s".to_owned(), rooms: RoomNames::Group };
        let stage = Stage::set(&suite.hall, contender, names)?;
        let loaded = stage.with_store(limit, async |preload| {
            let wanted = (0..rooms).map(|room| Wanted::Group {
                room,
                members: vec![room / rooms_each, CLIENTS + room / rooms_each],
            });
            preload.rooms(wanted, false).await?;
            preload.messages(rooms, rows_each, |room| room / rooms_each).await
        })?;
        rows.borrow_mut().insert(contender.name(), loaded);
        Ok((stage, ()))
    };
    let mut table =
        suite.measure(outline, &contenders, prepare, |stage, ()| sample(stage, rooms, drive_ms));
    let rows = rows.into_inner();
    let rows: Vec<String> = rows
        .iter()
        .filter(|(_, rows)| **rows > 0)
        .map(|(who, rows)| format!("{who} {rows}"))
        .collect();
    let wanted = rooms * rows_each;
    let note = format!(" Messages stored before (of {wanted} wanted): {}.", rows.join(", "));
    table.note.push_str(&note);
    table
}

fn sample(stage: &Stage<'_>, rooms: u32, drive_ms: u64) -> io::Result<Sample> {
    let count = || stage.with_store(COUNT_LIMIT, async |preload| preload.stored(rooms).await);
    let before = count()?;
    let stand = stage.open()?;
    let mut fleets = Fleets::connect(&Plan {
        address: stand.address,
        target: stage.target(false),
        first: 0,
        clients: CLIENTS,
        members: 1,
        senders: 1,
        drive: Drive::Window { outstanding: OUTSTANDING, rooms: rooms / CLIENTS },
        drive_ms,
        patience_ms: PATIENCE_MS,
    })?;
    let meter = Meter::begin(stand.pid());
    let report = fleets.drive()?;
    let used = meter.end();
    drop((fleets, stand));
    let mut faults = report.faults;
    let is_floor = stage.contender == Contender::LogFloor;
    if !is_floor {
        let stored = count()? - before;
        faults.lost += report.deliveries.saturating_sub(stored);
        faults.doubled += stored.saturating_sub(report.sent);
    }
    let millions = (report.deliveries as f64 / 1e6).max(f64::MIN_POSITIVE);
    let mut figures = BTreeMap::from([
        ("sends/s", report.deliveries as f64 / report.seconds),
        ("p50 ms", report.latencies.quantile_ms(0.5)),
        ("p99 ms", report.latencies.quantile_ms(0.99)),
        ("CPU s per 1M sends", used.server / millions),
    ]);
    if used.database > 0.0 {
        figures.insert("database CPU s per 1M", used.database / millions);
    }
    Ok(Sample { figures, faults, complaints: report.complaints, others: used.others })
}
