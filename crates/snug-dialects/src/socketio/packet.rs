//! Socket.IO packets (protocol 5) as Engine.IO text messages. Binary events are not spoken.

use serde_json::Value;

/// What a client sent inside an Engine.IO message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Packet {
    Connect { namespace: String, auth: Option<Value> },
    Disconnect { namespace: String },
    Event { namespace: String, ack: Option<u64>, args: Vec<Value> },
}

/// Takes a packet apart; `None` for what is malformed or not spoken (acks, binary events).
pub(super) fn parse(text: &str) -> Option<Packet> {
    let kind = text.chars().next()?;
    let mut rest = &text[kind.len_utf8()..];
    let mut namespace = "/".to_owned();
    if rest.starts_with('/') {
        let (name, behind) = rest.split_once(',').unwrap_or((rest, ""));
        // A client may carry a query in the namespace.
        namespace = name.split('?').next().unwrap_or(name).to_owned();
        rest = behind;
    }
    match kind {
        '0' => Some(Packet::Connect { namespace, auth: serde_json::from_str(rest).ok() }),
        '1' => Some(Packet::Disconnect { namespace }),
        '2' => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let ack = if digits == 0 { None } else { Some(rest[..digits].parse().ok()?) };
            let Ok(Value::Array(args)) = serde_json::from_str(&rest[digits..]) else {
                return None;
            };
            Some(Packet::Event { namespace, ack, args })
        }
        _ => None,
    }
}

fn prefix(kind: char, namespace: &str) -> String {
    if namespace == "/" { format!("4{kind}") } else { format!("4{kind}{namespace},") }
}

/// An Engine.IO message that accepts a connection.
pub(super) fn connected(namespace: &str, sid: &str) -> String {
    format!("{}{}", prefix('0', namespace), serde_json::json!({ "sid": sid }))
}

/// An Engine.IO message that refuses one.
pub(super) fn refused(namespace: &str, message: &str) -> String {
    format!("{}{}", prefix('4', namespace), serde_json::json!({ "message": message }))
}

pub(super) fn disconnected(namespace: &str) -> String {
    prefix('1', namespace)
}

pub(super) fn event(namespace: &str, name: &str, arg: &Value) -> String {
    format!("{}{}", prefix('2', namespace), serde_json::json!([name, arg]))
}

pub(super) fn ack(namespace: &str, id: u64, args: &[Value]) -> String {
    format!("{}{id}{}", prefix('3', namespace), Value::from(args))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packets_are_taken_apart() {
        let plain = |auth| Packet::Connect { namespace: "/".to_owned(), auth };
        assert_eq!(parse("0"), Some(plain(None)));
        assert_eq!(parse("0{\"token\":\"t\"}"), Some(plain(Some(json!({"token": "t"})))));
        let named = Packet::Connect { namespace: "/chat".to_owned(), auth: None };
        assert_eq!(parse("0/chat,"), Some(named));
        let event = Packet::Event {
            namespace: "/".to_owned(),
            ack: Some(12),
            args: vec![json!("chat message"), json!({"room": "訊息"})],
        };
        assert_eq!(parse("212[\"chat message\",{\"room\":\"訊息\"}]"), Some(event));
        let event = Packet::Event { namespace: "/a".to_owned(), ack: None, args: vec![json!("x")] };
        assert_eq!(parse("2/a,[\"x\"]"), Some(event));
        for bad in ["", "2", "2{}", "299999999999999999999999[]", "51-[]", "é", "3[]"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn packets_are_written() {
        assert_eq!(connected("/", "s"), "40{\"sid\":\"s\"}");
        assert_eq!(event("/", "room", &json!(1)), "42[\"room\",1]");
        assert_eq!(ack("/a", 3, &[]), "43/a,3[]");
        assert_eq!(disconnected("/"), "41");
    }
}
