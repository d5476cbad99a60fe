//! What chat is made of. Plain values: no rules (those are in `policy` and `engine`), no wire
//! forms (`snug-proto`), no rows (the stores).

mod app;
mod contact;
mod ephemeral;
mod extras;
mod filter;
mod json;
mod mark;
mod markdown;
mod member;
mod merge;
mod message;
mod operator;
mod outbox;
mod own;
mod receipt;
mod room;
mod room_policy;
mod scheduled;
mod session;
mod settings;
mod thread;
mod time;
mod user;

pub use app::{App, AppCounts, AppPatch, AppPolicy, ServerKey};
pub use contact::{Contact, ContactKind};
pub use ephemeral::Ephemeral;
pub use extras::{
    Card, CardAction, CardImage, Degrees, EditMessage, Extras, Format, Forwarded, Location,
    Mentions, ReplyTo,
};
pub use filter::{NamePart, RoomFilter};
pub use json::{CustomJson, JsonError, Patch, json_depth};
pub use mark::{Mark, MarkPatch, MarkedMessage, MarksHead};
pub use markdown::plain;
pub use member::{Invitation, Member, MemberState, Membership, Mentioned, Role};
pub use merge::MergeError;
pub use message::{Message, MessageKind, MessageVersion, Preview, Reaction, words};
pub use operator::{AuditEntry, Operator, OperatorRole};
pub use outbox::{
    Delivery, DeliveryState, MemberDetail, OutboxDetail, OutboxKind, OutboxRow, ReactionDetail,
    RoomDetail,
};
pub use own::{Mute, OwnPatch, OwnSettings};
pub use receipt::{DeliveredTo, Receipt, ReceiptCounts};
pub use room::{DirectKey, Head, ListedRoom, Room, RoomKind, RoomPatch};
pub use room_policy::{RoomPolicy, Ruled};
pub use scheduled::{Scheduled, ScheduledFailure, ScheduledForward, ScheduledWords};
pub use session::{CloseReason, Session, SessionSelector, TokenHash};
pub use settings::{
    AppSettings, BeforeSendSettings, BridgeSettings, OnFailure, PublicKey, SettingsPatch,
    SigningSecret, TokenAlgorithm,
};
pub use thread::{Thread, ThreadMine, ThreadPlace, ThreadSummary};
pub use time::{Time, auth_patience_ms, spread_ms};
pub use user::{User, UserPatch};
