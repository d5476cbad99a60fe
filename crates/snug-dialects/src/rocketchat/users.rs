//! Users: log in, log out, make, show.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Map, Value, json};
use snug_core::engine::{Backend, Engine, IssuedToken, RevokeSessions};
use snug_core::error::Error;
use snug_core::ids::{AppId, UserId};
use snug_core::limits;
use snug_core::model::{AppPolicy, Patch, SessionSelector, User, UserPatch};

use super::accounts::{self, Account};
use super::answer::{Answer, Failure, ok};
use super::door::{Anybody, Asked, Caller, Door};
use super::fields::Fields;
use super::presence::Status;
use super::wire::Wire;
use crate::custom;

use super::DIALECT;

/// What a log-in brings.
pub(super) enum Credentials {
    Resume(String),
    Password { name: String, digest: String },
}

/// A log-in that was let in.
pub(super) struct LoggedIn {
    pub(super) caller: Caller,
    pub(super) token: String,
    pub(super) by: &'static str,
}

fn refused() -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
}

/// A user of this app named by a request.
pub(super) fn user_id(text: &str) -> Result<UserId, Failure> {
    UserId::new(text).map_err(|_| Failure::no_user())
}

impl Door {
    /// Lets a caller in.
    pub(super) async fn log_in(
        &self,
        who: &Anybody,
        credentials: Credentials,
    ) -> Result<LoggedIn, Failure> {
        let (app, origin) = (who.app.as_ref(), who.origin.as_deref());
        let (token, by) = match credentials {
            Credentials::Resume(token) => (token, "resume"),
            Credentials::Password { name, digest } => {
                let app = match app {
                    Some(app) => Some(app.clone()),
                    None => accounts::default_app(self.engine()).await?,
                };
                let app = app.ok_or_else(refused)?;
                (self.by_password(&app, who, &name, digest).await?.token, "password")
            }
        };
        let client = self.client(app, &token, origin).await.map_err(|failure| match by {
            "resume" => failure,
            _ => refused(),
        })?;
        self.host.check_rate(&client)?;
        let caller = Caller { client, from_page: origin.is_some() };
        Ok(LoggedIn { caller, token, by })
    }

    async fn by_password(
        &self,
        app: &AppId,
        who: &Anybody,
        name: &str,
        digest: String,
    ) -> Result<IssuedToken, Failure> {
        // Trimmed as the look-up by e-mail trims, so that blanks make no new name to try with.
        let tried = name.trim();
        if name.len() > limits::LOGIN_NAME_BYTES_MAX || tried.is_empty() {
            return Err(refused());
        }
        if !self.host.may_try_password(who.from, &format!("{app}/{tried}")) {
            let retry_after_ms = limits::LOGIN_WINDOW_SECONDS * 1_000;
            return Err(Error::RateLimited { retry_after_ms }.into());
        }
        let engine = self.engine();
        let settings = accounts::settings(engine, app).await?;
        let user = match accounts::by_email(engine, app, name).await? {
            Some(user) => Some(user),
            None => UserId::new(name).ok(),
        };
        let account = match &user {
            Some(user) => accounts::account(engine, app, user).await?,
            None => Account::default(),
        };
        let open = account.admin || settings.is_some_and(|settings| settings.password_login);
        let (Some(user), Some(hash), true) = (user, account.password, open) else {
            // As slow as a wrong password, so that names cannot be told apart.
            self.host.hash_password(digest).await?;
            return Err(refused());
        };
        if !self.host.check_password(digest, hash).await? {
            return Err(refused());
        }
        accounts::open(engine, app, &user, None).await.map_err(|error| match error {
            Error::UserDeactivated => refused(),
            other => other.into(),
        })
    }

    pub(super) async fn me(&self, wire: Wire, caller: &Caller) -> Result<Value, Failure> {
        let engine = self.engine();
        let (app, user) = (&caller.client.app.id, caller.client.user());
        let me = engine.me(&caller.client).await?.user;
        let mut shown = wire.user(&me, Some(self.status(app, user)));
        if accounts::account(engine, app, user).await?.admin {
            shown["roles"] = json!(["user", "admin"]);
        }
        shown["emails"] = json!([]);
        shown["settings"] = json!({ "preferences": {} });
        Ok(shown)
    }
}

