//! Socket ops onto engine calls: translation only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use snug_core::engine::{
    Actor, ChangeMembersRequest, Client, Engine, HistoryRequest, MarkRequest, MarkView,
    SendMessage, SyncFrom,
};
use snug_core::error::{Error, Result};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{Membership, Message, TokenHash};
use snug_proto::changes::{ChannelsAnswer, MessageAnswer, PinsAnswer, VersionsAnswer};
use snug_proto::ephemeral::EphemeralAnswer;
use snug_proto::event::{OpenAnswer, RefreshAnswer, RoomAnswer, SentAnswer, UserAnswer};
use snug_proto::frame::{self, Request, RequestId};
use snug_proto::marks::{OwnAnswer, OwnMessageData, StarredAnswer};
use snug_proto::object::{Mine, Room, User, list};
use snug_proto::presence::{Presence, PresenceAnswer};
use snug_proto::receipts::ReceiptsAnswer;
use snug_proto::rest::{
    CreatedRoomAnswer, HistoryAnswer, MembersAnswer, RoomSyncAnswer, RoomsAnswer, UserSyncAnswer,
    UsersAnswer,
};
use snug_proto::scheduled::{ScheduledAnswer, ScheduledPage};
use snug_proto::threads::{ThreadAnswer, ThreadMine, ThreadsAnswer};
use snug_proto::value::{WireTime, ids};
use snug_proto::{CloseCode, ErrorCode, Problem};

use super::arrivals::Pace;
use super::hub::Connection;
use crate::wiring::App;

/// Who asks, with what a refresh exchanges: not the token itself, which is long, and is kept for
/// every connection and copied for every request.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) client: Client,
    pub(super) token: TokenHash,
}

/// What became of a request.
pub(super) enum Done {
    Answer(Vec<u8>),
    Refreshed { frame: Vec<u8>, caller: Box<Caller>, pace: Pace },
    Close { frame: Vec<u8>, code: CloseCode },
}

#[derive(Serialize)]
struct Nothing {}

/// Runs a request and writes its answer.
pub(super) async fn run(
    app: &Arc<App>,
    caller: &Caller,
    connection: &Arc<Connection>,
    id: RequestId,
    request: Request,
) -> Done {
    if let Some(ending) = connection.outbox.ending() {
        // Ended by a logout or a revoke that was answered before this request's turn.
        let problem = Problem::new(ErrorCode::SessionClosed, "the session was closed");
        return Done::Close { frame: frame::refusal(&id, &problem), code: ending.code };
    }
    let done = match request {
        Request::SessionRefresh(data) => refresh(app, caller, connection, &id, data.token).await,
        Request::SessionClose(_) => app.engine.log_out(&caller.client).await.map(|()| {
            Done::Close { frame: frame::answer(&id, &Nothing {}), code: CloseCode::SessionClosed }
        }),
        Request::Delivered(body) => body.into_rooms().map(|rooms| {
            app.hub.got(&caller.client, rooms);
            Done::Answer(frame::answer(&id, &Nothing {}))
        }),
        request => request_in_room(app, caller, connection, &id, request).await.map(Done::Answer),
    };
    done.unwrap_or_else(|error| Done::Answer(frame::refusal(&id, &Problem::from(error))))
}

async fn refresh(
    app: &Arc<App>,
    caller: &Caller,
    connection: &Arc<Connection>,
    id: &RequestId,
    brought: Option<String>,
) -> Result<Done> {
    let (client, token, minted) = match brought {
        Some(token) => {
            connection.rebind(true);
            let client = same_device(app, caller, &token).await;
            if let Ok(client) = &client {
                connection.set_session(client.session_id().clone());
            }
            connection.rebind(false);
            client?;
            // Once more, now that a revoke of the new session finds this connection.
            match same_device(app, caller, &token).await {
                Ok(client) => (client, token, None),
                Err(error) => {
                    let problem = Problem::from(error);
                    let code = problem.close_code();
                    return Ok(Done::Close { frame: frame::refusal(id, &problem), code });
                }
            }
        }
        None => {
            let issued = app.engine.refresh_session(&caller.client, caller.token).await?;
            let session = Arc::new(issued.session);
            let client = Client { app: caller.client.app.clone(), session };
            (client, issued.token.clone(), Some(issued.token))
        }
    };
    let answer = RefreshAnswer {
        token: minted,
        session: client.session_id().to_string(),
        expires_at: WireTime(client.session.expires_at),
    };
    let frame = frame::answer(id, &answer);
    let pace = app.arrivals.pace_of(&token);
    let caller = Box::new(Caller { client, token: Engine::token_hash(&token) });
    Ok(Done::Refreshed { frame, caller, pace })
}

