//! `snug app`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use snug_core::engine::NewAppRequest;
use snug_core::ids::AppId;
use snug_core::model::{AppPolicy, Patch, SettingsPatch};

use super::say;
use crate::config::Config;
use crate::tasks::Tasks;
use crate::wiring::App;

#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Make an application and print its server key, this once
    Create(CreateArgs),
    /// Set where an application's users' tokens come from; an empty value takes one out
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
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
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The application's id
    #[arg(long)]
    app: String,
    /// Asked whose the site's own token is
    #[arg(long)]
    verify_url: Option<String>,
    /// Asked for a user's contacts
    #[arg(long)]
    contacts_url: Option<String>,
    /// Where the public keys of the application's JWTs are published
    #[arg(long)]
    jwks_url: Option<String>,
    /// A file with a public key (PEM, JWK or JWK set), repeatable; replaces all registered keys
    #[arg(long)]
    public_key: Option<Vec<PathBuf>>,
    /// Whether pages may open sessions for people whom nobody knows
    #[arg(long)]
    guests: Option<bool>,
}

pub(super) async fn run(config: &Config, command: AppCommand) -> Result<(), String> {
    match command {
        AppCommand::Create(args) => create(config, args).await,
        AppCommand::Set(args) => set(config, args).await,
    }
}

async fn create(config: &Config, args: CreateArgs) -> Result<(), String> {
    let CreateArgs { name, policy, development, origin, print_key } = args;
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

async fn set(config: &Config, args: SetArgs) -> Result<(), String> {
    let SetArgs { app: id, verify_url, contacts_url, jwks_url, public_key, guests } = args;
    let id = AppId::new(&id).map_err(|error| format!("app: expected {}", error.expected))?;
    let patch = SettingsPatch {
        verify_url: patch(verify_url),
        contacts_url: patch(contacts_url),
        jwks_url: patch(jwks_url),
        public_keys: public_key.map(read).transpose()?,
        guests,
    };
    let app = App::build(config, None, Tasks::default()).await?;
    let updated = app.engine.update_settings(&id, patch).await.map_err(|error| error.to_string());
    app.close().await;
    let settings = updated?;
    say(&format!("verify url   {}", settings.verify_url.as_deref().unwrap_or("-")));
    say(&format!("contacts url {}", settings.contacts_url.as_deref().unwrap_or("-")));
    say(&format!("jwks url     {}", settings.jwks_url.as_deref().unwrap_or("-")));
    say(&format!("guests       {}", if settings.guests { "yes" } else { "no" }));
    for key in &settings.public_keys {
        let id = key.id.as_deref().unwrap_or("-");
        say(&format!("public key   {} {id}", key.algorithm.as_str()));
    }
    Ok(())
}

fn patch(value: Option<String>) -> Patch<String> {
    match value {
        None => Patch::Keep,
        Some(empty) if empty.is_empty() => Patch::Clear,
        Some(value) => Patch::Set(value),
    }
}

/// The files' texts; an empty name stands for no key.
fn read(files: Vec<PathBuf>) -> Result<Vec<String>, String> {
    let named = files.into_iter().filter(|path| !path.as_os_str().is_empty());
    let text = |path: PathBuf| {
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    named.map(text).collect()
}
