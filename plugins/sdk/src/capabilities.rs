//! `moonsail.capabilities/1`: saying what the server can do.
//!
//! The apps show what the capabilities document announces. The core builds the document; each
//! provider, in the order of `server.toml`, gets what has been built so far and may answer with a
//! patch. Documents and patches are JSON text: a plugin in any language has its own way to read it,
//! and no type of a JSON library crosses the border.

use std::time::Duration;

use crate::BoxFuture;
use crate::auth::Call;
use crate::error::Error;

/// What a provider learns of the user who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserView {
    /// The user id.
    pub id: String,
    /// The name that people see.
    pub display_name: String,
    /// Mail address, if there is one.
    pub email: Option<String>,
    /// Names of the user's groups, in order.
    pub groups: Vec<String>,
    /// Whether the user administers the server.
    pub admin: bool,
}

impl UserView {
    /// Whether the user is in a group of this name.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|name| name == group)
    }
}

/// What a provider wants to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// A JSON object, merged into the document (RFC 7396: objects are merged, `null` removes, all
    /// else replaces). `{}` changes nothing. A patch that gives a key that the apps read strictly
    /// another type is refused as a whole, and the document stays as it was.
    pub json: String,
    /// How long the patch may be taken from memory for the same user. Zero asks every time. It is
    /// forgotten earlier when the user changes, or the configuration is read again.
    pub ttl: Duration,
}

impl Patch {
    /// A patch that changes nothing.
    pub fn none(ttl: Duration) -> Self {
        Self { json: "{}".to_owned(), ttl }
    }
}

/// Patches the capabilities document.
pub trait CapabilityProvider: Send + Sync + 'static {
    /// The patch for `user`, or for somebody who has not logged in (`None`). `base_json` is the
    /// document as it is before the patch: the object whose keys are `files`, `files_sharing` and
    /// so on.
    ///
    /// The answer is remembered for [`Patch::ttl`] by user, so it must depend on nothing but the
    /// user and what changes more slowly than that; in particular not on the address in `call`.
    ///
    /// # Errors
    /// [`Error`] if the question could not be answered. It is logged, and the document stays as it
    /// was: nobody loses the server because of one provider.
    fn contribute(
        &self,
        call: &Call,
        user: Option<&UserView>,
        base_json: &str,
    ) -> impl Future<Output = Result<Patch, Error>> + Send;
}

/// The object-safe twin of [`CapabilityProvider`], implemented for each of them.
pub trait DynCapabilityProvider: Send + Sync + 'static {
    /// See [`CapabilityProvider::contribute`].
    fn contribute<'a>(
        &'a self,
        call: &'a Call,
        user: Option<&'a UserView>,
        base_json: &'a str,
    ) -> BoxFuture<'a, Result<Patch, Error>>;
}

impl<P: CapabilityProvider> DynCapabilityProvider for P {
    fn contribute<'a>(
        &'a self,
        call: &'a Call,
        user: Option<&'a UserView>,
        base_json: &'a str,
    ) -> BoxFuture<'a, Result<Patch, Error>> {
        Box::pin(CapabilityProvider::contribute(self, call, user, base_json))
    }
}