/// A newer token of the same app, user and device.
async fn same_device(app: &Arc<App>, caller: &Caller, token: &str) -> Result<Client> {
    let fresh = app.engine.authenticate(token).await?;
    let old = &caller.client;
    if fresh.app.id != old.app.id || fresh.user() != old.user() || fresh.device() != old.device() {
        return Err(Error::invalid("data.token", "a token of the same user and device"));
    }
    Ok(fresh)
}

/// The caller under the app's policy of this moment: a connection outlives a change of it.
async fn as_of_now(app: &Arc<App>, client: &Client) -> Result<Client> {
    let now = app.engine.app(&client.app.id).await?;
    Ok(Client { app: now, session: client.session.clone() })
}

async fn request_in_room(
    app: &Arc<App>,
    caller: &Caller,
    connection: &Arc<Connection>,
    id: &RequestId,
    request: Request,
) -> Result<Vec<u8>> {
    let engine = &app.engine;
    if matches!(request, Request::Ping(_)) {
        return Ok(frame::answer(id, &Nothing {}));
    }
    let client = &as_of_now(app, &caller.client).await?;
    let actor = Actor::Client(client.clone());
    Ok(match request {
        Request::MessageSend(data) => {
            let (room, body) = data.into_body();
            let sent = engine.send_message(&actor, &room, SendMessage::try_from(body)?).await?;
            app.metrics.messages.inc();
            let answer = SentAnswer { message: sent.message.into(), duplicate: sent.duplicate };
            frame::answer(id, &answer)
        }
        Request::RoomOpen(data) => {
            let opened = open(app, &actor, connection, &data.room.0, data.limit).await?;
            frame::answer(id, &opened)
        }
        Request::RoomClose(data) => {
            app.hub.close(connection, &data.room.0);
            frame::answer(id, &Nothing {})
        }
        Request::Read(data) => {
            let (mine, count) = engine.mark_read(client, &data.room.0, data.seq).await?;
            frame::answer(id, &Mine::of(&mine, count))
        }
        Request::Typing(data) => {
            if !connection.typing_is_known(&data.room.0, data.on) {
                engine.set_typing(&actor, &data.room.0, data.on, None).await?;
            }
            frame::answer(id, &Nothing {})
        }
        Request::RoomsList(data) => {
            let page = engine.room_list(client, data.into_request()?).await?;
            frame::answer(id, &RoomsAnswer::from(page))
        }
        Request::History(data) => {
            let (room, params) = data.into_params();
            let page = engine.history(&actor, &room, &params.into()).await?;
            frame::answer(id, &HistoryAnswer::of(&room, page))
        }
        Request::Sync(data) => {
            let sync = engine.sync_user(client, &data.cursor).await?;
            frame::answer(id, &UserSyncAnswer::from(sync))
        }
        Request::RoomSync(data) => {
            let from = SyncFrom { rev: data.rev, epoch: &data.epoch, marks: data.marks };
            let sync = engine.sync_room(&actor, &data.room.0, from, data.limit).await?;
            frame::answer(id, &RoomSyncAnswer::from(sync))
        }
        Request::MessageEdit(_)
        | Request::MessageUnsend(_)
        | Request::MessageReact(_)
        | Request::MessagePin(_) => {
            let message = change(app, &actor, request).await?.into();
            frame::answer(id, &MessageAnswer { message })
        }
        other => return rarely(app, client, &actor, connection, id, other).await,
    })
}

