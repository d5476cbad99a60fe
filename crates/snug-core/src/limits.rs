//! Every bound of Snug in one place. Unit in the name, the reason beside it.
//! `docs/limits.md` is written from this file and its `outside.rs`, and a test compares them.

mod outside;

pub use outside::*;

/// User, room and device ids, in bytes of UTF-8.
pub const ID_BYTES_MAX: usize = 128;
/// The context of a direct room (a listing, an order), in bytes.
pub const CONTEXT_BYTES_MAX: usize = 128;
/// Message ids, in bytes of printable ASCII.
pub const MESSAGE_ID_BYTES_MAX: usize = 64;
/// Display names of users and rooms, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Avatar addresses, in bytes.
pub const AVATAR_BYTES_MAX: usize = 2_048;
/// Room descriptions, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 4_096;
/// Locale tags (BCP 47), in bytes.
pub const LOCALE_BYTES_MAX: usize = 35;
/// Push tokens, in bytes.
pub const PUSH_TOKEN_BYTES_MAX: usize = 4_096;
/// The text of one message, in bytes.
pub const TEXT_BYTES_MAX: usize = 16_384;
/// The custom JSON of one message, room or profile, in bytes.
pub const CUSTOM_BYTES_MAX: usize = 16_384;
/// The custom JSON of a session, in bytes.
pub const SESSION_CUSTOM_BYTES_MAX: usize = 4_096;
/// Nesting of any JSON that Snug takes, in levels.
pub const JSON_DEPTH_MAX: usize = 32;
/// The preview text of a room list row, in characters.
pub const PREVIEW_CHARS_MAX: usize = 160;

/// Users whom one message mentions, in users.
pub const MENTIONED_USERS_MAX: usize = 50;
/// Members of a room in which everybody may mention all of them or a role, in members; in a larger
/// one admins may.
pub const MENTION_WIDE_MEMBERS_MAX: u32 = 100;
/// Buttons of a card, in actions.
pub const CARD_ACTIONS_MAX: usize = 10;
/// The id of a card's button, in bytes.
pub const CARD_ACTION_ID_BYTES_MAX: usize = 64;
/// The name or address of a place, in bytes.
pub const PLACE_BYTES_MAX: usize = 1_024;
/// Something that is said to who is there and kept nowhere, in bytes of its JSON: less than one
/// pushed event takes.
pub const EPHEMERAL_BYTES_MAX: usize = 56 * 1_024;
/// Those who alone are to see it, in users.
pub const EPHEMERAL_TO_MAX: usize = 50;
/// What a typist's client shows of what is being written, in bytes.
pub const TYPING_TEXT_BYTES_MAX: usize = 1_024;
/// What a reaction says, in bytes.
pub const REACTION_KEY_BYTES_MAX: usize = 64;
/// Different reactions on one message, in keys.
pub const REACTION_KEYS_MAX: usize = 32;
/// Pinned messages of one room, in messages.
pub const PINS_PER_ROOM_MAX: usize = 100;
/// Words of a message that edits have replaced, shown at once, in versions; the newest.
pub const VERSIONS_SHOWN: usize = 100;
/// Users shown with each reaction, in users; the count says how many there are.
pub const REACTION_USERS_SHOWN: usize = 100;
/// Deleted and hidden messages after a cursor that unread takes into account, in messages.
pub const GONE_COUNTED_MAX: usize = 1_000;
/// Messages of one room that a user may have marked, in messages.
pub const MARKS_PER_ROOM_MAX: usize = 10_000;
/// Starred messages of one user, in messages; at the bound, those that the list does not show give
/// way to new ones.
pub const STARS_PER_USER_MAX: usize = 1_000;
/// Default page of starred messages, in messages.
pub const STARRED_PAGE_DEFAULT: usize = 50;
/// Largest page of starred messages, in messages.
pub const STARRED_PAGE_MAX: usize = 100;
/// Marks in one room sync, in messages; the answer says that there are more.
pub const MARKS_PAGE_MAX: usize = 500;
/// How far ahead a message may be scheduled, in milliseconds: a year.
pub const SCHEDULE_AHEAD_MS_MAX: i64 = 366 * 24 * 3_600 * 1_000;
/// Scheduled messages of one user, those that failed too, in messages.
pub const SCHEDULED_PER_USER_MAX: usize = 100;
/// Scheduled messages of one app's backend, those that failed too, in messages.
pub const SCHEDULED_PER_BACKEND_MAX: usize = 10_000;
/// Page of scheduled messages, in messages: all that a user may have.
pub const SCHEDULED_PAGE_MAX: usize = 100;
/// Users whom a thread's summary names, in users.
pub const THREAD_PARTICIPANTS_SHOWN: usize = 5;
/// Unread replies that are counted in a thread, in messages; more are "99+".
pub const THREAD_UNREAD_COUNTED_MAX: usize = 100;
/// Newest replies of a thread that are looked at to count its unread, in replies.
pub const THREAD_UNREAD_LOOKED_MAX: usize = 1_000;
/// Default page of a room's threads, in threads.
pub const THREADS_PAGE_DEFAULT: usize = 20;
/// Largest page of a room's threads, in threads.
pub const THREADS_PAGE_MAX: usize = 50;
/// Unread messages that mention a member and are counted in a room, in messages; more are "99+".
pub const MENTIONS_COUNTED_MAX: usize = 100;
/// A dialect's document, in bytes.
pub const RECORD_BYTES_MAX: usize = 64 * 1_024;
/// The key of a dialect's document, in bytes.
pub const RECORD_KEY_BYTES_MAX: usize = 512;
/// Largest page of users, channels or records, in rows.
pub const LISTING_PAGE_MAX: usize = 200;

