//! `snug app`.

use clap::Subcommand;
use snug_core::engine::NewAppRequest;
use snug_core::model::AppPolicy;

use super::say;
use crate::config::Config;
use crate::tasks::Tasks;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Make an application and print its server key, this once
    Create {
        #[arg(long)]
        name: String,
        /// `open`: pages create rooms by role; `backend_only`: only the backend does
        #[arg(long, default_value = "open")]
        policy: String,
        /// Also take pages from localhost
        #[arg(long)]
        development: bool,
        /// Origins whose pages may call, such as https://shop.example
        #[arg(long)]
        origin: Vec<String>,
        /// Print one line of JSON: `{"app","server_key"}`
        #[arg(long)]
        print_key: bool,
    },
}

pub(super) async fn run(config: &Config, command: AppCommand) -> Result<(), String> {
    let AppCommand::Create { name, policy, development, origin, print_key } = command;
    let policy = AppPolicy::parse(&policy)
        .ok_or_else(|| format!("policy = {policy:?}: expected open or backend_only"))?;
    let app = App::build(config, None, Tasks::default()).await?;
    let request = NewAppRequest { name, policy, development, origins: origin };
    let created = app.engine.create_app(request).await.map_err(|error| error.to_string());
    app.close().await;
    let created = created?;
    if print_key {
        let line = serde_json::json!({
            "app": created.app.id.as_str(),
            "server_key": created.server_key,
        });
        say(&line.to_string());
    } else {
        say(&format!("app         {}", created.app.id));
        say(&format!("server key  {}", created.server_key));
        say("Keep the key in your backend; it is shown this once, and never belongs in a page.");
    }
    Ok(())
}
