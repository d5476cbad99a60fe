//! Pages of what the backend answers whole.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use snug_core::limits;

use super::answer::Failure;

/// A page as it is asked for: from which item on, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    start: usize,
    size: usize,
}

fn number(body: &Value, name: &str, usual: usize, least: u64) -> Result<usize, Failure> {
    let value = match &body[name] {
        Value::Null => &body["page"][name],
        value => value,
    };
    let read = match value {
        Value::Null => return Ok(usual),
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    let number = read.filter(|number| *number >= least).and_then(|n| usize::try_from(n).ok());
    number.ok_or_else(|| Failure::body(name, &format!("an integer of {least} or more")))
}

impl Page {
    pub(super) fn of(body: &Value) -> Result<Self, Failure> {
        let start = number(body, "pageStartIndex", 0, 0)?;
        let size = number(body, "pageSize", limits::CONTACTS_PAGE_DEFAULT, 1)?;
        Ok(Self { start, size: size.min(limits::CONTACTS_PAGE_MAX) })
    }

    fn to_value(self) -> Value {
        json!({ "pageStartIndex": self.start, "pageSize": self.size })
    }

    /// The page of these items; items are as the backend wrote them.
    pub(super) fn cut(self, all: &[Box<RawValue>]) -> Value {
        let from = self.start.min(all.len());
        let to = from.saturating_add(self.size).min(all.len());
        let before = (self.start > 0).then(|| {
            let start = self.start.min(all.len()).saturating_sub(self.size);
            Self { start, ..self }.to_value()
        });
        let after = (to < all.len()).then(|| Self { start: to, ..self }.to_value());
        let items: Vec<Value> = all[from..to].iter().map(|raw| super::wire::value(raw)).collect();
        let mut page = self.to_value();
        page["items"] = items.into();
        page["previousPage"] = json!(before);
        page["nextPage"] = json!(after);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(many: usize) -> Vec<Box<RawValue>> {
        (0..many).map(|n| RawValue::from_string(n.to_string()).unwrap()).collect()
    }

    fn page(body: &Value, many: usize) -> Value {
        Page::of(body).unwrap().cut(&items(many))
    }

    #[test]
    fn pages_lead_to_each_other() {
        let first = page(&json!({ "pageSize": 2 }), 5);
        assert_eq!((&first["items"], &first["previousPage"]), (&json!([0, 1]), &Value::Null));
        let second = page(&first["nextPage"], 5);
        assert_eq!(second["items"], json!([2, 3]));
        assert_eq!(second["previousPage"], json!({ "pageStartIndex": 0, "pageSize": 2 }));
        let third = page(&second["nextPage"], 5);
        assert_eq!((&third["items"], &third["nextPage"]), (&json!([4]), &Value::Null));
        assert_eq!(page(&third["previousPage"], 5)["items"], json!([2, 3]));
        let beyond = page(&json!({ "pageStartIndex": 99, "pageSize": 2 }), 5);
        assert_eq!((&beyond["items"], &beyond["nextPage"]), (&json!([]), &Value::Null));
        assert_eq!(page(&beyond["previousPage"], 5)["items"], json!([3, 4]));
        assert_eq!(page(&json!({}), 0)["items"], json!([]));
    }

    #[test]
    fn a_page_is_of_whole_numbers() {
        for bad in [json!(-1), json!(1.5), json!("x"), json!([]), json!(true)] {
            assert!(Page::of(&json!({ "pageStartIndex": bad.clone() })).is_err(), "{bad}");
            assert!(Page::of(&json!({ "pageSize": bad })).is_err());
        }
        assert!(Page::of(&json!({ "pageSize": 0 })).is_err());
        let huge = Page::of(&json!({ "pageSize": u64::MAX })).unwrap();
        assert_eq!(huge.size, limits::CONTACTS_PAGE_MAX);
    }
}