/// Users named in one request (create room, add, remove), in users.
pub const MEMBERS_PER_REQUEST_MAX: usize = 1_000;
/// Members of one room, in users.
pub const ROOM_MEMBERS_MAX: u32 = 100_000;
/// Open invitations to one room, in users.
pub const INVITATIONS_PER_ROOM_MAX: usize = 1_000;
/// Open invitations of one user, in rooms; whoever goes on inviting somebody who does not answer
/// is refused.
pub const INVITATIONS_PER_USER_MAX: usize = 200;
/// Tags of one room, in tags.
pub const TAGS_MAX: usize = 20;
/// One tag of a room, in bytes.
pub const TAG_BYTES_MAX: usize = 64;
/// The folder that a member puts a room in, in bytes of its name.
pub const FOLDER_BYTES_MAX: usize = 64;
/// Rooms that one user may be an active member of, in rooms.
pub const ROOMS_PER_USER_MAX: usize = 10_000;
/// Members shown with a room when it is opened, in users.
pub const ROOM_MEMBERS_SHOWN: usize = 200;
/// Members shown with a group in the room list, in users.
pub const LIST_MEMBERS_SHOWN: usize = 5;
/// Read cursors in one room sync, in cursors; the newest win.
pub const SYNC_READS_MAX: usize = 1_000;
/// Ids in one users query, in users.
pub const USERS_PER_QUERY_MAX: usize = 100;

/// Page sizes, in rows: default and largest.
pub const HISTORY_PAGE_DEFAULT: usize = 50;
/// Largest history page, in messages.
pub const HISTORY_PAGE_MAX: usize = 100;
/// Default page of the room list, in rooms.
pub const ROOMS_PAGE_DEFAULT: usize = 50;
/// Largest page of the room list, in rooms.
pub const ROOMS_PAGE_MAX: usize = 200;
/// Largest page of members, in users.
pub const MEMBERS_PAGE_MAX: usize = 500;
/// Largest page of a room sync, in changes.
pub const SYNC_PAGE_MAX: usize = 500;
/// Largest page of a user sync, in rooms.
pub const USER_SYNC_PAGE_MAX: usize = 500;

