//! JSON merge patch (RFC 7396) over customers' JSON: what a patch does not name keeps its text and
//! its place, numbers and escapes as they came.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::CustomJson;
use crate::limits;

/// Why custom JSON cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MergeError {
    /// The result would be over `CUSTOM_BYTES_MAX` or nested too deep.
    #[error("the result is too large")]
    TooLarge,
    /// The name of a member is no Unicode text, so that names cannot be compared.
    #[error("a name that is no text")]
    Unreadable,
}

/// `old` with the patch; `None` is `null`.
pub(super) fn merged(
    old: Option<&CustomJson>,
    patch: &CustomJson,
) -> Result<Option<CustomJson>, MergeError> {
    let Some(text) = merge(old.map(CustomJson::raw), patch.raw())? else {
        return Ok(None);
    };
    let raw = RawValue::from_string(text).map_err(|_| MergeError::Unreadable)?;
    let json = CustomJson::new(raw, limits::CUSTOM_BYTES_MAX);
    json.map(Some).map_err(|_| MergeError::TooLarge)
}

/// Goes no deeper than the patch, whose nesting is bounded.
fn merge(old: Option<&RawValue>, patch: &RawValue) -> Result<Option<String>, MergeError> {
    if patch.get() == "null" {
        return Ok(None);
    }
    if !is_object(patch) {
        return Ok(Some(patch.get().to_owned()));
    }
    let mut object = match old.filter(|old| is_object(old)) {
        Some(old) => Object::read(old)?,
        None => Object::default(),
    };
    for (name, value) in Members::read(patch)?.0 {
        object.put(name, &value)?;
    }
    Ok(Some(object.write()))
}

fn is_object(json: &RawValue) -> bool {
    json.get().starts_with('{')
}

/// Members in their order; of two with one name the later counts.
#[derive(Default)]
struct Object {
    members: Vec<Option<(String, String)>>,
    places: HashMap<String, usize>,
}

impl Object {
    fn read(json: &RawValue) -> Result<Self, MergeError> {
        let mut object = Self::default();
        for (name, value) in Members::read(json)?.0 {
            object.set(name, Some(value.get().to_owned()));
        }
        Ok(object)
    }

    fn put(&mut self, name: String, patch: &RawValue) -> Result<(), MergeError> {
        let place = self.places.get(&name).copied();
        let old = place.and_then(|place| self.members[place].as_ref());
        let old = match old {
            Some((_, text)) if is_object(patch) => {
                let raw = RawValue::from_string(text.clone());
                Some(raw.map_err(|_| MergeError::Unreadable)?)
            }
            _ => None,
        };
        let new = merge(old.as_deref(), patch)?;
        self.set(name, new);
        Ok(())
    }

    fn set(&mut self, name: String, value: Option<String>) {
        match self.places.get(&name) {
            Some(place) => self.members[*place] = value.map(|value| (name, value)),
            None => {
                self.places.insert(name.clone(), self.members.len());
                self.members.push(value.map(|value| (name, value)));
            }
        }
    }

    fn write(self) -> String {
        let mut text = String::from("{");
        for (name, value) in self.members.into_iter().flatten() {
            if text.len() > 1 {
                text.push(',');
            }
            // A string can always be written.
            text.push_str(&serde_json::to_string(&name).unwrap_or_default());
            text.push(':');
            text.push_str(&value);
        }
        text.push('}');
        text
    }
}

/// The members of an object as they came.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn read(json: &RawValue) -> Result<Self, MergeError> {
        serde_json::from_str(json.get()).map_err(|_| MergeError::Unreadable)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> CustomJson {
        CustomJson::from_stored(text.to_owned()).unwrap()
    }

    fn after(old: Option<&str>, patch: &str) -> Option<String> {
        let old = old.map(json);
        let new = merged(old.as_ref(), &json(patch)).unwrap();
        new.map(|new| new.as_str().to_owned())
    }

    /// The examples of RFC 7396, appendix A, and what keeps its text.
    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        for (old, patch, new) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (
                r#"{"n": 1.50,"big":12345678901234567890123}"#,
                r#"{"x":1e2}"#,
                r#"{"n":1.50,"big":12345678901234567890123,"x":1e2}"#,
            ),
            (r#"{"z":1,"a":2}"#, r#"{"z":3}"#, r#"{"z":3,"a":2}"#),
            (r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":1,"a":2}"#, r#"{"b":3}"#, r#"{"a":2,"b":3}"#),
        ] {
            assert_eq!(after(Some(old), patch).as_deref(), Some(new), "{old} with {patch}");
        }
        assert_eq!(after(Some(r#"{"a":"foo"}"#), "null"), None);
        assert_eq!(after(None, r#"{"a":1}"#).as_deref(), Some(r#"{"a":1}"#));
    }

    #[test]
    fn what_would_be_too_large_or_cannot_be_compared_is_refused() {
        let half = |name: &str| json(&format!(r#"{{"{name}":"{}"}}"#, "x".repeat(9_000)));
        assert_eq!(merged(Some(&half("a")), &half("b")), Err(MergeError::TooLarge));
        assert!(merged(Some(&half("a")), &half("a")).is_ok());
        let lone = json(r#"{"\ud800":1}"#);
        assert_eq!(merged(None, &lone), Err(MergeError::Unreadable));
        assert_eq!(merged(Some(&lone), &json(r#"{"a":1}"#)), Err(MergeError::Unreadable));
        assert_eq!(merged(Some(&lone), &json("[]")).unwrap().unwrap().as_str(), "[]");
    }
}
