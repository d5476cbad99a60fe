//! What a room says of who may do what, on its way in.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use snug_core::model::{Role, RoomPolicy, Ruled};

/// `{"send":"admin"}`: operation to least role. What it does not know it refuses, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyIn(pub RoomPolicy);

impl<'de> Deserialize<'de> for PolicyIn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = PolicyIn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of operation to least role")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PolicyIn, A::Error> {
        let mut policy = RoomPolicy::default();
        while let Some(name) = map.next_key::<String>()? {
            let (ruled, least) = map.next_value_seed(Least(Ruled::parse(&name)))?;
            policy.0.insert(ruled, least);
        }
        Ok(PolicyIn(policy))
    }
}

/// The value of one operation: an unknown one is refused here, so that the path names it.
struct Least(Option<Ruled>);

impl<'de> DeserializeSeed<'de> for Least {
    type Value = (Ruled, Role);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        let Some(ruled) = self.0 else {
            IgnoredAny::deserialize(from)?;
            let known = Ruled::ALL.map(Ruled::as_str).join(", ");
            return Err(de::Error::custom(format_args!("one of the operations {known}")));
        };
        from.deserialize_any(Word).map(|role| (ruled, role))
    }
}

struct Word;

impl Visitor<'_> for Word {
    type Value = Role;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("member, admin or owner")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Role, E> {
        Role::parse(word).ok_or_else(|| E::custom("member, admin or owner"))
    }
}

#[cfg(test)]
mod tests {
    use crate::body::parse_body;
    use crate::rooms::UpdateRoomBody;

    #[test]
    fn a_refusal_names_the_operation_and_what_was_expected() {
        let refused = |text: &str| {
            let problem = *parse_body::<UpdateRoomBody>(text.as_bytes()).unwrap_err();
            (problem.field.unwrap_or_default(), problem.expected.unwrap_or_default())
        };
        let known = "one of the operations send, react, add_members, remove_members, update_room, \
                     pin, mention_all";
        let roles = "member, admin or owner";
        for (policy, field, expected) in [
            (r#"{"sned":"admin"}"#, "policy.sned", known),
            (r#"{"send":"boss"}"#, "policy.send", roles),
            (r#"{"pin":"admin","send":null}"#, "policy.send", roles),
            (r#"{"send":["admin"]}"#, "policy.send", roles),
            (r#"["admin"]"#, "policy", "an object of operation to least role"),
            (r#""admin""#, "policy", "an object of operation to least role"),
        ] {
            let told = refused(&format!(r#"{{"policy":{policy}}}"#));
            assert_eq!(told, (field.to_owned(), expected.to_owned()), "{policy}");
        }
    }
}
