//! The panel's calls: sign-up, log-in, applications and their keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use snug_core::engine::{NewAppRequest, SignUp};
use snug_core::error::Error;
use snug_core::ids::AppId;
use snug_core::model::{self, AppCounts, AppPatch, AppPolicy, Operator, ServerKey};
use snug_proto::value::WireTime;
use snug_proto::{ErrorCode, Problem};

use super::password::check_new;
use super::session::{ByOperator, FromPanel, cookie, set_cookie};
use crate::rest::{ApiError, Body, Peer};
use crate::wiring::App;

type ApiResult<T> = Result<T, ApiError>;

#[derive(Serialize)]
pub(super) struct OperatorItem {
    email: String,
    role: &'static str,
}

impl From<Operator> for OperatorItem {
    fn from(operator: Operator) -> Self {
        Self { email: operator.email, role: operator.role.as_str() }
    }
}

#[derive(Serialize)]
pub(super) struct PanelState {
    signup_open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<OperatorItem>,
    version: &'static str,
}

pub(super) async fn state(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> ApiResult<Json<PanelState>> {
    let operator = match cookie(&headers, app.https) {
        Some(token) => app.engine.operator_by_session(&token).await?,
        None => None,
    };
    Ok(Json(PanelState {
        signup_open: app.engine.sign_up_open().await?,
        operator: operator.map(Into::into),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    email: String,
    password: String,
}

fn check_email(email: &str) -> Result<(), Error> {
    let fits = email.len() <= 254
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if fits { Ok(()) } else { Err(Error::invalid("email", "an e-mail address")) }
}

pub(super) async fn sign_up(
    State(app): State<Arc<App>>,
    _: FromPanel,
    Peer(address): Peer,
    Body(body): Body<Credentials>,
) -> ApiResult<Response> {
    check_email(&body.email)?;
    check_new(&body.password)?;
    app.logins.check(&body.email, address)?;
    let closed = || Problem::new(ErrorCode::SignupClosed, "this install has its owner already");
    if !app.engine.sign_up_open().await? {
        return Err(closed().into());
    }
    let hash = app.logins.hash(body.password).await?;
    match app.engine.sign_up(&body.email, hash).await? {
        SignUp::Closed => Err(closed().into()),
        SignUp::Created(operator) => {
            app.engine.audit(Some(&operator.id), None, "signup").await?;
            logged_in(&app, operator, StatusCode::CREATED).await
        }
    }
}

pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    _: FromPanel,
    Peer(address): Peer,
    Body(body): Body<Credentials>,
) -> ApiResult<Response> {
    check_email(&body.email)?;
    app.logins.check(&body.email, address)?;
    let known = app.engine.operator_by_email(&body.email).await?;
    let hash = known.as_ref().map(|operator| operator.password_hash.clone());
    if body.password.len() <= snug_core::limits::PASSWORD_BYTES_MAX
        && app.logins.verify(body.password, hash).await?
        && let Some(operator) = known
    {
        app.engine.audit(Some(&operator.id), None, "login").await?;
        return logged_in(&app, operator, StatusCode::OK).await;
    }
    Err(Problem::new(ErrorCode::LoginFailed, "e-mail or password is wrong").into())
}

async fn logged_in(app: &App, operator: Operator, status: StatusCode) -> ApiResult<Response> {
    let token = app.engine.open_operator_session(&operator.id).await?;
    let mut answer = (status, Json(OperatorItem::from(operator))).into_response();
    answer.headers_mut().insert(SET_COOKIE, set_cookie(Some(&token), app.https));
    Ok(answer)
}

pub(super) async fn log_out(
    State(app): State<Arc<App>>,
    _: FromPanel,
    headers: HeaderMap,
) -> ApiResult<Response> {
    if let Some(token) = cookie(&headers, app.https) {
        app.engine.close_operator_session(&token).await?;
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    answer.headers_mut().insert(SET_COOKIE, set_cookie(None, app.https));
    Ok(answer)
}

#[derive(Serialize)]
pub(super) struct KeyItem {
    id: String,
    hint: String,
    created_at: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<WireTime>,
}

#[derive(Serialize)]
pub(super) struct AppItem {
    id: String,
    name: String,
    policy: &'static str,
    development: bool,
    origins: Vec<String>,
    created_at: WireTime,
    keys: Vec<KeyItem>,
    users: u64,
    rooms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_key: Option<String>,
}

impl AppItem {
    fn of(app: model::App, keys: Vec<ServerKey>, counts: AppCounts) -> Self {
        let key = |key: ServerKey| KeyItem {
            id: key.id.into(),
            hint: key.hint,
            created_at: WireTime(key.created_at),
            expires_at: key.expires_at.map(WireTime),
        };
        Self {
            id: app.id.into(),
            name: app.name,
            policy: app.policy.as_str(),
            development: app.development,
            origins: app.origins,
            created_at: WireTime(app.created_at),
            keys: keys.into_iter().map(key).collect(),
            users: counts.users,
            rooms: counts.rooms,
            server_key: None,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Apps {
    apps: Vec<AppItem>,
}

pub(super) async fn apps(State(app): State<Arc<App>>, _: ByOperator) -> ApiResult<Json<Apps>> {
    let all = app.engine.apps().await?;
    let apps = all.into_iter().map(|(app, keys, counts)| AppItem::of(app, keys, counts));
    Ok(Json(Apps { apps: apps.collect() }))
}

fn policy(text: &str) -> Result<AppPolicy, Error> {
    AppPolicy::parse(text).ok_or_else(|| Error::invalid("policy", "open or backend_only"))
}

#[derive(Deserialize)]
pub(super) struct NewAppBody {
    name: String,
    policy: String,
    #[serde(default)]
    development: bool,
    #[serde(default)]
    origins: Vec<String>,
}

pub(super) async fn create_app(
    State(app): State<Arc<App>>,
    _: FromPanel,
    by: ByOperator,
    Body(body): Body<NewAppBody>,
) -> ApiResult<(StatusCode, Json<AppItem>)> {
    let NewAppBody { name, policy: asked, development, origins } = body;
    let request = NewAppRequest { name, policy: policy(&asked)?, development, origins };
    let created = app.engine.create_app(request).await?;
    app.engine.audit(Some(&by.0.id), Some(&created.app.id), "app.create").await?;
    let mut item = AppItem::of(created.app, Vec::new(), AppCounts::default());
    item.server_key = Some(created.server_key);
    Ok((StatusCode::CREATED, Json(item)))
}

#[derive(Deserialize)]
pub(super) struct UpdateAppBody {
    name: Option<String>,
    policy: Option<String>,
    development: Option<bool>,
    origins: Option<Vec<String>>,
}

fn app_id(text: &str) -> Result<AppId, Error> {
    AppId::new(text).map_err(|error| Error::invalid("app", error.expected))
}

pub(super) async fn update_app(
    State(app): State<Arc<App>>,
    _: FromPanel,
    by: ByOperator,
    Path(id): Path<String>,
    Body(body): Body<UpdateAppBody>,
) -> ApiResult<Json<AppItem>> {
    let UpdateAppBody { name, policy: asked, development, origins } = body;
    let policy = asked.as_deref().map(policy).transpose()?;
    let id = app_id(&id)?;
    let patch = AppPatch { name, policy, development, origins };
    app.engine.update_app(&id, patch).await?;
    app.engine.audit(Some(&by.0.id), Some(&id), "app.update").await?;
    let all = app.engine.apps().await?;
    let found = all.into_iter().find(|(app, _, _)| app.id == id);
    let (app, keys, counts) = found.ok_or(Error::AppNotFound(id))?;
    Ok(Json(AppItem::of(app, keys, counts)))
}

#[derive(Deserialize)]
pub(super) struct PasswordBody {
    password: String,
    #[serde(default)]
    grace_seconds: u64,
}

#[derive(Serialize)]
pub(super) struct KeyAnswer {
    server_key: String,
}

/// Secrets are shown and exchanged only to who knows the password at this moment.
pub(super) async fn password_again(
    app: &App,
    operator: &Operator,
    password: String,
) -> ApiResult<()> {
    app.logins.check_operator(&operator.id)?;
    let hash = Some(operator.password_hash.clone());
    if app.logins.verify(password, hash).await? {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::PasswordWrong, "the password is wrong").into())
}

pub(super) async fn reveal(
    State(app): State<Arc<App>>,
    _: FromPanel,
    by: ByOperator,
    Path(id): Path<String>,
    Body(body): Body<PasswordBody>,
) -> ApiResult<Json<KeyAnswer>> {
    let id = app_id(&id)?;
    password_again(&app, &by.0, body.password).await?;
    let server_key = app.engine.reveal_server_key(&id).await?;
    app.engine.audit(Some(&by.0.id), Some(&id), "key.reveal").await?;
    Ok(Json(KeyAnswer { server_key }))
}

pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    _: FromPanel,
    by: ByOperator,
    Path(id): Path<String>,
    Body(body): Body<PasswordBody>,
) -> ApiResult<Json<KeyAnswer>> {
    let id = app_id(&id)?;
    password_again(&app, &by.0, body.password).await?;
    let server_key = app.engine.rotate_server_key(&id, body.grace_seconds).await?;
    app.engine.audit(Some(&by.0.id), Some(&id), "key.rotate").await?;
    Ok(Json(KeyAnswer { server_key }))
}
