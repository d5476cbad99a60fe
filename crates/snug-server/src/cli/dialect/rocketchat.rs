//! `snug dialect rocketchat`.

use std::sync::Arc;

use clap::Subcommand;
use snug_dialects::rocketchat;

use super::app_id;
use crate::cli::say;
use crate::dialects::host;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Switch it on for an application
    Enable {
        #[arg(long)]
        app: String,
        /// Let users log in by password (true at first; left out, it stays as it is). False
        /// forgets the users' passwords
        #[arg(long, action = clap::ArgAction::Set)]
        password_login: Option<bool>,
    },
    /// Administrators, whose token makes users and tokens for them
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AdminCommand {
    /// Make one, or give one a new password and a further token; both are shown this once
    Create {
        #[arg(long)]
        app: String,
        #[arg(long)]
        username: String,
    },
}

pub(super) async fn run(app: &Arc<App>, command: Command) -> Result<(), String> {
    let text = |error: snug_core::error::Error| error.to_string();
    match command {
        Command::Enable { app: id, password_login } => {
            let id = app_id(&id)?;
            let set = rocketchat::enable(&app.engine, &id, password_login).await.map_err(text)?;
            let by = if set.password_login { "may" } else { "cannot" };
            say(&format!("Rocket.Chat is on; users {by} log in by password."));
            say("Where several applications share the server, name this one by");
            say(&format!("  dialect_app = [\"rocketchat@chat.example.com={id}\"]"));
        }
        Command::Admin { command: AdminCommand::Create { app: id, username } } => {
            let (id, host) = (app_id(&id)?, host(app));
            let made = rocketchat::create_admin(host.as_ref(), &id, &username).await;
            let made = made.map_err(text)?;
            say(&format!("X-User-Id     {}", made.user_id));
            say(&format!("X-Auth-Token  {}", made.auth_token));
            say(&format!("Password      {}", made.password));
        }
    }
    Ok(())
}
