//! Contacts: a list that the backend has set for a user, else what the app's contacts URL
//! answers for him, else nobody. Snug pages it and keeps nothing of what the URL says.

use serde::Deserialize;

use super::bridge::boxed;
use super::{Backend, Client, Engine, check};
use crate::error::{Error, Result};
use crate::ids::{AppId, UserId};
use crate::limits;
use crate::model::{Contact, ContactKind};
use crate::ports::{OutboundError, OutboundRequest, PutRecord, RecordPlace};

/// A page of contacts in the customer's order.
#[derive(Debug, Clone)]
pub struct ContactsPage {
    pub contacts: Vec<Contact>,
    /// Where the next page begins.
    pub next: Option<usize>,
}

/// A plain array, or one in a field.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Plain(Vec<Contact>),
    Named { contacts: Vec<Contact> },
}

fn place(app: &AppId) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: "native", kind: "contacts" }
}

impl Engine {
    /// Sets a user's contacts; `None` leaves them to the contacts URL again.
    ///
    /// # Errors
    /// Too many or too large; an invalid name or avatar; the store's.
    pub async fn set_contacts(
        &self,
        backend: &Backend,
        user: &UserId,
        contacts: Option<Vec<Contact>>,
    ) -> Result<()> {
        let (place, now) = (place(&backend.app.id), self.now());
        let Some(contacts) = contacts else {
            self.store.delete_record(&place, user.as_str(), now).await?;
            return Ok(());
        };
        check_all(&contacts)?;
        let value = serde_json::to_string(&contacts).map_err(|_| Error::Internal)?;
        check::bytes("contacts", &value, limits::RECORD_BYTES_MAX)?;
        let key = user.as_str().to_owned();
        let (expected, lookup, expires_at) = (None, None, None);
        let put = PutRecord { place, key, value, expected, lookup, expires_at, now };
        self.store.put_record(put).await?;
        Ok(())
    }

    /// A page of the caller's contacts.
    ///
    /// # Errors
    /// An invalid limit; [`Error::VerifyUnreachable`] when the contacts URL gives no list; the
    /// store's.
    pub async fn contacts(
        &self,
        client: &Client,
        from: usize,
        limit: Option<usize>,
    ) -> Result<ContactsPage> {
        let most = limits::CONTACTS_PAGE_MAX;
        let limit = check::limit(limit, limits::CONTACTS_PAGE_DEFAULT, most)?;
        let mut all = self.all_contacts(&client.app.id, client.user()).await?;
        let end = from.saturating_add(limit);
        let next = (end < all.len()).then_some(end);
        all.truncate(end);
        let contacts = all.split_off(from.min(all.len()));
        Ok(ContactsPage { contacts, next })
    }

    /// One of the caller's contacts. A contacts URL is asked anew: who joins is decided now.
    ///
    /// # Errors
    /// An invalid field when nobody there has this id; as [`Engine::contacts`].
    pub(super) async fn contact(&self, client: &Client, id: &UserId) -> Result<Contact> {
        let all = self.all_contacts(&client.app.id, client.user()).await?;
        all.into_iter()
            .find(|contact| contact.id == *id)
            .ok_or_else(|| Error::invalid("contact", "the id of one of the caller's contacts"))
    }

    async fn all_contacts(&self, app: &AppId, user: &UserId) -> Result<Vec<Contact>> {
        if let Some(record) = self.store.record(&place(app), user.as_str(), self.now()).await? {
            return serde_json::from_str(&record.value).map_err(|error| Error::StoreBroken {
                cause: format!("the contacts of a user of {app}: {error}"),
            });
        }
        let settings = self.settings(app).await?;
        let Some(url) = settings.contacts_url else {
            return match settings.bridge {
                Some(_) => boxed(self.bridged_contacts(app, user)).await,
                None => Ok(Vec::new()),
            };
        };
        let body = serde_json::json!({ "user": user.as_str() }).to_string().into_bytes();
        let mut request = OutboundRequest::post_json(app, &url, body);
        request.answer_bytes_max = limits::CONTACTS_BYTES_MAX;
        let unreachable =
            |cause: String| Error::VerifyUnreachable { cause: format!("contacts URL: {cause}") };
        let answer = match self.outbound.call(request).await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => return Err(unreachable(format!("it answers {}", answer.status))),
            Err(OutboundError::Busy) => {
                let retry_after_ms = limits::OVERLOADED_RETRY_MS;
                return Err(Error::Overloaded { retry_after_ms });
            }
            Err(error) => return Err(unreachable(error.to_string())),
        };
        let read = serde_json::from_slice::<Answer>(&answer.body);
        let contacts = match read.map_err(|_| unreachable("no array of contacts".to_owned()))? {
            Answer::Plain(contacts) | Answer::Named { contacts } => contacts,
        };
        check_all(&contacts).map_err(|error| unreachable(error.to_string()))?;
        Ok(contacts)
    }
}

fn check_all(contacts: &[Contact]) -> Result<()> {
    let most = limits::CONTACTS_MAX;
    if contacts.len() > most {
        return Err(Error::too_large("contacts", format!("at most {most} contacts")));
    }
    for (index, contact) in contacts.iter().enumerate() {
        let field = |name: &str| format!("contacts[{index}].{name}");
        if let Some(name) = &contact.name {
            check::label(&field("name"), name, limits::NAME_BYTES_MAX)?;
        }
        if let Some(avatar) = &contact.avatar {
            check::avatar(&field("avatar"), avatar)?;
        }
        if contact.kind == ContactKind::User && !contact.members.is_empty() {
            return Err(Error::invalid(&field("members"), "a topic's only"));
        }
        if contact.members.len() >= limits::MEMBERS_PER_REQUEST_MAX {
            return Err(Error::too_large(&field("members"), "fewer members"));
        }
        if let Some(data) = &contact.data {
            check::bytes(&field("data"), data.get(), limits::SESSION_CUSTOM_BYTES_MAX)?;
            if crate::model::json_depth(data.get().as_bytes()) > limits::JSON_DEPTH_MAX {
                return Err(Error::too_large(&field("data"), "less nesting"));
            }
        }
    }
    Ok(())
}