/// What becomes of a message after it was sent.
async fn change(app: &Arc<App>, actor: &Actor, request: Request) -> Result<Message> {
    let engine = &app.engine;
    match request {
        Request::MessageEdit(data) => {
            let (room, message, body) = data.into_body();
            engine.edit_message(actor, &room, &message, body.try_into()?).await
        }
        Request::MessageUnsend(data) => {
            engine.delete_message(actor, &data.room.0, &data.id.0).await
        }
        Request::MessageReact(data) => {
            engine.react(actor, &data.room.0, &data.id.0, &data.key, data.on).await
        }
        Request::MessagePin(data) => {
            engine.pin_message(actor, &data.room.0, &data.id.0, data.on).await
        }
        _ => Err(Error::Internal),
    }
}

async fn rarely(
    app: &Arc<App>,
    client: &Client,
    actor: &Actor,
    connection: &Arc<Connection>,
    id: &RequestId,
    request: Request,
) -> Result<Vec<u8>> {
    let engine = &app.engine;
    Ok(match request {
        Request::MessageEphemeral(data) => {
            let (room, body) = data.into_body();
            let said = engine.say_ephemeral(actor, &room, body.try_into()?).await?;
            frame::answer(id, &EphemeralAnswer::from(said))
        }
        Request::RoomsAll(data) => {
            connection.set_all(data.on);
            frame::answer(id, &Nothing {})
        }
        Request::RoomCreate(body) => {
            let command = body.into_command(Some(client.user()))?;
            let made = engine.create_room(actor, command).await?;
            frame::answer(id, &CreatedRoomAnswer::from(made))
        }
        Request::RoomUpdate(data) => {
            let (room, body) = data.into_body();
            let view = engine.update_room(actor, &room, body.into()).await?;
            frame::answer(id, &RoomAnswer { room: view.into() })
        }
        Request::MineUpdate(data) => {
            let (room, body) = data.into_body();
            let (mine, count) = engine.set_own(client, &room, body.into()).await?;
            frame::answer(id, &Mine::of(&mine, count))
        }
        Request::MessageOwn(data) => {
            let OwnMessageData { room, id: message, starred, deleted } = data;
            let request = MarkRequest { starred, deleted };
            let view = engine.mark_message(client, &room.0, &message.0, request).await?;
            let MarkView { message, mine, count } = view;
            frame::answer(id, &OwnAnswer::of(room.0.as_str(), message, &mine, count))
        }
        Request::MeUpdate(body) => {
            let patch = body.into();
            app.check_sight_rate(client, &patch)?;
            let user = engine.update_me(client, patch).await?;
            frame::answer(id, &UserAnswer { user: User::own(user) })
        }
        Request::PresenceWatch(data) => {
            let (rooms, users) = data.into_parts();
            frame::answer(id, &watch(app, client, connection, rooms, users).await?)
        }
        Request::PresenceUnwatch(data) => {
            for room in ids(data.rooms) {
                app.hub.unwatch(connection, &room);
            }
            frame::answer(id, &Nothing {})
        }
        other => return belong(app, client, actor, id, other).await,
    })
}

/// Who is in a room.
async fn belong(
    app: &Arc<App>,
    client: &Client,
    actor: &Actor,
    id: &RequestId,
    request: Request,
) -> Result<Vec<u8>> {
    let engine = &app.engine;
    Ok(match request {
        Request::RoomJoin(data) => {
            let view = engine.join_room(client, &data.room.0, true).await?;
            frame::answer(id, &RoomAnswer { room: view.into() })
        }
        Request::RoomAccept(data) => {
            let view = engine.accept_room(client, &data.room.0, true).await?;
            frame::answer(id, &RoomAnswer { room: view.into() })
        }
        Request::RoomDecline(data) => {
            engine.decline_room(client, &data.room.0).await?;
            frame::answer(id, &Nothing {})
        }
        Request::RoomLeave(data) => {
            engine.leave_room(client, &data.room.0).await?;
            frame::answer(id, &Nothing {})
        }
        Request::MembersAdd(data) => {
            let (room, body) = data.into_body();
            let change = ChangeMembersRequest::try_from(body)?;
            let view = engine.add_members(actor, &room, change).await?;
            frame::answer(id, &RoomAnswer { room: view.into() })
        }
        Request::MembersRemove(data) => {
            let (room, body) = data.into_body();
            let change = ChangeMembersRequest::try_from(body)?;
            let view = engine.remove_members(actor, &room, change).await?;
            frame::answer(id, &RoomAnswer { room: view.into() })
        }
        other => return look(app, client, actor, id, other).await,
    })
}

