//! A plugin in a test, without a server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tracing::Level;

use super::entry::{CreateError, facts};
use super::instance::Instance;
use super::services::{Figure, HostServices, KvService, MetricsService, ServiceFuture};
use super::{
    PluginAuth, PluginBlobs, PluginCapabilities, PluginEvents, PluginFiles, PluginHooks,
    PluginHttp, PluginPreview,
};
use crate::abi::PluginEntry;
use crate::abi::guest::{Plugin, create, entry};

/// How long a call may take in a test.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Runs a plugin in this process, over the same border as a server: an author's tests see what a
/// server would see. Log lines, figures and stored keys can be looked at.
///
/// ```no_run
/// # use moonsail_sdk::abi::host::TestHost;
/// # use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
/// # struct Hello;
/// # impl Plugin for Hello {
/// #     type Config = serde_json::Value;
/// #     fn create(_: serde_json::Value, _: Host) -> Result<Self, PluginError> { Ok(Hello) }
/// #     fn offer(self: &std::sync::Arc<Self>, _: &mut Offers) {}
/// # }
/// # async fn test() {
/// let host = TestHost::start::<Hello>(r#"{"greeting": "Ahoy"}"#).await.unwrap();
/// assert!(host.auth().is_none());
/// # }
/// ```
pub struct TestHost {
    instance: Arc<Instance>,
    shelves: Arc<Shelves>,
    destroyed: tokio::sync::watch::Receiver<bool>,
}

#[derive(Default)]
struct Shelves {
    log: Mutex<Vec<String>>,
    figures: Mutex<Vec<(String, f64)>>,
    keys: Mutex<BTreeMap<String, Bytes>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestHost {
    /// Makes and starts an instance named `test`. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// What an administrator would read.
    pub async fn start<P: Plugin>(config_json: &str) -> Result<Self, String> {
        let made = Self::create::<P>(config_json).map_err(|error| error.to_string())?;
        match made.instance.start(TIMEOUT).await {
            Ok(()) => Ok(made),
            Err(failure) => Err(failure.message),
        }
    }

    /// Makes an instance and does not start it.
    ///
    /// # Errors
    /// [`CreateError`].
    pub fn create<P: Plugin>(config_json: &str) -> Result<Self, CreateError> {
        let own = entry("test", env!("CARGO_PKG_VERSION"), P::SCHEMA, false, create::<P>);
        // An entry is a constant of its library; this one lives as long as the test.
        let own: &'static PluginEntry = Box::leak(Box::new(own));
        // SAFETY: made just now, by this SDK.
        unsafe {
            facts(own)?;
            Self::of_entry(own, config_json)
        }
    }

    /// An instance of any entry, as a server makes one.
    ///
    /// # Safety
    /// As [`Instance::create`].
    ///
    /// # Errors
    /// [`CreateError`].
    pub unsafe fn of_entry(entry: *const PluginEntry, config: &str) -> Result<Self, CreateError> {
        let shelves = Arc::new(Shelves::default());
        let services: Arc<dyn HostServices> = Arc::new(Services(Arc::clone(&shelves)));
        // SAFETY: as the caller promises.
        let mut instance = unsafe { Instance::create(entry, "test", config, services) }?;
        let (gone, destroyed) = tokio::sync::watch::channel(false);
        instance.when_destroyed(move || {
            gone.send_replace(true);
        });
        Ok(Self { instance: Arc::new(instance), shelves, destroyed })
    }

    /// The instance.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Ends when the plugin is destroyed: after the host, all that came from it, and all calls are
    /// gone.
    pub fn destroyed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut destroyed = self.destroyed.clone();
        async move { drop(destroyed.wait_for(|gone| *gone).await) }
    }

    /// Its authenticator.
    pub fn auth(&self) -> Option<PluginAuth> {
        PluginAuth::of(&self.instance, TIMEOUT)
    }

    /// Its provider of capabilities.
    pub fn capabilities(&self) -> Option<PluginCapabilities> {
        PluginCapabilities::of(&self.instance, TIMEOUT)
    }

    /// Its hooks.
    pub fn hooks(&self) -> Option<PluginHooks> {
        PluginHooks::of(&self.instance, TIMEOUT)
    }

    /// Its event sink.
    pub fn events(&self) -> Option<PluginEvents> {
        PluginEvents::of(&self.instance, TIMEOUT)
    }

    /// Its routes.
    pub fn http(&self) -> Option<PluginHttp> {
        PluginHttp::of(&self.instance, TIMEOUT)
    }

    /// Its previewer.
    pub fn preview(&self) -> Option<PluginPreview> {
        PluginPreview::of(&self.instance, TIMEOUT)
    }

    /// Its storage of files.
    pub fn files(&self) -> Option<PluginFiles> {
        PluginFiles::of(&self.instance, TIMEOUT)
    }

    /// Its store of objects.
    pub fn blobs(&self) -> Option<PluginBlobs> {
        PluginBlobs::of(&self.instance, TIMEOUT)
    }

    /// The lines that it has logged: `LEVEL message key=value … [request id]`.
    pub fn log(&self) -> Vec<String> {
        locked(&self.shelves.log).clone()
    }

    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let figures = locked(&self.shelves.figures);
        figures.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// A stored key.
    pub fn key(&self, key: &str) -> Option<Bytes> {
        locked(&self.shelves.keys).get(key).cloned()
    }
}

struct Services(Arc<Shelves>);

impl HostServices for Services {
    fn name(&self) -> &str {
        "test host"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn is_logged(&self, _: Level) -> bool {
        true
    }

    fn log(&self, level: Level, message: &str, fields: &[(String, Vec<u8>)], request_id: &str) {
        let mut line = format!("{level} {message}");
        for (key, value) in fields {
            line.push_str(&format!(" {key}={}", String::from_utf8_lossy(value)));
        }
        if !request_id.is_empty() {
            line.push_str(&format!(" [{request_id}]"));
        }
        locked(&self.0.log).push(line);
    }

    fn metrics(&self) -> Option<Arc<dyn MetricsService>> {
        Some(Arc::clone(&self.0) as _)
    }

    fn kv(&self) -> Option<Arc<dyn KvService>> {
        Some(Arc::clone(&self.0) as _)
    }
}

impl MetricsService for Shelves {
    fn figure(&self, _: Figure, name: &str, _: &str) -> u64 {
        let mut figures = locked(&self.figures);
        let at = figures.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            figures.push((name.to_owned(), 0.0));
            figures.len() - 1
        });
        at as u64 + 1
    }

    fn add(&self, handle: u64, value: f64) {
        if let Some((_, figure)) = locked(&self.figures).get_mut(handle as usize - 1) {
            *figure += value;
        }
    }

    fn set(&self, handle: u64, value: f64) {
        if let Some((_, figure)) = locked(&self.figures).get_mut(handle as usize - 1) {
            *figure = value;
        }
    }
}

impl KvService for Shelves {
    fn get(&self, key: String) -> ServiceFuture<Option<Bytes>> {
        let value = locked(&self.keys).get(&key).cloned();
        Box::pin(async { Ok(value) })
    }

    fn set(&self, key: String, value: Bytes) -> ServiceFuture<()> {
        locked(&self.keys).insert(key, value);
        Box::pin(async { Ok(()) })
    }

    fn remove(&self, key: String) -> ServiceFuture<()> {
        locked(&self.keys).remove(&key);
        Box::pin(async { Ok(()) })
    }

    fn list(&self, prefix: String) -> ServiceFuture<Vec<String>> {
        let keys = locked(&self.keys);
        let keys = keys.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        Box::pin(async { Ok(keys) })
    }
}
