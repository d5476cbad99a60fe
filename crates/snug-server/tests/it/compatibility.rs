//! The compatibility table against the doors: what is said to be carried has a route in every
//! dialect, whatever else it then asks for.

use serde_json::Value;
use snug_dialects::{ecb, i2a, imkit, rocketchat};

use crate::harness::{Answer, TestServer};

/// A row's method and path, where it is one of HTTP.
fn route(name: &str, prefix: &str) -> Option<(String, String)> {
    let (method, path) = name.split_once(' ')?;
    if !matches!(method, "GET" | "POST" | "PUT" | "DELETE") || path.starts_with("{authBase}") {
        return None;
    }
    let path = path.split(' ').next().unwrap_or(path).replace(['{', '}'], "");
    Some((method.to_owned(), format!("{prefix}{path}")))
}

/// Asked by nobody: told who is wanted, or what; never that there is no such thing.
#[track_caller]
fn is_there(answer: &Answer, name: &str) {
    assert!(matches!(answer.status, 200 | 400 | 401 | 403), "{name}: {answer:?}");
    assert_ne!(answer.body["code"], "unknown_operation", "{name}");
}

#[tokio::test]
async fn what_is_carried_has_a_route_in_every_dialect() {
    let ecb = crate::ecb::Ecb::start().await;
    let server = TestServer::sqlite().await;
    let mut asked = Vec::new();
    for (dialect, rows) in snug_dialects::operations() {
        let (server, prefix) = match dialect {
            rocketchat::DIALECT => (&server, "/api/v1/"),
            ecb::DIALECT => (&ecb.server, "/ecb/"),
            _ => (&server, ""),
        };
        let mut count = 0;
        for row in rows.iter().filter(|row| row.carried.is_carried()) {
            let Some((method, path)) = route(row.name, prefix) else { continue };
            let answer = server.request(&method, &path).json(Value::Null).send().await;
            is_there(&answer, row.name);
            count += 1;
        }
        asked.push((dialect, count));
    }
    let least = [(i2a::DIALECT, 11), (imkit::DIALECT, 35), (rocketchat::DIALECT, 60)];
    for (dialect, least) in least.into_iter().chain([(ecb::DIALECT, 6)]) {
        let found = asked.iter().find(|(of, _)| *of == dialect).map_or(0, |(_, count)| *count);
        assert!(found >= least, "{dialect}: {found}");
    }
}
