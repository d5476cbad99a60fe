//! `snug serve`.

use super::{interrupted, say};
use crate::config::Config;
use crate::serve::Server;

pub(super) async fn run(config: Config) -> Result<(), String> {
    let server = Server::start(config).await?;
    let at = format!("http://{}", server.address());
    say(&format!("Snug {} listens on {at}", env!("CARGO_PKG_VERSION")));
    say(&format!("  panel      {at}/panel/"));
    say(&format!("  reference  {at}/docs"));
    interrupted().await;
    tracing::info!("draining");
    if !server.stop().await {
        tracing::warn!("some connections did not end in time and were cut");
    }
    Ok(())
}
