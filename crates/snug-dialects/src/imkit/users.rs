//! Users and their tokens: signing in, `me`, and what the customer's backend does.

use std::sync::Arc;

use axum::extract::{Path, Query as UrlQuery, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use snug_core::engine::{Backend, Engine, IssuedToken, OpenSession, RevokeSessions};
use snug_core::error::Error;
use snug_core::ids::{DeviceId, UserId};
use snug_core::limits;
use snug_core::model::{
    Patch, RoomFilter, SessionSelector, Time, TokenHash, User as Profile, UserPatch,
};

use super::answer::{Answer, Failure, ok};
use super::door::{Admin, Door, Guest, User, body};
use super::rooms::{number, patch};
use super::{DIALECT, keys, wire};
use crate::entry;
use crate::listed::all_rooms;
use crate::query::Query;

/// The life of a token when nobody names its end, in seconds: a year, as the vendor's.
const TOKEN_SECONDS: u64 = 365 * 24 * 3_600;
/// The device of the one token that `issueAccessToken` keeps alive.
const ISSUED_DEVICE: &str = "imkit";

const QUERYABLE: [&str; 4] = ["_id", "nickname", "avatarUrl", "description"];

/// What a body says about a user; e-mail is echoed and not kept.
fn profile(value: &Value, before: Option<&Profile>) -> Result<UserPatch, Failure> {
    let custom = before.and_then(|user| user.custom.as_ref());
    let mut ours: Map<String, Value> = wire::ours(custom);
    let mut changed = false;
    for name in ["description", "publicKey"] {
        match value.get(name) {
            None => {}
            Some(Value::Null) => changed |= ours.remove(name).is_some(),
            Some(Value::String(text)) => {
                changed = true;
                ours.insert(name.to_owned(), json!(text));
            }
            Some(_) => return Err(Failure::body(format!("{name}: expected text"))),
        }
    }
    let custom = if changed { wire::with_ours(custom, ours)? } else { Patch::Keep };
    Ok(UserPatch {
        name: patch(value, "nickname")?,
        avatar: patch(value, "avatarUrl")?,
        custom,
        ..UserPatch::default()
    })
}

fn with_email(mut shown: Value, asked: &Value) -> Value {
    if let Some(email) = asked["email"].as_str() {
        shown["email"] = json!(email);
    }
    shown
}

async fn find(
    engine: &Engine,
    backend: &Backend,
    user: &UserId,
) -> Result<Option<Profile>, Failure> {
    match engine.user(backend, user).await {
        Ok(user) => Ok(Some(user)),
        Err(Error::UserNotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn id_of(value: &Value, name: &str) -> Result<UserId, Failure> {
    let text = wire::id_in(&value[name]).filter(|text| !text.is_empty());
    wire::user_id(&text.ok_or_else(|| Failure::missing(name))?)
}

/// A page signs in as somebody with the client key alone.
pub(super) async fn sign_in(
    State(door): State<Arc<Door>>,
    Guest(app): Guest,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let settings = keys::settings(engine, &app.id).await?;
    if !app.development && !settings.page_sign_in {
        let message = "signing in with the client key alone is switched off: a client key is \
                       public; issue tokens with the API key, or switch it on for this app";
        return Err(Failure::denied(message));
    }
    let value = body(&bytes)?;
    let user = id_of(&value, if value["id"].is_null() { "_id" } else { "id" })?;
    let backend = engine.backend_by_dialect(&app.id, DIALECT).await?;
    let before = find(engine, &backend, &user).await?;
    let profile = profile(&value, before.as_ref())?;
    let token = keys::new_token(engine, user.as_str(), TOKEN_SECONDS);
    open(
        engine,
        &backend,
        &user,
        Opening { token: token.clone(), device: None, ..opening(profile) },
    )
    .await?;
    let found = engine.user(&backend, &user).await?;
    let mut shown = with_email(wire::user(app.id.as_str(), &found), &value);
    shown["token"] = json!(token);
    shown["expirationDate"] = json!(wire::iso(engine.now().plus_millis(365 * 86_400_000)));
    ok(shown)
}

struct Opening {
    token: String,
    /// `None`: a device of this token's own.
    device: Option<&'static str>,
    profile: UserPatch,
    seconds: u64,
}

fn opening(profile: UserPatch) -> Opening {
    Opening { token: String::new(), device: None, profile, seconds: TOKEN_SECONDS }
}

/// Opens the session of a token; one that is another user's, or that was taken back, is refused.
async fn open(
    engine: &Engine,
    backend: &Backend,
    user: &UserId,
    opening: Opening,
) -> Result<IssuedToken, Failure> {
    let device = match opening.device {
        Some(device) => device.to_owned(),
        None => keys::device_of(&opening.token),
    };
    let request = OpenSession {
        user: user.clone(),
        device: DeviceId::from_stored(&device),
        profile: opening.profile,
        custom: None,
        push_token: None,
        ttl_seconds: Some(opening.seconds),
        token: Some(opening.token),
    };
    let issued = engine.open_session(backend, request).await?;
    if issued.session.user != *user || issued.session.closed.is_some() {
        let message = "the token is bound already";
        return Err(Failure::flat(StatusCode::CONFLICT, "TOKEN_CONFLICT", message));
    }
    Ok(issued)
}

fn me_of(app: &str, user: &Profile, client: &snug_core::engine::Client) -> Value {
    let mut shown = wire::user(app, user);
    shown["notificationEnabled"] = json!(true);
    shown["lastLoginTimeMS"] = json!(client.session.created_at.millis());
    shown["mute"] = json!([]);
    shown
}

pub(super) async fn me(
    State(door): State<Arc<Door>>,
    User(client): User,
    headers: HeaderMap,
) -> Answer {
    let found = door.engine().me(&client).await?;
    let mut shown = me_of(client.app.id.as_str(), &found.user, &client);
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    shown["userAgent"] = json!(agent.unwrap_or(""));
    ok(shown)
}

pub(super) async fn update_me(
    State(door): State<Arc<Door>>,
    User(client): User,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let before = engine.me(&client).await?.user;
    let patch = profile(&value, Some(&before))?;
    let user = engine.update_me(&client, patch).await?;
    ok(with_email(me_of(client.app.id.as_str(), &user, &client), &value))
}

pub(super) async fn badge(
    State(door): State<Arc<Door>>,
    User(client): User,
    uri: http::Uri,
) -> Answer {
    let query = uri.query().unwrap_or("");
    let asked = form_urlencoded::parse(query.as_bytes());
    let tags: Vec<String> = asked
        .filter(|(name, _)| name == "roomTags" || name == "roomTags[]")
        .map(|(_, value)| value.into_owned())
        .collect();
    let mut badge = 0;
    // What the list shows, without what is muted.
    let shown = RoomFilter { muted: Some(false), ..RoomFilter::default() };
    for one in all_rooms(door.engine(), &client, false, shown).await? {
        let ours = wire::ours(one.room.custom.as_ref());
        let has = |tag: &String| {
            let all = ours.get("roomTags").and_then(Value::as_array);
            all.is_some_and(|all| all.iter().any(|one| one == tag.as_str()))
        };
        if tags.iter().all(has) {
            badge += one.mine.unread(one.room.head.count);
        }
    }
    ok(json!({ "badge": badge }))
}

/// Where push tokens lie: by user, then device or token.
fn push_key(user: &UserId, value: &Value) -> Result<String, Failure> {
    let device = value["deviceId"].as_str().filter(|device| !device.is_empty());
    let token = value["token"].as_str().filter(|token| !token.is_empty());
    let name = device.or(token).ok_or_else(|| Failure::missing("token"))?;
    let hash = TokenHash::of(name).0;
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{digits}/{user}"))
}

pub(super) async fn subscribe(
    State(door): State<Arc<Door>>,
    User(client): User,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let token = value["token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Failure::missing("token"))?;
    if token.len() > limits::PUSH_TOKEN_BYTES_MAX {
        return Err(Failure::body("token: too long"));
    }
    let kind = value["type"].as_str().unwrap_or("fcm");
    let kept = json!({
        "user": client.user().as_str(),
        "session": client.session_id().as_str(),
        "type": kind,
        "token": token,
        "deviceId": value["deviceId"].as_str(),
    });
    let key = push_key(client.user(), &value)?;
    let place = keys::place(&client.app.id, "push");
    let keep = keys::keep(&key, kept.to_string(), None);
    door.engine().keep_record(&place, keep).await?;
    ok(json!({}))
}

pub(super) async fn unsubscribe(
    State(door): State<Arc<Door>>,
    User(client): User,
    bytes: Bytes,
) -> Answer {
    let key = push_key(client.user(), &body(&bytes)?)?;
    door.engine().forget_record(&keys::place(&client.app.id, "push"), &key).await?;
    ok(json!({}))
}

/// Seconds until a token ends; the longest that Snug grants when it is further away.
fn seconds_until(now: Time, value: &Value) -> Result<u64, Failure> {
    if value.is_null() {
        return Ok(TOKEN_SECONDS);
    }
    let end =
        wire::moment(value).ok_or_else(|| Failure::body("expirationDate: expected a time"))?;
    let left = u64::try_from(end.seconds() - now.seconds()).unwrap_or(0);
    if left < limits::SESSION_TTL_SECONDS_MIN {
        return Err(Failure::body("expirationDate: expected a time in the future"));
    }
    Ok(left.min(limits::SESSION_TTL_SECONDS_MAX))
}

/// Makes or changes a user, and issues or binds a token when the body says so.
pub(super) async fn put_client(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let user = id_of(&value, "_id")?;
    let before = find(engine, &backend, &user).await?;
    let patch = profile(&value, before.as_ref())?;
    let seconds = seconds_until(engine.now(), &value["expirationDate"])?;
    let issue = value["issueAccessToken"].as_bool().unwrap_or(false);
    let chosen = value["token"].as_str().filter(|token| !token.is_empty());
    let found = engine.upsert_user(&backend, &user, patch).await?;
    let mut shown = with_email(wire::user(backend.app.id.as_str(), &found), &value);
    let opening = if issue {
        let token = keys::new_token(engine, user.as_str(), seconds);
        Some(Opening {
            token,
            device: Some(ISSUED_DEVICE),
            seconds,
            ..opening(UserPatch::default())
        })
    } else {
        chosen.map(|token| Opening {
            token: token.to_owned(),
            seconds,
            ..opening(UserPatch::default())
        })
    };
    if let Some(opening) = opening {
        let issued = open(engine, &backend, &user, opening).await?;
        shown["token"] = json!(issued.token);
        shown["expirationDate"] = json!(wire::iso(issued.session.expires_at));
    }
    ok(shown)
}

pub(super) async fn put_clients(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let all = value["data"].as_array().ok_or_else(|| Failure::missing("data"))?;
    if all.len() > limits::MEMBERS_PER_REQUEST_MAX {
        return Err(Failure::body("data: too many clients"));
    }
    for one in all {
        id_of(one, "_id")?;
    }
    for one in all {
        let user = id_of(one, "_id")?;
        let before = find(engine, &backend, &user).await?;
        engine.upsert_user(&backend, &user, profile(one, before.as_ref())?).await?;
    }
    ok(json!({ "count": all.len() }))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    q: Option<String>,
    skip: Option<String>,
    limit: Option<String>,
}

pub(super) async fn list_clients(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    UrlQuery(asked): UrlQuery<ListQuery>,
) -> Answer {
    let query = match asked.q.as_deref().filter(|q| !q.is_empty()) {
        Some(q) => {
            Query::parse(q, &QUERYABLE).map_err(|wrong| Failure::query(format!("q: {wrong}")))?
        }
        None => Query::default(),
    };
    let skip = number("skip", asked.skip.as_deref())?.unwrap_or(0);
    let limit = number("limit", asked.limit.as_deref())?.unwrap_or(50).clamp(1, 100);
    let (mut total, mut data, mut after) = (0, Vec::new(), None::<UserId>);
    loop {
        let most = Some(limits::LISTING_PAGE_MAX);
        let page = door.engine().users_page(&backend, after.as_ref(), most).await?;
        let more = page.len() == limits::LISTING_PAGE_MAX;
        after = page.last().map(|user| user.id.clone());
        for user in page {
            let shown = wire::user(backend.app.id.as_str(), &user);
            if !query.holds(&shown) {
                continue;
            }
            if total >= skip && data.len() < limit {
                data.push(shown);
            }
            total += 1;
        }
        if !more {
            return ok(json!({ "totalCount": total, "data": data }));
        }
    }
}

/// Binds a token that the customer chose.
pub(super) async fn put_token(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    Path(user): Path<String>,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let user = wire::user_id(&user)?;
    let token = value["token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Failure::missing("token"))?.to_owned();
    let found = engine.user(&backend, &user).await?;
    let seconds = seconds_until(engine.now(), &value["expirationDate"])?;
    let opening = Opening { token, seconds, ..opening(UserPatch::default()) };
    let issued = open(engine, &backend, &user, opening).await?;
    let mut shown = wire::user(backend.app.id.as_str(), &found);
    shown["token"] = json!(issued.token);
    shown["expirationDate"] = json!(wire::iso(issued.session.expires_at));
    ok(shown)
}

/// Takes one token back, or all.
pub(super) async fn delete_token(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    Path(user): Path<String>,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let user = wire::user_id(&user)?;
    let found = engine.user(&backend, &user).await?;
    match value["token"].as_str().filter(|token| !token.is_empty()) {
        None => {
            let all = RevokeSessions(SessionSelector::User(user));
            engine.revoke_sessions(&backend, &all).await?;
        }
        Some(token) => {
            let bound = entry::authenticate(engine, Some(&backend.app.id), token).await;
            let bound = bound.ok().filter(|client| *client.user() == user);
            let Some(client) = bound else {
                let message = "no such token";
                return Err(Failure::flat(StatusCode::NOT_FOUND, "TOKEN_NOT_FOUND", message));
            };
            let one = SessionSelector::Session(client.session_id().clone());
            engine.revoke_sessions(&backend, &RevokeSessions(one)).await?;
        }
    }
    ok(wire::user(backend.app.id.as_str(), &found))
}
