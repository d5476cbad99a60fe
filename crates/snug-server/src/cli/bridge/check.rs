//! `snug bridge check`: which promise of the bridge an endpoint breaks.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use snug_core::model::TokenAlgorithm;
use snug_core::ports::{MintedTokens, Outbound};

use super::kit::{Kit, Verdict};
use super::{promises, read};
use crate::cli::say;
use crate::config::Config;
use crate::jwt::Jwts;
use crate::outbound::GuardedClient;

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// The operations' names are appended to it, such as https://shop.example/bridge
    #[arg(long)]
    url: String,
    /// A file with the RSA public key (PEM or JWK) of the backend's tokens
    #[arg(long)]
    public_key: PathBuf,
    /// What `snug bridge enable` printed
    #[arg(long, env = "SNUG_BRIDGE_SECRET", hide_env_values = true)]
    secret: String,
    /// A user of the backend's who may write to the contact; take users made for tests
    #[arg(long)]
    user: String,
    /// The other one
    #[arg(long)]
    contact: String,
    /// An access token of the user's; without one, getUserToken is tried with a wrong one only
    #[arg(long, env = "SNUG_BRIDGE_ACCESS_TOKEN", hide_env_values = true)]
    access_token: Option<String>,
}

pub(super) async fn run(config: &Config, args: CheckArgs) -> Result<ExitCode, String> {
    let outbound = GuardedClient::new(&config.outbound)?;
    outbound.check_url(&args.url).map_err(|error| format!("url: {error}"))?;
    let keys = Jwts.read_keys(&read(&args.public_key)?);
    let keys = keys.map_err(|expected| format!("public_key: expected {expected}"))?;
    let key = keys.into_iter().find(|key| key.algorithm == TokenAlgorithm::Rs256);
    let key = key.ok_or("public_key: expected an RSA public key of 2048 bits or more")?;
    let kit = Kit::new(outbound, key, &args.url, args.secret, (args.user, args.contact));
    let mut broken = 0;
    let mut tried = 0;
    for outcome in promises::all(&kit, args.access_token.as_deref()).await {
        let name = outcome.name;
        match outcome.verdict {
            Verdict::Kept => {
                tried += 1;
                say(&format!("kept       {name}: {}", outcome.promise));
            }
            Verdict::Broken(why) => {
                tried += 1;
                broken += 1;
                say(&format!("BROKEN     {name}: {}\n           {why}", outcome.promise));
            }
            Verdict::NotTried(why) => {
                say(&format!("not tried  {name}: {}\n           {why}", outcome.promise));
            }
        }
    }
    say(&format!("{} of {tried} promises are kept; {}", tried - broken, kit.slowest()));
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