/// What is said later.
async fn later(app: &Arc<App>, actor: &Actor, id: &RequestId, request: Request) -> Result<Vec<u8>> {
    let engine = &app.engine;
    Ok(match request {
        Request::MessageSchedule(data) => {
            let (room, body) = data.into_body();
            let (at, send) = body.into_send()?;
            let (scheduled, _) = engine.schedule_message(actor, &room, at, send).await?;
            frame::answer(id, &ScheduledAnswer::from(scheduled))
        }
        Request::ScheduledList(data) => {
            let page = engine.scheduled(actor, data.into()).await?;
            frame::answer(id, &ScheduledPage::from(page))
        }
        Request::ScheduledUpdate(data) => {
            let (message, body) = data.into_body();
            let changed = engine.update_scheduled(actor, &message, body.try_into()?).await?;
            frame::answer(id, &ScheduledAnswer::from(changed))
        }
        Request::ScheduledCancel(data) => {
            engine.cancel_scheduled(actor, &data.id.0).await?;
            frame::answer(id, &Nothing {})
        }
        _ => return Err(Error::Internal),
    })
}

/// What only looks, and seldom; and the cursor in a thread.
async fn look(
    app: &Arc<App>,
    client: &Client,
    actor: &Actor,
    id: &RequestId,
    request: Request,
) -> Result<Vec<u8>> {
    let engine = &app.engine;
    Ok(match request {
        Request::MessageVersions(data) => {
            let found = engine.message_versions(actor, &data.room.0, &data.id.0).await?;
            frame::answer(id, &VersionsAnswer::from(found))
        }
        Request::StarredList(data) => {
            let before = data.before.map(|before| before.0);
            let page = engine.starred(client, before, data.limit).await?;
            frame::answer(id, &StarredAnswer::from(page))
        }
        Request::PinsList(data) => {
            let found = engine.pinned_messages(actor, &data.room.0).await?;
            frame::answer(id, &PinsAnswer::from(found))
        }
        Request::ThreadHistory(data) => {
            let (room, root, page) = data.into_request();
            let found = engine.thread_history(actor, &room, &root, &page).await?;
            frame::answer(id, &ThreadAnswer::from(found))
        }
        Request::ThreadRead(data) => {
            let (room, root) = (data.room.0, data.thread.0);
            let mine = engine.read_thread(client, &room, &root, data.seq).await?;
            frame::answer(id, &ThreadMine::from(mine))
        }
        Request::ThreadsList(data) => {
            let (room, params) = data.into_params();
            let page = engine.threads(actor, &room, &params.into()).await?;
            frame::answer(id, &ThreadsAnswer::of(page, true))
        }
        Request::ReceiptsList(data) => {
            let (room, message, page) = data.into_request();
            let page = engine.receipts(actor, &room, &message, page).await?;
            frame::answer(id, &ReceiptsAnswer::from(page))
        }
        Request::ChannelsList(data) => {
            let after = data.cursor.map(|cursor| cursor.0);
            let page = engine.channels(actor, after.as_ref(), data.limit).await?;
            frame::answer(id, &ChannelsAnswer::from(page))
        }
        Request::MembersList(data) => {
            let after = data.cursor.map(|cursor| cursor.0);
            let page = if data.include.iter().any(|what| what == "invited") {
                engine.members_and_invited(actor, &data.room.0, after, data.limit).await?
            } else {
                engine.members(actor, &data.room.0, after, data.limit).await?
            };
            frame::answer(id, &MembersAnswer::from(page))
        }
        Request::UsersGet(data) => {
            let users = engine.users(client, ids(data.ids)).await?;
            frame::answer(id, &UsersAnswer { users: list(users) })
        }
        Request::MessageSchedule(_)
        | Request::ScheduledList(_)
        | Request::ScheduledUpdate(_)
        | Request::ScheduledCancel(_) => later(app, actor, id, request).await?,
        // The rest is answered elsewhere.
        _ => frame::answer(id, &Nothing {}),
    })
}

