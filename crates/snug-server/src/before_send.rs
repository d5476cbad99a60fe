//! Asks apps' before-send hooks, by the guarded client: signed, within the app's time, and few of
//! an app at one time. What an answer comes to is the engine's to say.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::ports::{
    BeforeSend, HookAnswer, HookFailure, HookOutcome, HookQuestion, HookTarget, Outbound,
    OutboundError,
};
use snug_proto::before_send::{BeforeSendCall, read_verdict};
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::outbound::{Places, signed_post};

/// The hooks of all apps.
pub struct Hooks {
    outbound: Arc<dyn Outbound>,
    metrics: Arc<Metrics>,
    /// Fewer than the guarded client has for the app, so that a hook that hangs leaves its
    /// webhooks and log-ins theirs.
    places: Places,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks(..)")
    }
}

impl Hooks {
    #[must_use]
    pub fn new(outbound: Arc<dyn Outbound>, metrics: Arc<Metrics>) -> Self {
        let places = Places::new(limits::HOOKS_PER_APP_MAX, limits::HOOKS_WAITING_MAX);
        Self { outbound, metrics, places }
    }

    async fn exchange(
        &self,
        target: HookTarget,
        question: HookQuestion,
    ) -> Result<HookAnswer, HookFailure> {
        let failed = HookFailure::Unanswered;
        let (app, seconds) = (question.app.clone(), question.at.seconds());
        let call = BeforeSendCall::from(question);
        let body = serde_json::to_vec(&call);
        let body = body.map_err(|_| failed("the question cannot be written".to_owned()))?;
        let HookTarget { url, secrets, timeout_ms } = target;
        let mut request = signed_post(&app, &url, &secrets, (&call.id, seconds), body);
        request.timeout_ms = timeout_ms;
        request.answer_bytes_max = limits::HOOK_ANSWER_BYTES_MAX;
        let answer = self.outbound.call(request).await.map_err(|error| match error {
            // The app's other calls, which strangers can bring about, took the place.
            OutboundError::Busy => HookFailure::NoPlace,
            error => failed(error.to_string()),
        })?;
        read_verdict(answer.status, &answer.body).map_err(failed)
    }
}

#[async_trait]
impl BeforeSend for Hooks {
    async fn ask(
        &self,
        target: HookTarget,
        question: HookQuestion,
    ) -> Result<HookAnswer, HookFailure> {
        self.metrics.hooks_asked.inc();
        // The wait is not taken from the endpoint's time: who sends much must not get past it by
        // leaving it none.
        let wait = Duration::from_millis(target.timeout_ms);
        let place = self.places.take(&question.app, wait).await;
        let _place = place.ok_or(HookFailure::NoPlace)?;
        let begun = Instant::now();
        let answer = self.exchange(target, question).await;
        self.metrics.hook_seconds.observe(begun.elapsed().as_secs_f64());
        answer
    }

    fn told(&self, app: &AppId, outcome: HookOutcome<'_>) {
        match outcome {
            HookOutcome::Allowed => {}
            HookOutcome::Refused => {
                self.metrics.hooks_refused.inc();
            }
            HookOutcome::Changed => {
                self.metrics.hooks_changed.inc();
            }
            HookOutcome::Failed(cause) => {
                self.metrics.hooks_failed.inc();
                tracing::warn!(%app, cause, "a before-send hook failed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use snug_core::ids::{MessageId, RoomId};
    use snug_core::model::{Message, MessageKind, RoomKind, Time};
    use snug_core::ports::{HookEvent, HookRoom, OutboundAnswer, OutboundRequest};

    use super::*;

    /// A customer's endpoint that refuses everything after a while, behind a guarded client that
    /// has no place for it when `busy`.
    struct Slow {
        millis: u64,
        busy: bool,
    }

    #[async_trait]
    impl Outbound for Slow {
        async fn call(&self, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
            if self.busy {
                return Err(OutboundError::Busy);
            }
            if self.millis > request.timeout_ms {
                tokio::time::sleep(Duration::from_millis(request.timeout_ms)).await;
                return Err(OutboundError::TimedOut(request.timeout_ms));
            }
            tokio::time::sleep(Duration::from_millis(self.millis)).await;
            let body = br#"{"action":"refuse"}"#.to_vec();
            Ok(OutboundAnswer { status: 200, headers: Vec::new(), body })
        }

        fn check_url(&self, _url: &str) -> Result<(), OutboundError> {
            Ok(())
        }
    }

    fn target() -> HookTarget {
        let url = "http://customer.example/".to_owned();
        HookTarget { url, secrets: vec![b"secret".to_vec()], timeout_ms: 1_000 }
    }

    fn question() -> HookQuestion {
        let id = RoomId::from_stored("r");
        let message = Message {
            id: MessageId::from_stored("m"),
            external: None,
            room: id.clone(),
            seq: 0,
            rev: 0,
            first_rev: 0,
            sender: None,
            kind: MessageKind::Text,
            text: Some("hello".to_owned()),
            custom: None,
            extras: None,
            silent: false,
            count: 0,
            created_at: Time(0),
            edited_at: None,
            deleted_at: None,
            hidden_at: None,
            pinned_at: None,
            reactions: Vec::new(),
            thread: None,
            thread_summary: None,
            own: None,
        };
        let kind = RoomKind::Group;
        let room = HookRoom { id, kind, context: None, name: None, custom: None };
        let app = AppId::from_stored("app_0123456789abcdefghij");
        let (id, event) = ("q".to_owned(), HookEvent::Sending);
        HookQuestion { app, id, event, at: Time(0), room, message, ephemeral: false }
    }

    /// So many questions at once to an endpoint with a second of time.
    async fn asked(slow: Slow, many: usize) -> Vec<Result<HookAnswer, HookFailure>> {
        let hooks = Hooks::new(Arc::new(slow), Arc::default());
        let ask = |_| hooks.ask(target(), question());
        futures_util::future::join_all((0..many).map(ask)).await
    }

    /// Each wave has the endpoint's whole time, so that nobody gets past it by sending much; whom
    /// the line has no place for in that time is told so.
    #[tokio::test(start_paused = true)]
    async fn a_crowd_leaves_the_endpoint_its_time() {
        let all = limits::HOOKS_PER_APP_MAX + limits::HOOKS_WAITING_MAX;
        let answers = asked(Slow { millis: 400, busy: false }, all + 1).await;
        let refused = answers.iter().filter(|one| matches!(one, Ok(HookAnswer::Refuse(_)))).count();
        let none = answers.iter().filter(|one| matches!(one, Err(HookFailure::NoPlace))).count();
        // Waves begin at 0, 400 and 800 ms; who waits for more than a second is sent away.
        assert_eq!((refused, none), (3 * limits::HOOKS_PER_APP_MAX, all + 1 - refused));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_no_place_are_told_apart() {
        let answers = asked(Slow { millis: 2_000, busy: false }, 1).await;
        assert!(matches!(answers[..], [Err(HookFailure::Unanswered(_))]), "{answers:?}");
        let answers = asked(Slow { millis: 0, busy: true }, 1).await;
        assert!(matches!(answers[..], [Err(HookFailure::NoPlace)]), "{answers:?}");
    }
}