/// The log-in of a request's fields.
pub(super) fn credentials(fields: &Fields) -> Result<Credentials, Failure> {
    if let Some(token) = fields.text("resume")? {
        return Ok(Credentials::Resume(token));
    }
    let name = match fields.value("user") {
        Some(Value::Object(named)) => {
            let named = Fields(named.clone());
            named.any(&["username", "email"])?
        }
        _ => fields.any(&["user", "username", "email"])?,
    };
    let digest = match fields.value("password") {
        Some(Value::Object(given)) => {
            let given = Fields(given.clone());
            given.text("digest")?.map(|digest| digest.to_ascii_lowercase())
        }
        _ => fields.text("password")?.map(|password| accounts::digest(&password)),
    };
    match (name, digest) {
        (Some(name), Some(digest)) if digest.len() <= 256 => {
            Ok(Credentials::Password { name, digest })
        }
        _ => Err(refused()),
    }
}

pub(super) async fn login(State(door): State<Arc<Door>>, asked: Anybody) -> Answer {
    let done = door.log_in(&asked, credentials(&asked.fields)?).await?;
    let me = door.me(Wire::Rest, &done.caller).await?;
    let data = json!({ "userId": me["_id"], "authToken": done.token, "me": me });
    Ok(Json(json!({ "status": "success", "success": true, "data": data })))
}

pub(super) async fn logout(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    door.engine().log_out(&asked.caller.client).await?;
    let data = json!({ "message": "You've been logged out!" });
    Ok(Json(json!({ "status": "success", "success": true, "data": data })))
}

/// Ends every session of a user: one's own, or for an administrator anybody's.
pub(super) async fn users_logout(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let own = asked.caller.client.user().clone();
    let user = match asked.fields.text("userId")? {
        Some(other) => user_id(&other)?,
        None => own.clone(),
    };
    if user != own && asked.caller.admin(&door).await?.is_none() {
        return Err(Failure::unauthorized());
    }
    let engine = door.engine();
    let backend = engine.backend_by_dialect(&asked.caller.client.app.id, DIALECT).await?;
    let which = RevokeSessions(SessionSelector::User(user.clone()));
    engine.revoke_sessions(&backend, &which).await?;
    ok(json!({ "message": format!("User {user} has been logged out!") }))
}