/// How far back a user's sync cursor reaches behind the database's time, in milliseconds:
/// longer than the longest transaction, so that no commit falls between two cursors.
pub const SYNC_OVERLAP_MS: i64 = 10_000;
/// The longest a store transaction may run, in milliseconds.
pub const TRANSACTION_MS_MAX: u64 = 5_000;
/// How often a guarded change is decided again before the caller is told to retry, in tries.
pub const GUARD_TRIES_MAX: usize = 8;

/// Session life when `open-session` names none, in seconds.
pub const SESSION_TTL_SECONDS_DEFAULT: u64 = 24 * 3_600;
/// Longest session life, in seconds.
pub const SESSION_TTL_SECONDS_MAX: u64 = 366 * 24 * 3_600;
/// Shortest session life, in seconds.
pub const SESSION_TTL_SECONDS_MIN: u64 = 10;
/// Allowed difference between the clocks of Snug and of who minted a JWT, in seconds.
pub const JWT_SKEW_SECONDS: u64 = 30;
/// A token of any kind as received, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// Server keys alive at once per app, in keys.
pub const SERVER_KEYS_PER_APP_MAX: usize = 5;
/// How long an app read from the store may be used without reading again, in milliseconds.
pub const APP_CACHE_MS: i64 = 2_000;
/// Origins of one app, in origins.
pub const ORIGINS_PER_APP_MAX: usize = 100;
/// Apps per install that the panel lists, in apps.
pub const APPS_MAX: usize = 10_000;

