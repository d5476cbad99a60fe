//! What a request carries: JSON or form-encoded fields, and those of the query.

use std::collections::HashSet;

use axum::body::{Body, to_bytes};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::{Map, Value};
use snug_core::limits;
use snug_core::model::Time;

use super::answer::Failure;
use crate::query::Query;
use crate::times;

/// Rows that a list gives when none are asked for, and at most.
const COUNT: (usize, usize) = (50, 100);
/// Rows that a list may be asked to pass over.
const OFFSET_MAX: usize = 10_000;

/// A request's fields. Those of the body win over those of the query.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Map<String, Value>);

/// A page of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) count: usize,
}

impl Page {
    pub(super) fn of<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.offset).take(self.count).collect()
    }
}

impl Fields {
    pub(super) async fn read(parts: &Parts, body: Body) -> Result<Self, Failure> {
        let mut fields = pairs(parts.uri.query().unwrap_or("").as_bytes());
        let time = std::time::Duration::from_millis(limits::BODY_MS_MAX);
        let bytes = match tokio::time::timeout(time, to_bytes(body, limits::BODY_BYTES_MAX)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                let status = http::StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Failure::new(status, "error-too-large", "The body is too large"));
            }
            Err(_) => return Err(Failure::param("The body did not come")),
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(fields));
        }
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            fields.extend(pairs(&bytes));
            return Ok(Self(fields));
        }
        fields.extend(object(&bytes)?);
        Ok(Self(fields))
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, or a number as its digits; empty counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(Failure::param(format!("{name}: expected a text"))),
        }
    }

    /// The first of several names that has a text.
    pub(super) fn any(&self, names: &[&str]) -> Result<Option<String>, Failure> {
        for name in names {
            if let Some(text) = self.text(name)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Failure> {
        self.text(name)?
            .ok_or_else(|| Failure::param(format!("The required \"{name}\" param is missing")))
    }

    /// A list of texts, or one with commas.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let wrong = || Failure::param(format!("{name}: expected a list of texts"));
        let found = self.value(name).or_else(|| self.value(&format!("{name}[]")));
        let all: Vec<String> = match found {
            None => Vec::new(),
            Some(Value::String(text)) => text.split(',').map(|one| one.trim().to_owned()).collect(),
            Some(Value::Array(all)) => all
                .iter()
                .map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(wrong()),
        };
        if all.len() > limits::MEMBERS_PER_REQUEST_MAX {
            let most = limits::MEMBERS_PER_REQUEST_MAX;
            return Err(Failure::param(format!("{name}: expected at most {most}")));
        }
        let mut seen = HashSet::new();
        Ok(all.into_iter().filter(|one| !one.is_empty() && seen.insert(one.clone())).collect())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(on) => Some(*on),
            Value::String(text) => Some(text == "true" || text == "1"),
            Value::Number(number) => Some(number.as_i64() != Some(0)),
            _ => None,
        }
    }

    /// A time: ISO, milliseconds, or EJSON.
    pub(super) fn time(&self, name: &str) -> Result<Option<Time>, Failure> {
        let Some(value) = self.value(name).filter(|value| *value != "") else { return Ok(None) };
        moment(value)
            .map(Some)
            .ok_or_else(|| Failure::param(format!("The \"{name}\" param must be a valid date")))
    }

    fn number(&self, name: &str) -> Result<Option<usize>, Failure> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Failure::param(format!("{name}: expected a whole number"))),
            },
        }
    }

    pub(super) fn page(&self) -> Result<Page, Failure> {
        let offset = self.number("offset")?.unwrap_or(0);
        if offset > OFFSET_MAX {
            return Err(Failure::param(format!("offset: expected at most {OFFSET_MAX}")));
        }
        let count = match self.number("count")? {
            None => COUNT.0,
            Some(0) => COUNT.1,
            Some(count) => count.min(COUNT.1),
        };
        Ok(Page { offset, count })
    }

    /// `query`, within the safe subset of Mongo's language over these fields.
    pub(super) fn query(&self, known: &[&str]) -> Result<Query, Failure> {
        let wrong = |said: String| Failure::bad("error-invalid-query", format!("query: {said}"));
        match self.value("query") {
            None => Ok(Query::default()),
            Some(Value::String(text)) if text.is_empty() => Ok(Query::default()),
            Some(Value::String(text)) => Query::parse(text, known).map_err(wrong),
            Some(other) => Query::parse(&other.to_string(), known).map_err(wrong),
        }
    }

    /// `fields` and `sort` are checked for their form: rows come whole and in the list's own order.
    pub(super) fn check_shape(&self) -> Result<(), Failure> {
        for (name, code) in [("fields", "error-invalid-fields"), ("sort", "error-invalid-sort")] {
            let Some(value) = self.value(name) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if text.is_empty() {
                continue;
            }
            let parsed: Option<Map<String, Value>> = serde_json::from_str(&text).ok();
            let plain = parsed.is_some_and(|parsed| {
                parsed.iter().all(|(key, value)| !key.starts_with('$') && !value.is_object())
            });
            if !plain {
                let text = format!("Invalid {name} parameter provided: \"{text}\"");
                return Err(Failure::bad(code, text));
            }
        }
        Ok(())
    }
}

