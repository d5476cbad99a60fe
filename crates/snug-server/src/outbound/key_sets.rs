//! Published key sets, cached per app. One reader at a time; whoever knows the key already does
//! not wait for it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::model::{PublicKey, Time};
use snug_core::ports::{KeySets, MintedTokens, Outbound, OutboundError, OutboundRequest};

/// Key sets as last read.
pub struct PublishedKeys {
    outbound: Arc<dyn Outbound>,
    minted: Arc<dyn MintedTokens>,
    apps: Mutex<HashMap<AppId, Arc<Slot>>>,
}

impl std::fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublishedKeys(..)")
    }
}

#[derive(Default)]
struct Slot {
    known: Mutex<Option<Known>>,
    reading: tokio::sync::Mutex<()>,
}

/// What came of the last reading, and of the last one that succeeded.
#[derive(Clone)]
struct Known {
    url: String,
    keys: Option<(Arc<Vec<PublicKey>>, Time)>,
    failed: Option<OutboundError>,
    tried_at: Time,
}

impl Known {
    /// The answer that stands now; `None` when the set must be read.
    fn answer(
        &self,
        url: &str,
        key: Option<&str>,
        now: Time,
    ) -> Option<Result<Arc<Vec<PublicKey>>, OutboundError>> {
        if self.url != url {
            return None;
        }
        let tried = age(now, self.tried_at);
        let Some((keys, read_at)) = &self.keys else {
            // A URL that was down is asked again soon, but not by every request.
            let failed = self.failed.clone().unwrap_or(OutboundError::Busy);
            return (tried < DOWN_SECONDS).then_some(Err(failed));
        };
        let has = key.is_none_or(|key| keys.iter().any(|known| known.id.as_deref() == Some(key)));
        let fresh = age(now, *read_at) < limits::KEY_SET_SECONDS;
        let stands = (has && fresh) || tried < limits::KEY_SET_RETRY_SECONDS;
        stands.then(|| Ok(keys.clone()))
    }
}

/// Between two tries to read a set of which nothing is known.
const DOWN_SECONDS: i64 = 2;

/// A clock that went back makes everything old.
fn age(now: Time, then: Time) -> i64 {
    let age = now.seconds() - then.seconds();
    if age < 0 { i64::MAX } else { age }
}

impl PublishedKeys {
    #[must_use]
    pub fn new(outbound: Arc<dyn Outbound>, minted: Arc<dyn MintedTokens>) -> Self {
        Self { outbound, minted, apps: Mutex::default() }
    }

    fn slot(&self, app: &AppId) -> Arc<Slot> {
        let mut apps = self.apps.lock();
        if apps.len() > 10_000 {
            apps.clear();
        }
        apps.entry(app.clone()).or_default().clone()
    }

    async fn read(&self, app: &AppId, url: &str) -> Result<Vec<PublicKey>, OutboundError> {
        let mut request = OutboundRequest::get(app, url);
        request.timeout_ms = limits::VERIFY_MS_MAX;
        request.answer_bytes_max = limits::KEY_SET_BYTES_MAX;
        let answer = self.outbound.call(request).await?;
        if answer.status != 200 {
            return Err(OutboundError::Broken(format!("it answers {}", answer.status)));
        }
        let text = String::from_utf8_lossy(&answer.body);
        self.minted.read_keys(&text).map_err(|expected| {
            OutboundError::Broken(format!("its answer is no key set: expected {expected}"))
        })
    }
}

