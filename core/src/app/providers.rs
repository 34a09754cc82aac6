//! The providers of `auth.chain`: for the house, and for verbs of the command line that ask them
//! themselves, whether a server runs or not.

use std::sync::Arc;

use moonsail_auth_file::{AuthFile, AuthFileConfig};
use moonsail_sdk::auth::DynAuthenticator;

use super::{StartError, settings};
use crate::config::{AuthProvider, Settings};
use crate::ext::lua::Scripts;
use crate::ext::plugin::Plugins;
use crate::ids::random_token;

/// Providers by the id under which their accounts are stored, in the order of `auth.chain`.
pub type Providers = Vec<(String, Arc<dyn DynAuthenticator>)>;

/// The providers that keep accounts elsewhere than in the index, opened beside the house.
pub struct OpenProviders {
    /// Whom to ask.
    pub providers: Providers,
    plugins: Plugins,
}

impl OpenProviders {
    /// Loads the plugins of `settings`, and opens those providers of `auth.chain`.
    ///
    /// # Errors
    /// [`StartError`] if one cannot be used.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        // Nobody can guess it, and put something else there first.
        let run = std::env::temp_dir().join(format!("moonsail-ask-{}", random_token(22)));
        let plugins = Plugins::load(&settings.plugin, settings.plugins, &run, None).await?;
        let mut opened = Self { providers: Providers::new(), plugins };
        for provider in &settings.auth.chain {
            match open(settings, &opened.plugins, None, provider) {
                Ok(Some(found)) => opened.providers.push((provider.id().to_owned(), found)),
                Ok(None) => {}
                Err(error) => {
                    opened.close().await;
                    return Err(error);
                }
            }
        }
        Ok(opened)
    }

    /// Stops the plugins and removes their copies.
    pub async fn close(self) {
        drop(self.providers);
        self.plugins.discard().await;
    }
}

/// Opens a provider; `None` for the users in the index, and for a script where there are none.
pub(super) fn open(
    settings: &Settings,
    plugins: &Plugins,
    scripts: Option<&Scripts>,
    provider: &AuthProvider,
) -> Result<Option<Arc<dyn DynAuthenticator>>, StartError> {
    match provider {
        AuthProvider::Users => Ok(None),
        AuthProvider::File(path) => {
            let file = AuthFile::open(AuthFileConfig { path: path.clone() })?;
            Ok(Some(Arc::new(file.at_once(settings::password_threads(settings)))))
        }
        AuthProvider::Script(id) => {
            let name = id.strip_prefix("lua:").unwrap_or(id);
            let slot = scripts.and_then(|scripts| scripts.find(name));
            Ok(slot.map(|slot| Arc::clone(slot) as _))
        }
        AuthProvider::Plugin(id) => super::authenticator(plugins, id, settings).map(Some),
    }
}