/// Requests that one IMKit API key may make per minute, in requests: the vendor's own bound.
pub const IMKIT_API_REQUESTS_PER_MINUTE: u32 = 1_000;
/// Subscriptions of one Rocket.Chat connection.
pub const ROCKETCHAT_SUBSCRIPTIONS_MAX: usize = 1_000;
/// A subscription's id, and its key, on a Rocket.Chat connection, in bytes each.
pub const ROCKETCHAT_KEY_BYTES_MAX: usize = 256;
/// A name taken for a Rocket.Chat user or room that is being made is free again after, in seconds.
pub const ROCKETCHAT_MAKING_SECONDS: u64 = 60;
/// How long a Rocket.Chat connection may stay without a log-in.
pub const ROCKETCHAT_LOGIN_MS_MAX: u64 = 60_000;
/// Frames that a Rocket.Chat connection may send before a log-in.
pub const ROCKETCHAT_STRANGERS_FRAMES_MAX: u32 = 100;
/// How long a user of Rocket.Chat may be without a connection before others are told, in
/// milliseconds.
pub const ROCKETCHAT_LEAVING_MS: u64 = 5_000;
/// Users who may be leaving at once, as one Rocket.Chat connection counts them; more are told at
/// once.
pub const ROCKETCHAT_LEAVING_MAX: usize = 1_000;
/// Users of Rocket.Chat whose own status one server keeps, in users; beyond it somebody's is
/// forgotten.
pub const ROCKETCHAT_STATUSES_MAX: usize = 100_000;
/// Users or messages that one Rocket.Chat list reads before a page is cut from them, in rows.
pub const ROCKETCHAT_ROWS_READ_MAX: usize = 20_000;
/// A REST body, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1_024;
/// Time for a client to send its request's body, in milliseconds.
pub const BODY_MS_MAX: u64 = 15_000;
/// REST requests that one client session may make per second, in requests, and the burst.
pub const REST_REQUESTS_PER_SECOND: u32 = 50;
/// Burst above the rate, in requests.
pub const REST_REQUESTS_BURST: u32 = 200;
/// A frame from a client, in bytes.
pub const FRAME_BYTES_MAX: usize = 64 * 1_024;
/// A message from a client may come in so many WebSocket frames, in frames.
pub const MESSAGE_FRAMES_MAX: u32 = 1_024;
/// Read from a socket at once, and so what may wait behind the frame that is worked on, in bytes.
pub const SOCKET_READ_BYTES: usize = 16 * 1_024;
/// Frames for one socket wait for each other until there is so much to write, in bytes.
pub const SOCKET_WRITE_BYTES: usize = 8 * 1_024;
/// Request ids on the socket, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;
/// Frames per second that one connection may send, in frames, and the burst.
pub const FRAMES_PER_SECOND: u32 = 50;
/// Burst above the rate, in frames.
pub const FRAMES_BURST: u32 = 200;
/// Frames of one connection that are taken before other connections have their turn, in frames.
pub const FRAMES_IN_A_ROW_MAX: u32 = 4;
/// Sockets that a task of the hub writes to before others have their turn, in sockets.
pub const WRITES_IN_A_ROW_MAX: usize = 64;
/// Tasks that write for the hub: one for each core, and no more than this, in tasks.
pub const FANOUT_TASKS_MAX: usize = 8;
/// Refused frames (over the rate or not JSON) before the connection is closed, in frames.
pub const REFUSED_FRAMES_MAX: u32 = 20;
/// Requests of one connection answered at the same time, in requests.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 32;
/// Answers on one connection, in bytes per second: the next request begins when they are paid for.
pub const ANSWER_BYTES_PER_SECOND: u64 = 256 * 1_024;
/// Burst above the rate, in bytes.
pub const ANSWER_BYTES_BURST: u64 = 64 * 1_024;
/// The longest that a request waits for the answers before it, in milliseconds: less than a client
/// waits for its ping.
pub const ANSWER_WAIT_MS_MAX: u64 = 4_000;
/// What the system holds for one socket beside what is on its way, in bytes.
pub const SOCKET_UNSENT_BYTES: u32 = 64 * 1_024;
/// What may wait for one socket before its reader counts as slow, in bytes.
pub const CONNECTION_QUEUE_BYTES_MAX: usize = 256 * 1_024;
/// One pushed event, in bytes; a larger one is told as a light head, and clients sync.
pub const EVENT_BYTES_MAX: usize = 64 * 1_024;
/// Rooms that one connection may have open, in rooms.
pub const OPEN_ROOMS_MAX: usize = 100;
/// How long after a user's last connection ended the user counts as online, in milliseconds: a page
/// that is left for the next one comes back sooner.
pub const PRESENCE_GRACE_MS: u64 = 4_000;
/// Users whom one connection watches, in users.
pub const PRESENCE_WATCHED_MAX: usize = 1_000;
/// Users of a room that are watched without naming them, in members; in a larger room, users named
/// at once.
pub const PRESENCE_MEMBERS_MAX: usize = 200;
/// Rooms of one request to watch, in rooms.
pub const PRESENCE_ROOMS_MAX: usize = 50;
/// How often nodes are asked again whether a watched user is there, in milliseconds: a node that
/// died says nothing, and with the time that they have to answer it is noticed within the bound of
/// liveness and 5 s.
pub const PRESENCE_ASK_MS: u64 = 30_000;
/// How long nodes have to answer that, in milliseconds.
pub const PRESENCE_ANSWER_MS: u64 = 5_000;
/// How long other nodes have to answer a look at one moment, in milliseconds.
pub const PRESENCE_LOOK_MS: u64 = 250;
/// What asking other nodes about one more watched user costs its connection, in bytes of answers.
pub const PRESENCE_ASK_BYTES: usize = 256;
/// Times of going that are written at once, in users.
pub const PRESENCE_SEEN_AT_ONCE: usize = 500;
/// How often one user may turn visible or invisible, in changes per minute, and the burst: everybody
/// who watches is told each time.
pub const SIGHT_CHANGES_PER_MINUTE: u32 = 10;
/// Rooms in one word of what was delivered, in rooms.
pub const DELIVERED_ROOMS_MAX: usize = 100;
/// How often a node writes what was delivered, in milliseconds.
pub const DELIVERED_EVERY_MS: u64 = 1_000;
/// Delivered cursors that wait for that on one node, one for each room and user, in cursors; beyond
/// it they are passed over, and the next message's tells the same.
pub const DELIVERED_WAITING_MAX: usize = 50_000;
/// Of them those of one app, in cursors, so that no app takes the place of the others.
pub const DELIVERED_WAITING_PER_APP_MAX: usize = 5_000;
/// Of them those of one user, in cursors: what a client says in a few turns.
pub const DELIVERED_WAITING_PER_USER_MAX: usize = 400;
/// Delivered cursors that are written at once, in cursors.
pub const DELIVERED_AT_ONCE: usize = 500;
/// Members of a room that is told what was delivered, in members; in a larger one who asks is told.
pub const RECEIPTS_TOLD_MEMBERS_MAX: u32 = 100;
/// Members of a room in which it is counted who has a message, in members; the count goes through
/// all of them, and in a larger room an answer has none.
pub const RECEIPTS_COUNTED_MEMBERS_MAX: u32 = 5_000;
/// Time for the first frame to bring a token, in milliseconds: long enough for a bad network, and
/// what idles without one comes anew less often.
pub const AUTH_TIMEOUT_MS: u64 = 20_000;
/// Up to this much longer, by chance, in milliseconds: who came together is not sent away
/// together, so that a crowd does not come anew as one wave.
pub const AUTH_TIMEOUT_SPREAD_MS: u64 = 20_000;
/// Connections without a token at one time, in connections.
pub const UNAUTHENTICATED_MAX: usize = 20_000;
/// Sockets whose tokens are looked up at one time, in connections: a part of what may wait for the
/// store, so that who is in already is not told `overloaded` for the sake of those who come.
pub const ARRIVALS_CHECKED_AT_ONCE: usize = 256;
/// Of one app, from the look at the token until the rooms are read, in connections.
pub const ARRIVALS_PER_APP_AT_ONCE: usize = 64;
/// How long a look at a token counts among those at one time, in milliseconds: what takes longer
/// waits for the customer's keys.
pub const ARRIVAL_CHECK_MS: u64 = 250;
/// Sockets whose rooms are read at one time, in connections; each read waits among the pages.
pub const ARRIVALS_AT_ONCE: usize = 8;
/// How often the sockets of one token may come back, in connections per second.
pub const ARRIVALS_PER_SECOND: u32 = 2;
/// Burst above the rate, in connections: every tab of a browser at once.
pub const ARRIVALS_BURST: u32 = 20;
/// What a connection costs more that was closed for what it sent (4206, 4207, 4208), in connections.
pub const ARRIVALS_FINE: u32 = 9;
/// Sockets that bring no token with their upgrade, all together, in connections per second for each
/// core: about an eighth of its time, as each costs some 250 us.
pub const NAMELESS_ARRIVALS_PER_SECOND: u32 = 500;
/// Burst above the rate, in connections.
pub const NAMELESS_ARRIVALS_BURST: u32 = 200;
/// How long a socket waits for its turn, in milliseconds; then `overloaded`.
pub const ARRIVAL_WAIT_MS_MAX: u64 = 10_000;
/// Connections of one session at one time (tabs), in connections; the oldest goes.
pub const CONNECTIONS_PER_SESSION_MAX: usize = 20;
/// A connection silent for longer is dead, in milliseconds.
pub const LIVENESS_MS: u64 = 35_000;
/// How often the server pings, in milliseconds.
pub const PING_EVERY_MS: u64 = 15_000;
/// How long before its end a session is announced to expire, in milliseconds.
pub const SESSION_EXPIRING_MS: i64 = 60_000;
/// When a room's position is repeated after its last event, in milliseconds.
pub const BEACON_MS: [u64; 2] = [1_000, 10_000];
/// Rooms that wait for their beacon, in rooms; beyond it the oldest is sent early.
pub const BEACON_ROOMS_MAX: usize = 100_000;
/// How long a room's events wait for a missing one before they are delivered, in milliseconds; what
/// comes after that is a gap, and clients sync.
pub const REORDER_MS: u64 = 250;
/// Events of one room that wait for a missing one, in events.
pub const REORDER_EVENTS_MAX: usize = 64;
/// Typing frames per user and room, at most one each, in milliseconds.
pub const TYPING_EVERY_MS: u64 = 1_000;
/// Typing ends by itself after, in milliseconds.
pub const TYPING_ENDS_MS: u64 = 6_000;
/// How far apart reconnecting clients are told to spread, in milliseconds.
pub const RECONNECT_MIN_MS: u64 = 250;
/// Upper end of the spread, in milliseconds.
pub const RECONNECT_MAX_MS: u64 = 15_000;
/// Time a draining server gives its requests, in milliseconds.
pub const DRAIN_MS: u64 = 10_000;

