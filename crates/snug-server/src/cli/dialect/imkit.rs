//! `snug dialect imkit`.

use std::sync::Arc;

use clap::Subcommand;
use snug_dialects::imkit;

use super::app_id;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Switch it on for an application and show its Client Key and API Key
    Enable {
        #[arg(long)]
        app: String,
        /// Let pages sign in as any user with the client key alone, which is public (true or
        /// false; a development application always does)
        #[arg(long)]
        page_sign_in: Option<bool>,
    },
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(app: &Arc<App>, command: Command) -> Result<(), String> {
    let Command::Enable { app: id, page_sign_in } = command;
    let (engine, id) = (&app.engine, app_id(&id)?);
    let text = |error: snug_core::error::Error| error.to_string();
    let keys = imkit::enable(engine, &id).await.map_err(text)?;
    if let Some(page_sign_in) = page_sign_in {
        let settings = imkit::Settings { page_sign_in };
        imkit::set(engine, &id, &settings).await.map_err(text)?;
    }
    println!("Client Key (public, for pages): {}", keys.client_key);
    println!("API Key (secret, for backends): {}", keys.api_key);
    Ok(())
}
