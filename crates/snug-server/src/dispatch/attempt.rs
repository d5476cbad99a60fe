//! One delivery: signed after the Standard Webhooks specification, sent once, judged by the
//! answer's status alone.

use snug_core::engine::WebhookTarget;
use snug_core::error::Error;
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::model::{OutboxRow, Time};
use snug_core::ports::{Entropy, Outbound, OutboundAnswer, OutboundError};
use snug_proto::outbox::{OutsideEvent, event_id};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::outbound::signed_post;
use crate::secrets::SystemEntropy;

/// What the endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    Delivered {
        status: u16,
    },
    Failed {
        status: Option<u16>,
        error: String,
        retry_after_ms: Option<u64>,
    },
    /// 410: it wants no more.
    Gone {
        error: String,
    },
}

pub(super) async fn attempt(
    outbound: &dyn Outbound,
    app: &AppId,
    target: &WebhookTarget,
    row: OutboxRow,
    now: Time,
) -> Result<Tried, Error> {
    let id = event_id(app, row.position);
    let tries = row.delivery.attempts + 1;
    let event = OutsideEvent::of(app, row)?;
    let body = serde_json::to_vec(&event).map_err(|_| Error::Internal)?;
    let signed = (id.as_str(), now.seconds());
    let mut request = signed_post(app, &target.url, &target.secrets, signed, body);
    request.timeout_ms = limits::WEBHOOK_MS_MAX;
    request.headers.push(("webhook-attempt".to_owned(), tries.to_string()));
    Ok(judge(outbound.call(request).await, now))
}

fn judge(answer: Result<OutboundAnswer, OutboundError>, now: Time) -> Tried {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let error = cut(&error.to_string());
            return Tried::Failed { status: None, error, retry_after_ms: None };
        }
    };
    let status = answer.status;
    let error = match status {
        200..=299 => return Tried::Delivered { status },
        410 => return Tried::Gone { error: "it answered 410: no more deliveries".to_owned() },
        300..=399 => format!("it answered {status}: redirects are not followed"),
        _ => format!("it answered {status}"),
    };
    let header = |name: &str| {
        answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let retry_after_ms = header("retry-after").and_then(|value| retry_after(value, now));
    Tried::Failed { status: Some(status), error, retry_after_ms }
}

/// Seconds, or a date.
fn retry_after(value: &str, now: Time) -> Option<u64> {
    let most = limits::WEBHOOK_RETRY_AFTER_MS_MAX;
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(seconds.saturating_mul(1_000).min(most));
    }
    let at = OffsetDateTime::parse(value.trim(), &Rfc2822).ok()?;
    let wait = at.unix_timestamp().saturating_sub(now.seconds()).max(0);
    Some(u64::try_from(wait).unwrap_or(0).saturating_mul(1_000).min(most))
}

fn cut(text: &str) -> String {
    text.chars().take(limits::WEBHOOK_ERROR_CHARS_MAX).collect()
}

/// How long to wait after so many failures: twice as long each time, and by chance up to a half
/// less, so that rooms that failed together do not come back together.
pub(super) fn backoff_ms(attempts: u32) -> u64 {
    let doubled = limits::WEBHOOK_RETRY_MS_MIN << attempts.saturating_sub(1).min(20);
    let wait = doubled.min(limits::WEBHOOK_RETRY_MS_MAX);
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random);
    wait - u64::from_le_bytes(random) % (wait / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_614_265_330_000_000_000);

    fn answered(status: u16, headers: &[(&str, &str)]) -> Tried {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(own).collect();
        judge(Ok(OutboundAnswer { status, headers, body: Vec::new() }), NOW)
    }

    #[test]
    fn the_status_says_what_became_of_it() {
        assert_eq!(answered(204, &[]), Tried::Delivered { status: 204 });
        assert!(matches!(answered(410, &[]), Tried::Gone { .. }));
        for status in [302, 400, 404, 429, 500, 503] {
            let tried = answered(status, &[]);
            assert!(
                matches!(tried, Tried::Failed { status: Some(s), .. } if s == status),
                "{tried:?}"
            );
        }
        let waits = |value| match answered(429, &[("retry-after", value)]) {
            Tried::Failed { retry_after_ms, .. } => retry_after_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!(waits("7"), Some(7_000));
        assert_eq!(waits("Thu, 25 Feb 2021 15:02:20 GMT"), Some(10_000));
        assert_eq!(waits("Thu, 25 Feb 2021 15:00:00 GMT"), Some(0));
        assert_eq!(waits("999999999999"), Some(limits::WEBHOOK_RETRY_AFTER_MS_MAX));
        assert_eq!(waits("soon"), None);
    }

    #[test]
    fn waits_grow_to_their_bound() {
        for attempts in 0..40 {
            let wait = backoff_ms(attempts);
            let full = 1_000 << attempts.saturating_sub(1).min(20);
            let full = u64::min(full, limits::WEBHOOK_RETRY_MS_MAX);
            assert!((full / 2..=full).contains(&wait), "{attempts}: {wait}");
        }
    }
}