/// Subscribes before it reads (contract line 7).
async fn open(
    app: &Arc<App>,
    actor: &Actor,
    connection: &Arc<Connection>,
    room: &RoomId,
    limit: Option<usize>,
) -> Result<OpenAnswer> {
    let most = limits::OPEN_ROOMS_MAX;
    let full = |()| Error::too_large("data.room", format!("at most {most} open; close one"));
    let was_open = connection.has_open(room);
    let heard = app.hub.open(connection, room).map_err(full)?;
    if !heard {
        // Joined a moment ago, or no member: ask before anything is heard.
        let view = app.engine.room(actor, room).await?;
        let inside = view.mine.as_ref().is_some_and(Membership::is_active);
        app.hub.join_as(!inside, connection, room, &view.room.head);
        app.hub.open(connection, room).map_err(full)?;
    }
    let read = async {
        let view = app.engine.room(actor, room).await?;
        let page = HistoryRequest { before: None, after: None, limit };
        let history = app.engine.history(actor, room, &page).await?;
        Ok((view, history))
    };
    match read.await {
        Ok((view, history)) => {
            Ok(OpenAnswer { room: Room::from(view), history: HistoryAnswer::of(room, history) })
        }
        Err(error) => {
            if !was_open {
                app.hub.close(connection, room);
            }
            Err(error)
        }
    }
}

/// Watches the rooms one by one: one that is refused leaves those before it watched, and the
/// client asks again with what it may.
async fn watch(
    app: &Arc<App>,
    client: &Client,
    connection: &Arc<Connection>,
    rooms: Vec<RoomId>,
    named: Option<Vec<UserId>>,
) -> Result<PresenceAnswer> {
    let most = limits::PRESENCE_ROOMS_MAX;
    if rooms.is_empty() || rooms.len() > most {
        return Err(Error::invalid("data.rooms", format!("1 to {most} rooms")));
    }
    if named.is_some() && rooms.len() > 1 {
        return Err(Error::invalid("data.users", "users of one room"));
    }
    let mut wanted = Vec::new();
    for room in rooms {
        let users = app.engine.may_watch(client, &room, named.clone()).await?;
        if !connection.hears(&room) {
            // Joined a moment ago.
            let view = app.engine.room(&Actor::Client(client.clone()), &room).await?;
            app.hub.join(connection, &room, &view.room.head);
        }
        wanted.push((room, users));
    }
    let of = &client.app.id;
    for (room, users) in &mut wanted {
        let most = limits::PRESENCE_WATCHED_MAX;
        let full = |()| Error::too_large("data.rooms", format!("at most {most} users watched"));
        app.hub.watch(connection, room, users).map_err(full)?;
        // Who was removed before the hub knew of the watch, the caller among them.
        let asked: Vec<UserId> = users.iter().chain([client.user()]).cloned().collect();
        let members = match app.engine.members_now(of, room, &asked).await {
            Ok(members) if members.contains(client.user()) && connection.hears(room) => members,
            refused => {
                app.hub.unwatch(connection, room);
                return Err(refused.err().unwrap_or(Error::NotAMember));
            }
        };
        let (stay, out): (Vec<_>, Vec<_>) =
            std::mem::take(users).into_iter().partition(|user| members.contains(user));
        app.hub.not_in(of, room, &out);
        *users = stay;
    }
    let users: BTreeSet<UserId> = wanted.into_iter().flat_map(|(_, users)| users).collect();
    let users: Vec<UserId> = users.into_iter().collect();
    let seen = app.engine.last_seen(of, &users).await?.into_iter().collect::<BTreeMap<_, _>>();
    // Last of all: what changes from here on is told after the answer.
    let online = app.hub.online(of, &users);
    let one = |(user, online)| Presence::of(user, online, seen.get(user).copied());
    Ok(PresenceAnswer { users: users.iter().zip(online).map(one).collect() })
}

/// What is known of users, with when those were seen last who are not here.
pub(crate) async fn presences(
    app: &Arc<App>,
    of: &AppId,
    known: BTreeMap<UserId, bool>,
) -> Result<PresenceAnswer> {
    let away: Vec<UserId> =
        known.iter().filter(|(_, online)| !**online).map(|(user, _)| user.clone()).collect();
    let seen: BTreeMap<_, _> = app.engine.last_seen(of, &away).await?.into_iter().collect();
    let users =
        known.iter().map(|(user, online)| Presence::of(user, *online, seen.get(user).copied()));
    Ok(PresenceAnswer { users: users.collect() })
}