/// Writes that may wait for the embedded store's writer, in writes; then `overloaded`.
pub const WRITER_QUEUE_MAX: usize = 4_096;
/// Writes of one app that may wait, in writes: one app's burst leaves room for the others.
pub const WRITER_QUEUE_PER_APP_MAX: usize = 2_048;
/// Writes in one group commit, in writes.
pub const GROUP_COMMIT_MAX: usize = 256;
/// Calls that may wait for a connection to PostgreSQL, in calls; then `overloaded`.
pub const POOL_WAITING_MAX: usize = 4_096;
/// The longest wait for a connection to PostgreSQL, in milliseconds; then `overloaded`.
pub const POOL_WAIT_MS_MAX: u64 = 5_000;
/// The shortest time between two looks at PostgreSQL's young tables, in milliseconds.
pub const STATISTICS_LOOK_MS_MIN: u64 = 1_000;
/// The longest such time, in milliseconds.
pub const STATISTICS_LOOK_MS_MAX: u64 = 60_000;
/// Tables of more rows are left to the database's own look, in rows.
pub const STATISTICS_ROWS_MAX: i64 = 100_000;
/// The embedded store's write-ahead log is checkpointed at, in bytes.
pub const WAL_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// What an `overloaded` answer tells the caller to wait, in milliseconds.
pub const OVERLOADED_RETRY_MS: u64 = 500;

