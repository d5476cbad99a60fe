//! The app's before-send hook: an endpoint of the customer's that is asked about a message before
//! it is stored. The engine decides when, and what an answer comes to; who implements this asks.

use async_trait::async_trait;

use crate::ids::{AppId, RoomId};
use crate::model::{CustomJson, EditMessage, Message, Room, RoomKind, Time};

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookEvent {
    Sending,
    Editing,
}

impl HookEvent {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "message.sending",
            Self::Editing => "message.editing",
        }
    }
}

/// Whom to ask, and how long to wait.
#[derive(Clone)]
pub struct HookTarget {
    pub url: String,
    /// What the call is signed with, the newest first.
    pub secrets: Vec<Vec<u8>>,
    /// From having a place to the answer's last byte. The wait for a place is as long at most.
    pub timeout_ms: u64,
}

impl std::fmt::Debug for HookTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookTarget(..)")
    }
}

/// The room as the endpoint is told of it; it may not be made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRoom {
    pub id: RoomId,
    pub kind: RoomKind,
    /// Of a direct room.
    pub context: Option<String>,
    pub name: Option<String>,
    pub custom: Option<CustomJson>,
}

impl HookRoom {
    #[must_use]
    pub fn of(room: &Room) -> Self {
        Self {
            id: room.id.clone(),
            kind: room.kind,
            context: room.direct.as_ref().map(|direct| direct.context.clone()),
            name: room.name.clone(),
            custom: room.custom.clone(),
        }
    }
}

/// A question. No `Debug`: it holds somebody's words.
#[expect(missing_debug_implementations, reason = "it holds somebody's words")]
pub struct HookQuestion {
    pub app: AppId,
    /// The same whenever the same thing is asked.
    pub id: String,
    pub event: HookEvent,
    pub at: Time,
    pub room: HookRoom,
    /// As it would be stored; its seq is 0 while it has none.
    pub message: Message,
    /// It is said to who is there, and kept nowhere.
    pub ephemeral: bool,
}

/// What the endpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAnswer {
    Allow,
    /// With words for the sender, if it has any.
    Refuse(Option<String>),
    /// Not yet held against the bounds of a send.
    Change(Box<EditMessage>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookFailure {
    /// It was not asked: too many questions of the app were under way. What its users bring about
    /// must not open the way past the hook.
    NoPlace,
    /// The endpoint's doing, without anybody's words: a status, a refused address, a time.
    Unanswered(String),
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookOutcome<'a> {
    Allowed,
    Refused,
    Changed,
    /// There is no answer that holds; why, without anybody's words.
    Failed(&'a str),
}

/// Asks apps' hooks.
#[async_trait]
pub trait BeforeSend: Send + Sync {
    /// Asks once, within the target's time, which a wait for a place does not shorten. Few questions of an app are under way at one time,
    /// some wait for a place, and the rest fail at once: an endpoint that hangs holds nobody
    /// else's messages.
    ///
    /// # Errors
    /// [`HookFailure`].
    async fn ask(
        &self,
        target: HookTarget,
        question: HookQuestion,
    ) -> Result<HookAnswer, HookFailure>;

    /// Hears what became of each question.
    fn told(&self, app: &AppId, outcome: HookOutcome<'_>);
}

/// Asks nobody; for a server without customers' URLs.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBeforeSend;

#[async_trait]
impl BeforeSend for NoBeforeSend {
    async fn ask(&self, _: HookTarget, _: HookQuestion) -> Result<HookAnswer, HookFailure> {
        Err(HookFailure::Unanswered("calls to customers' URLs are off".to_owned()))
    }

    fn told(&self, _: &AppId, _: HookOutcome<'_>) {}
}
