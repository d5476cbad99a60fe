//! A private NATS server.

use std::path::Path;
use std::process::Command;

use crate::kept::Kept;
use crate::port::free_port;
use crate::temp::{TempDir, temp_dir};

const READY: &str = "Server is ready";
/// Where Debian puts it; not in everybody's PATH.
const PROGRAM: &str = "/usr/sbin/nats-server";

/// A NATS server of our own on a free port of 127.0.0.1; gone when this value is dropped or the
/// process ends in whatever way.
#[derive(Debug)]
pub struct NatsServer {
    port: u16,
    /// Before the folder: it ends first.
    running: Option<Kept>,
    folder: TempDir,
    /// A name and password that it asks for.
    user: Option<(&'static str, &'static str)>,
}

impl NatsServer {
    /// Starts one and waits until it accepts connections.
    ///
    /// # Panics
    /// When NATS is not installed or does not start, with the reason.
    #[must_use]
    pub fn start() -> Self {
        Self::start_for(None)
    }

    /// As `start`, for those only who know a name and a password.
    ///
    /// # Panics
    /// As `start`.
    #[must_use]
    pub fn start_for(user: Option<(&'static str, &'static str)>) -> Self {
        let mut server = Self { port: 0, running: None, folder: temp_dir(), user };
        let mut said = String::new();
        // Somebody may take the port between our look and the server's bind.
        for _ in 0..5 {
            server.port = free_port();
            match server.run() {
                Ok(()) => return server,
                Err(log) => said = log,
            }
        }
        panic!("nats-server did not start (Debian's package is nats-server): {said}");
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.end("KILL", &[]);
        }
    }

    /// Starts it again on the same port, killing it first if it still runs.
    ///
    /// # Panics
    /// When it does not come back, with what it said.
    pub fn restart(&mut self) {
        self.kill();
        if let Err(log) = self.run() {
            panic!("nats-server did not start again: {log}");
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let mut shell = Command::new("/bin/sh");
        shell.current_dir(self.folder.path());
        let port = self.port.to_string();
        let program = if Path::new(PROGRAM).is_file() { PROGRAM } else { "nats-server" };
        let user = self.user;
        self.running = Some(Kept::start(shell, READY, |server| {
            server.args([program, "-a", "127.0.0.1", "-p", &port]);
            if let Some((name, password)) = user {
                server.args(["--user", name, "--pass", password]);
            }
        })?);
        Ok(())
    }
}
