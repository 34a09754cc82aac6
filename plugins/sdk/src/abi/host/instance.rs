//! An instance: made from an entry, started, asked for its extensions, stopped, destroyed.

use std::ffi::c_void;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::entry::CreateError;
use super::services::HostServices;
use super::shelf::Shelf;
use crate::BoxFuture;
use crate::abi::ask::{Failure, ask, ask_now, succeeded};
use crate::abi::convert::{Malformed, read_struct};
use crate::abi::{
    Buf, CODE_INTERNAL, CODE_OK, CODE_REPLACE, Done, Grows, Op, Outcome, PluginEntry, PluginTable,
    Str,
};

/// A made instance. Its `destroy` runs when the last clone of the [`Arc`] is gone, be it a call, an
/// open stream or the list of plugins that holds it; on a thread of its own, since that may wait.
pub struct Instance {
    name: String,
    table: PluginTable,
    /// Lives until `destroy` has returned.
    shelf: Option<Shelf>,
    calls: AtomicU64,
    failures: AtomicU64,
    /// Called when `destroy` has returned.
    destroyed: Option<Box<dyn FnOnce() + Send + Sync>>,
}

// SAFETY: rule 3: all functions of the table may be called from any thread.
unsafe impl Send for Instance {}
// SAFETY: the same.
unsafe impl Sync for Instance {}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Instance {
    /// Makes an instance. Blocks as long as the plugin's `create` does.
    ///
    /// # Safety
    /// `entry` is one that [`facts`](super::facts) has taken, and stays valid for ever.
    ///
    /// # Errors
    /// [`CreateError::Refused`] with the plugin's own words.
    pub unsafe fn create(
        entry: *const PluginEntry,
        name: &str,
        config_json: &str,
        services: Arc<dyn HostServices>,
    ) -> Result<Self, CreateError> {
        let shelf = Shelf::new(services);
        // SAFETY: checked by `facts`, as the caller promises.
        let create = unsafe { (&raw const (*entry).create).read_unaligned() };
        let create = create.ok_or(Malformed::Missing)?;
        let mut error = Buf::EMPTY;
        // SAFETY: rule 2: what is borrowed lives until it returns, and the host table longer.
        let made =
            unsafe { create(shelf.table(), Str::of(name), Str::of(config_json), &raw mut error) };
        // SAFETY: the plugin has filled it or left it empty; taken once.
        let text = unsafe { error.into_bytes() };
        if made.is_null() {
            let text = String::from_utf8_lossy(&text).into_owned();
            let text = if text.is_empty() { "it does not say why".to_owned() } else { text };
            return Err(CreateError::Refused(text));
        }
        // SAFETY: the plugin's table, which lives until `destroy`.
        let table = unsafe { read_struct::<PluginTable>(made.cast()) }?;
        Ok(Self {
            name: name.to_owned(),
            table,
            shelf: Some(shelf),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            destroyed: None,
        })
    }

    /// Has `then` called once `destroy` has returned.
    pub fn when_destroyed(&mut self, then: impl FnOnce() + Send + Sync + 'static) {
        self.destroyed = Some(Box::new(then));
    }

    /// Its name in `server.toml`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls so far, and how many of them failed by a fault of the plugin.
    pub fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Connects, migrates.
    ///
    /// # Errors
    /// [`Failure`] with the plugin's own words, or that it took too long.
    pub async fn start(self: &Arc<Self>, timeout: Duration) -> Result<(), Failure> {
        self.lifecycle(self.table.start, timeout).await
    }

    /// Finishes what runs.
    ///
    /// # Errors
    /// [`Failure`], which changes nothing: it is over.
    pub async fn stop(self: &Arc<Self>, timeout: Duration) -> Result<(), Failure> {
        self.lifecycle(self.table.stop, timeout).await
    }

    fn lifecycle(
        self: &Arc<Self>,
        function: Option<unsafe extern "C" fn(*mut c_void, Done)>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        let begun = function.map(|function| {
            ask(timeout, Arc::clone(self), succeeded, |done| {
                // SAFETY: `this` is the table's own.
                unsafe { function(self.table.this, done) };
                ptr::null_mut()
            })
        });
        async move {
            match begun {
                Some(answer) => answer.await,
                None => Ok(()),
            }
        }
    }

