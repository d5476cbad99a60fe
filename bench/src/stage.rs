//! Where a contender runs: its folder, its store, its filled rooms, and its process, started
//! fresh for every run. The one place that names the stores and the server's commands.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use snug_core::ids::AppId;
use snug_testkit::{PgServer, TempDir, free_port, temp_dir};

use crate::child::{self, Running};
use crate::load::plan::{Credentials, Names, Target};
use crate::preload::Preload;
use crate::rest::Rest;
use crate::stores;

const START_LIMIT: Duration = Duration::from_secs(30);

/// Who runs. Names as they stand in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Floor,
    LogFloor,
    Sqlite,
    Postgres,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::LogFloor => "log floor",
            Self::Sqlite => "snug, SQLite",
            Self::Postgres => "snug, PostgreSQL",
        }
    }
}

/// The server under test, and a database server for those that need one.
pub(crate) struct Hall {
    pub(crate) server: PathBuf,
    postgres: std::cell::OnceCell<PgServer>,
}

impl Hall {
    pub(crate) fn new(server: PathBuf) -> Self {
        Self { server, postgres: std::cell::OnceCell::new() }
    }
}

/// A contender made ready for a scenario; its store outlives its processes.
pub(crate) struct Stage<'a> {
    hall: &'a Hall,
    pub(crate) contender: Contender,
    pub(crate) names: Names,
    folder: TempDir,
    /// `None` for the floors.
    app: Option<AppLine>,
    store_url: Option<String>,
    runs: std::cell::Cell<u32>,
}

/// What `snug app create --print-key` prints.
#[derive(Debug, Clone, Deserialize)]
struct AppLine {
    app: String,
    server_key: String,
}

impl<'a> Stage<'a> {
    /// Makes the folder, the database and the app.
    pub(crate) fn set(hall: &'a Hall, contender: Contender, names: Names) -> io::Result<Self> {
        let mut stage = Self {
            hall,
            contender,
            names,
            folder: temp_dir(),
            app: None,
            store_url: None,
            runs: std::cell::Cell::new(0),
        };
        match contender {
            Contender::Floor | Contender::LogFloor => return Ok(stage),
            Contender::Sqlite => {}
            Contender::Postgres => {
                let postgres = hall.postgres.get_or_init(PgServer::start);
                stage.store_url = Some(postgres.create_database());
            }
        }
        let mut create = stage.snug(&["app", "create"]);
        create.args(["--name", "bench", "--policy", "open"]);
        let output = create.args(["--development", "--print-key"]).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("snug app create: {said}")));
        }
        stage.app = Some(serde_json::from_slice(&output.stdout)?);
        Ok(stage)
    }

    /// Fills or reads the store while no server runs. Does nothing for a floor.
    pub(crate) fn with_store<T: Default>(
        &self,
        patience: Duration,
        work: impl AsyncFnOnce(Preload<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(app) = &self.app else {
            return Ok(T::default());
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let store = stores::open(self.folder.path(), self.store_url.as_deref()).await?;
            let preload = Preload {
                store: store.as_ref(),
                app: AppId::from_stored(&app.app),
                names: &self.names,
                patience,
            };
            work(preload).await
        })
    }

    /// Starts a fresh process and waits until it answers.
    pub(crate) fn open(&self) -> io::Result<Stand> {
        self.runs.set(self.runs.get() + 1);
        match self.contender {
            Contender::Floor => Stand::floor(&["floor"]),
            Contender::LogFloor => {
                let log = self.folder.join("log");
                Stand::floor(&["floor", "--log", &log.to_string_lossy()])
            }
            Contender::Sqlite | Contender::Postgres => {
                let port = free_port();
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                let mut serve =
                    self.command(child::ends_with_parent(&self.hall.server), &["serve"]);
                serve.args(["--listen", &address.to_string()]);
                serve.stderr(File::create(self.folder.join("stderr.log"))?);
                let process = Running::start("snug serve", &mut serve)?;
                wait_until_ready(address).map_err(|e| self.with_last_words(&e))?;
                Ok(Stand { process, address })
            }
        }
    }

    fn with_last_words(&self, error: &io::Error) -> io::Error {
        let log = fs::read_to_string(self.folder.join("stderr.log")).unwrap_or_default();
        let from = log.len().saturating_sub(2_000);
        let end = log.get(from..).unwrap_or_default();
        io::Error::new(error.kind(), format!("snug serve: {error}\n{end}"))
    }

    /// A command of the server's program on this stage's store.
    fn snug(&self, words: &[&str]) -> Command {
        self.command(Command::new(&self.hall.server), words)
    }

    fn command(&self, mut snug: Command, words: &[&str]) -> Command {
        snug.args(words).arg("--data").arg(self.folder.path());
        if let Some(url) = &self.store_url {
            snug.args(["--store", url]);
        }
        snug
    }

    /// How the load speaks to this stage's process in its latest run.
    pub(crate) fn target(&self, open_rooms: bool) -> Target {
        match &self.app {
            None => Target::Floor,
            Some(app) => Target::Snug(Credentials {
                app: app.app.clone(),
                server_key: app.server_key.clone(),
                names: self.names.clone(),
                open_rooms,
                run: format!("{}", self.runs.get()),
            }),
        }
    }
}

/// A running contender.
#[derive(Debug)]
pub(crate) struct Stand {
    process: Running,
    pub(crate) address: SocketAddr,
}

impl Stand {
    fn floor(args: &[&str]) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Port {
            port: u16,
        }
        let process = Running::start_self("floor", args)?;
        let Port { port } = process.answer(START_LIMIT)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self { process, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn wait_until_ready(address: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let answer = Rest::connect(address).and_then(|mut rest| rest.get("/readyz", None));
        match answer {
            Ok(answer) if answer.status == 200 => return Ok(()),
            _ if Instant::now() > deadline => {
                return Err(io::Error::new(ErrorKind::TimedOut, "was not ready in time"));
            }
            // A server that is not there yet can tell us nothing to wait for.
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
