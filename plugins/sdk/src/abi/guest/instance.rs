//! The life of an instance: made, started, asked, stopped, destroyed.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::host::Host;
use super::log::{self, Scope};
use super::offers::Offers;
use crate::abi::convert::size_of;
use crate::abi::run::{forget, panic_text, run, shielded};
use crate::abi::{
    ABI_MAGIC, ABI_MAJOR, ABI_MINOR, Buf, CODE_UNAVAILABLE, Done, FLAG_PANIC_ABORT,
    FLAG_RELOADABLE, HostTable, PluginEntry, PluginTable, Str,
};

/// Why a plugin cannot be made or started, in words for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginError(String);

impl PluginError {
    /// For a reason.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The reason.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// With everything that caused it.
impl<E: std::error::Error> From<E> for PluginError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Self(text)
    }
}

/// A plugin, as its author writes it. `plugins/http-hello` is the smallest one.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// Its section of `server.toml`. With `#[serde(deny_unknown_fields)]` a misspelt key is refused at the
    /// start, by its name. The key `runtime` is the SDK's own: `runtime = { workers = 2 }`.
    type Config: DeserializeOwned;

    /// JSON Schema of the configuration, for `moonsail plugin inspect`; may be empty.
    const SCHEMA: &'static str = "";

    /// Makes an instance. Connects to nothing yet: that is for [`Plugin::start`].
    ///
    /// # Errors
    /// [`PluginError`] if the configuration makes no sense. The server does not start then.
    fn create(config: Self::Config, host: Host) -> Result<Self, PluginError>;

    /// Connects, migrates. Called once, before any other call.
    ///
    /// # Errors
    /// [`PluginError`]. The server does not start then.
    fn start(&self) -> impl Future<Output = Result<(), PluginError>> + Send {
        async { Ok(()) }
    }

    /// Finishes what runs. Called once; no calls come after it.
    fn stop(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Says what it is: `offers.auth(Arc::clone(self))` and so on.
    fn offer(self: &Arc<Self>, offers: &mut Offers);
}

/// What all parts of an instance share.
pub(super) struct Shared {
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) host: Host,
}

struct Instance<P> {
    table: PluginTable,
    plugin: Arc<P>,
    offers: Offers,
    shared: Arc<Shared>,
    runtime: Runtime,
    living: log::Living,
}

/// The SDK's own part of a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeConfig {
    #[serde(default = "one")]
    workers: usize,
}

fn one() -> usize {
    1
}

/// The entry of a plugin: what [`export_plugin!`](crate::export_plugin) exports.
pub const fn entry(
    name: &'static str,
    version: &'static str,
    schema: &'static str,
    panic_aborts: bool,
    create: unsafe extern "C" fn(*const HostTable, Str, Str, *mut Buf) -> *mut PluginTable,
) -> PluginEntry {
    PluginEntry {
        magic: ABI_MAGIC,
        size: size_of::<PluginEntry>(),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        flags: FLAG_RELOADABLE | if panic_aborts { FLAG_PANIC_ABORT } else { 0 },
        name: Str::of(name),
        version: Str::of(version),
        sdk: Str::of(concat!("moonsail-sdk ", env!("CARGO_PKG_VERSION"))),
        build: Str::of(env!("MOONSAIL_SDK_BUILD")),
        config_schema: Str::of(schema),
        create: Some(create),
    }
}

/// `create` of [`PluginEntry`] for a plugin in Rust.
///
/// # Safety
/// Called by a host, as the entry says.
pub unsafe extern "C" fn create<P: Plugin>(
    host: *const HostTable,
    instance_name: Str,
    config_json: Str,
    error: *mut Buf,
) -> *mut PluginTable {
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: as the caller promises.
        let (name, config) = unsafe { (instance_name.text()?, config_json.text()?) };
        // SAFETY: the same.
        let host = unsafe { Host::new(host, name) }?;
        make::<P>(host, name, config)
    }));
    let text = match made {
        Ok(Ok(instance)) => return instance,
        Ok(Err(error)) => error.0,
        Err(panic) => format!("it panicked: {}", panic_text(&*panic)),
    };
    if !error.is_null() {
        // SAFETY: the host gives a place for it.
        unsafe { error.write(Buf::of(text.into())) };
    }
    ptr::null_mut()
}

