//! Opening connections: which address, which encryption, whose certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError};
use moonsail_sdk::auth::AuthUnavailable;
use moonsail_sdk::secret::Secret;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::{ConfigError, LdapConfig};

/// Opens connections to the first address that answers.
pub(crate) struct Connector {
    urls: Vec<String>,
    /// The address that answered last: one that is down costs its timeout once.
    answered: AtomicUsize,
    starttls: bool,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    bind_dn: String,
    bind_password: Secret,
}

impl Connector {
    pub(crate) fn new(config: &LdapConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            urls: config.urls(),
            answered: AtomicUsize::new(0),
            starttls: config.starttls,
            tls: trusting(config)?,
            timeout: config.connect_timeout(),
            bind_dn: config.bind_dn.clone(),
            bind_password: config.bind_password.clone(),
        })
    }

    /// The address that answered last.
    pub(crate) fn url(&self) -> &str {
        &self.urls[self.answered.load(Ordering::Relaxed) % self.urls.len()]
    }

    /// A connection that is nobody's yet.
    pub(crate) async fn open(&self) -> Result<Ldap, AuthUnavailable> {
        let first = self.answered.load(Ordering::Relaxed);
        let mut problems = Vec::new();
        for at in (0..self.urls.len()).map(|more| (first + more) % self.urls.len()) {
            match tokio::time::timeout(self.timeout, self.open_one(&self.urls[at])).await {
                Ok(Ok(ldap)) => {
                    self.answered.store(at, Ordering::Relaxed);
                    return Ok(ldap);
                }
                Ok(Err(error)) => problems.push(format!("{}: {}", self.urls[at], reasons(&error))),
                Err(_) => problems.push(format!("{}: no answer in time", self.urls[at])),
            }
        }
        Err(AuthUnavailable::new(problems.join("; ")))
    }

    /// A connection of the entry that searches.
    pub(crate) async fn open_service(&self) -> Result<Ldap, AuthUnavailable> {
        let mut ldap = self.open().await?;
        if self.bind_dn.is_empty() {
            return Ok(ldap);
        }
        let bind = ldap.simple_bind(&self.bind_dn, self.bind_password.reveal());
        match tokio::time::timeout(self.timeout, bind).await {
            Ok(Ok(result)) if result.rc == 0 => Ok(ldap),
            Ok(Ok(result)) => Err(AuthUnavailable::new(format!(
                "{}: bind_dn {} is refused: {result}",
                self.url(),
                self.bind_dn
            ))),
            Ok(Err(error)) => {
                Err(AuthUnavailable::new(format!("{}: {}", self.url(), reasons(&error))))
            }
            Err(_) => Err(AuthUnavailable::new(format!("{}: no answer in time", self.url()))),
        }
    }

    async fn open_one(&self, url: &str) -> Result<Ldap, LdapError> {
        let mut settings = LdapConnSettings::new().set_starttls(self.starttls);
        if let Some(tls) = &self.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await?;
        // Ends when the last handle is dropped, or the directory closes it.
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(error = reasons(&error), "a connection to the directory broke");
            }
        });
        Ok(ldap)
    }
}

/// TLS that believes the certificates of `ca_file` and no others; `None` for those of the system.
fn trusting(config: &LdapConfig) -> Result<Option<Arc<ClientConfig>>, ConfigError> {
    let Some(path) = &config.ca_file else { return Ok(None) };
    let problem = |text: String| ConfigError::new("ca_file", format!("{}: {text}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| problem(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| problem(error.to_string()))?;
        roots.add(certificate).map_err(|error| problem(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(problem("has no certificate in PEM form".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| problem(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(tls)))
}

/// An error with what it came from: the outermost text alone often says nothing.
pub(crate) fn reasons(error: &LdapError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}
