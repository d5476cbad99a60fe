//! A server that dies with us. It hangs on a small shell that waits for our end of a pipe to close,
//! also when we are killed with no chance to run `drop`; its folder goes with it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(60);
const LOG_LINES_KEPT: usize = 40;

/// Starts "$@", then waits for a line: a signal, and the server's further processes to send it to.
/// Without a line our end of the pipe is closed: the server goes, and its folder with it.
const KEEPER: &str = r#"
"$@" &
server=$!
exec 2>/dev/null
if read -r signal others; then
    kill -s "$signal" "$server" $others
    wait "$server"
else
    kill -s QUIT "$server"
    wait "$server"
    rm -rf "$PWD"
fi
"#;

/// A running server and the shell that it hangs on.
#[derive(Debug)]
pub(crate) struct Kept {
    keeper: Option<Child>,
    log: Option<JoinHandle<String>>,
}

impl Kept {
    /// Runs a server by `shell` (in the folder that goes with it) until its log says `ready`, or
    /// returns the end of its log. `server` adds the program and its words.
    pub(crate) fn start(
        mut shell: Command,
        ready: &'static str,
        server: impl FnOnce(&mut Command),
    ) -> Result<Self, String> {
        shell.args(["-c", KEEPER, "keeper"]);
        server(&mut shell);
        let mut keeper = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A test runner that kills our process group must not kill the keeper before its work.
            .process_group(0)
            .spawn()
            .expect("/bin/sh can be started");
        let stderr = keeper.stderr.take().expect("stderr is piped");
        let (is_ready, log) = follow(stderr, ready);
        let kept = Self { keeper: Some(keeper), log: Some(log) };
        if is_ready.recv_timeout(START_LIMIT).is_ok() {
            return Ok(kept);
        }
        Err(kept.end("KILL", &[]))
    }

    /// Sends `signal` to the server and to `others`, waits until the last process that holds the
    /// log is gone, returns the server's last words.
    pub(crate) fn end(mut self, signal: &str, others: &[u32]) -> String {
        let mut order = signal.to_owned();
        others.iter().for_each(|pid| order += &format!(" {pid}"));
        if let Some(stdin) = self.keeper.as_mut().and_then(|keeper| keeper.stdin.as_mut()) {
            // When the keeper is gone already there is nobody left to end.
            drop(stdin.write_all(format!("{order}\n").as_bytes()));
        }
        self.wait()
    }

    fn wait(&mut self) -> String {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            drop(keeper.wait());
        }
        self.log.take().and_then(|log| log.join().ok()).unwrap_or_default()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.wait();
    }
}

/// Reads the log to its end in a thread, so that the server never blocks on a full pipe.
fn follow(stderr: ChildStderr, wanted: &'static str) -> (Receiver<()>, JoinHandle<String>) {
    let (ready, is_ready) = channel();
    let log = std::thread::spawn(move || {
        let mut ready = Some(ready);
        let mut kept: VecDeque<String> = VecDeque::new();
        for line in BufReader::new(stderr).lines() {
            let Ok(line) = line else { break };
            if line.contains(wanted)
                && let Some(ready) = ready.take()
            {
                ready.send(()).ok();
            }
            if kept.len() == LOG_LINES_KEPT {
                kept.pop_front();
            }
            kept.push_back(line);
        }
        kept.into_iter().collect::<Vec<_>>().join("\n")
    });
    (is_ready, log)
}