/// Operator passwords, in characters, at least.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Operator passwords, in bytes, at most: hashing cost is bounded.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Log-in tries per address and per e-mail in the window below, in tries.
pub const LOGIN_TRIES_MAX: u32 = 10;
/// A name or an e-mail address at another system's log-in, in bytes.
pub const LOGIN_NAME_BYTES_MAX: usize = 254;
/// The window of log-in tries, in seconds.
pub const LOGIN_WINDOW_SECONDS: u64 = 300;
/// Life of an operator's panel session, in seconds.
pub const OPERATOR_SESSION_SECONDS: u64 = 12 * 3_600;
/// Events that wait for a node's delivery, in events; beyond it they are lost and counted.
pub const BUS_QUEUE_MAX: usize = 65_536;
/// What of them waits for other nodes or is kept to be told again, in bytes.
pub const BUS_QUEUE_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// Events that travel together between nodes, in bytes; one that is larger travels alone.
pub const BUS_PAYLOAD_BYTES: usize = 64 * 1_024;
/// Payloads from other nodes that wait to be read, in payloads; beyond it they are dropped, and
/// the node's clients sync.
pub const BUS_UNREAD_MAX: usize = 1_024;
/// Payloads to other nodes that wait for the socket, in payloads; the rest waits as events.
pub const BUS_UNSENT_MAX: usize = 64;
/// One event between nodes, in bytes; a larger one tells the room's position only. Below the
/// 1 MiB that a NATS server takes by default.
pub const BUS_EVENT_BYTES_MAX: usize = 512 * 1_024;
/// How long events between nodes are kept to be told again, in milliseconds; who was cut off for
/// longer has its clients sync.
pub const BUS_KEPT_MS: u64 = 15_000;
/// Nodes whose payloads on the bus are counted, in nodes; nodes that ended are among them.
pub const BUS_NODES_MAX: usize = 1_024;
/// Time between two looks at the bus between nodes, in milliseconds.
pub const BUS_PULSE_MS: u64 = 2_000;
/// Time for the bus between nodes to answer such a look, in milliseconds.
pub const BUS_PROOF_MS: u64 = 3_000;
/// The longest pause before the bus between nodes is tried again, in milliseconds.
pub const BUS_RECONNECT_MS_MAX: u64 = 2_000;
/// Over which a node's connections are told to come anew after a long cut of the bus, in
/// milliseconds.
pub const BUS_MISSED_SPREAD_MS: u64 = 10_000;
/// Time between two signs of life of a node that shares its store, in milliseconds.
pub const NODE_BEAT_MS: u64 = 2_000;
/// A node that gave no sign of life for so long is gone, in milliseconds.
pub const NODE_SILENT_MS: u64 = 8_000;
/// Between a commit and the moment when it is handed to the bus, and for a sign of life to arrive,
/// in milliseconds, at most: what changed so long before a dead node's last word is announced too.
pub const NODE_MARGIN_MS: u64 = 30_000;
/// Rooms that are announced for a dead node, in rooms; the rest is told with their next event.
pub const NODE_ROOMS_MAX: usize = 50_000;
/// How many of them a second, in rooms.
pub const NODE_ROOMS_PER_SECOND: usize = 10_000;
/// Time for a client to send its request's head, in milliseconds.
pub const HEADERS_MS_MAX: u64 = 15_000;
/// A request's head, in bytes.
pub const HEADERS_BYTES_MAX: usize = 32 * 1_024;

