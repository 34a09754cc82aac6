//! What an instance offers: traits of this crate, with their tables around them.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::instance::Shared;
use super::log::Scope;
use super::{auth, blobs, capabilities, events, files, hooks, http, preview};
use crate::abi::convert::{Malformed, read_struct};
use crate::abi::run::{run, shielded};
use crate::abi::token::Token;
use crate::abi::{
    CODE_INVALID, CallInfo, Done, EXTENSION_AUTH, EXTENSION_BLOBS, EXTENSION_CAPABILITIES,
    EXTENSION_EVENTS, EXTENSION_FILES, EXTENSION_HOOKS, EXTENSION_HTTP, EXTENSION_PREVIEW, Op,
};
use crate::auth::{Call, DynAuthenticator};
use crate::blobs::BlobStorage;
use crate::capabilities::DynCapabilityProvider;
use crate::events::EventSink;
use crate::hooks::DynHooks;
use crate::http::HttpApp;
use crate::preview::Previewer;
use crate::storage::FileStorage;

/// Collects what a plugin is; see [`Plugin::offer`](super::Plugin::offer).
pub struct Offers {
    shared: Arc<Shared>,
    tables: Vec<(&'static str, Table)>,
}

/// A table and what it calls, freed together.
struct Table {
    table: *mut c_void,
    free: fn(*mut c_void),
}

// SAFETY: rule 3: a table is only read, and what it calls may be called from any thread.
unsafe impl Send for Table {}
// SAFETY: the same.
unsafe impl Sync for Table {}

impl Drop for Table {
    fn drop(&mut self) {
        (self.free)(self.table);
    }
}

/// One extension: the author's object, and whose it is. `this` of a table points to one.
pub(super) struct Offer<P: ?Sized> {
    pub(super) provider: Arc<P>,
    pub(super) shared: Arc<Shared>,
}

/// A table in one piece with its `this`.
#[repr(C)]
struct Whole<T, P: ?Sized> {
    table: T,
    offer: Box<Offer<P>>,
}

impl Offers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, tables: Vec::new() }
    }

    /// It decides about logins.
    pub fn auth(&mut self, provider: Arc<impl DynAuthenticator>) {
        self.add::<_, dyn DynAuthenticator>(EXTENSION_AUTH, provider, auth::table);
    }

    /// It patches capabilities.
    pub fn capabilities(&mut self, provider: Arc<impl DynCapabilityProvider>) {
        self.add::<_, dyn DynCapabilityProvider>(
            EXTENSION_CAPABILITIES,
            provider,
            capabilities::table,
        );
    }

    /// It has a say before things happen.
    pub fn hooks(&mut self, provider: Arc<impl DynHooks>) {
        self.add::<_, dyn DynHooks>(EXTENSION_HOOKS, provider, hooks::table);
    }

    /// It hears of changes.
    pub fn events(&mut self, sink: Arc<impl EventSink>) {
        self.add::<_, dyn EventSink>(EXTENSION_EVENTS, sink, events::table);
    }

    /// It answers requests.
    pub fn http(&mut self, app: Arc<impl HttpApp>) {
        self.add::<_, dyn HttpApp>(EXTENSION_HTTP, app, http::table);
    }

    /// It makes small pictures of files.
    pub fn preview(&mut self, previewer: Arc<impl Previewer>) {
        self.add::<_, dyn Previewer>(EXTENSION_PREVIEW, previewer, preview::table);
    }

    /// It stores files.
    pub fn files(&mut self, storage: Arc<impl FileStorage>) {
        self.add::<_, dyn FileStorage>(EXTENSION_FILES, storage, files::table);
    }

    /// It stores objects.
    pub fn blobs(&mut self, store: Arc<impl BlobStorage>) {
        self.add::<_, dyn BlobStorage>(EXTENSION_BLOBS, store, blobs::table);
    }

    /// Adds a table; `make` lays it around the offer that is to be its `this`.
    fn add<T: 'static, P: ?Sized + 'static>(
        &mut self,
        id: &'static str,
        provider: Arc<P>,
        make: impl FnOnce(&Arc<P>, *mut c_void) -> T,
    ) {
        let offer = Box::new(Offer { provider, shared: Arc::clone(&self.shared) });
        let this = ptr::from_ref::<Offer<P>>(&offer).cast_mut().cast();
        let table = make(&offer.provider, this);
        let whole = Box::into_raw(Box::new(Whole { table, offer }));
        let free = |table: *mut c_void| {
            // SAFETY: made above, with the same types, and freed once.
            drop(unsafe { Box::from_raw(table.cast::<Whole<T, P>>()) });
        };
        self.tables.push((id, Table { table: whole.cast(), free }));
    }

    pub(super) fn table(&self, id: &str) -> *const c_void {
        let found = self.tables.iter().find(|(known, _)| *known == id);
        found.map_or(ptr::null(), |(_, table)| table.table.cast_const())
    }
}

/// A call of a table's function: `prepare` copies its arguments and makes the future, which is polled
/// at once, and `answer` gives its result to the host.
///
/// # Safety
/// `this` is of an [`Offer<P>`] that lives, and `call` null or a host's [`CallInfo`].
pub(super) unsafe fn begin<P, T, F>(
    this: *mut c_void,
    call: *const CallInfo,
    done: Done,
    prepare: impl FnOnce(Arc<P>, Call) -> Result<F, Malformed>,
    answer: impl FnOnce(T, Token) + Send + 'static,
) -> *mut Op
where
    P: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    // SAFETY: as the caller promises.
    let offer = unsafe { &*this.cast::<Offer<P>>() };
    shielded(ptr::null_mut(), || {
        // SAFETY: the same.
        let prepared = unsafe { call_of(call) }.and_then(|call| {
            let request_id = call.request_id.clone();
            Ok((prepare(Arc::clone(&offer.provider), call)?, request_id))
        });
        match prepared {
            Ok((work, request_id)) => {
                let work = Scope::new(&offer.shared.host, &request_id).wrap(work);
                run(&offer.shared.runtime, done, work, answer)
            }
            Err(error) => {
                Token::new(done).code(CODE_INVALID, &error.to_string());
                ptr::null_mut()
            }
        }
    })
}

/// Calls a synchronous function of the author's, within its runtime.
///
/// # Safety
/// `this` is of an [`Offer<P>`] that lives.
pub(super) unsafe fn at_once<P: ?Sized, T>(
    this: *mut c_void,
    otherwise: T,
    work: impl FnOnce(&P) -> T,
) -> T {
    // SAFETY: as the caller promises.
    let offer = unsafe { &*this.cast::<Offer<P>>() };
    shielded(otherwise, || {
        let _entered = offer.shared.runtime.enter();
        Scope::new(&offer.shared.host, "").within(|| work(&offer.provider))
    })
}

/// # Safety
/// `call` is null or points to a host's [`CallInfo`], whose texts live.
unsafe fn call_of(call: *const CallInfo) -> Result<Call, Malformed> {
    if call.is_null() {
        return Ok(Call::default());
    }
    // SAFETY: as the caller promises.
    unsafe {
        let info = read_struct::<CallInfo>(call.cast())?;
        Ok(Call {
            request_id: info.request_id.owned()?,
            remote_ip: info.remote_ip.option_text()?.and_then(|text| text.parse().ok()),
        })
    }
}
