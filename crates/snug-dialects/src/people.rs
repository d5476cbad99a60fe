//! Profiles that a wire shows beside ids.

use std::collections::HashMap;
use std::time::Duration;

use snug_core::engine::{Actor, Engine};
use snug_core::error::{Error, Result};
use snug_core::ids::UserId;
use snug_core::limits;
use snug_core::model::User;
use tokio::time::Instant;

/// How long a connection uses a profile it has read.
const LIFE: Duration = Duration::from_secs(30);
/// Profiles that a connection remembers, in users.
const KNOWN_MAX: usize = 256;

/// Profiles by id.
pub(crate) type People = HashMap<UserId, User>;

/// Reads the profiles that are not known yet; who does not exist stays absent.
pub(crate) async fn load(
    engine: &Engine,
    actor: &Actor,
    ids: Vec<UserId>,
    people: &mut People,
) -> Result<()> {
    let mut wanted: Vec<UserId> = ids.into_iter().filter(|id| !people.contains_key(id)).collect();
    wanted.sort();
    wanted.dedup();
    match actor {
        Actor::Client(client) => {
            for some in wanted.chunks(limits::USERS_PER_QUERY_MAX) {
                for user in engine.users(client, some.to_vec()).await? {
                    people.insert(user.id.clone(), user);
                }
            }
        }
        Actor::Backend(backend) => {
            for id in wanted {
                match engine.user(backend, &id).await {
                    Ok(user) => drop(people.insert(id, user)),
                    Err(Error::UserNotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}

/// The profiles that a connection remembers for a while.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<UserId, (User, Instant)>);

impl Known {
    /// Those that are still fresh.
    pub(crate) fn fresh(&mut self) -> People {
        let now = Instant::now();
        self.0.retain(|_, (_, read_at)| now.duration_since(*read_at) < LIFE);
        self.0.iter().map(|(id, (user, _))| (id.clone(), user.clone())).collect()
    }

    /// Takes what was read meanwhile.
    pub(crate) fn remember(&mut self, people: People) {
        let now = Instant::now();
        for (id, user) in people {
            if self.0.len() < KNOWN_MAX {
                self.0.entry(id).or_insert((user, now));
            }
        }
    }
}
