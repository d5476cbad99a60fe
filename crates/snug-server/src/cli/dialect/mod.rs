//! `snug dialect`: another system's wire, switched on for an app; one file per system.

mod ecb;
mod i2a;
mod imkit;
mod rocketchat;

use clap::Subcommand;
use snug_core::ids::AppId;

use crate::config::Config;
use crate::tasks::Tasks;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(super) enum DialectCommand {
    /// Enterprise Chat Bridge
    Ecb {
        #[command(subcommand)]
        command: ecb::Command,
    },
    /// I2A Chat Service
    I2a {
        #[command(subcommand)]
        command: i2a::Command,
    },
    /// IMKit
    Imkit {
        #[command(subcommand)]
        command: imkit::Command,
    },
    /// Rocket.Chat
    Rocketchat {
        #[command(subcommand)]
        command: rocketchat::Command,
    },
}

pub(super) async fn run(config: &Config, command: DialectCommand) -> Result<(), String> {
    let app = App::build(config, None, Tasks::default()).await?;
    let done = match command {
        DialectCommand::Ecb { command } => ecb::run(&app, command).await,
        DialectCommand::I2a { command } => i2a::run(&app, command).await,
        DialectCommand::Imkit { command } => imkit::run(&app, command).await,
        DialectCommand::Rocketchat { command } => rocketchat::run(&app, command).await,
    };
    app.close().await;
    done
}

fn app_id(text: &str) -> Result<AppId, String> {
    AppId::new(text).map_err(|invalid| format!("app = {text:?}: {invalid}"))
}
