//! `snug dialect rocketchat`.

use std::sync::Arc;

use clap::Subcommand;

use super::app_id;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Switch it on for an application
    Enable {
        #[arg(long)]
        app: String,
    },
}

pub(super) async fn run(app: &Arc<App>, command: Command) -> Result<(), String> {
    let Command::Enable { app: id } = command;
    app.engine.app(&app_id(&id)?).await.map(drop).map_err(|error| error.to_string())
}
