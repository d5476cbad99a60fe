//! The safe subset of Mongo-style queries that requests carry: equality, `$regex` without special
//! characters, `$exists`, `$ne`, `$in`, `$gt`, `$gte`, `$lt`, `$lte`. Anything else is refused.

use serde_json::Value;

/// Conditions that all hold, checked to be within the subset.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, Condition)>);

#[derive(Debug)]
enum Condition {
    Is(Value),
    Not(Value),
    Among(Vec<Value>),
    Contains { text: String, ignore_case: bool },
    Exists(bool),
    Above(Value, bool),
    Below(Value, bool),
}

impl Query {
    /// Parses one; `known` are the fields that may be asked for.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return Err("expected a JSON object".to_owned());
        };
        let mut all = Vec::new();
        for (field, value) in fields {
            if !known.contains(&field.as_str()) {
                let message = format!("{field}: expected one of {}", known.join(", "));
                return Err(message);
            }
            let Value::Object(operators) = value else {
                all.push((field, Condition::Is(value)));
                continue;
            };
            let ignore_case = operators.get("$options").and_then(Value::as_str) == Some("i");
            for (operator, value) in operators {
                if operator == "$options" {
                    continue;
                }
                let condition = condition(&operator, value, ignore_case)?;
                all.push((field.clone(), condition));
            }
        }
        Ok(Self(all))
    }

    /// What a field must equal, if the query says so.
    pub(crate) fn equals(&self, field: &str) -> Option<&str> {
        self.0.iter().find_map(|(name, condition)| match condition {
            Condition::Is(value) if name == field => value.as_str(),
            _ => None,
        })
    }

    /// Without the equality of a field that was looked at elsewhere.
    pub(crate) fn forget(&mut self, field: &str) {
        self.0.retain(|(name, condition)| {
            name != field || !matches!(condition, Condition::Is(Value::String(_)))
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn holds(&self, value: &Value) -> bool {
        self.0.iter().all(|(field, condition)| condition.holds(value.get(field.as_str())))
    }
}

fn condition(operator: &str, value: Value, ignore_case: bool) -> Result<Condition, String> {
    let refused = || format!("{operator} is not spoken here");
    Ok(match (operator, value) {
        ("$eq", value) => Condition::Is(value),
        ("$ne", value) => Condition::Not(value),
        ("$in", Value::Array(all)) if all.len() <= 100 => Condition::Among(all),
        ("$exists", Value::Bool(there)) => Condition::Exists(there),
        ("$gt" | "$gte", value) => Condition::Above(value, operator == "$gte"),
        ("$lt" | "$lte", value) => Condition::Below(value, operator == "$lte"),
        ("$regex", Value::String(text)) => {
            let special = |c: char| "\\^$.|?*+()[]{}".contains(c);
            if text.contains(special) || text.len() > 256 {
                return Err("$regex: expected plain text".to_owned());
            }
            let text = if ignore_case { text.to_lowercase() } else { text };
            Condition::Contains { text, ignore_case }
        }
        _ => return Err(refused()),
    })
}

impl Condition {
    fn holds(&self, found: Option<&Value>) -> bool {
        match self {
            Self::Is(wanted) => same(found, wanted),
            Self::Not(unwanted) => !same(found, unwanted),
            Self::Among(all) => all.iter().any(|wanted| same(found, wanted)),
            Self::Exists(there) => found.is_some_and(|value| !value.is_null()) == *there,
            Self::Contains { text, ignore_case } => {
                found.and_then(Value::as_str).is_some_and(|value| {
                    if *ignore_case {
                        value.to_lowercase().contains(text)
                    } else {
                        value.contains(text)
                    }
                })
            }
            Self::Above(bound, equal) => compare(found, bound)
                .is_some_and(|order| order.is_gt() || (*equal && order.is_eq())),
            Self::Below(bound, equal) => compare(found, bound)
                .is_some_and(|order| order.is_lt() || (*equal && order.is_eq())),
        }
    }
}

/// Equal, or a list in which one is; an object counts by its `_id`.
fn same(found: Option<&Value>, wanted: &Value) -> bool {
    match found {
        None => wanted.is_null(),
        Some(Value::Array(all)) if !wanted.is_array() => {
            all.iter().any(|one| one == wanted || one.get("_id") == Some(wanted))
        }
        Some(value) => value == wanted || value.get("_id") == Some(wanted),
    }
}

fn compare(found: Option<&Value>, bound: &Value) -> Option<std::cmp::Ordering> {
    let found = match found? {
        Value::Object(fields) => fields.get("_id")?,
        value => value,
    };
    match (found, bound) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: [&str; 4] = ["members", "roomTags", "name", "lastMessage"];

    fn holds(query: &str, value: &Value) -> bool {
        Query::parse(query, &KNOWN).unwrap().holds(value)
    }

    #[test]
    fn the_subset_holds() {
        let room = json!({
            "members": [{"_id": "u1"}], "roomTags": ["a"], "name": "House 語言",
            "lastMessage": {"_id": "0b"},
        });
        for yes in [
            r#"{}"#,
            r#"{"members":"u1","roomTags":"a"}"#,
            r#"{"name":{"$regex":"語"}}"#,
            r#"{"name":{"$regex":"house","$options":"i"}}"#,
            r#"{"roomTags":{"$in":["z","a"]}}"#,
            r#"{"roomTags":{"$ne":"z"}}"#,
            r#"{"lastMessage":{"$gt":"0a","$exists":true}}"#,
        ] {
            assert!(holds(yes, &room), "{yes}");
        }
        for no in [
            r#"{"members":"u2"}"#,
            r#"{"name":{"$regex":"house"}}"#,
            r#"{"lastMessage":{"$gt":"0b"}}"#,
            r#"{"roomTags":{"$exists":false}}"#,
        ] {
            assert!(!holds(no, &room), "{no}");
        }
    }

    #[test]
    fn what_is_beyond_it_is_refused() {
        for bad in [
            "",
            "[]",
            "7",
            r#"{"$where":"sleep(1)"}"#,
            r#"{"password":"x"}"#,
            r#"{"name":{"$where":"1"}}"#,
            r#"{"name":{"$regex":"(a+)+$"}}"#,
            r#"{"name":{"$in":"a"}}"#,
            r#"{"name":{"$exists":1}}"#,
            r#"{"name":{"$not":{"$regex":"a"}}}"#,
        ] {
            assert!(Query::parse(bad, &KNOWN).is_err(), "{bad}");
        }
    }
}
