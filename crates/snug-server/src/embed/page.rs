//! The page itself: a head, what it was asked for, and a policy.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, json};

use super::parents::Parents;
use crate::{assets, docs};

/// What a page is made of.
pub(super) struct Page<'a> {
    pub(super) app: Option<&'a str>,
    pub(super) room: Option<&'a str>,
    pub(super) foreign: Option<Foreign<'a>>,
    pub(super) parents: &'a Parents,
    pub(super) query: &'a str,
}

/// What another system's address asks for: its kind of room with a name, and whether the room
/// alone.
#[derive(Clone, Copy)]
pub(super) struct Foreign<'a> {
    pub(super) room: Option<(&'static str, &'a str)>,
    pub(super) embedded: bool,
}

impl Page<'_> {
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let mut answer = if assets::packed() {
            Html(self.html()).into_response()
        } else {
            (StatusCode::NOT_FOUND, assets::NOT_PACKED).into_response()
        };
        let set = answer.headers_mut();
        let policy = HeaderValue::try_from(self.policy(headers));
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        set.insert(CONTENT_SECURITY_POLICY, policy.unwrap_or(nothing));
        // The address may hold a code.
        set.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // Who may frame it depends on who asks.
        set.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    fn html(&self) -> String {
        let lang = parameter(self.query, "lang").filter(|lang| is_language(lang));
        let lang = lang.map_or_else(String::new, |lang| format!(" lang=\"{lang}\""));
        format!(
            "<!doctype html><html{lang}><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, \
             viewport-fit=cover\"><meta name=\"robots\" content=\"noindex\"><title>Chat</title>\
             <meta name=\"snug-embed\" content=\"{}\">\
             <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/embed/embed.css\">\
             <script src=\"/sdk/snug.js\" defer></script>\
             <script src=\"/embed/embed.js\" defer></script></head>\
             <body><main></main></body></html>",
            docs::escape(&self.asked_for())
        )
    }

    fn asked_for(&self) -> String {
        let mut asked = Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            value.map(|value| asked.insert(name.to_owned(), json!(value)));
        };
        put("app", self.app);
        put("room", self.room);
        if let Some(Foreign { room, embedded }) = self.foreign {
            let room = room.map(|(kind, name)| json!({ "kind": kind, "name": name }));
            let foreign = json!({ "room": room, "embedded": embedded });
            asked.insert("rocketchat".to_owned(), foreign);
        }
        asked.insert("parents".to_owned(), json!(self.parents.origins));
        asked.insert("localhost".to_owned(), json!(self.parents.localhost));
        serde_json::Value::Object(asked).to_string()
    }

    fn policy(&self, headers: &HeaderMap) -> String {
        // Not every browser takes 'self' for the socket, too.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.filter(|host| {
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte))
        });
        let sockets = host.map_or_else(String::new, |host| format!(" ws://{host} wss://{host}"));
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{sockets}; \
             img-src 'self' https: http: data: blob:; base-uri 'none'; form-action 'none'; \
             require-trusted-types-for 'script'; trusted-types lit-html; frame-ancestors {}",
            self.parents.policy()
        )
    }
}

/// A parameter of a query, decoded.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn is_language(text: &str) -> bool {
    text.len() <= 35 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_address_becomes_markup() {
        let parents = Parents::default();
        let page = Page {
            app: None,
            room: Some("\"><script>&amp;"),
            foreign: None,
            parents: &parents,
            query: "lang=en%22%3E&theme=%3C",
        };
        let html = page.html();
        assert!(html.contains("&quot;room&quot;:&quot;\\&quot;&gt;&lt;script&gt;&amp;amp;&quot;"));
        assert!(html.starts_with("<!doctype html><html><head>"), "{html}");
        let spoken = Page { query: "lang=zh-Hant", ..page };
        assert!(spoken.html().starts_with("<!doctype html><html lang=\"zh-Hant\">"));
    }

    #[test]
    fn the_host_is_named_for_the_socket_when_it_is_one() {
        let parents = Parents::default();
        let page = Page { app: None, room: None, foreign: None, parents: &parents, query: "" };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("chat.example:8443"));
        let policy = page.policy(&headers);
        assert!(policy.contains("connect-src 'self' ws://chat.example:8443 wss://"), "{policy}");
        headers.insert(HOST, HeaderValue::from_static("a;b"));
        assert!(page.policy(&headers).contains("connect-src 'self'; "));
    }
}
