//! The command line: thin, one file per command.

mod app;
mod bridge;
mod demo;
mod dialect;
mod documents;
mod healthcheck;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigArgs};

/// The embeddable chat engine
#[derive(Debug, Parser)]
#[command(name = "snug", version, about)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    /// What to log: error, warn, info, debug, or a filter
    #[arg(long, env = "SNUG_LOG", global = true, default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Run the server with the demo site beside it
    Demo(demo::DemoArgs),
    /// Applications of this install
    App {
        #[command(subcommand)]
        command: app::AppCommand,
    },
    /// Apps whose conversations are kept by the customer's backend
    Bridge {
        #[command(subcommand)]
        command: bridge::BridgeCommand,
    },
    /// Other systems' wires: switch them on, make their keys
    Dialect {
        #[command(subcommand)]
        command: dialect::DialectCommand,
    },
    /// Look for a broken promise of the delivery contract on a running install
    Verify(verify::VerifyArgs),
    /// Ask a running server whether it is ready
    Healthcheck,
    /// Write the derived documents of the API
    #[command(hide = true)]
    Gen {
        #[arg(long)]
        out: PathBuf,
        /// Golden examples that the documents quote
        #[arg(long, default_value = "api/examples")]
        examples: PathBuf,
    },
}

/// Parses the arguments and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(sentence) => {
            say_error(&sentence);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, String> {
    if let Command::Gen { out, examples } = &cli.command {
        return documents::write(out, examples).map(|()| ExitCode::SUCCESS);
    }
    let config = Config::load(cli.config)?;
    log(&cli.log, config.log_json)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(async {
        let done = match cli.command {
            Command::Bridge { command } => return bridge::run(&config, command).await,
            Command::Verify(args) => return verify::run(args).await,
            Command::Serve => serve::run(config).await,
            Command::Demo(args) => demo::run(config, args).await,
            Command::App { command } => app::run(&config, command).await,
            Command::Dialect { command } => dialect::run(&config, command).await,
            Command::Healthcheck => healthcheck::run(&config).await,
            Command::Gen { .. } => Ok(()),
        };
        done.map(|()| ExitCode::SUCCESS)
    })
}

fn log(filter: &str, json: bool) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| format!("log = {filter:?}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if json { builder.json().try_init() } else { builder.try_init() };
    set.map_err(|error| error.to_string())
}

/// A line for the person at the terminal.
#[expect(clippy::print_stdout, reason = "the command line speaks to its user")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "the command line speaks to its user")]
fn say_error(line: &str) {
    eprintln!("snug: {line}");
}

/// Resolves when the process is asked to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let term = async {
        match signal(SignalKind::terminate()) {
            Ok(mut term) => {
                term.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = term => {}
    }
}
