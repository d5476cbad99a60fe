//! The link to the servers: where they are, what opens them, and how it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event as LinkEvent};
use snug_core::limits;
use tokio::sync::Notify;

use super::Times;

/// The servers without what opens them, and that.
pub(super) struct Servers {
    pub(super) addresses: Vec<String>,
    pub(super) user: Option<(String, Option<String>)>,
    pub(super) tls: bool,
}

/// The client takes no password out of a URL, and would write the URL into its log.
pub(super) fn servers(url: &str) -> Result<Servers, String> {
    let mut all = Servers { addresses: Vec::new(), user: None, tls: false };
    for server in url.split(',').map(str::trim) {
        let (scheme, rest) = server.split_once("://").ok_or("bus: a server without nats://")?;
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        let decoded = |text: &str| {
            let bytes = percent_encoding::percent_decode_str(text);
            bytes.decode_utf8().map(std::borrow::Cow::into_owned)
        };
        if let Some(user) = user {
            let (name, password) = match user.split_once(':') {
                Some((name, password)) => (decoded(name), Some(decoded(password)).transpose()),
                None => (decoded(user), Ok(None)),
            };
            let (Ok(name), Ok(password)) = (name, password) else {
                return Err("bus: the user or password is not UTF-8 behind its %".to_owned());
            };
            let user = Some((name, password));
            if all.user.is_some() && all.user != user {
                return Err("bus: all servers take one user and password".to_owned());
            }
            all.user = user;
        }
        all.tls |= scheme == "tls";
        all.addresses.push(format!("{scheme}://{address}"));
    }
    Ok(all)
}

pub(super) async fn connect(
    url: &str,
    times: Times,
    changed: Arc<Notify>,
    slow: Arc<AtomicBool>,
) -> Result<Client, String> {
    let Servers { addresses, user, tls } = servers(url)?;
    let options = match user {
        Some((name, Some(password))) => ConnectOptions::with_user_and_password(name, password),
        Some((token, None)) => ConnectOptions::with_token(token),
        None => ConnectOptions::new(),
    };
    options
        .name("snug")
        .require_tls(tls)
        // They would be told by addresses that no certificate names.
        .ignore_discovered_servers()
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ping_interval(times.pulse)
        .connection_timeout(times.proof)
        .subscription_capacity(limits::BUS_UNREAD_MAX)
        .client_capacity(limits::BUS_UNSENT_MAX)
        .reconnect_delay_callback(|attempts| {
            let millis = 50_u64.saturating_mul(1 << attempts.min(6));
            Duration::from_millis(millis.min(limits::BUS_RECONNECT_MS_MAX))
        })
        .event_callback(move |event| {
            match event {
                LinkEvent::Connected => tracing::info!("the bus is connected"),
                // Looked at with the next pulse: it may come a thousand times a second.
                LinkEvent::SlowConsumer(_) => {
                    slow.store(true, Ordering::SeqCst);
                    return std::future::ready(());
                }
                other => tracing::warn!(%other, "the bus"),
            }
            changed.notify_one();
            std::future::ready(())
        })
        .connect(addresses)
        .await
        .map_err(|error| format!("bus: {error}"))
}
