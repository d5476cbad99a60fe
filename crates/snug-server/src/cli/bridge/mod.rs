//! `snug bridge`: apps whose conversations are kept by the customer's backend.

mod check;
mod kit;
mod promises;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use snug_core::engine::EnableBridge;
use snug_core::ids::AppId;
use snug_core::limits;

use super::say;
use crate::config::Config;
use crate::tasks::Tasks;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(super) enum BridgeCommand {
    /// Let an application's conversations be kept by its backend, or change where that is
    Enable(EnableArgs),
    /// Ask a backend's endpoints whether they keep every promise of the bridge; writes two
    /// conversations between the two users there
    Check(check::CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct EnableArgs {
    /// The application's id; it may not have rooms yet
    #[arg(long)]
    app: String,
    /// The operations' names are appended to it, such as https://shop.example/bridge
    #[arg(long)]
    url: String,
    /// A file with the RSA public key (PEM or JWK) of the backend's tokens
    #[arg(long)]
    public_key: PathBuf,
    /// Refuse who is no member of a thread before the backend is asked (true or false)
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    members_only: bool,
}

pub(super) async fn run(config: &Config, command: BridgeCommand) -> Result<ExitCode, String> {
    match command {
        BridgeCommand::Enable(args) => {
            let app = App::build(config, None, Tasks::default()).await?;
            let done = enable(&app, args).await;
            app.close().await;
            done.map(|()| ExitCode::SUCCESS)
        }
        BridgeCommand::Check(args) => check::run(config, args).await,
    }
}

async fn enable(app: &App, args: EnableArgs) -> Result<(), String> {
    let EnableArgs { app: id, url, public_key, members_only } = args;
    let id = AppId::new(&id).map_err(|invalid| format!("app = {id:?}: {invalid}"))?;
    let enable = EnableBridge { base_url: url, public_key: read(&public_key)?, members_only };
    let text = |error: snug_core::error::Error| error.to_string();
    let secret = app.engine.enable_bridge(&id, enable).await.map_err(text)?;
    // Other nodes may have taken the app for a usual one until now.
    let settled = u64::try_from(limits::APP_CACHE_MS).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(settled)).await;
    app.engine.settle_bridge(&id).await.map_err(text)?;
    say(&format!("Bridge secret  {secret}"));
    say("Snug shows it to the backend as a bearer token; asked again, this prints the same one.");
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