#[async_trait]
impl KeySets for PublishedKeys {
    async fn keys(
        &self,
        app: &AppId,
        url: &str,
        key: Option<&str>,
        now: Time,
    ) -> Result<Arc<Vec<PublicKey>>, OutboundError> {
        let slot = self.slot(app);
        let standing = || slot.known.lock().as_ref().and_then(|known| known.answer(url, key, now));
        if let Some(answer) = standing() {
            return answer;
        }
        let _reading = slot.reading.lock().await;
        if let Some(answer) = standing() {
            return answer;
        }
        let read = self.read(app, url).await;
        let mut known = slot.known.lock();
        let before = known.take().filter(|known| known.url == url);
        let (keys, failed) = match read {
            Ok(keys) => (Some((Arc::new(keys), now)), None),
            Err(error) => {
                tracing::warn!(%app, %error, "a key set cannot be read");
                let kept = before.and_then(|known| known.keys);
                let usable = |read_at| age(now, read_at) < limits::KEY_SET_STALE_SECONDS;
                (kept.filter(|(_, read_at)| usable(*read_at)), Some(error))
            }
        };
        let answer = match (&keys, &failed) {
            (Some((keys, _)), _) => Ok(keys.clone()),
            (None, failed) => Err(failed.clone().unwrap_or(OutboundError::Busy)),
        };
        *known = Some(Known { url: url.to_owned(), keys, failed, tried_at: now });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Jwts;
    use snug_core::ports::OutboundAnswer;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A key set's publisher: a body, or down.
    #[derive(Default)]
    struct Publisher {
        body: Mutex<Option<String>>,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Outbound for Publisher {
        async fn call(&self, _: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let body = self.body.lock().clone();
            let body = body.ok_or(OutboundError::TimedOut(1))?.into_bytes();
            Ok(OutboundAnswer { status: 200, headers: Vec::new(), body })
        }

        fn check_url(&self, _: &str) -> Result<(), OutboundError> {
            Ok(())
        }
    }

    impl Publisher {
        fn publish(&self, ids: &[&str]) {
            let key = |id: &&str| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "kid": id,
                    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                })
            };
            let keys: Vec<_> = ids.iter().map(key).collect();
            *self.body.lock() = Some(serde_json::json!({ "keys": keys }).to_string());
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    async fn ids(keys: &PublishedKeys, key: &str, at: i64) -> Result<Vec<String>, OutboundError> {
        let app = AppId::new("app_0123456789abcdefghij").unwrap();
        let now = Time::from_seconds(1_000_000 + at);
        let keys = keys.keys(&app, "https://a.example/jwks", Some(key), now).await?;
        Ok(keys.iter().map(|key| key.id.clone().unwrap_or_default()).collect())
    }

    fn published(ids: &[&str]) -> (Arc<Publisher>, PublishedKeys) {
        let publisher = Arc::new(Publisher::default());
        publisher.publish(ids);
        let keys = PublishedKeys::new(publisher.clone(), Arc::new(Jwts));
        (publisher, keys)
    }

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_a_minute() {
        let (publisher, keys) = published(&["a"]);
        let first = futures_util::future::join_all((0..20).map(|_| ids(&keys, "a", 0))).await;
        assert!(first.iter().all(|keys| keys.as_deref() == Ok(&["a".to_owned()])));
        assert_eq!(publisher.asked(), 1);
        publisher.publish(&["a", "b"]);
        for second in 1..60 {
            assert_eq!(ids(&keys, "b", second).await.unwrap(), ["a"]);
        }
        assert_eq!(publisher.asked(), 1);
        assert_eq!(ids(&keys, "b", 60).await.unwrap(), ["a", "b"]);
        assert_eq!(ids(&keys, "a", 61).await.unwrap(), ["a", "b"]);
        assert_eq!(publisher.asked(), 2);
        // A withdrawn key is gone when the set is old.
        publisher.publish(&["b"]);
        assert_eq!(ids(&keys, "a", 600).await.unwrap(), ["a", "b"]);
        assert_eq!(ids(&keys, "a", 660).await.unwrap(), ["b"]);
        assert_eq!(publisher.asked(), 3);
    }

    #[tokio::test]
    async fn a_set_serves_while_its_url_is_down_and_not_for_ever() {
        let (publisher, keys) = published(&["a"]);
        ids(&keys, "a", 0).await.unwrap();
        *publisher.body.lock() = None;
        assert_eq!(ids(&keys, "a", 700).await.unwrap(), ["a"]);
        assert_eq!(ids(&keys, "a", 701).await.unwrap(), ["a"]);
        assert_eq!(publisher.asked(), 2);
        *publisher.body.lock() = Some("<html>".to_owned());
        assert_eq!(ids(&keys, "a", 800).await.unwrap(), ["a"]);
        assert!(ids(&keys, "a", limits::KEY_SET_STALE_SECONDS + 100).await.is_err());
        publisher.publish(&["a"]);
        assert!(ids(&keys, "a", limits::KEY_SET_STALE_SECONDS + 101).await.is_err());
        let back = ids(&keys, "a", limits::KEY_SET_STALE_SECONDS + 102).await;
        assert_eq!(back.unwrap(), ["a"]);
    }

    #[tokio::test]
    async fn a_first_reading_that_fails_is_tried_again_soon() {
        let (publisher, keys) = published(&[]);
        *publisher.body.lock() = None;
        let all = futures_util::future::join_all((0..20).map(|_| ids(&keys, "a", 0))).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(publisher.asked(), 1);
        publisher.publish(&["a"]);
        assert_eq!(ids(&keys, "a", 2).await.unwrap(), ["a"]);
    }
}
