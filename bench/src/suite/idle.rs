//! Memory of a session that does nothing: the slope between two numbers of connections, so that
//! what the server takes anyway falls out.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::fleets::Fleets;
use super::{Outline, Suite};
use crate::load::plan::{Drive, Names, Plan, RoomNames};
use crate::machine::{Meter, settled};
use crate::preload::{Wanted, groups, pairs};
use crate::report::{Sample, Table};
use crate::stage::{Contender, Stage};

const PRELOAD_LIMIT: Duration = Duration::from_secs(300);
const PATIENCE_MS: u64 = 90_000;
const ROOMS_EACH: u32 = 20;
const GROUP: u32 = 100;

pub(super) fn run(suite: &Suite) -> Vec<Table> {
    let (few, many) = suite.size((5_000, 19_000), (500, 2_000));
    let in_groups = table(suite, "20 rooms of 100", (few, many), |users| {
        groups(users, ROOMS_EACH, GROUP).collect()
    });
    let in_pairs =
        table(suite, "20 pairs", (few, many), |users| pairs(users, ROOMS_EACH).collect());
    vec![in_groups, in_pairs]
}

fn table(
    suite: &Suite,
    what: &str,
    (few, many): (u32, u32),
    wanted: impl Fn(u32) -> Vec<Wanted>,
) -> Table {
    let outline = Outline {
        name: format!("Idle sessions in {what}"),
        note: format!(
            "Slope of resident memory between {few} and {many} connections of a fresh process, \
             no room open, and the CPU of connecting them."
        ),
        headline: "KB per session",
        against: Contender::Floor,
    };
    let prepare = |contender| {
        let names = Names { prefix: "i".to_owned(), rooms: RoomNames::Group };
        let stage = Stage::set(&suite.hall, contender, names)?;
        let wanted = wanted(many);
        stage.with_store(PRELOAD_LIMIT, async |preload| {
            preload.rooms(wanted.into_iter(), false).await
        })?;
        Ok((stage, ()))
    };
    let settle = Duration::from_secs(suite.size(20, 4));
    let contenders = suite.contenders(&[Contender::Floor]);
    suite.measure(outline, &contenders, prepare, |stage, ()| sample(stage, (few, many), settle))
}

fn sample(stage: &Stage<'_>, (few, many): (u32, u32), settle: Duration) -> io::Result<Sample> {
    let stand = stage.open()?;
    let plan = |first, clients| Plan {
        address: stand.address,
        target: stage.target(false),
        first,
        clients,
        members: 1,
        senders: 1,
        drive: Drive::Hold,
        drive_ms: 0,
        patience_ms: PATIENCE_MS,
    };
    let memory = || settled(stand.pid(), settle).ok_or_else(|| io::Error::other("it is gone"));
    let first_fleet = Fleets::connect(&plan(0, few))?;
    let before = memory()?;
    let meter = Meter::begin(stand.pid());
    let second_fleet = Fleets::connect(&plan(few, many - few))?;
    let used = meter.end();
    let after = memory()?;
    drop((first_fleet, second_fleet));
    let sessions = f64::from(many - few);
    let figures = BTreeMap::from([
        ("KB per session", (after.all - before.all) / sessions / 1e3),
        ("KB per session, anonymous", (after.anonymous - before.anonymous) / sessions / 1e3),
        ("MB in all", after.all / 1e6),
        ("CPU us per connect", used.server / sessions * 1e6),
        ("connects/s", sessions / used.seconds),
    ]);
    Ok(Sample { figures, others: used.others, ..Sample::default() })
}
