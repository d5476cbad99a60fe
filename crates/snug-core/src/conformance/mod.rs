//! What a [`Store`] and a [`Bus`](crate::ports::Bus) are: plain functions over trait objects,
//! each holding one promise of the ports. A backend is a store when every case passes.
//!
//! Every case makes an app of its own, so one database serves all of [`CASES`], also at the
//! same time. [`FRESH_CASES`] speak of the whole install and need an empty one each.
//!
//! A backend's test file holds one `#[tokio::test]` per section, and nothing can be forgotten
//! because [`SECTIONS`] is compared with the cases by a test here:
//!
//! ```ignore
//! #[tokio::test(flavor = "multi_thread")]
//! async fn rooms() {
//!     let store = open_store().await;
//!     conformance::run_each(conformance::section("rooms"), async || store.clone()).await;
//! }
//! // … users, apps, sessions, members, messages, cursors, lists, sync, races
//! #[tokio::test(flavor = "multi_thread")]
//! async fn operators() {
//!     conformance::run_each(conformance::section("operators"), async || empty_store().await).await;
//! }
//! ```
//!
//! Where the ports leave a word open, the suite takes it so:
//! - "Of others" is everything that is not the sender's own, a message without a sender too.
//! - Ids are ordered by their bytes.
//! - A first message is unread for every member but its sender.
//! - A room that was left is shown with the head it had at the leaving's rev, also to a sync.
//!
//! No SQL, no wire form and no concrete store may enter here.

pub mod apps;
pub mod bus;
pub mod cursors;
mod fixtures;
pub mod lists;
pub mod members;
pub mod messages;
pub mod operators;
pub mod races;
pub mod rooms;
pub mod sessions;
pub mod sync;
pub mod users;

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::ports::Store;

/// What running a case gives: it panics when the promise is broken.
pub type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise, by the path of its function in here.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// `section::function`.
    pub name: &'static str,
    pub run: fn(Arc<dyn Store>) -> CaseFuture,
}

/// A case over `&dyn Store`; only names it, the body is a function.
macro_rules! case {
    ($section:ident :: $name:ident) => {
        Case {
            name: concat!(stringify!($section), "::", stringify!($name)),
            run: |store| Box::pin(async move { $section::$name(store.as_ref()).await }),
        }
    };
}

/// A case whose tasks race, over `&Arc<dyn Store>`.
macro_rules! race {
    ($section:ident :: $name:ident) => {
        Case {
            name: concat!(stringify!($section), "::", stringify!($name)),
            run: |store| Box::pin(async move { $section::$name(&store).await }),
        }
    };
}
