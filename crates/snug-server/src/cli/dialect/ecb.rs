//! `snug dialect ecb`.

use std::sync::Arc;

use clap::Subcommand;

use super::app_id;
use crate::cli::say;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Say what to configure so that an application (a bridged one) is the one that ECB's
    /// clients mean
    Enable {
        #[arg(long)]
        app: String,
    },
}

pub(super) async fn run(app: &Arc<App>, command: Command) -> Result<(), String> {
    let Command::Enable { app: id } = command;
    let id = app_id(&id)?;
    let settings = app.engine.settings(&id).await.map_err(|error| error.to_string())?;
    if settings.bridge.is_none() {
        return Err(format!("app = {id}: expected a bridged one; see snug bridge enable"));
    }
    say("ECB's requests name no application. Put one of these lines into the configuration:");
    say(&format!("  dialect_app = [\"ecb={id}\"]"));
    say(&format!("  dialect_app = [\"ecb@chat.example.com={id}\"]"));
    Ok(())
}