fn make<P: Plugin>(host: Host, name: &str, config: &str) -> Result<*mut PluginTable, PluginError> {
    let mut config: serde_json::Value = match config {
        "" => serde_json::Value::Object(serde_json::Map::new()),
        text => serde_json::from_str(text)?,
    };
    let own = config.as_object_mut().and_then(|object| object.remove("runtime"));
    let own = own.unwrap_or_else(|| serde_json::json!({}));
    let own: RuntimeConfig = typed(own, "runtime")?;
    let config: P::Config = typed(config, "")?;
    let living = log::subscribe(&host);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(own.workers.clamp(1, 64))
        .thread_name(format!("plugin-{name}"))
        .enable_all()
        .build()?;
    let scope = Scope::new(&host, "");
    let plugin = {
        let _entered = runtime.enter();
        scope.within(|| P::create(config, host.clone()))
    };
    let plugin = match plugin {
        Ok(plugin) => Arc::new(plugin),
        Err(error) => {
            shut_down(runtime);
            return Err(error);
        }
    };
    let shared = Arc::new(Shared { runtime: runtime.handle().clone(), host });
    let mut offers = Offers::new(Arc::clone(&shared));
    plugin.offer(&mut offers);
    let table = PluginTable {
        size: size_of::<PluginTable>(),
        reserved: 0,
        this: ptr::null_mut(),
        get_extension: Some(get_extension::<P>),
        start: Some(start::<P>),
        stop: Some(stop::<P>),
        destroy: Some(destroy::<P>),
    };
    let instance =
        Box::into_raw(Box::new(Instance { table, plugin, offers, shared, runtime, living }));
    // SAFETY: just made.
    unsafe {
        (*instance).table.this = instance.cast();
        Ok(&raw mut (*instance).table)
    }
}

fn typed<T: DeserializeOwned>(value: serde_json::Value, prefix: &str) -> Result<T, PluginError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let at: Vec<&str> = [prefix, &path].into_iter().filter(|part| !part.is_empty()).collect();
        match at.is_empty() {
            true => PluginError::new(error.inner().to_string()),
            false => PluginError::new(format!("{}: {}", at.join("."), error.inner())),
        }
    })
}

unsafe extern "C" fn get_extension<P: Plugin>(this: *mut c_void, id: Str) -> *const c_void {
    // SAFETY: the host gives back the table's `this`, and an id that lives meanwhile.
    let (instance, id) = unsafe { (&*this.cast::<Instance<P>>(), id.text()) };
    shielded(ptr::null(), || instance.offers.table(id.unwrap_or_default()))
}

unsafe extern "C" fn start<P: Plugin>(this: *mut c_void, done: Done) {
    // SAFETY: the host gives back the table's `this`.
    let instance = unsafe { &*this.cast::<Instance<P>>() };
    let plugin = Arc::clone(&instance.plugin);
    let work = Scope::new(&instance.shared.host, "").wrap(async move { plugin.start().await });
    let op = run(&instance.shared.runtime, done, work, |started, token| match started {
        Ok(()) => token.done(),
        Err(error) => token.code(CODE_UNAVAILABLE, &error.0),
    });
    forget(op);
}

unsafe extern "C" fn stop<P: Plugin>(this: *mut c_void, done: Done) {
    // SAFETY: the host gives back the table's `this`.
    let instance = unsafe { &*this.cast::<Instance<P>>() };
    let plugin = Arc::clone(&instance.plugin);
    let work = Scope::new(&instance.shared.host, "").wrap(async move { plugin.stop().await });
    let op = run(&instance.shared.runtime, done, work, |(), token| token.done());
    forget(op);
}

unsafe extern "C" fn destroy<P: Plugin>(this: *mut c_void) {
    // SAFETY: the host calls it last, and once.
    let instance = unsafe { Box::from_raw(this.cast::<Instance<P>>()) };
    shielded((), || {
        let Instance { plugin, offers, shared, runtime, living, .. } = *instance;
        {
            // What holds timers and sockets of the runtime looks for it when it is dropped.
            let _entered = runtime.enter();
            drop((offers, plugin));
        }
        shut_down(runtime);
        drop((shared, living));
    });
}

/// Ends a runtime and joins its threads, on a thread that may wait for it.
fn shut_down(runtime: Runtime) {
    let ended = std::thread::spawn(move || {
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    });
    let _panicked = ended.join();
}

/// Exports a [`Plugin`] from a library of `crate-type = ["cdylib"]`.
///
/// In a crate that is also linked into the server, leave the call out there (`#[cfg(not(feature =
/// "static"))]`): two of these symbols cannot be in one binary.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty) => {
        #[allow(unsafe_code, reason = "the exported entry is C")]
        const _: () = {
            #[unsafe(export_name = "moonsail_plugin_entry_v1")]
            static ENTRY: $crate::abi::PluginEntry = $crate::abi::guest::entry(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                <$plugin as $crate::abi::guest::Plugin>::SCHEMA,
                cfg!(panic = "abort"),
                $crate::abi::guest::create::<$plugin>,
            );
        };
    };
}
