//! The panel's call for other systems' wires: switches one on for an application and shows what
//! its clients sign in with.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use snug_core::error::Error;
use snug_core::ids::AppId;
use snug_dialects::{i2a, imkit, rocketchat};

use super::api::password_again;
use super::session::{ByOperator, FromPanel};
use crate::rest::{ApiError, Body};
use crate::wiring::App;

#[derive(Deserialize)]
pub(super) struct DialectBody {
    password: String,
    /// Of Rocket.Chat's administrator.
    username: Option<String>,
    /// A new secret in place of the one that is there (I2A).
    #[serde(default)]
    rotate: bool,
}

/// One thing that a client of the other system is given, under that system's name for it.
#[derive(Serialize)]
struct Named {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
pub(super) struct DialectAnswer {
    values: Vec<Named>,
}

pub(super) async fn open_dialect(
    State(app): State<Arc<App>>,
    _: FromPanel,
    by: ByOperator,
    Path((id, dialect)): Path<(String, String)>,
    Body(body): Body<DialectBody>,
) -> Result<Json<DialectAnswer>, ApiError> {
    let id = AppId::new(&id).map_err(|error| Error::invalid("app", error.expected))?;
    let DialectBody { password, username, rotate } = body;
    password_again(&app, &by.0, password).await?;
    let named = |name, value| Named { name, value };
    let (values, action) = match dialect.as_str() {
        "i2a" => {
            let secret = match rotate {
                true => i2a::rotate(&app.engine, &id).await?,
                false => i2a::enable(&app.engine, &id).await?,
            };
            (vec![named("X-Application-Secret", secret)], "dialect.i2a")
        }
        "imkit" => {
            let imkit::Keys { client_key, api_key } = imkit::enable(&app.engine, &id).await?;
            (vec![named("Client Key", client_key), named("API Key", api_key)], "dialect.imkit")
        }
        "rocketchat" => {
            let username = username.ok_or_else(|| Error::missing("username"))?;
            let host = crate::dialects::host(&app);
            let made = rocketchat::create_admin(host.as_ref(), &id, &username).await?;
            let rocketchat::NewAdmin { user_id, auth_token, password } = made;
            let values = vec![
                named("X-User-Id", user_id),
                named("X-Auth-Token", auth_token),
                named("Password", password),
            ];
            (values, "dialect.rocketchat")
        }
        _ => return Err(Error::invalid("dialect", "i2a, imkit or rocketchat").into()),
    };
    app.engine.audit(Some(&by.0.id), Some(&id), action).await?;
    Ok(Json(DialectAnswer { values }))
}
