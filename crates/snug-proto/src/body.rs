//! Bodies and frame data: JSON text to a typed value, or a problem that names the field.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use snug_core::limits;
use snug_core::model::json_depth;

use crate::codes::ErrorCode;
use crate::problem::Problem;

/// Parses a body. Unknown fields are ignored.
///
/// # Errors
/// `malformed_json`, `missing_field`, `invalid_field` with the field's path.
pub fn parse_body<T: DeserializeOwned>(text: &[u8]) -> Result<T, Box<Problem>> {
    parse_within(text, limits::JSON_DEPTH_MAX)
}

/// `parse_body` with another bound of its nesting.
///
/// # Errors
/// As `parse_body`.
pub fn parse_within<T: DeserializeOwned>(text: &[u8], most: usize) -> Result<T, Box<Problem>> {
    if json_depth(text) > most {
        let detail = format!("the JSON is nested deeper than {most} levels");
        return Err(Box::new(Problem::new(ErrorCode::MalformedJson, detail)));
    }
    // serde would take an array for a struct, field by field.
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') && serde_json::from_slice::<IgnoredAny>(text).is_ok()
    {
        let problem = Problem::new(ErrorCode::InvalidField, "the body: expected an object");
        return Err(Box::new(problem.at("", "an object")));
    }
    // The path costs time; it is looked for only when something is wrong.
    serde_json::from_slice(text).map_err(|_| Box::new(explain::<T>(text)))
}

fn explain<T: DeserializeOwned>(text: &[u8]) -> Problem {
    // What is no JSON at all is said first: its fields mean nothing.
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(text) {
        return not_json(&error);
    }
    let mut parser = serde_json::Deserializer::from_slice(text);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut parser) else {
        return Problem::new(ErrorCode::MalformedJson, "something follows the JSON value");
    };
    let path = error.path().to_string();
    let inner = error.into_inner();
    if inner.classify() != Category::Data {
        return not_json(&inner);
    }
    let message = inner.to_string();
    let message = message.split(" at line ").next().unwrap_or("").to_owned();
    if let Some(name) = message.strip_prefix("missing field `").and_then(|m| m.strip_suffix('`')) {
        let field = if path == "." { name.to_owned() } else { format!("{path}.{name}") };
        let detail = format!("{field} is required");
        return Problem::new(ErrorCode::MissingField, detail).at(field, "a value");
    }
    let field = if path == "." { String::new() } else { path };
    let expected = match message.split_once(", expected ") {
        Some((_, expected)) => expected.to_owned(),
        None => message,
    };
    let name = if field.is_empty() { "the body" } else { &field };
    let detail = format!("{name}: expected {expected}");
    Problem::new(ErrorCode::InvalidField, detail).at(field, expected)
}

fn not_json(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let detail = format!("not JSON, at line {line}, column {column}");
    Problem::new(ErrorCode::MalformedJson, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::OpenSessionBody;

    fn refused(text: &str) -> Problem {
        *parse_body::<OpenSessionBody>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_refusal_names_the_field() {
        let problem = refused(r#"{"user":"u"}"#);
        assert_eq!(
            (problem.code, problem.field.as_deref()),
            (ErrorCode::MissingField, Some("device"))
        );
        let problem = refused(r#"{"user":"u","device":"d","profile":{"name":7}}"#);
        assert_eq!(
            (problem.code, problem.field.as_deref()),
            (ErrorCode::InvalidField, Some("profile.name"))
        );
        assert_eq!(problem.expected.as_deref(), Some("a string"));
        let problem = refused(r#"{"user":"","device":"d"}"#);
        assert_eq!(problem.field.as_deref(), Some("user"));
    }

    #[test]
    fn what_is_no_json_is_said_so() {
        for text in ["", "{", "{\"user\":", "[", "\u{1}", "{}x"] {
            let problem = refused(text);
            assert_eq!(problem.code, ErrorCode::MalformedJson, "{text:?}: {problem:?}");
        }
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(refused(&deep).code, ErrorCode::MalformedJson);
    }
}