/// One call of `snug verify`, in milliseconds.
pub const CROWD_CALL_MS: u64 = 10_000;
/// The largest answer or frame that `snug verify` takes, in bytes.
pub const CROWD_ANSWER_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// Users of one walk of `snug verify`.
pub const CROWD_USERS_MAX: u64 = 100;
/// Rooms of one walk of `snug verify`.
pub const CROWD_ROOMS_MAX: u64 = 100;
/// Length of one walk of `snug verify`, in seconds.
pub const CROWD_SECONDS_MAX: u64 = 3_600;
/// Broken promises that `snug verify` prints.
pub const CROWD_LINES_MAX: usize = 50;

/// A call to a customer's URL when nothing else is asked for, in milliseconds.
pub const OUTBOUND_MS_MAX: u64 = 5_000;
/// A customer's answer when nothing else is asked for, in bytes.
pub const OUTBOUND_ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// The head of a customer's answer, in bytes.
pub const OUTBOUND_HEAD_BYTES_MAX: usize = 32 * 1_024;
/// Calls of one app under way at one time, in calls.
pub const OUTBOUND_PER_APP_MAX: usize = 32;
/// Calls of one app that wait for a place, in calls.
pub const OUTBOUND_WAITING_MAX: usize = 64;
/// Calls of all apps under way at one time, in calls.
pub const OUTBOUND_MAX: usize = 1_024;
/// A connection to a customer kept for the next call, in milliseconds.
pub const OUTBOUND_IDLE_MS: u64 = 30_000;
/// Addresses of one name that are tried, in addresses.
pub const OUTBOUND_ADDRESSES_MAX: usize = 4;
/// Time for a customer's verify URL to answer, in milliseconds.
pub const VERIFY_MS_MAX: u64 = 5_000;
/// Verified sessions that one address may ask for per app and second, in requests.
pub const VERIFY_PER_SECOND: u32 = 10;
/// Burst above that rate, in requests; behind a proxy without addresses everybody is one.
pub const VERIFY_BURST: u32 = 200;
/// Guests that one address may bring to an app per second, in guests.
pub const GUESTS_PER_SECOND: u32 = 1;
/// Burst above that rate, in guests; behind a proxy without addresses everybody is one.
pub const GUESTS_BURST: u32 = 20;
/// Guests that all addresses together may bring to an app per second, in guests.
pub const GUESTS_PER_APP_PER_SECOND: u32 = 20;
/// Burst above that rate over all addresses, in guests.
pub const GUESTS_PER_APP_BURST: u32 = 400;
/// Life of a code that stands for a token in an address, in milliseconds.
pub const CODE_MS: i64 = 60_000;
/// Public keys of one app, registered or in its key set, in keys.
pub const PUBLIC_KEYS_PER_APP_MAX: usize = 20;
/// A key set as published, in bytes.
pub const KEY_SET_BYTES_MAX: usize = 64 * 1_024;
/// How long a key set is used before it is read again, in seconds.
pub const KEY_SET_SECONDS: i64 = 600;
/// How long a key set serves while its URL is down, in seconds.
pub const KEY_SET_STALE_SECONDS: i64 = 24 * 3_600;
/// Between two readings of a key set for the sake of an unknown key, in seconds.
pub const KEY_SET_RETRY_SECONDS: i64 = 60;
/// How far a signed request's timestamp may be from the server's time, in seconds.
pub const SIGNATURE_WINDOW_SECONDS: u64 = 300;
/// Nonces of signed requests, in characters, at least and at most.
pub const NONCE_CHARS: [usize; 2] = [16, 128];
/// Contacts of one user, in contacts.
pub const CONTACTS_MAX: usize = 5_000;
/// What a contacts URL may answer, in bytes.
pub const CONTACTS_BYTES_MAX: usize = 1_024 * 1_024;
/// Default page of contacts, in contacts.
pub const CONTACTS_PAGE_DEFAULT: usize = 100;
/// Largest page of contacts, in contacts.
pub const CONTACTS_PAGE_MAX: usize = 500;
/// Time for a bridged app's backend to answer, in milliseconds.
pub const BRIDGE_MS_MAX: u64 = 8_000;
/// Asking a bridged app's backend for a thread while it tells a message of it, in milliseconds.
pub const BRIDGE_TOLD_MS_MAX: u64 = 1_000;
/// What a bridged app's backend may answer, in bytes.
pub const BRIDGE_ANSWER_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Nesting of an answer of a backend's: what a page may send, and what the answer wraps around it.
pub const BRIDGE_DEPTH_MAX: usize = 40;
/// Members of one thread of a bridged app, in users.
pub const BRIDGE_MEMBERS_MAX: usize = 1_000;
/// Threads of one user of a bridged app, in threads.
pub const BRIDGE_THREADS_MAX: usize = 1_000;
/// Messages of one thread that get their rows in one reading, in messages; the next goes on.
pub const BRIDGE_MESSAGES_PER_READ_MAX: usize = 2_000;
/// Words of bridged apps that a node keeps in memory, in bytes; the oldest go.
pub const BRIDGE_BODIES_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Bridged rooms whose preview and members a node remembers, in rooms; beyond it all are forgotten.
pub const BRIDGE_ROOMS_KEPT_MAX: usize = 20_000;
/// New threads of a bridged app that are read for one room list, in threads; the next goes on.
pub const BRIDGE_NEW_ROOMS_READ_MAX: usize = 20;
/// How long a pending message of a bridged app is remembered, in seconds.
pub const BRIDGE_PENDING_SECONDS: u64 = 30 * 24 * 3_600;
/// How long an ECB author's answer waits for the news of the own message, in milliseconds.
pub const ECB_TOLD_MS: u64 = 2_000;
/// What a backend's refusal may say to the caller, in characters.
pub const BRIDGE_REFUSAL_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests;
