//! What an operator and an integrator look at: health, readiness, metrics, and the reference of
//! the API, made from the same OpenAPI document that the routes are registered with.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use snug_proto::{CloseCode, ErrorCode};

use crate::rest::ApiError;
use crate::wiring::App;

/// Written once: they are the same for every reader.
static REFERENCE: LazyLock<String> = LazyLock::new(reference);
static CODES: LazyLock<String> = LazyLock::new(codes);
static OPENAPI: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(crate::rest::openapi);

/// Routes of this file.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/docs", get(|| async { page("Snug API", &REFERENCE) }))
        .route("/docs/", get(|| async { page("Snug API", &REFERENCE) }))
        .route("/docs/errors", get(|| async { page("Errors and close codes", &CODES) }))
        .route("/docs/openapi.json", get(|| async { Json(&*OPENAPI) }))
        .route("/docs/docs.css", get(css))
}

async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    app.engine.ready().await?;
    Ok("ready\n")
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

const CSS: &str = include_str!("docs.css");

async fn css() -> Response {
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    (StatusCode::OK, [(CONTENT_TYPE, kind)], CSS).into_response()
}

pub(crate) fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/docs/docs.css\"></head>\
         <body><header><b>Snug</b> <a href=\"/docs\">Reference</a> \
         <a href=\"/docs/errors\">Errors</a> <a href=\"/docs/openapi.json\">OpenAPI</a> \
         <a href=\"/panel/\">Panel</a></header><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let mut answer = Html(html).into_response();
    let csp = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(csp));
    answer
}

/// Text as it stands in HTML, also between double quotes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Every route by tag, with parameters, body and answers.
fn reference() -> String {
    let document = serde_json::to_value(crate::rest::openapi()).unwrap_or_default();
    let mut html = String::from(
        "<p>Server routes take a server key and are for backends only; client routes take a \
         session token. Every refusal is <a href=\"/docs/errors\">problem+json</a> with a stable \
         code. The socket speaks the same shapes at <code>/v1/socket</code>.</p>",
    );
    for (tag, title) in [("server", "Server routes"), ("client", "Client routes")] {
        let _ = write!(html, "<h2>{title}</h2>");
        let Some(paths) = document["paths"].as_object() else { continue };
        for (path, methods) in paths {
            let Some(methods) = methods.as_object() else { continue };
            for (method, operation) in methods {
                if operation["tags"][0] == tag {
                    route(&mut html, method, path, operation);
                }
            }
        }
    }
    let _ = write!(html, "<h2>Objects</h2>");
    if let Some(schemas) = document["components"]["schemas"].as_object() {
        for (name, schema) in schemas {
            object(&mut html, name, schema);
        }
    }
    html
}

fn route(html: &mut String, method: &str, path: &str, operation: &serde_json::Value) {
    let summary = operation["summary"].as_str().unwrap_or("");
    let _ = write!(
        html,
        "<section><h3><span class=\"verb\">{}</span> <code>{}</code></h3><p>{}</p>",
        method.to_uppercase(),
        escape(path),
        escape(summary)
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or("");
        let place = parameter["in"].as_str().unwrap_or("");
        let text = parameter["description"].as_str().unwrap_or("");
        let _ = write!(
            html,
            "<p class=\"part\"><code>{}</code> <i>{place}</i> {}</p>",
            escape(name),
            escape(text)
        );
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(name) = reference_name(body) {
        let _ = write!(html, "<p class=\"part\">Body: <a href=\"#{name}\">{name}</a></p>");
    }
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let schema = &answer["content"]["application/json"]["schema"];
        let what = reference_name(schema)
            .map_or_else(|| "nothing".to_owned(), |name| format!("<a href=\"#{name}\">{name}</a>"));
        let _ = write!(html, "<p class=\"part\"><b>{}</b> {what}</p>", escape(status));
    }
    html.push_str("</section>");
}

fn reference_name(schema: &serde_json::Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

fn object(html: &mut String, name: &str, schema: &serde_json::Value) {
    let text = schema["description"].as_str().unwrap_or("");
    let _ = write!(html, "<section id=\"{name}\"><h3>{name}</h3><p>{}</p><table>", escape(text));
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect();
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let need = if required.contains(&field.as_str()) { "required" } else { "" };
        let note = property["description"].as_str().unwrap_or("");
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{need}</td><td>{}</td></tr>",
            escape(field),
            type_name(property),
            escape(note)
        );
    }
    html.push_str("</table></section>");
}

fn type_name(property: &serde_json::Value) -> String {
    if let Some(name) = reference_name(property) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    for of in property["oneOf"].as_array().into_iter().flatten() {
        if let Some(name) = reference_name(of) {
            return format!("<a href=\"#{name}\">{name}</a>");
        }
    }
    let kind = match &property["type"] {
        serde_json::Value::String(kind) => kind.clone(),
        serde_json::Value::Array(kinds) => {
            kinds.first().and_then(|kind| kind.as_str()).unwrap_or("any").to_owned()
        }
        _ => "any".to_owned(),
    };
    match reference_name(&property["items"]) {
        Some(name) => format!("list of <a href=\"#{name}\">{name}</a>"),
        None => kind,
    }
}

/// The two tables of codes.
fn codes() -> String {
    let mut html = String::from(
        "<p>REST answers a refusal with <code>application/problem+json</code>, the socket carries \
         the same object in <code>error</code>.</p><table><tr><th>code</th><th>status</th>\
         <th>again?</th><th>meaning</th></tr>",
    );
    for code in ErrorCode::ALL {
        let name = code.as_str();
        let again = if code.retryable() { "later" } else { "no" };
        let _ = write!(
            html,
            "<tr id=\"{name}\"><td><code>{name}</code></td><td>{}</td><td>{again}</td><td>{}</td></tr>",
            code.status(),
            escape(code.title())
        );
    }
    html.push_str(
        "</table><h2>Close codes</h2><table><tr><th>code</th><th>name</th><th>the client</th></tr>",
    );
    for code in CloseCode::ALL {
        let does = match code.rule() {
            "reconnect" => "reconnects with back-off and syncs",
            "new_token" => "gets a new token, then reconnects",
            _ => "stays away and shows the reason",
        };
        let _ = write!(
            html,
            "<tr><td>{}</td><td><code>{}</code></td><td>{does}</td></tr>",
            code.number(),
            code.name()
        );
    }
    html.push_str("</table>");
    html
}
