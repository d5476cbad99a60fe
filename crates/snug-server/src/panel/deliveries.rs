//! A plain page for operators: an application's webhook deliveries, newest first. Written by the
//! server; it needs no script.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use snug_core::engine::DeliveriesRequest;
use snug_core::error::Error;
use snug_core::ids::AppId;
use snug_proto::outbox::{DeliveriesAnswer, DeliveryItem, delivery_state};
use snug_proto::value::WireTime;

use super::session::ByOperator;
use crate::docs::{escape, page};
use crate::rest::{ApiError, Query};
use crate::wiring::App;

#[derive(Debug, Deserialize)]
pub(super) struct Params {
    state: Option<String>,
    before: Option<u64>,
}

pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    _: ByOperator,
    Path(id): Path<String>,
    Query(params): Query<Params>,
) -> Result<Response, ApiError> {
    let id = AppId::new(&id).map_err(|error| Error::invalid("app", error.expected))?;
    // An unknown one is told so.
    let its = app.engine.app(&id).await?;
    let state = delivery_state(params.state.as_deref())?;
    let request = DeliveriesRequest { state, before: params.before, limit: None };
    let rows = app.engine.deliveries_of(&id, &request).await?;
    let answer = DeliveriesAnswer::of(&id, rows);
    let title = format!("Deliveries of {}", escape(&its.name));
    Ok(page(&title, &body(params.state.as_deref().unwrap_or(""), &answer)))
}

fn body(state: &str, answer: &DeliveriesAnswer) -> String {
    let mut html = String::from("<p>");
    for (word, title) in [
        ("", "all"),
        ("waiting", "waiting"),
        ("delivered", "delivered"),
        ("parked", "parked"),
        ("off", "without an endpoint"),
    ] {
        let link = if word.is_empty() { "?".to_owned() } else { format!("?state={word}") };
        let (open, close) = if word == state { ("<b>", "</b>") } else { ("", "") };
        let _ = write!(html, "{open}<a href=\"{link}\">{title}</a>{close} ");
    }
    html.push_str(
        "</p><table><tr><th>Position</th><th>When</th><th>What</th><th>Room</th><th>Rev</th>\
         <th>State</th><th>Attempts</th><th>Answer</th><th>Next try</th></tr>",
    );
    for item in &answer.deliveries {
        row(&mut html, item);
    }
    html.push_str("</table>");
    if answer.deliveries.is_empty() {
        html.push_str("<p>Nothing here.</p>");
    }
    if let Some(next) = answer.next {
        let state = if state.is_empty() { String::new() } else { format!("&amp;state={state}") };
        let _ = write!(html, "<p><a href=\"?before={next}{state}\">Older</a></p>");
    }
    html
}

fn row(html: &mut String, item: &DeliveryItem) {
    let time = |time: WireTime| snug_proto::value::format_time(time.0);
    let said = match (item.status, &item.error) {
        (_, Some(error)) => escape(error),
        (Some(status), None) => status.to_string(),
        (None, None) => String::new(),
    };
    let _ = write!(
        html,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{said}</td><td>{}</td></tr>",
        item.position,
        time(item.timestamp),
        escape(&item.kind),
        escape(&item.room),
        item.rev,
        escape(&item.state),
        item.attempts,
        item.next_at.map(time).unwrap_or_default(),
    );
}
