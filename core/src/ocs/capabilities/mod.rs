//! `GET cloud/capabilities`: what the server can do, and so what the apps show (clients.md §8).
//!
//! One file a section. A section is announced only if what it announces works; the apps treat one
//! wrong type, or one missing key of a block that is there, as a broken document (trap 20), so each
//! section is complete for them. Absent on purpose: notifications, activity, user_status,
//! notify_push, end-to-end-encryption, bulk upload and the blocks of apps that are not here.
//!
//! | Asked by    | Gets                                                           |
//! |-------------|----------------------------------------------------------------|
//! | anybody     | all that tells apart a server that works (desktop's detection) |
//! | an account  | the same, and what only accounts can use                       |
//!
//! [`read`] is the one place where others have a say: patches of extensions are merged last
//! (`ext/capabilities`).

mod core_section;
mod dav;
mod files;
mod files_sharing;
mod theming;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::error::OcsError;
use super::reply::Answer;
use super::{Ocs, OcsSettings};
use crate::hooks::call_of;
use crate::version;

/// What sections are made from.
pub(super) struct Facts<'a> {
    pub(super) settings: &'a OcsSettings,
    /// Without trailing slash.
    pub(super) base_url: &'a str,
}

/// Who sees a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Anybody,
    Accounts,
}

/// Name, audience, and what makes the value.
type Section = (&'static str, Audience, fn(&Facts<'_>) -> Value);

/// All sections, in the order of the reference server.
const SECTIONS: &[Section] = &[
    ("core", Audience::Anybody, core_section::section),
    ("checksums", Audience::Anybody, dav::checksums),
    ("files", Audience::Anybody, files::section),
    ("dav", Audience::Anybody, dav::section),
    ("files_sharing", Audience::Anybody, files_sharing::section),
    ("provisioning_api", Audience::Accounts, provisioning_api),
    ("theming", Audience::Anybody, theming::section),
];

/// Answers the call.
pub(super) async fn read(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let principal = call.principal.as_ref();
    let base = base(&room.settings, &call.request.base_url, principal.is_some());
    if room.capabilities.is_empty() {
        return Ok(Answer::Tagged(document(base)));
    }
    let user = match principal {
        Some(principal) => Some(room.auth.view_of(&call.request, principal).await?),
        None => None,
    };
    let asked = call_of(&call.request);
    let made = room.capabilities.make(&asked, user.as_ref(), base).await;
    Ok(Answer::Tagged(document(made.capabilities)))
}

/// What this server can do, for an account or for anybody, before extensions have their say.
pub fn base(settings: &OcsSettings, base_url: &str, account: bool) -> Value {
    let facts = Facts { settings, base_url };
    let shown = |(_, of, _): &&Section| *of == Audience::Anybody || account;
    let sections = SECTIONS.iter().filter(shown);
    sections
        .map(|(name, _, section)| ((*name).to_owned(), section(&facts)))
        .collect::<Map<_, _>>()
        .into()
}

/// The whole document.
fn document(capabilities: Value) -> Value {
    json!({
        "version": {
            "major": version::MAJOR,
            "minor": version::MINOR,
            "micro": version::MICRO,
            "string": version::VERSION_STRING,
            "edition": "",
            "extendedSupport": false
        },
        "capabilities": capabilities
    })
}

/// Users and groups can be managed (`users.rs`, `groups.rs`).
fn provisioning_api(_: &Facts<'_>) -> Value {
    json!({ "version": "1.21.0" })
}

#[cfg(test)]
mod tests;
