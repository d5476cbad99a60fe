//! Who hears of an app's changes: its webhook endpoint, and whoever pulls. The dispatcher of the
//! server delivers; in here is what a backend sets and reads.

use serde::{Deserialize, Serialize};

use super::secrets::{self, Overlap};
use super::{Backend, Engine, check};
use crate::error::{Error, Result};
use crate::ids::AppId;
use crate::limits;
use crate::model::{DeliveryState, OutboxRow, SigningSecret, Time};
use crate::ports::{Consumers, OutboxQuery};

/// The endpoint as stored; secrets are sealed.
#[derive(Clone, Serialize, Deserialize)]
struct Endpoint {
    v: u32,
    url: String,
    /// The newest first.
    secrets: Vec<SigningSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled: Option<Disabled>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Disabled {
    at: i64,
    why: String,
}

/// The endpoint as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookView {
    pub url: String,
    /// Nothing is delivered since then, because of this.
    pub disabled: Option<(Time, String)>,
    /// Deliveries carry a second signature, under the secret before, until then.
    pub rotating_until: Option<Time>,
}

/// The endpoint with its secret in clear, shown once.
#[derive(Clone)]
pub struct IssuedWebhook {
    pub view: WebhookView,
    pub secret: Option<String>,
}

impl std::fmt::Debug for IssuedWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedWebhook").field("view", &self.view).finish_non_exhaustive()
    }
}

/// Where and how to deliver.
#[derive(Clone)]
pub struct WebhookTarget {
    pub url: String,
    /// What deliveries are signed with, the newest first: bytes, not their text form.
    pub secrets: Vec<Vec<u8>>,
    /// Which setting this is.
    pub rev: u64,
}

impl std::fmt::Debug for WebhookTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookTarget(..)")
    }
}

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveriesRequest {
    pub state: Option<DeliveryState>,
    pub before: Option<u64>,
    pub limit: Option<usize>,
}

/// A page of the outbox.
#[derive(Debug, Clone)]
pub struct OutboxPage {
    pub rows: Vec<OutboxRow>,
    /// Another page follows.
    pub more: bool,
}

const VERSION: u32 = 1;

fn context(app: &AppId) -> String {
    format!("webhook/{app}")
}

fn view(endpoint: &Endpoint, now: Time) -> WebhookView {
    WebhookView {
        url: endpoint.url.clone(),
        disabled: endpoint.disabled.as_ref().map(|d| (Time(d.at), d.why.clone())),
        rotating_until: secrets::rotating_until(&endpoint.secrets, now),
    }
}

