//! Who comes in by another system's wire.

use snug_core::engine::{Client, Engine};
use snug_core::error::{Error, Result};
use snug_core::ids::AppId;

/// Whose token this is, in this app or in the one that the token names. These wires list users
/// and rooms to everybody who is in; guests, whom nobody knows, are let in by the native doors
/// alone.
///
/// # Errors
/// As [`Engine::authenticate_in`]; [`Error::TokenInvalid`] for a guest's.
pub(crate) async fn authenticate(
    engine: &Engine,
    app: Option<&AppId>,
    token: &str,
) -> Result<Client> {
    let client = match app {
        Some(app) => engine.authenticate_in(app, token).await?,
        None => engine.authenticate(token).await?,
    };
    if client.user().is_guest() { Err(Error::TokenInvalid) } else { Ok(client) }
}
