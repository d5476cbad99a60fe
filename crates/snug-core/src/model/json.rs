//! Customers' own JSON, carried as the text it came in: never parsed into a tree, never
//! reordered, so that what goes in comes out.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits;

/// One JSON value of the customer's, within depth and size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CustomJson(Box<RawValue>);

/// Why custom JSON was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("over {limit} bytes")]
    TooLarge { limit: usize },
    #[error("nested deeper than {} levels", limits::JSON_DEPTH_MAX)]
    TooDeep,
    #[error("not JSON")]
    Malformed,
}

impl CustomJson {
    /// Takes a parsed raw value if it is within `bytes_max` and the depth bound.
    ///
    /// # Errors
    /// [`JsonError::TooLarge`], [`JsonError::TooDeep`].
    pub fn new(raw: Box<RawValue>, bytes_max: usize) -> Result<Self, JsonError> {
        if raw.get().len() > bytes_max {
            return Err(JsonError::TooLarge { limit: bytes_max });
        }
        if json_depth(raw.get().as_bytes()) > limits::JSON_DEPTH_MAX {
            return Err(JsonError::TooDeep);
        }
        Ok(Self(raw))
    }

    /// For text that was checked when it was stored.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] when the stored text is no JSON: the store is damaged.
    pub fn from_stored(text: String) -> Result<Self, JsonError> {
        RawValue::from_string(text).map(Self).map_err(|_| JsonError::Malformed)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    #[must_use]
    pub fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for CustomJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for CustomJson {}

/// The deepest nesting of arrays and objects in a JSON text, counted without recursion.
#[must_use]
pub fn json_depth(text: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// One field of a PATCH: leave it, clear it, or set it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// The value after the patch.
    pub fn apply(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }

    #[must_use]
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        assert_eq!(json_depth(br#"{"a":[[1]],"b":"[[[[{\"["}"#), 3);
        assert_eq!(json_depth(b"7"), 0);
    }

    #[test]
    fn too_deep_and_too_large_are_refused() {
        let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
        let raw = RawValue::from_string(deep).unwrap();
        assert_eq!(CustomJson::new(raw, 1_000), Err(JsonError::TooDeep));
        let raw = RawValue::from_string("\"aaaa\"".into()).unwrap();
        assert_eq!(CustomJson::new(raw, 5), Err(JsonError::TooLarge { limit: 5 }));
    }
}
