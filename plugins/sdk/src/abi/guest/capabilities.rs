//! [`CapabilitiesTable`] around a [`DynCapabilityProvider`].

use std::ffi::c_void;
use std::sync::Arc;

use super::offers::begin;
use crate::abi::convert::{Malformed, read_struct, size_of};
pub(super) use crate::abi::errors::failed;
use crate::abi::token::Token;
use crate::abi::{CallInfo, CapabilitiesPatch, CapabilitiesTable, Done, Op, Str, UserView};
use crate::capabilities::{self, DynCapabilityProvider, Patch};
use crate::error::Error;

type Provider = dyn DynCapabilityProvider;

pub(super) fn table(_: &Arc<Provider>, this: *mut c_void) -> CapabilitiesTable {
    CapabilitiesTable {
        size: size_of::<CapabilitiesTable>(),
        reserved: 0,
        this,
        contribute: Some(contribute),
    }
}

unsafe extern "C" fn contribute(
    this: *mut c_void,
    call: *const CallInfo,
    user: *const UserView,
    base_json: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let (user, base) = (user_of(user)?, base_json.owned()?);
            Ok(async move { provider.contribute(&call, user.as_ref(), &base).await })
        };
        begin(
            this,
            call,
            done,
            prepare,
            |result: Result<Patch, Error>, token: Token| match result {
                Ok(patch) => token.ok(&CapabilitiesPatch {
                    size: size_of::<CapabilitiesPatch>(),
                    ttl_seconds: u32::try_from(patch.ttl.as_secs()).unwrap_or(u32::MAX),
                    json: Str::of(&patch.json),
                }),
                Err(error) => failed(&error, token),
            },
        )
    }
}

/// # Safety
/// `user` is null or a host's [`UserView`], whose texts live.
unsafe fn user_of(user: *const UserView) -> Result<Option<capabilities::UserView>, Malformed> {
    if user.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    unsafe {
        let user = read_struct::<UserView>(user.cast())?;
        Ok(Some(capabilities::UserView {
            id: user.id.owned()?,
            display_name: user.display_name.owned()?,
            email: user.email.option_owned()?,
            groups: user.groups.option_owned()?.unwrap_or_default(),
            admin: user.admin != 0,
        }))
    }
}
