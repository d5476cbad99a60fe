//! Times as other systems write them.

use serde_json::Value;
use snug_core::model::Time;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 with milliseconds.
pub(crate) fn iso(time: Time) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0));
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (moment.date(), moment.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.millisecond()
    )
}

/// A time as callers write it: RFC 3339, or milliseconds as a number or as digits.
pub(crate) fn moment(value: &Value) -> Option<Time> {
    let millis = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => match text.parse() {
            Ok(millis) => Some(millis),
            Err(_) => {
                let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
                return i64::try_from(parsed.unix_timestamp_nanos()).ok().map(Time);
            }
        },
        _ => None,
    };
    millis.map(Time::from_millis)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_in_every_spelling() {
        let time = Time::from_millis(1_795_219_200_123);
        assert_eq!(iso(time), "2026-11-21T00:00:00.123Z");
        for value in [json!("2026-11-21T00:00:00.123Z"), json!(1_795_219_200_123_i64)] {
            assert_eq!(moment(&value), Some(time));
        }
        assert_eq!(moment(&json!("1795219200123")), Some(time));
        for bad in [json!(null), json!("soon"), json!({})] {
            assert_eq!(moment(&bad), None);
        }
    }
}
