//! Values as the wire writes them: ids (also as JSON integers), times, patches, custom JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use snug_core::ids::InvalidId;
use snug_core::limits;
use snug_core::model::{CustomJson, Mute, Patch, Time};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An id of the core's that also takes a JSON integer as its decimal string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id<T>(pub T);

impl<T: Into<String> + Clone> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.clone().into();
        to.serialize_str(&text)
    }
}

impl<'de, T: TryFrom<String, Error = InvalidId>> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct IdVisitor<T>(PhantomData<T>);
        impl<T: TryFrom<String, Error = InvalidId>> Visitor<'_> for IdVisitor<T> {
            type Value = Id<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a string or an integer")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id<T>, E> {
                T::try_from(text.to_owned()).map(Id).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id<T>, E> {
                self.visit_str(&number.to_string())
            }
        }
        from.deserialize_any(IdVisitor(PhantomData))
    }
}

/// The inner ids of a list.
#[must_use]
pub fn ids<T>(list: Vec<Id<T>>) -> Vec<T> {
    list.into_iter().map(|id| id.0).collect()
}

/// RFC 3339, UTC, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireTime(pub Time);

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_time(self.0))
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| de::Error::custom("an RFC 3339 time"))?;
        let nanos = i64::try_from(at.unix_timestamp_nanos())
            .map_err(|_| de::Error::custom("a time between 1678 and 2262"))?;
        Ok(Self(Time(nanos)))
    }
}

/// How long a room is muted: a time, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MutedUntil(pub Mute);

const FOREVER: &str = "forever";

impl Serialize for MutedUntil {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Mute::Until(at) => WireTime(at).serialize(to),
            Mute::Forever => to.serialize_str(FOREVER),
        }
    }
}

impl<'de> Deserialize<'de> for MutedUntil {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text == FOREVER {
            return Ok(Self(Mute::Forever));
        }
        let at = parse_time(&text);
        at.map(|at| Self(Mute::Until(at)))
            .ok_or_else(|| de::Error::custom("an RFC 3339 time, or `forever`"))
    }
}

/// `None` also for times before 1678 and after 2262.
fn parse_time(text: &str) -> Option<Time> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos()).ok().map(Time)
}

/// `2026-11-20T10:42:07.123Z`. Written by hand of the parts, since it runs for every message.
#[must_use]
pub fn format_time(time: Time) -> String {
    let nanos = i128::from(time.0);
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second, milli) = at.time().as_hms_milli();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// For `#[serde(default, deserialize_with = "patch")]`: absent keeps, null clears.
///
/// # Errors
/// The value's own.
pub fn patch<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Patch<T>, D::Error> {
    Ok(match Option::<T>::deserialize(from)? {
        Some(value) => Patch::Set(value),
        None => Patch::Clear,
    })
}

/// For `#[serde(default, deserialize_with = "object")]`: an object or `null`. A derived type would
/// also take a list of its fields' values, which is nobody's intention.
///
/// # Errors
/// The value's own, and what is no object.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }
    from.deserialize_any(Object(PhantomData))
}

/// `patch` of an object.
///
/// # Errors
/// As `object`.
pub fn patch_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Patch<T>, D::Error> {
    Ok(object(from)?.map_or(Patch::Clear, Patch::Set))
}

/// For `#[serde(default, deserialize_with = "or_default")]`: null is absent.
///
/// # Errors
/// The value's own.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// Customers' JSON on its way in: within the depth; the engine checks the bound of each place.
#[derive(Debug, Clone)]
pub struct CustomIn(pub CustomJson);

impl<'de> Deserialize<'de> for CustomIn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        CustomJson::new(raw, limits::BODY_BYTES_MAX).map(Self).map_err(de::Error::custom)
    }
}

/// An optional custom field: `null` and absent are the same.
#[must_use]
pub fn custom(from: Option<CustomIn>) -> Option<CustomJson> {
    from.map(|custom| custom.0).filter(|custom| custom.as_str() != "null")
}

/// A patched custom field.
#[must_use]
pub fn custom_patch(from: Patch<CustomIn>) -> Patch<CustomJson> {
    match from {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(CustomIn(json)) if json.as_str() == "null" => Patch::Clear,
        Patch::Set(CustomIn(json)) => Patch::Set(json),
    }
}

/// Customers' JSON on its way out, byte for byte as it came.
#[must_use]
pub fn raw(custom: Option<CustomJson>) -> Option<Box<RawValue>> {
    custom.map(|json| json.raw().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use snug_core::ids::UserId;

    #[test]
    fn an_integer_is_its_decimal_string() {
        let id: Id<UserId> = serde_json::from_str("9007199254740993").unwrap();
        assert_eq!(id.0.as_str(), "9007199254740993");
        assert!(serde_json::from_str::<Id<UserId>>("1.5").is_err());
        assert!(serde_json::from_str::<Id<UserId>>("\"\"").is_err());
    }

    #[test]
    fn a_mute_is_a_time_or_for_ever() {
        for text in ["\"2023-11-14T22:13:20.123Z\"", "\"forever\""] {
            let read: MutedUntil = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        for wrong in ["\"always\"", "\"9999-12-31T23:59:59Z\"", "5", "true"] {
            assert!(serde_json::from_str::<MutedUntil>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_rfc_3339_in_milliseconds() {
        assert_eq!(format_time(Time(1_700_000_000_123_456_789)), "2023-11-14T22:13:20.123Z");
        let back: WireTime = serde_json::from_str("\"2023-11-14T22:13:20.123Z\"").unwrap();
        assert_eq!(back.0, Time(1_700_000_000_123_000_000));
    }
}
