//! Whom a text of this wire mentions: the vendor's server reads it from the words, and so do we.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snug_core::engine::{Client, Engine};
use snug_core::error::Result;
use snug_core::ids::UserId;
use snug_core::limits;
use snug_core::model::{Mentions, Message, Patch};

use super::wire::full_name;
use crate::people::People;

/// The words for all members; the vendor's `here` means those who are online.
const EVERYBODY: [&str; 2] = ["all", "here"];

/// Those of a text's `@names` that are users, and everybody.
pub(super) async fn of(engine: &Engine, client: &Client, text: &str) -> Result<Mentions> {
    let names: BTreeSet<&str> = names(text).collect();
    let everyone = EVERYBODY.iter().any(|word| names.contains(word));
    let users = names.iter().filter(|name| !EVERYBODY.contains(name));
    let users = users.filter_map(|name| UserId::new(name).ok());
    let users: Vec<UserId> = users.take(limits::MENTIONED_USERS_MAX).collect();
    let known = if users.is_empty() { Vec::new() } else { engine.users(client, users).await? };
    let users = known.into_iter().map(|user| user.id).collect();
    Ok(Mentions { users, roles: Vec::new(), everyone })
}

/// Those of a message after an edit of its words. Whom the words named by their ids goes with
/// these words; whom another door called by name, and roles, stay.
pub(super) async fn edited(
    engine: &Engine,
    client: &Client,
    old: &Message,
    text: &str,
) -> Result<Patch<Mentions>> {
    // As these clients have them: without marks.
    let before = old.words().unwrap_or_default();
    let before = before.as_ref();
    if before == text {
        return Ok(Patch::Keep);
    }
    let had = old.extras.as_ref().map(|extras| extras.mentions.clone()).unwrap_or_default();
    let named: BTreeSet<&str> = names(before).collect();
    let now = of(engine, client, text).await?;
    let mut users = now.users;
    let other = had.users.into_iter().filter(|user| !named.contains(user.as_str()));
    let kept: Vec<UserId> = other.filter(|user| !users.contains(user)).collect();
    users.extend(kept);
    users.truncate(limits::MENTIONED_USERS_MAX);
    let said = EVERYBODY.iter().any(|word| named.contains(word));
    let everyone = now.everyone || (had.everyone && !said);
    Ok(Patch::Set(Mentions { users, roles: had.roles, everyone }))
}

/// What stands behind each `@` that begins a word, as the vendor's default pattern has it.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@').filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| !c.is_whitespace() && !matches!(c, '>' | '(' | ',')) {
            return None;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-'));
        let name = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
        (!name.is_empty()).then_some(name)
    })
}

/// The `mentions` of a message.
pub(super) fn shown(message: &Message, people: &People) -> Vec<Value> {
    let Some(extras) = &message.extras else {
        return Vec::new();
    };
    let user = |id: &UserId| json!({ "_id": id, "username": id, "name": full_name(id, people), "type": "user" });
    let mut all: Vec<Value> = extras.mentions.users.iter().map(user).collect();
    if extras.mentions.everyone {
        all.push(json!({ "_id": "all", "username": "all", "type": "user" }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_words_and_end_before_the_full_stop() {
        let found = |text| names(text).collect::<Vec<_>>();
        assert_eq!(
            found("@ann, hi (@bob.s) and @carl-x. @all!"),
            ["ann", "bob.s", "carl-x", "all"]
        );
        assert_eq!(found("mail me@x.example, @, @@ 好@dora @好"), Vec::<&str>::new());
        assert_eq!(found(">@ann\n@bob"), ["ann", "bob"]);
    }
}
