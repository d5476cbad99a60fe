//! Contacts on the wire.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::ContactsPage;
use snug_core::ids::UserId;
use snug_core::model::{Contact, ContactKind};
use utoipa::ToSchema;

use crate::value::{CustomIn, Id};

/// A contact that the backend names.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ContactBody {
    #[schema(value_type = String)]
    pub id: Id<UserId>,
    /// `user` or `topic`; `user` when absent.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub kind: ContactKind,
    pub name: Option<String>,
    pub avatar: Option<String>,
    /// Of a topic: who joins a conversation about it besides the caller. Never told to a page.
    #[schema(value_type = Option<Vec<String>>)]
    pub members: Option<Vec<Id<UserId>>>,
    #[schema(value_type = Option<Object>)]
    pub data: Option<CustomIn>,
}

/// All of a user's contacts; `null` leaves them to the contacts URL.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ContactsBody {
    pub contacts: Option<Vec<ContactBody>>,
}

impl ContactsBody {
    #[must_use]
    pub fn contacts(self) -> Option<Vec<Contact>> {
        let contact = |body: ContactBody| Contact {
            id: body.id.0,
            kind: body.kind,
            name: body.name,
            avatar: body.avatar,
            members: body.members.into_iter().flatten().map(|id| id.0).collect(),
            data: body.data.map(|data| data.0.raw().to_owned()),
        };
        Some(self.contacts?.into_iter().map(contact).collect())
    }
}

/// Whom the caller may start a conversation with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ContactItem {
    pub id: String,
    #[schema(value_type = String)]
    pub kind: ContactKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<Box<RawValue>>,
}

/// A page of contacts in the customer's order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ContactsAnswer {
    pub contacts: Vec<ContactItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<ContactsPage> for ContactsAnswer {
    fn from(page: ContactsPage) -> Self {
        let item = |contact: Contact| {
            let Contact { id, kind, name, avatar, members: _, data } = contact;
            ContactItem { id: id.into(), kind, name, avatar, data }
        };
        let contacts = page.contacts.into_iter().map(item).collect();
        Self { contacts, next: page.next.map(|next| next.to_string()) }
    }
}