/// Ends the caller's other sessions.
pub(super) async fn logout_others(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let (engine, client) = (door.engine(), &asked.caller.client);
    let backend = engine.backend_by_dialect(&client.app.id, DIALECT).await?;
    for session in engine.sessions_of(&backend, client.user()).await? {
        if session.id == *client.session_id() {
            continue;
        }
        match engine.close_session(&backend, &session.id).await {
            // Over meanwhile, which is what is wanted.
            Ok(()) | Err(Error::SessionNotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let expires = Wire::Rest.date(client.session.expires_at);
    ok(json!({ "token": asked.token, "tokenExpires": expires }))
}

pub(super) async fn me(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    ok(door.me(Wire::Rest, &asked.caller).await?)
}

async fn required_admin(door: &Door, caller: &Caller) -> Result<Backend, Failure> {
    let admin = caller.admin(door).await?;
    admin.ok_or_else(|| Failure::bad("error-not-authorized", "Not authorized"))
}

/// A user to be made.
struct NewUser {
    user: UserId,
    email: String,
    password: String,
    profile: UserPatch,
    active: bool,
}

fn in_use(what: &str) -> Failure {
    let text = format!("<strong>{what}</strong> is already in use :(");
    Failure::bad("error-field-unavailable", text)
}

impl NewUser {
    fn read(door: &Door, fields: &Fields) -> Result<Self, Failure> {
        let name = fields.required("name")?;
        let email = fields.required("email")?;
        let username = fields.required("username")?;
        let random = fields.flag("setRandomPassword") == Some(true);
        let password = if random { door.engine().secret() } else { fields.required("password")? };
        if password.len() > limits::PASSWORD_BYTES_MAX {
            let text = "The password is too long";
            return Err(Failure::bad("error-password-policy-not-met", text));
        }
        let user = UserId::new(&username).map_err(|_| {
            let text = format!("{username} is not a valid username");
            Failure::bad("error-invalid-username", text)
        })?;
        let active = fields.flag("active") != Some(false);
        Ok(Self { user, email, password, profile: profile(fields, name)?, active })
    }

    /// Everything but the password, which must not open what is not there whole.
    async fn make(&self, engine: &Engine, backend: &Backend, email: bool) -> Result<User, Failure> {
        let app = &backend.app.id;
        if email && !accounts::keep_email(engine, app, &self.user, &self.email).await? {
            return Err(in_use(&self.email));
        }
        let made = engine.upsert_user(backend, &self.user, self.profile.clone()).await?;
        if self.active {
            return Ok(made);
        }
        Ok(engine.deactivate_user(backend, &self.user).await?)
    }
}

pub(super) async fn create(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let backend = required_admin(&door, &asked.caller).await?;
    let new = NewUser::read(&door, &asked.fields)?;
    let (engine, app) = (door.engine(), &backend.app.id);
    match engine.user(&backend, &new.user).await {
        Err(Error::UserNotFound(_)) => {}
        Ok(_) => return Err(in_use(new.user.as_str())),
        Err(error) => return Err(error.into()),
    }
    let by_password = accounts::settings(engine, app).await?.is_some_and(|all| all.password_login);
    let mut account = Account::default();
    if by_password {
        account.password = Some(door.host.hash_password(accounts::digest(&new.password)).await?);
    }
    if !accounts::claim(engine, app, &new.user).await? {
        return Err(in_use(new.user.as_str()));
    }
    let made = match new.make(engine, &backend, by_password).await {
        Ok(made) => made,
        Err(failure) => {
            accounts::forget(engine, app, &new.user).await?;
            return Err(failure);
        }
    };
    accounts::keep(engine, app, &new.user, &account).await?;
    let mut shown = Wire::Rest.user(&made, Some(Status::Offline));
    // Said back once; the address itself is not kept.
    shown["emails"] = json!([{ "address": new.email, "verified": false }]);
    ok(json!({ "user": shown }))
}

fn profile(fields: &Fields, name: String) -> Result<UserPatch, Failure> {
    let mut part = Map::new();
    for field in ["nickname", "bio", "statusText", "customFields"] {
        if let Some(value) = fields.value(field) {
            part.insert(field.to_owned(), value.clone());
        }
    }
    let custom = if part.is_empty() {
        Patch::Keep
    } else {
        custom::with_part(None, DIALECT, part).map_err(|wrong| Failure::param(wrong.to_string()))?
    };
    Ok(UserPatch { name: Patch::Set(name), custom, ..UserPatch::default() })
}

/// A user named by `userId` or `username`; both are the customer's own id here.
fn named(fields: &Fields) -> Result<UserId, Failure> {
    match fields.any(&["userId", "username", "user"])? {
        Some(text) => user_id(&text),
        None => {
            let text = "The required \"userId\" or \"username\" param was not provided";
            Err(Failure::bad("error-user-param-not-provided", text))
        }
    }
}

/// A token for an existing user. With and without `secret`: the administrator's own token is
/// what is trusted here.
pub(super) async fn create_token(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let user = named(&asked.fields)?;
    let backend = required_admin(&door, &asked.caller).await?;
    let engine = door.engine();
    engine.user(&backend, &user).await?;
    let issued = accounts::open(engine, &backend.app.id, &user, None).await;
    let issued = issued.map_err(|error| match error {
        Error::UserDeactivated => Failure::bad("error-invalid-user", "User is not active"),
        other => other.into(),
    })?;
    ok(json!({ "data": { "userId": user, "authToken": issued.token } }))
}

pub(super) async fn show(door: &Door, caller: &Caller, user: UserId) -> Result<User, Failure> {
    let found = door.engine().users(&caller.client, vec![user]).await?;
    found.into_iter().next().ok_or_else(Failure::no_user)
}

pub(super) async fn info(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    asked.fields.check_shape()?;
    let found = show(&door, &asked.caller, named(&asked.fields)?).await?;
    let status = door.status(&asked.caller.client.app.id, &found.id);
    ok(json!({ "user": Wire::Rest.user(&found, Some(status)) }))
}

/// Every user of the app: for administrators, and for everybody where pages may start rooms.
pub(super) async fn list(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let (engine, app) = (door.engine(), &asked.caller.client.app);
    asked.fields.check_shape()?;
    let page = asked.fields.page()?;
    let query = asked.fields.query(&["_id", "username", "name", "active", "type"])?;
    let admin = asked.caller.admin(&door).await?.is_some();
    if app.policy != AppPolicy::Open && !admin {
        return Err(Failure::unauthorized());
    }
    let backend = engine.backend_by_dialect(&app.id, DIALECT).await?;
    let found = match query.equals("_id").or_else(|| query.equals("username")) {
        Some(id) => one(engine, &backend, id).await?,
        None => first_users(engine, &backend).await?,
    };
    let mut all = Vec::new();
    for mut user in found {
        // What a user may see of others, and no more.
        user.session_custom = None;
        if !admin {
            user.custom = None;
        }
        let shown = Wire::Rest.user(&user, Some(door.status(&app.id, &user.id)));
        if query.holds(&shown) {
            all.push(shown);
        }
    }
    let total = all.len();
    let users = page.of(all);
    ok(json!({ "count": users.len(), "offset": page.offset, "total": total, "users": users }))
}

/// The user of an id, if there is one.
async fn one(engine: &Engine, backend: &Backend, id: &str) -> Result<Vec<User>, Failure> {
    let Ok(id) = UserId::new(id) else { return Ok(Vec::new()) };
    match engine.user(backend, &id).await {
        Ok(user) => Ok(vec![user]),
        Err(Error::UserNotFound(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The app's users by id, as many as a list reads.
async fn first_users(engine: &Engine, backend: &Backend) -> Result<Vec<User>, Failure> {
    let (mut all, mut after) = (Vec::new(), None::<UserId>);
    while all.len() < limits::ROCKETCHAT_ROWS_READ_MAX {
        let most = limits::LISTING_PAGE_MAX;
        let some = engine.users_page(backend, after.as_ref(), Some(most)).await?;
        after = some.last().map(|last| last.id.clone()).filter(|_| some.len() == most);
        all.extend(some);
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

/// The caller's own status; the text beside it is taken and not kept.
pub(super) async fn set_status(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let wrong = "Valid status types include online, away, offline, and busy.";
    let wrong = || Failure::bad("error-invalid-status", wrong);
    let client = &asked.caller.client;
    if let Some(named) = asked.fields.any(&["userId", "username"])?
        && named != client.user().as_str()
    {
        return Err(Failure::unauthorized());
    }
    let status = asked.fields.text("status")?;
    if status.is_none() && asked.fields.text("message")?.is_none() {
        return Err(Failure::param("The bodyParam \"status\" or \"message\" is required"));
    }
    if let Some(status) = status {
        let status = Status::of_name(&status).ok_or_else(wrong)?;
        door.keep_status(&client.app.id, client.user(), status);
    }
    ok(json!({}))
}

/// The user that is asked about, or the caller, and how they are.
async fn status_asked(door: &Door, asked: &Asked) -> Result<(UserId, &'static str), Failure> {
    let client = &asked.caller.client;
    let user = match asked.fields.any(&["userId", "username"])? {
        Some(text) => show(door, &asked.caller, user_id(&text)?).await?.id,
        None => client.user().clone(),
    };
    let shown = door.status(&client.app.id, &user).name();
    Ok((user, shown))
}

pub(super) async fn get_status(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let (user, shown) = status_asked(&door, &asked).await?;
    ok(json!({ "message": "", "connectionStatus": shown, "status": shown, "_id": user }))
}

pub(super) async fn get_presence(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let (user, shown) = status_asked(&door, &asked).await?;
    ok(json!({ "presence": shown, "connectionStatus": shown, "status": shown, "_id": user }))
}