impl Engine {
    /// The app's endpoint, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn webhook(&self, by: &Backend) -> Result<Option<WebhookView>> {
        let (_, endpoint) = self.stored_consumers(&by.app.id).await?;
        Ok(endpoint.map(|endpoint| view(&endpoint, self.now())))
    }

    /// Sets where deliveries go; an endpoint that was disabled is called again. The first one
    /// comes with its secret, which is not shown again.
    ///
    /// # Errors
    /// A URL that may not be called; the store's.
    pub async fn set_webhook(&self, by: &Backend, url: &str) -> Result<IssuedWebhook> {
        let wrong = |error: crate::ports::OutboundError| Error::invalid("url", error.to_string());
        self.outbound.check_url(url).map_err(wrong)?;
        if url.len() > limits::WEBHOOK_URL_BYTES_MAX {
            let most = limits::WEBHOOK_URL_BYTES_MAX;
            return Err(Error::too_large("url", format!("at most {most} bytes")));
        }
        let minted = self.mint_secret(&context(&by.app.id));
        let mut issued = None;
        let edited = self
            .edit_consumers(&by.app.id, |consumers, endpoint| {
                let secrets = endpoint.as_ref().map(|known| known.secrets.clone());
                issued = secrets.is_none().then(|| minted.text.clone());
                *endpoint = Some(Endpoint {
                    v: VERSION,
                    url: url.to_owned(),
                    secrets: secrets.unwrap_or_else(|| minted.first()),
                    disabled: None,
                });
                (consumers.webhook, consumers.paused) = (true, false);
            })
            .await?;
        let endpoint = edited.ok_or(Error::Internal)?;
        Ok(IssuedWebhook { view: view(&endpoint, self.now()), secret: issued })
    }

    /// Makes another secret. For a while, deliveries are signed with those before, too; without an
    /// overlap, with none of them.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]; too long an overlap; the store's.
    pub async fn rotate_webhook_secret(
        &self,
        by: &Backend,
        overlap_seconds: Option<u64>,
    ) -> Result<IssuedWebhook> {
        let now = self.now();
        let overlap = Overlap::of(overlap_seconds, now)?;
        let minted = self.mint_secret(&context(&by.app.id));
        let edited = self
            .edit_consumers(&by.app.id, |_, endpoint| {
                if let Some(endpoint) = endpoint {
                    secrets::rotate(&mut endpoint.secrets, &minted, &overlap);
                }
            })
            .await?;
        let endpoint = edited.ok_or_else(no_webhook)?;
        Ok(IssuedWebhook { view: view(&endpoint, now), secret: Some(minted.text) })
    }

    /// Forgets the endpoint and its secrets; says whether there was one. What waited is
    /// delivered if one is set again before it is too old.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete_webhook(&self, by: &Backend) -> Result<bool> {
        let mut was = false;
        self.edit_consumers(&by.app.id, |consumers, endpoint| {
            was = endpoint.take().is_some();
            (consumers.webhook, consumers.paused) = (false, false);
        })
        .await?;
        Ok(was)
    }

    /// Whether changes are kept to be pulled.
    ///
    /// # Errors
    /// The store's.
    pub async fn pull_is_on(&self, by: &Backend) -> Result<bool> {
        Ok(self.stored_consumers(&by.app.id).await?.0.pull)
    }

    /// Keeps changes to be pulled, from the return on, or keeps them no longer.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_pull(&self, by: &Backend, on: bool) -> Result<()> {
        self.edit_consumers(&by.app.id, |consumers, _| consumers.pull = on).await.map(drop)
    }

    /// What happened above a position, oldest first; above 0 is whatever is kept.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] when nothing is kept; [`Error::EventsGone`] when something above the
    /// position was cleared away, or the position was never given (a restored backup); where
    /// nothing at all is kept, that is told with the next event; the store's.
    pub async fn events(
        &self,
        by: &Backend,
        after: u64,
        limit: Option<usize>,
    ) -> Result<OutboxPage> {
        let limit = check::limit(limit, limits::EVENTS_PAGE_DEFAULT, limits::EVENTS_PAGE_MAX)?;
        let (consumers, _) = self.stored_consumers(&by.app.id).await?;
        if !consumers.pull {
            return Err(Error::NotSetUp { what: "events to be pulled".to_owned() });
        }
        let query = OutboxQuery { after: Some(after), limit: limit + 1, ..OutboxQuery::default() };
        let page = self.outbox_page(&by.app.id, &query).await?;
        let follows = page.rows.first().is_some_and(|first| first.position == after + 1);
        if after > 0 && !follows {
            self.check_position(&by.app.id, after).await?;
        }
        Ok(page)
    }

    /// That nothing above a position is missing. Positions have no holes, and rows are cleared away
    /// from the oldest on.
    async fn check_position(&self, app: &AppId, after: u64) -> Result<()> {
        let one = OutboxQuery { limit: 1, ..OutboxQuery::default() };
        let oldest = OutboxQuery { after: Some(0), ..one.clone() };
        let newest = OutboxQuery { before: Some(u64::MAX), ..one };
        let oldest = self.store.outbox(app, &oldest).await?.pop().map(|row| row.position);
        let newest = self.store.outbox(app, &newest).await?.pop().map(|row| row.position);
        match oldest.zip(newest) {
            Some((oldest, newest)) if after + 1 < oldest || after > newest => {
                Err(Error::EventsGone { after, oldest, newest })
            }
            _ => Ok(()),
        }
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn deliveries(
        &self,
        by: &Backend,
        request: &DeliveriesRequest,
    ) -> Result<OutboxPage> {
        self.deliveries_of(&by.app.id, request).await
    }

    /// As [`Engine::deliveries`], for the panel.
    ///
    /// # Errors
    /// The store's.
    pub async fn deliveries_of(
        &self,
        app: &AppId,
        request: &DeliveriesRequest,
    ) -> Result<OutboxPage> {
        let (usual, most) = (limits::EVENTS_PAGE_DEFAULT, limits::EVENTS_PAGE_MAX);
        let limit = check::limit(request.limit, usual, most)?;
        let query = OutboxQuery {
            before: request.before,
            state: request.state,
            limit: limit + 1,
            after: None,
        };
        self.outbox_page(app, &query).await
    }

    /// Delivers again what lies between two positions, both inclusive; how many wait again, and
    /// up to which position.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] without an endpoint; a range the wrong way round; the store's.
    pub async fn replay_deliveries(&self, by: &Backend, from: u64, to: u64) -> Result<(u64, u64)> {
        if from > to {
            return Err(Error::invalid("to", "a position not below from"));
        }
        let (consumers, _) = self.stored_consumers(&by.app.id).await?;
        if !consumers.webhook {
            return Err(no_webhook());
        }
        Ok(self.store.replay_outbox(&by.app.id, (from, to), limits::REPLAY_MAX).await?)
    }

    /// Where to deliver, while there is somewhere.
    ///
    /// # Errors
    /// [`Error::Internal`] under another master key; the store's.
    pub async fn webhook_target(&self, app: &AppId) -> Result<Option<WebhookTarget>> {
        let (consumers, endpoint) = self.stored_consumers(app).await?;
        let Some(endpoint) = endpoint.filter(|_| consumers.webhook && !consumers.paused) else {
            return Ok(None);
        };
        let secrets = self.open_secrets(&context(app), &endpoint.secrets)?;
        Ok(Some(WebhookTarget { url: endpoint.url, secrets, rev: consumers.rev }))
    }

    /// Calls the endpoint no more, since it said that it is gone. Rows still wait. `false` when it
    /// was set anew since it was read as `rev`: what is set now has said nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn disable_webhook(&self, app: &AppId, rev: u64, why: &str) -> Result<bool> {
        let (mut consumers, endpoint) = self.stored_consumers(app).await?;
        let Some(mut endpoint) = endpoint.filter(|_| consumers.rev == rev) else {
            return Ok(false);
        };
        endpoint.disabled = Some(Disabled { at: self.now().0, why: why.to_owned() });
        consumers.endpoint = Some(serde_json::to_string(&endpoint).map_err(|_| Error::Internal)?);
        consumers.paused = true;
        Ok(self.store.put_consumers(app, &consumers, rev).await?.is_some())
    }

    async fn outbox_page(&self, app: &AppId, query: &OutboxQuery) -> Result<OutboxPage> {
        let mut rows = self.store.outbox(app, query).await?;
        let more = rows.len() >= query.limit;
        rows.truncate(query.limit - 1);
        Ok(OutboxPage { rows, more })
    }

    async fn stored_consumers(&self, app: &AppId) -> Result<(Consumers, Option<Endpoint>)> {
        let known = self.store.consumers(app).await?;
        let none = Consumers { webhook: false, paused: false, pull: false, endpoint: None, rev: 0 };
        let consumers = known.unwrap_or(none);
        let Some(text) = &consumers.endpoint else {
            return Ok((consumers, None));
        };
        let broken = |_| Error::StoreBroken { cause: format!("the endpoint of {app}") };
        let endpoint = serde_json::from_str(text).map_err(broken)?;
        Ok((consumers, Some(endpoint)))
    }

    async fn edit_consumers(
        &self,
        app: &AppId,
        mut edit: impl FnMut(&mut Consumers, &mut Option<Endpoint>),
    ) -> Result<Option<Endpoint>> {
        for _ in 0..limits::GUARD_TRIES_MAX {
            let (mut consumers, mut endpoint) = self.stored_consumers(app).await?;
            edit(&mut consumers, &mut endpoint);
            let text = endpoint.as_ref().map(serde_json::to_string).transpose();
            consumers.endpoint = text.map_err(|_| Error::Internal)?;
            if self.store.put_consumers(app, &consumers, consumers.rev).await?.is_some() {
                return Ok(endpoint);
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }
}

fn no_webhook() -> Error {
    Error::NotSetUp { what: "a webhook endpoint".to_owned() }
}