/// ISO, milliseconds, or EJSON `{"$date": ms}`.
pub(super) fn moment(value: &Value) -> Option<Time> {
    match value {
        Value::Object(fields) => times::moment(fields.get("$date")?),
        Value::String(text) if text.starts_with('{') => {
            let parsed: Value = serde_json::from_str(text).ok()?;
            times::moment(parsed.get("$date")?)
        }
        other => times::moment(other),
    }
}

/// A JSON object within the bounds.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    let wrong = || Failure::bad("", "Invalid body: expected a JSON object");
    if snug_core::model::json_depth(bytes) > limits::JSON_DEPTH_MAX {
        return Err(Failure::bad("", "Invalid body: JSON nested too deep"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        _ => Err(wrong()),
    }
}

/// Fields of a form or a query; `key[]` repeated is a list.
fn pairs(text: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(text) {
        let value = Value::String(value.into_owned());
        match (name.strip_suffix("[]"), fields.get_mut(name.as_ref())) {
            (Some(_), Some(Value::Array(all))) => all.push(value),
            (Some(_), _) => drop(fields.insert(name.into_owned(), Value::Array(vec![value]))),
            (None, _) => drop(fields.insert(name.into_owned(), value)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        let Value::Object(fields) = value else { panic!("an object") };
        Fields(fields)
    }

    #[test]
    fn times_come_in_four_spellings() {
        let time = Time::from_millis(1_795_219_200_123);
        for value in [
            json!("2026-11-21T00:00:00.123Z"),
            json!(1_795_219_200_123_i64),
            json!({"$date": 1_795_219_200_123_i64}),
            json!("{\"$date\":1795219200123}"),
        ] {
            assert_eq!(moment(&value), Some(time), "{value}");
        }
        assert_eq!(moment(&json!({})), None);
    }

    #[test]
    fn lists_come_in_three_spellings() {
        let form = Fields(pairs(b"userIds[]=a&userIds[]=b&x=1"));
        assert_eq!(form.texts("userIds").unwrap(), ["a", "b"]);
        assert_eq!(fields(json!({"u": ["a", "b", "a"]})).texts("u").unwrap(), ["a", "b"]);
        assert_eq!(fields(json!({"u": "a, b"})).texts("u").unwrap(), ["a", "b"]);
        assert!(fields(json!({"u": [1]})).texts("u").is_err());
    }

    #[test]
    fn pages_are_bounded() {
        let page = fields(json!({"offset": "7", "count": 1_000})).page().unwrap();
        assert_eq!((page.offset, page.count), (7, 100));
        for bad in [json!({"offset": -1}), json!({"count": "x"}), json!({"offset": 10_001})] {
            assert!(fields(bad).page().is_err());
        }
    }

    #[test]
    fn queries_beyond_the_subset_are_refused() {
        for bad in ["{\"$where\":\"1\"}", "{\"password\":1}", "["] {
            assert!(fields(json!({ "query": bad })).query(&["name"]).is_err(), "{bad}");
        }
        assert!(fields(json!({"query": "{\"name\":\"a\"}"})).query(&["name"]).is_ok());
        assert!(fields(json!({"fields": "{\"name\":{\"$slice\":1}}"})).check_shape().is_err());
        assert!(fields(json!({"sort": "{\"name\":1}"})).check_shape().is_ok());
    }
}
