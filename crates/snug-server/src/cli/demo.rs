//! `snug demo`: the server, an application of its own, and the demo site as its own process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use snug_core::engine::NewAppRequest;
use snug_core::model::AppPolicy;
use tokio::process::{Child, Command};

use super::{interrupted, say};
use crate::config::Config;
use crate::outbound::AllowedAddresses;
use crate::secrets::write_private;
use crate::serve::Server;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where the demo site's program lies
    #[arg(long, default_value = "web/demo")]
    site: PathBuf,
    /// Port of the demo site
    #[arg(long, default_value_t = 3000)]
    site_port: u16,
}

pub(super) async fn run(mut config: Config, args: DemoArgs) -> Result<(), String> {
    let program = args.site.join("server.mjs");
    if !program.is_file() {
        return Err(format!(
            "{}: the demo site is not there; run this from the project's folder, or name it with --site",
            program.display()
        ));
    }
    // The demo site is a customer on this machine.
    config.outbound.allow_private.0.extend(AllowedAddresses::loopback().0);
    let data = config.data.join("demo");
    let server = Server::start(config).await?;
    let started = async {
        let key = server_key(&server, &data).await?;
        start_site(&server, &program, &key, &data, args.site_port)
    };
    let mut site = match started.await {
        Ok(site) => site,
        Err(sentence) => {
            server.stop().await;
            return Err(sentence);
        }
    };
    let at = format!("http://{}", server.address());
    say("Snug is running. Open the demo in two browsers and let two members chat:");
    say(&format!("  demo site  http://127.0.0.1:{}", args.site_port));
    say(&format!("  panel      {at}/panel/"));
    say(&format!("  reference  {at}/docs"));
    let ended = tokio::select! {
        () = interrupted() => None,
        status = site.wait() => Some(status),
    };
    let _ = site.start_kill();
    server.stop().await;
    match ended {
        None => Ok(()),
        Some(Ok(status)) => Err(format!("the demo site ended: {status}")),
        Some(Err(error)) => Err(format!("the demo site was lost: {error}")),
    }
}

/// The key of the demo's own application, made at the first start.
async fn server_key(server: &Server, data: &Path) -> Result<PathBuf, String> {
    let file = data.join("server.key");
    if file.is_file() {
        return Ok(file);
    }
    std::fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let request = NewAppRequest {
        name: "Demo".to_owned(),
        policy: AppPolicy::Open,
        development: true,
        origins: Vec::new(),
    };
    let created = server.app().engine.create_app(request).await.map_err(|e| e.to_string())?;
    write_private(&file, created.server_key.as_bytes())
        .map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

fn start_site(
    server: &Server,
    program: &Path,
    key: &Path,
    data: &Path,
    port: u16,
) -> Result<Child, String> {
    let at = format!("http://{}", server.address());
    Command::new("node")
        .arg(program)
        .args(["--port", &port.to_string(), "--snug-url", &at, "--snug-public-url", &at])
        .arg("--server-key-file")
        .arg(key)
        .arg("--data")
        .arg(data.join("site"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("node cannot be started ({error}); install Node.js 20 or newer"))
}
