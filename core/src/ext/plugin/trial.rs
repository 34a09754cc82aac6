//! Trying a built library without a server: `moonsail plugin test`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::abi::Failure;
use moonsail_sdk::abi::host::{
    CreateError, EntryFacts, Instance, NoServices, PluginAuth, PluginCapabilities,
};
use moonsail_sdk::auth::Call;
use moonsail_sdk::capabilities::CapabilityProvider as _;
use moonsail_sdk::conformance::auth::{Known, auth_suite};
use moonsail_sdk::secret::Secret;

use super::error::{Cause, PluginError};
use super::generation::{EXTENSIONS, described};
use super::{file, library};
use crate::ids::random_token;

/// How long the start and each call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A library to be tried.
pub struct Trial {
    /// The library.
    pub file: PathBuf,
    /// Its configuration; `{tmp}` stands for a new empty folder.
    pub config_json: String,
    /// A login that its authenticator knows, and the password.
    pub known: Option<(String, Secret)>,
}

impl Trial {
    /// Loads and starts it, and runs the suites of what it offers. Gives whether all went through;
    /// `say` is told how.
    ///
    /// # Errors
    /// [`PluginError`] if it cannot be loaded or started.
    pub fn run(&self, say: &mut dyn FnMut(&str)) -> Result<bool, PluginError> {
        let failed = |cause| PluginError { name: String::new(), path: self.file.clone(), cause };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(Cause::Unreadable(error)))?;
        // Nobody can guess it, and put something else there first.
        let folder = std::env::temp_dir().join(format!("moonsail-try-{}", random_token(22)));
        let tried = runtime.block_on(self.try_in(&folder, say));
        // Left behind it costs a few kilobytes.
        let _left = std::fs::remove_dir_all(&folder);
        tried.map_err(failed)
    }

    async fn try_in(&self, folder: &Path, say: &mut dyn FnMut(&str)) -> Result<bool, Cause> {
        let (instance, facts) = self.started(folder).await?;
        say(&format!("{} was loaded and started", described(&facts)));
        let offered: Vec<&str> = EXTENSIONS
            .iter()
            .filter(|(_, id)| instance.offers(id))
            .map(|(word, _)| *word)
            .collect();
        if offered.is_empty() {
            return Err(Cause::Nothing { plugin: described(&facts) });
        }
        say(&format!("it offers {}", offered.join(", ")));
        let mut good = true;
        if let Some(auth) = PluginAuth::of(&instance, TIMEOUT) {
            match &self.known {
                Some((login, password)) => {
                    let known =
                        Known { login: login.clone(), password: password.reveal().to_owned() };
                    good &= suite("auth", say, auth_suite(&auth, &known)).await;
                }
                None => say("auth: not tested; name an account with --login"),
            }
        }
        if let Some(provider) = PluginCapabilities::of(&instance, TIMEOUT) {
            let patch = provider.contribute(&Call::default(), None, "{}").await;
            let verdict = match patch {
                Ok(patch) => match serde_json::from_str::<serde_json::Value>(&patch.json) {
                    Ok(value) if value.is_object() => Ok(()),
                    Ok(_) => Err("its patch is no JSON object".to_owned()),
                    Err(error) => Err(format!("its patch is no JSON: {error}")),
                },
                Err(error) => Err(error.to_string()),
            };
            good &= verdict.is_ok();
            say(&match verdict {
                Ok(()) => "capabilities: passed".to_owned(),
                Err(text) => format!("capabilities: FAILED: {text}"),
            });
        }
        instance.stop(TIMEOUT).await.map_err(|failure| start(&facts, &failure))?;
        Ok(good)
    }

    async fn started(&self, folder: &Path) -> Result<(Arc<Instance>, EntryFacts), Cause> {
        let checked = file::check(&self.file, None)?;
        let (entry, facts) = library::open(&checked.copy(folder, "tried")?)?;
        let tmp = folder.join("tmp");
        std::fs::create_dir_all(&tmp).map_err(|error| Cause::Copy(tmp.clone(), error))?;
        let config = self.config_json.replace("{tmp}", &tmp.to_string_lossy());
        let create = || {
            // SAFETY: checked by `library::open`, and never unloaded.
            unsafe { Instance::create(entry.pointer(), "test", &config, Arc::new(NoServices)) }
        };
        let plugin = described(&facts);
        let instance = create().map_err(|error: CreateError| Cause::Create { plugin, error })?;
        let instance = Arc::new(instance);
        instance.start(TIMEOUT).await.map_err(|failure| start(&facts, &failure))?;
        Ok((instance, facts))
    }
}

fn start(facts: &EntryFacts, failure: &Failure) -> Cause {
    Cause::Start { plugin: described(facts), text: failure.message.clone() }
}

/// Runs a suite, which panics if a case fails.
async fn suite(name: &str, say: &mut dyn FnMut(&str), run: impl Future<Output = ()>) -> bool {
    let mut run = Box::pin(run);
    let passed = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context))) {
            Ok(poll) => poll.map(|()| true),
            Err(_) => std::task::Poll::Ready(false),
        }
    })
    .await;
    say(&format!("{name}: {}", if passed { "passed" } else { "FAILED, see above" }));
    passed
}
