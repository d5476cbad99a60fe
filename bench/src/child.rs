//! Processes of a run: started with pipes, bounded in time, gone when we are.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::de::DeserializeOwned;

/// For a child: ends this process when standard input ends, which it does with the parent.
pub(crate) fn exit_with_parent() {
    std::thread::spawn(exit_with_parent_here);
}

/// The same, in this thread.
pub(crate) fn exit_with_parent_here() {
    let mut rest = [0; 256];
    while io::stdin().lock().read(&mut rest).is_ok_and(|n| n > 0) {}
    std::process::exit(0);
}

/// For a program that is not ours: a command that the system ends when this process ends, also by
/// a signal. Nothing else would end a server.
pub(crate) fn ends_with_parent(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// A running child whose lines we read.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    name: String,
}

impl Running {
    pub(crate) fn start(name: &str, command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { stdin: child.stdin.take(), child, lines, name: name.to_owned() })
    }

    /// This very program, in another role.
    pub(crate) fn start_self(name: &str, args: &[&str]) -> io::Result<Self> {
        Self::start(name, Command::new(std::env::current_exe()?).args(args))
    }

    /// The same, behind everybody else: what runs on other machines in life takes only the
    /// processor time that is left over here, and a processor that has nothing else to do counts
    /// as idle (`SCHED_IDLE`).
    pub(crate) fn start_self_behind(name: &str, args: &[&str]) -> io::Result<Self> {
        let me = std::env::current_exe()?;
        Self::start(name, Command::new("chrt").args(["--idle", "0"]).arg(me).args(args))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}"),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// The next line of output.
    pub(crate) fn line(&self, patience: Duration) -> io::Result<String> {
        self.lines.recv_timeout(patience).map_err(|e| {
            let what = match e {
                RecvTimeoutError::Timeout => "said nothing in time",
                RecvTimeoutError::Disconnected => "ended before it said what we wait for",
            };
            io::Error::new(ErrorKind::TimedOut, format!("{} {what}", self.name))
        })
    }

    /// The next line, as JSON.
    pub(crate) fn answer<T: DeserializeOwned>(&self, patience: Duration) -> io::Result<T> {
        Ok(serde_json::from_str(&self.line(patience)?)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
