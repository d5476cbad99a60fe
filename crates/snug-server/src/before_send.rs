//! Asks apps' before-send hooks, by the guarded client: signed, within the app's time, and few of
//! an app at one time. What an answer comes to is the engine's to say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::ports::{
    BeforeSend, HookAnswer, HookFailure, HookOutcome, HookQuestion, HookTarget, Outbound,
    OutboundError,
};
use snug_proto::before_send::{BeforeSendCall, read_verdict};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::outbound::signed_post;

/// The hooks of all apps.
pub struct Hooks {
    outbound: Arc<dyn Outbound>,
    metrics: Arc<Metrics>,
    apps: Mutex<HashMap<AppId, Places>>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks(..)")
    }
}

/// One app's places: in the queue, and at work. Fewer than the guarded client has for the app, so
/// that a hook that hangs leaves its webhooks and log-ins theirs.
#[derive(Clone)]
struct Places {
    queue: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

impl Hooks {
    #[must_use]
    pub fn new(outbound: Arc<dyn Outbound>, metrics: Arc<Metrics>) -> Self {
        Self { outbound, metrics, apps: Mutex::default() }
    }

    fn places(&self, app: &AppId) -> Places {
        let mut apps = self.apps.lock();
        if apps.len() > 1_000 {
            apps.retain(|_, places| Arc::strong_count(&places.queue) > 1);
        }
        let fresh = || Places {
            queue: Arc::new(Semaphore::new(limits::HOOKS_PER_APP_MAX + limits::HOOKS_WAITING_MAX)),
            work: Arc::new(Semaphore::new(limits::HOOKS_PER_APP_MAX)),
        };
        apps.entry(app.clone()).or_insert_with(fresh).clone()
    }

    async fn exchange(
        &self,
        target: HookTarget,
        question: HookQuestion,
    ) -> Result<HookAnswer, String> {
        let (app, seconds) = (question.app.clone(), question.at.seconds());
        let call = BeforeSendCall::from(question);
        let body = serde_json::to_vec(&call).map_err(|_| "the question cannot be written")?;
        let HookTarget { url, secrets, timeout_ms } = target;
        let mut request = signed_post(&app, &url, &secrets, (&call.id, seconds), body);
        request.timeout_ms = timeout_ms;
        request.answer_bytes_max = limits::HOOK_ANSWER_BYTES_MAX;
        let answer = self.outbound.call(request).await.map_err(|error| match error {
            OutboundError::Busy => "too many calls are under way".to_owned(),
            error => error.to_string(),
        })?;
        read_verdict(answer.status, &answer.body)
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
        let Places { queue, work } = self.places(&question.app);
        let _queued = queue.try_acquire_owned().map_err(|_| HookFailure::NoPlace)?;
        let (begun, millis) = (Instant::now(), target.timeout_ms);
        let bound = Duration::from_millis(millis);
        let placed = tokio::time::timeout(bound, work.acquire_owned()).await;
        let Ok(Ok(_working)) = placed else { return Err(HookFailure::NoPlace) };
        let left = bound.saturating_sub(begun.elapsed());
        let done = tokio::time::timeout(left, self.exchange(target, question)).await;
        self.metrics.hook_seconds.observe(begun.elapsed().as_secs_f64());
        let answer = done.unwrap_or_else(|_| Err(format!("no answer within {millis} ms")));
        answer.map_err(HookFailure::Unanswered)
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
