//! A [`CapabilitiesTable`] as a [`CapabilityProvider`].

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::instance::{Callee, Instance};
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, succeeded};
use crate::abi::convert::{borrowed, read_struct, size_of};
pub(super) use crate::abi::errors::error;
use crate::abi::{
    self, CapabilitiesPatch, CapabilitiesTable, EXTENSION_CAPABILITIES, Outcome, Str, StrList,
};
use crate::auth::Call;
use crate::capabilities::{CapabilityProvider, Patch, UserView};
use crate::error::Error;

/// The provider of capabilities of a plugin.
#[derive(Clone)]
pub struct PluginCapabilities(Callee<CapabilitiesTable>);

impl PluginCapabilities {
    /// That of an instance; `None` if it offers none.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<CapabilitiesTable> =
            Callee::new(instance, EXTENSION_CAPABILITIES, timeout)?;
        callee.table.contribute.is_some().then_some(Self(callee))
    }
}

impl CapabilityProvider for PluginCapabilities {
    fn contribute(
        &self,
        call: &Call,
        user: Option<&UserView>,
        base_json: &str,
    ) -> impl Future<Output = Result<Patch, Error>> + Send {
        let table = self.0.table;
        let begun = table.contribute.map(|contribute| {
            let address = call.remote_ip.map(|address| address.to_string());
            let id = user.map(|user| user.id.as_str());
            let info = call_info(self.0.timeout, &call.request_id, id, address.as_deref());
            let groups = user.map(|user| borrowed(&user.groups)).unwrap_or_default();
            let view = user.map(|user| abi::UserView {
                size: size_of::<abi::UserView>(),
                admin: u32::from(user.admin),
                id: Str::of(&user.id),
                display_name: Str::of(&user.display_name),
                email: Str::option(user.email.as_deref()),
                groups: StrList::of(&groups),
            });
            let view = view.as_ref().map_or(ptr::null(), ptr::from_ref);
            self.0.ask(patch, |done| {
                // SAFETY: what is borrowed lives until the call returns.
                unsafe { contribute(table.this, &raw const info, view, Str::of(base_json), done) }
            })
        });
        answered(begun)
    }
}

/// Waits for a call that was begun, if the plugin offers it.
pub(super) async fn answered<T>(
    begun: Option<BoxFuture<'static, Result<T, Failure>>>,
) -> Result<T, Error> {
    let result = match begun {
        Some(answer) => answer.await,
        None => Err(Failure::not_offered()),
    };
    result.map_err(error)
}

fn patch(outcome: &Outcome) -> Result<Patch, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    let patch = unsafe { read_struct::<CapabilitiesPatch>(outcome.value) }?;
    // SAFETY: the same.
    let json = unsafe { patch.json.owned() }?;
    Ok(Patch { json, ttl: Duration::from_secs(patch.ttl_seconds.into()) })
}
