//! `snug dialect i2a`.

use std::sync::Arc;

use clap::Subcommand;
use snug_dialects::i2a;

use super::app_id;
use crate::cli::say;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Switch it on for an application and print the secret; also prints it again
    Enable {
        #[arg(long)]
        app: String,
    },
    /// Make a new secret; the old one is refused from then on
    Rotate {
        #[arg(long)]
        app: String,
    },
}

pub(super) async fn run(app: &Arc<App>, command: Command) -> Result<(), String> {
    let engine = &app.engine;
    let secret = match command {
        Command::Enable { app } => i2a::enable(engine, &app_id(&app)?).await,
        Command::Rotate { app } => i2a::rotate(engine, &app_id(&app)?).await,
    };
    say(&format!("X-Application-Secret  {}", secret.map_err(|error| error.to_string())?));
    Ok(())
}
