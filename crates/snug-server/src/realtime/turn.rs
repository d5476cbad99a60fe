//! The one request of a connection that is under way: it goes on while the connection writes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Whether a request has done something that must not be cut in two.
#[derive(Debug, Clone, Default)]
pub(super) struct Begun(Arc<AtomicBool>);

impl Begun {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Whose outcome is asked for once.
#[derive(Default)]
pub(super) enum Turn<T> {
    #[default]
    Free,
    /// Once begun it goes to its end, also when nobody asks for the outcome any more; before that
    /// it may be forgotten.
    Working(Work<T>, Begun),
    /// It ended while nobody could take what came of it.
    Done(T),
}

impl<T> Turn<T> {
    /// A request that begins at once.
    pub(super) fn begun(work: Work<T>) -> Self {
        let begun = Begun::default();
        begun.begin();
        Self::Working(work, begun)
    }

    pub(super) fn is_free(&self) -> bool {
        matches!(self, Self::Free)
    }

    /// Whether there is something that must not be cut in two.
    pub(super) fn is_begun(&self) -> bool {
        match self {
            Self::Free => false,
            Self::Working(_, begun) => begun.0.load(Ordering::Acquire),
            Self::Done(_) => true,
        }
    }

    /// Takes the outcome; never comes while the turn is free. Cancel-safe.
    pub(super) async fn outcome(&mut self) -> T {
        self.work().await;
        match std::mem::take(self) {
            Self::Done(outcome) => outcome,
            Self::Free | Self::Working(..) => std::future::pending().await,
        }
    }

    /// Works to the end, and keeps the outcome. Cancel-safe.
    pub(super) async fn work(&mut self) {
        if let Self::Working(work, _) = self {
            *self = Self::Done(work.await);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_only_waits_may_be_forgotten_until_it_begins() {
        let (begun, (go, gone)) = (Begun::default(), oneshot::channel());
        let mark = begun.clone();
        let mut turn = Turn::Working(
            Box::pin(async move {
                gone.await.expect("it may go");
                mark.begin();
                std::future::pending::<()>().await;
            }),
            begun,
        );
        assert!(futures_util::FutureExt::now_or_never(turn.work()).is_none());
        assert!(!turn.is_begun());
        go.send(()).unwrap();
        assert!(futures_util::FutureExt::now_or_never(turn.work()).is_none());
        assert!(turn.is_begun());
    }
}