    /// Whether it offers an extension.
    pub fn offers(&self, id: &str) -> bool {
        !self.raw_extension(id).is_null()
    }

    fn raw_extension(&self, id: &str) -> *const c_void {
        let Some(find) = self.table.get_extension else { return ptr::null() };
        // SAFETY: `this` is the table's own.
        unsafe { find(self.table.this, Str::of(id)) }
    }

    /// The table of an extension; `None` if it does not offer it.
    pub(super) fn extension<T: Grows>(&self, id: &str) -> Option<T> {
        // SAFETY: null, or the table of that id, which lives as long as the instance.
        unsafe { read_struct::<T>(self.raw_extension(id)) }.ok()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let (destroy, this) = (self.table.destroy, Address(self.table.this));
        let (shelf, then) = (self.shelf.take(), self.destroyed.take());
        let work = move || {
            let this = this;
            if let Some(destroy) = destroy {
                // SAFETY: last, and once: nobody else holds the instance.
                unsafe { destroy(this.0) }
            }
            drop(shelf);
            if let Some(then) = then {
                then();
            }
        };
        let thread = std::thread::Builder::new().name("plugin-destroy".to_owned());
        // Without a thread the plugin is left as it is: it may wait, and this thread must not.
        let _no_thread = thread.spawn(work);
    }
}

struct Address(*mut c_void);

// SAFETY: rule 3.
unsafe impl Send for Address {}

/// Where calls of one extension go: its table, and whose it is.
#[derive(Clone)]
pub struct Callee<T> {
    pub(super) table: T,
    pub(super) instance: Arc<Instance>,
    /// How long an answer may take.
    pub(super) timeout: Duration,
}

// SAFETY: rule 3: all functions of a table may be called from any thread.
unsafe impl<T> Send for Callee<T> {}
// SAFETY: the same.
unsafe impl<T> Sync for Callee<T> {}

impl<T: Grows> Callee<T> {
    pub(super) fn new(instance: &Arc<Instance>, id: &str, timeout: Duration) -> Option<Self> {
        let table = instance.extension(id)?;
        Some(Self { table, instance: Arc::clone(instance), timeout })
    }

    /// Makes a call that answers before it returns; see [`ask_now`].
    pub(super) fn ask_now<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Outcome) -> Result<R, Failure> + Send + 'static,
        start: impl FnOnce(Done),
    ) -> Result<R, Failure> {
        self.instance.calls.fetch_add(1, Ordering::Relaxed);
        let result = ask_now(read, start);
        if result.is_err() {
            self.instance.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Begins a call; see [`ask`]. Counts it, and whether it failed by the plugin's fault.
    pub(super) fn ask<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Outcome) -> Result<R, Failure> + Send + 'static,
        start: impl FnOnce(Done) -> *mut Op,
    ) -> BoxFuture<'static, Result<R, Failure>> {
        self.ask_within(self.timeout, (), read, start)
    }

    /// The same with a time of its own, and with what must live until the call is answered.
    pub(super) fn ask_within<R: Send + 'static>(
        &self,
        timeout: Duration,
        keep: impl Send + 'static,
        read: impl FnOnce(&Outcome) -> Result<R, Failure> + Send + 'static,
        start: impl FnOnce(Done) -> *mut Op,
    ) -> BoxFuture<'static, Result<R, Failure>> {
        self.instance.calls.fetch_add(1, Ordering::Relaxed);
        let instance = Arc::clone(&self.instance);
        let counted = move |outcome: &Outcome| {
            let known = (CODE_OK..=CODE_REPLACE).contains(&outcome.code);
            let code = if known { outcome.code } else { CODE_INTERNAL };
            let result = read(&Outcome { code, ..*outcome });
            if code == CODE_INTERNAL || (code == CODE_OK && result.is_err()) {
                instance.failures.fetch_add(1, Ordering::Relaxed);
            }
            result
        };
        ask(timeout, (keep, Arc::clone(&self.instance)), counted, start)
    }
}
