//! `snug gen`: the derived documents under `api/`.

use std::path::Path;

use serde_json::{Map, Value, json};
use snug_proto::event::EVENTS;
use snug_proto::frame::OPS;
use snug_proto::{CloseCode, ErrorCode};

/// Writes every document into a folder.
pub(super) fn write(out: &Path, examples: &Path) -> Result<(), String> {
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let openapi = serde_json::to_value(crate::rest::openapi()).map_err(|e| e.to_string())?;
    put(out, "asyncapi.json", &asyncapi(&openapi, examples))?;
    put(out, "codes.json", &codes())?;
    put_text(out, "compatibility.md", &compatibility())?;
    for (name, schema) in openapi["components"]["schemas"].as_object().into_iter().flatten() {
        if matches!(name.as_str(), "Message" | "Room" | "User" | "Member" | "Head" | "Problem") {
            let file = format!("{}.schema.json", name.to_lowercase());
            put(out, &file, &standalone(name, schema, &openapi))?;
        }
    }
    put(out, "openapi.json", &openapi)
}

fn put(out: &Path, name: &str, document: &Value) -> Result<(), String> {
    let text = serde_json::to_string_pretty(document).map_err(|error| error.to_string())?;
    put_text(out, name, &(text + "\n"))
}

fn put_text(out: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = out.join(name);
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What of other systems' wires is carried, from the tables that their tests run by.
fn compatibility() -> String {
    use snug_dialects::Carried;
    let mut page = String::from(
        "# What is carried of other systems' wires\n\nWritten by `snug gen`. What is not carried is \
         answered 501 in the vendor's error form; where nobody asks (an event that is never sent, a \
         subscription that clients wait for), the row says no and why.\n",
    );
    for (dialect, rows) in snug_dialects::operations() {
        let carried = rows.iter().filter(|row| row.carried.is_carried()).count();
        page += &format!("\n## {dialect}: {carried} of {}\n\n", rows.len());
        page += "| operation | carried |\n|---|---|\n";
        for row in rows {
            let carried = match row.carried {
                Carried::Yes => "yes".to_owned(),
                Carried::Partly(note) => format!("partly: {note}"),
                Carried::No => "501".to_owned(),
                Carried::Silent(note) => format!("no: {note}"),
            };
            page += &format!("| `{}` | {carried} |\n", row.name.replace('|', "\\|"));
        }
    }
    page
}

/// Both tables of codes, for the SDK and other clients.
fn codes() -> Value {
    let error = |code: &ErrorCode| {
        json!({
            "code": code.as_str(), "status": code.status(),
            "retryable": code.retryable(), "title": code.title(),
        })
    };
    let close = |code: &CloseCode| json!({ "code": code.number(), "name": code.name(), "rule": code.rule() });
    json!({
        "errors": ErrorCode::ALL.iter().map(error).collect::<Vec<_>>(),
        "close": CloseCode::ALL.iter().map(close).collect::<Vec<_>>(),
    })
}

/// One resource as a JSON Schema that stands by itself.
fn standalone(name: &str, schema: &Value, openapi: &Value) -> Value {
    let text = schema.to_string().replace("#/components/schemas/", "#/$defs/");
    let mut schema: Value = serde_json::from_str(&text).unwrap_or_default();
    let all = openapi["components"]["schemas"].to_string();
    let all: Value =
        serde_json::from_str(&all.replace("#/components/schemas/", "#/$defs/")).unwrap_or_default();
    let mut defs = Map::new();
    let mut wanted = vec![schema.clone()];
    while let Some(next) = wanted.pop() {
        let text = next.to_string();
        for (name, definition) in all.as_object().into_iter().flatten() {
            if text.contains(&format!("#/$defs/{name}\"")) && !defs.contains_key(name) {
                defs.insert(name.clone(), definition.clone());
                wanted.push(definition.clone());
            }
        }
    }
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".into(), name.into());
        if !defs.is_empty() {
            object.insert("$defs".into(), defs.into());
        }
    }
    schema
}

/// The socket, with the golden examples as examples.
fn asyncapi(openapi: &Value, examples: &Path) -> Value {
    let mut messages = Map::new();
    let mut sends = Map::new();
    let mut receives = Map::new();
    for op in OPS {
        let key = format!("request.{op}");
        let payload = json!({
            "type": "object", "required": ["id", "op"],
            "properties": {
                "id": { "type": ["string", "integer"] },
                "op": { "const": op },
                "data": { "type": "object" },
            },
        });
        messages.insert(key.clone(), message(&key, &payload, examples));
        let answer = format!("answer.{op}");
        let payload = json!({
            "type": "object", "required": ["id", "ok"],
            "properties": {
                "id": { "type": ["string", "integer"] },
                "ok": { "type": "boolean" },
                "data": { "type": "object" },
                "error": { "$ref": "#/components/schemas/Problem" },
            },
        });
        messages.insert(answer.clone(), message(&answer, &payload, examples));
        sends.insert(op.replace('.', "_"), operation("receive", &key, Some(&answer)));
    }
    for event in EVENTS {
        let key = format!("event.{event}");
        let payload = json!({
            "type": "object", "required": ["event", "data"],
            "properties": { "event": { "const": event }, "data": { "type": "object" } },
        });
        messages.insert(key.clone(), message(&key, &payload, examples));
        receives
            .insert(format!("event_{}", event.replace('.', "_")), operation("send", &key, None));
    }
    sends.append(&mut receives);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Snug socket", "version": "1",
            "description": "JSON text frames over WebSocket; described in docs/protocol.md.",
        },
        "defaultContentType": "application/json",
        "channels": { "socket": { "address": "/v1/socket", "messages": messages } },
        "operations": sends,
        "components": { "schemas": openapi["components"]["schemas"] },
    })
}

fn message(name: &str, payload: &Value, examples: &Path) -> Value {
    let mut message = json!({ "name": name, "payload": payload });
    let found: Vec<Value> = ["", ".minimal", ".full"]
        .iter()
        .filter_map(|variant| {
            let text = std::fs::read_to_string(examples.join(format!("{name}{variant}.json")));
            serde_json::from_str::<Value>(&text.ok()?).ok()
        })
        .map(|payload| json!({ "payload": payload }))
        .collect();
    if let (Some(object), false) = (message.as_object_mut(), found.is_empty()) {
        object.insert("examples".into(), found.into());
    }
    message
}

fn operation(action: &str, key: &str, answer: Option<&str>) -> Value {
    let reference = |key: &str| json!({ "$ref": format!("#/channels/socket/messages/{key}") });
    let channel = json!({ "$ref": "#/channels/socket" });
    let mut operation =
        json!({ "action": action, "channel": channel, "messages": [reference(key)] });
    if let (Some(answer), Some(object)) = (answer, operation.as_object_mut()) {
        object
            .insert("reply".into(), json!({ "channel": channel, "messages": [reference(answer)] }));
    }
    operation
}
