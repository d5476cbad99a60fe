//! Bounds of what happens after a message, or before it: the hook, webhooks, what is sent later, and
//! the events that are kept for outside.

/// Time for a before-send hook to answer when its app names none, in milliseconds.
pub const HOOK_MS_DEFAULT: u64 = 1_500;
/// The shortest such time, in milliseconds.
pub const HOOK_MS_MIN: u64 = 100;
/// The longest such time, in milliseconds.
pub const HOOK_MS_MAX: u64 = 5_000;
/// What a before-send hook may answer, in bytes.
pub const HOOK_ANSWER_BYTES_MAX: usize = 256 * 1_024;
/// Nesting of that answer: what a page may send, and what the answer wraps around it.
pub const HOOK_DEPTH_MAX: usize = 36;
/// What a hook's refusal may say to the sender, in characters.
pub const HOOK_REASON_CHARS_MAX: usize = 200;
/// Questions to the hook of one app under way at one time, in calls.
pub const HOOKS_PER_APP_MAX: usize = 16;
/// Questions to the hook of one app that wait for a place, in calls; what finds none is refused
/// whatever the app's setting for a failure says.
pub const HOOKS_WAITING_MAX: usize = 64;
/// The URL of a webhook endpoint, in bytes.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_048;
/// Time for a webhook endpoint to answer, in milliseconds.
pub const WEBHOOK_MS_MAX: u64 = 10_000;
/// Deliveries of one app under way at one time, in rooms.
pub const WEBHOOKS_PER_APP_MAX: usize = 8;
/// Deliveries of all apps under way at one time, in deliveries.
pub const WEBHOOKS_MAX: usize = 256;
/// Rooms of one app whose deliveries a node follows at one time, in rooms.
pub const WEBHOOK_ROOMS_MAX: usize = 10_000;
/// The first wait after a delivery that failed, in milliseconds; each next is twice as long.
pub const WEBHOOK_RETRY_MS_MIN: u64 = 1_000;
/// The longest such wait, in milliseconds.
pub const WEBHOOK_RETRY_MS_MAX: u64 = 600_000;
/// What an endpoint's Retry-After may ask for, in milliseconds.
pub const WEBHOOK_RETRY_AFTER_MS_MAX: u64 = 3_600_000;
/// Failures in a row after which one delivery at a time is tried, in deliveries.
pub const WEBHOOK_FAILING_MAX: u32 = 5;
/// How long an event is tried, in seconds; then it is parked and its room goes on.
pub const WEBHOOK_AGE_SECONDS_MAX: u64 = 3 * 24 * 3_600;
/// What is kept of why a delivery failed, in characters.
pub const WEBHOOK_ERROR_CHARS_MAX: usize = 200;
/// Batches of old events that are cleared away of one app before others have their turn, in
/// batches.
pub const OUTBOX_CLEAR_ROUNDS_MAX: usize = 50;
/// Secrets that an endpoint's deliveries are signed with at one time, in secrets.
pub const WEBHOOK_SECRETS_MAX: usize = 4;
/// How long the secret before signs too after a rotation, in seconds.
pub const WEBHOOK_ROTATION_SECONDS_DEFAULT: u64 = 24 * 3_600;
/// The longest such time, in seconds.
pub const WEBHOOK_ROTATION_SECONDS_MAX: u64 = 7 * 24 * 3_600;
/// How long a node that is gone holds an app's deliveries, in milliseconds.
pub const OUTBOX_LEASE_MS: u64 = 15_000;
/// How often a node renews that, in milliseconds.
pub const OUTBOX_RENEW_MS: u64 = 5_000;
/// How long a node with nothing left to deliver holds on, in milliseconds.
pub const OUTBOX_LINGER_MS: u64 = 1_000;
/// How often a node looks for deliveries that nobody makes, in milliseconds.
pub const OUTBOX_SWEEP_MS: u64 = 5_000;
/// The longest that a node waits between two looks for scheduled messages, in milliseconds.
pub const SCHEDULED_LOOK_MS_MAX: u64 = 2_000;
/// The shortest such wait, in milliseconds.
pub const SCHEDULED_LOOK_MS_MIN: u64 = 20;
/// Scheduled messages of one app that a node reads at one time, in messages.
pub const SCHEDULED_AT_ONCE: usize = 32;
/// How often it reads so many before another app has its turn, in times.
pub const SCHEDULED_PAGES_PER_TURN: usize = 16;
/// The first pause after an app's scheduled messages could not be looked after, in milliseconds;
/// then twice as long.
pub const SCHEDULED_PAUSE_MS_MIN: u64 = 500;
/// The longest such pause, in milliseconds.
pub const SCHEDULED_PAUSE_MS_MAX: u64 = 60_000;
/// How long a scheduled message that failed is kept, in milliseconds: 30 days.
pub const SCHEDULED_FAILED_KEPT_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Rooms of one app, and apps, whose scheduled messages a node sends side by side, in each.
pub const SCHEDULED_SIDE_BY_SIDE: usize = 16;
/// The first wait before a scheduled message is tried again, in milliseconds; then twice as long.
pub const SCHEDULED_RETRY_MS_MIN: u64 = 1_000;
/// The longest such wait, in milliseconds.
pub const SCHEDULED_RETRY_MS_MAX: u64 = 600_000;
/// How often a scheduled message is tried, in tries, some five hours in all; then it has failed.
pub const SCHEDULED_TRIES_MAX: u32 = 50;
/// Rows of the outbox that a node reads at one time, in rows.
pub const OUTBOX_PAGE: usize = 500;
/// How long an event is kept to be pulled or replayed, in seconds.
pub const OUTBOX_KEPT_SECONDS: i64 = 7 * 24 * 3_600;
/// How often old events are cleared away, in milliseconds.
pub const OUTBOX_CLEAR_MS: u64 = 60_000;
/// Events of one app that are cleared away at one time, in events.
pub const OUTBOX_CLEAR_MAX: usize = 2_000;
/// Events in one replay, in events; the answer says where to go on.
pub const REPLAY_MAX: usize = 10_000;
/// Default page of events and of deliveries, in events.
pub const EVENTS_PAGE_DEFAULT: usize = 100;
/// Largest page of events and of deliveries, in events.
pub const EVENTS_PAGE_MAX: usize = 500;
/// How long a request for events may wait for some, in seconds.
pub const EVENTS_WAIT_SECONDS_MAX: u64 = 25;
/// Requests of one app that wait for events, in requests.
pub const EVENTS_WAITING_MAX: usize = 16;
