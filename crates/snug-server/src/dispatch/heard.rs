//! Who hears of which app, as this node knows it; and the bus through which it learns of commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hashbrown::HashMap;
use parking_lot::RwLock;
use snug_core::event::{Event, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::ports::{Bus, Topic};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use super::scheduled::Soon;

/// One app that somebody hears of.
#[derive(Debug)]
pub(super) struct AppHeard {
    /// There may be work; one waiter, the app's worker.
    pub(super) work: Notify,
    /// There may be news; for those who pull.
    pub(super) news: watch::Sender<()>,
    /// Requests that wait for news.
    pub(super) waiting: Arc<Semaphore>,
    /// A worker has the app in hand, or will have at once.
    pub(super) running: AtomicBool,
    /// Rows that were done wait again.
    pub(super) replayed: AtomicBool,
    delivers: AtomicBool,
    /// Looks that did not find it any more.
    missed: AtomicU32,
}

impl AppHeard {
    fn new() -> Self {
        Self {
            work: Notify::new(),
            news: watch::Sender::new(()),
            waiting: Arc::new(Semaphore::new(limits::EVENTS_WAITING_MAX)),
            running: AtomicBool::new(false),
            replayed: AtomicBool::new(false),
            delivers: AtomicBool::new(false),
            missed: AtomicU32::new(0),
        }
    }
}

/// Apps that somebody hears of. An app without consumers costs one look here for each commit.
#[derive(Debug)]
pub(super) struct Heard {
    apps: RwLock<HashMap<AppId, Arc<AppHeard>>>,
    /// Apps that need a worker; one entry per app at most.
    start: mpsc::Sender<AppId>,
    /// For who looks for scheduled messages.
    pub(super) soon: Soon,
}

impl Heard {
    pub(super) fn new(start: mpsc::Sender<AppId>) -> Self {
        Self { apps: RwLock::default(), start, soon: Soon::default() }
    }

    pub(super) fn get(&self, app: &AppId) -> Option<Arc<AppHeard>> {
        self.apps.read().get(app).cloned()
    }

    /// Something of the app was committed.
    pub(super) fn commit(&self, app: &AppId) {
        let Some(heard) = self.get(app) else { return };
        heard.news.send_replace(());
        if heard.delivers.load(Ordering::Relaxed) {
            self.wake(app, &heard);
        }
    }

    pub(super) fn wake(&self, app: &AppId, heard: &AppHeard) {
        heard.work.notify_one();
        if !heard.running.swap(true, Ordering::AcqRel) {
            // Full, or gone since the server stops: the next look for work finds it.
            if self.start.try_send(app.clone()).is_err() {
                heard.running.store(false, Ordering::Release);
            }
        }
    }

    /// An app that somebody hears of, if only by pulling.
    pub(super) fn add(&self, app: &AppId) -> Arc<AppHeard> {
        self.get(app).unwrap_or_else(|| {
            let new = || Arc::new(AppHeard::new());
            self.apps.write().entry(app.clone()).or_insert_with(new).clone()
        })
    }

    /// Whether the app's events are to be delivered.
    pub(super) fn set(&self, app: &AppId, delivers: bool) -> Arc<AppHeard> {
        let heard = self.add(app);
        heard.delivers.store(delivers, Ordering::Relaxed);
        heard.missed.store(0, Ordering::Relaxed);
        heard
    }

    /// Takes over what the store says. An app that it does not name goes after the second time:
    /// it may have been set in this moment.
    pub(super) fn refresh(&self, apps: &[(AppId, bool)]) {
        for heard in self.apps.read().values() {
            heard.missed.fetch_add(1, Ordering::Relaxed);
        }
        for (app, delivers) in apps {
            self.set(app, *delivers);
        }
        self.apps.write().retain(|_, heard| heard.missed.load(Ordering::Relaxed) < 2);
    }

    pub(super) fn all(&self) -> Vec<AppId> {
        self.apps.read().keys().cloned().collect()
    }
}

/// A bus that tells the dispatcher of what is published through it: every commit of this node.
pub(super) struct HearingBus {
    inner: Arc<dyn Bus>,
    heard: Arc<Heard>,
}

impl HearingBus {
    pub(super) fn new(inner: Arc<dyn Bus>, heard: Arc<Heard>) -> Self {
        Self { inner, heard }
    }
}

impl Bus for HearingBus {
    fn publish(&self, event: Arc<Event>) {
        match event.as_ref() {
            Event::Room(room) => match room.body {
                RoomEventBody::Typing { .. }
                | RoomEventBody::Ephemeral { .. }
                | RoomEventBody::Beacon => {}
                RoomEventBody::Read { .. } | RoomEventBody::Delivered { .. } => {}
                _ => self.heard.commit(&room.app),
            },
            Event::User(UserEvent {
                body:
                    UserEventBody::PresenceAsked
                    | UserEventBody::Invisible { .. }
                    | UserEventBody::Unscheduled { .. },
                ..
            })
            | Event::Presence(_) => {}
            Event::User(UserEvent { body: UserEventBody::Scheduled { scheduled }, .. }) => {
                if scheduled.failed.is_none() {
                    self.heard.soon.hear(scheduled.at);
                }
            }
            Event::User(user) => self.heard.commit(&user.app),
        }
        self.inner.publish(event);
    }

    fn subscribe(&self, topic: &Topic) {
        self.inner.subscribe(topic);
    }

    fn unsubscribe(&self, topic: &Topic) {
        self.inner.unsubscribe(topic);
    }
}
