//! A throwaway PostgreSQL: prints its URL, and goes with its files when standard input closes or
//! this process ends. `SNUG_TEST_PG_URL` set to that URL makes many test runs share it.

use std::io::{Read, Write};

use snug_testkit::PgServer;

fn main() -> std::io::Result<()> {
    let server = PgServer::start();
    writeln!(std::io::stdout(), "{}", server.url())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
