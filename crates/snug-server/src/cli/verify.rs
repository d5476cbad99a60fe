//! `snug verify`: a crowd that tries to break the delivery contract on a running install.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, value_parser};
use snug_core::limits;
use snug_core::ports::Clock as _;
use snug_verify::{Plan, Report, verify};

use super::say;
use crate::secrets::SystemClock;
use crate::verify::HttpDoor;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Where the install is, such as https://chat.example; said again for each further node
    #[arg(long, required = true)]
    url: Vec<String>,
    /// A server key of the application to be looked at; one made for this is best
    #[arg(long, env = "SNUG_SERVER_KEY", hide_env_values = true)]
    server_key: String,
    /// How many users talk
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u64).range(2..=limits::CROWD_USERS_MAX))]
    users: u64,
    /// In how many rooms
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u64).range(1..=limits::CROWD_ROOMS_MAX))]
    rooms: u64,
    /// For how long
    #[arg(long, default_value_t = 30, value_parser = value_parser!(u64).range(1..=limits::CROWD_SECONDS_MAX))]
    seconds: u64,
    /// How many seconds an outage may last before it is a fault
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u64).range(1..=600))]
    patience: u64,
    /// What the crowd does, in which order; another number is another walk
    #[arg(long)]
    seed: Option<u64>,
    /// Certificates that are trusted besides the public ones, in PEM
    #[arg(long)]
    ca_file: Option<PathBuf>,
}

pub(super) async fn run(args: VerifyArgs) -> Result<ExitCode, String> {
    let seed = args.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let door = HttpDoor::new(&args.url, args.ca_file)?;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let run = SystemClock.now().millis();
    let plan = Plan {
        server_key: args.server_key,
        run: format!("{run:x}"),
        users: size(args.users),
        rooms: size(args.rooms),
        walk: Duration::from_secs(args.seconds),
        enough: |_| true,
        patience: Duration::from_secs(args.patience),
        seed,
    };
    say(&format!(
        "{} users in {} rooms for {} s, seed {seed}; their names begin with verify-{run:x}",
        args.users, args.rooms, args.seconds
    ));
    let report = verify(door, plan).await?;
    let broken = report.violations.len();
    say(&told(&report));
    for violation in report.violations.iter().take(limits::CROWD_LINES_MAX) {
        say(&format!("BROKEN  {violation}"));
    }
    if broken == 0 {
        say("kept: no promise was seen broken");
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{broken} times a promise was seen broken"));
    Ok(ExitCode::FAILURE)
}

fn told(report: &Report) -> String {
    let Report {
        acked, repeats, refused, events, syncs, connects, moves, revokes, changes, ..
    } = report;
    format!(
        "{acked} sends acknowledged ({repeats} as repeats), {refused} refused, {} messages \
         stored; {events} events, {syncs} syncs, {connects} connections, {moves} moves of \
         members, {revokes} revokes, {changes} changes of messages, {} tries without an answer",
        report.stored, report.retries
    )
}
