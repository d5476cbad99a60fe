//! Bounds on what callers send; the numbers are in `limits`.

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::limits;
use crate::model::{Patch, UserPatch};

pub(super) fn bytes(field: &str, text: &str, max: usize) -> Result<()> {
    if text.len() > max {
        return Err(Error::too_large(field, format!("at most {max} bytes")));
    }
    Ok(())
}

/// A short text that people read: within its bytes, without control characters.
pub(super) fn label(field: &str, text: &str, max: usize) -> Result<()> {
    bytes(field, text, max)?;
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "text without control characters"));
    }
    Ok(())
}

/// Words of any length within their bytes; lines are fine.
pub(super) fn text(field: &str, text: &str, max: usize) -> Result<()> {
    bytes(field, text, max)?;
    if text.contains('\0') {
        return Err(Error::invalid(field, "text without NUL"));
    }
    Ok(())
}

/// An address that a page will offer or load: http(s) only, so that no script rides in.
pub(super) fn address(field: &str, text: &str) -> Result<()> {
    label(field, text, limits::AVATAR_BYTES_MAX)?;
    if is_http(text) {
        return Ok(());
    }
    Err(Error::invalid(field, "an http or https address"))
}

fn is_http(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

/// An address that a page will load: nothing but http(s) and paths, so that no script rides in.
pub(super) fn avatar(field: &str, text: &str) -> Result<()> {
    label(field, text, limits::AVATAR_BYTES_MAX)?;
    if is_http(text) || text.starts_with('/') {
        return Ok(());
    }
    Err(Error::invalid(field, "an http or https address, or a path"))
}

fn set<T>(patch: &Patch<T>) -> Option<&T> {
    match patch {
        Patch::Set(value) => Some(value),
        Patch::Keep | Patch::Clear => None,
    }
}

pub(super) fn profile(prefix: &str, patch: &UserPatch) -> Result<()> {
    let field = |name: &str| format!("{prefix}{name}");
    if let Some(name) = set(&patch.name) {
        label(&field("name"), name, limits::NAME_BYTES_MAX)?;
    }
    if let Some(address) = set(&patch.avatar) {
        avatar(&field("avatar"), address)?;
    }
    if let Some(locale) = set(&patch.locale) {
        label(&field("locale"), locale, limits::LOCALE_BYTES_MAX)?;
    }
    if let Some(custom) = set(&patch.custom) {
        bytes(&field("custom"), custom.as_str(), limits::CUSTOM_BYTES_MAX)?;
    }
    Ok(())
}

/// A list of users in one request: not empty, bounded, each once.
pub(super) fn users(field: &str, users: Vec<UserId>) -> Result<Vec<UserId>> {
    if users.is_empty() {
        return Err(Error::invalid(field, "at least one user id"));
    }
    if users.len() > limits::MEMBERS_PER_REQUEST_MAX {
        let most = limits::MEMBERS_PER_REQUEST_MAX;
        return Err(Error::too_large(field, format!("at most {most} users")));
    }
    Ok(distinct(users))
}

/// The same users in the same order, each once.
pub(super) fn distinct(users: Vec<UserId>) -> Vec<UserId> {
    let mut seen = std::collections::HashSet::with_capacity(users.len());
    users.into_iter().filter(|user| seen.insert(user.clone())).collect()
}

/// A page's size: the default, or what was asked for within the bound.
pub(super) fn limit(asked: Option<usize>, default: usize, max: usize) -> Result<usize> {
    match asked {
        None => Ok(default),
        Some(0) => Err(Error::invalid("limit", format!("1 to {max}"))),
        Some(limit) if limit > max => Err(Error::invalid("limit", format!("1 to {max}"))),
        Some(limit) => Ok(limit),
    }
}

/// A room's tags: short, bounded, each once, in the order of their bytes.
pub(super) fn tags(mut tags: Vec<String>) -> Result<Vec<String>> {
    let most = limits::TAGS_MAX;
    for (place, tag) in tags.iter().enumerate() {
        short_name(&format!("tags[{place}]"), tag, limits::TAG_BYTES_MAX)?;
    }
    tags.sort_unstable();
    tags.dedup();
    if tags.len() > most {
        return Err(Error::too_large("tags", format!("at most {most} tags")));
    }
    Ok(tags)
}

/// A label that is not empty.
pub(super) fn short_name(field: &str, text: &str, max: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(field, "at least one character"));
    }
    label(field, text, max)
}
