//! One loaded copy of a plugin, with what it offers as traits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::abi::host::{
    CreateError, EntryFacts, Instance, PluginAuth, PluginBlobs, PluginCapabilities, PluginEvents,
    PluginFiles, PluginHooks, PluginHttp, PluginPreview,
};
use moonsail_sdk::abi::{self, Failure};

use tokio::sync::watch;

use super::error::{Cause, PluginError};
use super::services::Services;
use super::{file, library};
use crate::config::{Plugin, Plugins};

/// How long an old generation may take to stop.
const STOP: Duration = Duration::from_secs(10);
/// How often it is looked whether an old generation is still used.
const LOOK: Duration = Duration::from_millis(20);

/// What a plugin can be: the word of `provides`, and the extension's id.
pub(super) const EXTENSIONS: [(&str, &str); 8] = [
    ("auth", abi::EXTENSION_AUTH),
    ("files", abi::EXTENSION_FILES),
    ("blobs", abi::EXTENSION_BLOBS),
    ("capabilities", abi::EXTENSION_CAPABILITIES),
    ("hooks", abi::EXTENSION_HOOKS),
    ("events", abi::EXTENSION_EVENTS),
    ("http", abi::EXTENSION_HTTP),
    ("preview", abi::EXTENSION_PREVIEW),
];

/// What an instance is taken for, as traits. Each keeps it alive.
#[derive(Default)]
pub(super) struct Offered {
    pub(super) auth: Option<PluginAuth>,
    pub(super) files: Option<PluginFiles>,
    pub(super) blobs: Option<PluginBlobs>,
    pub(super) capabilities: Option<PluginCapabilities>,
    pub(super) hooks: Option<PluginHooks>,
    pub(super) events: Option<PluginEvents>,
    pub(super) http: Option<PluginHttp>,
    pub(super) preview: Option<PluginPreview>,
}

impl Offered {
    fn of(instance: &Arc<Instance>, config: &Plugin) -> Self {
        let timeout = config.timeout;
        let wants = |word: &str| config.provides(word);
        Self {
            auth: PluginAuth::of(instance, timeout).filter(|_| wants("auth")),
            files: PluginFiles::of(instance, timeout).filter(|_| wants("files")),
            blobs: PluginBlobs::of(instance, timeout).filter(|_| wants("blobs")),
            capabilities: PluginCapabilities::of(instance, timeout)
                .filter(|_| wants("capabilities")),
            hooks: PluginHooks::of(instance, timeout).filter(|_| wants("hooks")),
            events: PluginEvents::of(instance, timeout).filter(|_| wants("events")),
            http: PluginHttp::of(instance, timeout).filter(|_| wants("http")),
            preview: PluginPreview::of(instance, timeout).filter(|_| wants("preview")),
        }
    }
}

/// A started instance.
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) facts: EntryFacts,
    pub(super) sha256: String,
    /// The configuration that it was made with.
    pub(super) config: Plugin,
    pub(super) instance: Arc<Instance>,
    /// Whether its `destroy` has returned.
    destroyed: watch::Receiver<bool>,
    pub(super) offered: Offered,
}

impl Generation {
    /// Loads, checks, makes and starts one.
    pub(super) async fn load(
        config: &Plugin,
        rules: Plugins,
        number: u64,
        run: &Path,
        services: Services,
    ) -> Result<Self, PluginError> {
        let failed = {
            let (name, path) = (config.name.clone(), config.path.clone());
            move |cause| PluginError { name: name.clone(), path: path.clone(), cause }
        };
        let (wanted, run) = (config.clone(), run.to_owned());
        let made =
            tokio::task::spawn_blocking(move || make(&wanted, rules, number, &run, services));
        let made = made.await.map_err(|error| {
            let error = CreateError::Refused(error.to_string());
            failed(Cause::Create { plugin: String::new(), error })
        })?;
        let (mut instance, facts, sha256) = made.map_err(&failed)?;
        let (gone, destroyed) = watch::channel(false);
        instance.when_destroyed(move || {
            gone.send_replace(true);
        });
        let instance = Arc::new(instance);
        let plugin = described(&facts);
        let offered: Vec<&'static str> = EXTENSIONS
            .iter()
            .filter(|(_, id)| instance.offers(id))
            .map(|(word, _)| *word)
            .collect();
        let missing = config.provides.iter().find(|word| !offered.contains(&word.as_str()));
        if let Some(missing) = missing.cloned() {
            return Err(failed(Cause::NotOffered { plugin, missing, offered }));
        }
        if offered.is_empty() {
            return Err(failed(Cause::Nothing { plugin }));
        }
        instance.start(rules.start_timeout).await.map_err(|failure: Failure| {
            let text = match failure.code {
                abi::CODE_TIMEOUT => format!(
                    "no answer within {} seconds (plugins.start_timeout_secs)",
                    rules.start_timeout.as_secs()
                ),
                _ => failure.message,
            };
            failed(Cause::Start { plugin: plugin.clone(), text })
        })?;
        Ok(Self {
            number,
            offered: Offered::of(&instance, config),
            facts,
            sha256,
            config: config.clone(),
            instance,
            destroyed,
        })
    }

    /// The words of `provides` that it is taken for.
    pub(super) fn offers(&self) -> Vec<&'static str> {
        let offered = EXTENSIONS.iter().filter(|(_, id)| self.instance.offers(id));
        offered.map(|(word, _)| *word).filter(|word| self.config.provides(word)).collect()
    }

    /// Ends a generation that was taken out of service, once all that uses it has ended.
    pub(super) async fn retire(self: Arc<Self>) {
        let (instance, mut destroyed) = (Arc::clone(&self.instance), self.destroyed.clone());
        drop(self);
        while Arc::strong_count(&instance) > 1 {
            tokio::time::sleep(LOOK).await;
        }
        if let Err(failure) = instance.stop(STOP).await {
            let plugin = instance.name();
            tracing::warn!(plugin, %failure, "a plugin did not stop as it should");
        }
        drop(instance);
        // What it does at its very end is done before the process ends.
        let _gone = destroyed.wait_for(|gone| *gone).await;
    }
}

/// Name and version, for messages.
pub(super) fn described(facts: &EntryFacts) -> String {
    format!("{} {}", facts.name, facts.version)
}

fn make(
    config: &Plugin,
    rules: Plugins,
    number: u64,
    run: &Path,
    services: Services,
) -> Result<(Instance, EntryFacts, String), Cause> {
    let checked = file::check(&config.path, config.sha256.as_deref())?;
    let copy = checked.copy(run, &format!("{}-{number}", config.name))?;
    let (entry, facts) = library::open(&copy)?;
    if facts.panic_aborts {
        let plugin = described(&facts);
        if rules.strict {
            return Err(Cause::PanicAborts { plugin });
        }
        tracing::warn!(plugin, "a panic in this plugin ends the server (panic = \"abort\")");
    }
    let made = {
        let services = Arc::new(services);
        // SAFETY: checked by `library::open`, and never unloaded.
        unsafe { Instance::create(entry.pointer(), &config.name, &config.config_json, services) }
    };
    let instance = made.map_err(|error| Cause::Create { plugin: described(&facts), error })?;
    Ok((instance, facts, checked.sha256))
}
