//! Certificates and the TLS configuration: rustls with ring, TLS 1.2 and 1.3, ALPN, session tickets
//! whose keys rotate, and a certificate that can change while connections run.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::own_ca;
use crate::clock::Clock;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum CertSource {
    /// PEM files kept by somebody else: an ACME client, an administrator.
    Files {
        /// The server's certificate, then the intermediate ones.
        chain: PathBuf,
        /// Its private key (PKCS #8, PKCS #1 or SEC1).
        key: PathBuf,
    },
    /// A certificate authority of our own, made at the first start in `folder`.
    OwnCa {
        /// `data/tls`.
        folder: PathBuf,
        /// Names and addresses beside those that this machine knows of itself.
        names: Vec<String>,
    },
}

/// SHA-256 over the DER form, as browsers show it: `AB:CD:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of the server's certificate.
    pub leaf: String,
    /// Of our own certificate authority, if that issued it.
    pub ca: Option<String>,
}

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file is not the PEM it should be.
    #[error("{path} holds no {what} in PEM form: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What was found.
        source: rustls_pki_types::pem::Error,
    },
    /// Everybody on the machine can read the private key.
    #[error("{0} can be read by everybody; make it private with `chmod 600`")]
    KeyIsPublic(PathBuf),
    /// The certificate and the key cannot be used together.
    #[error("{chain} and {key} do not work together: {source}")]
    Unusable {
        /// The certificate.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
        /// rustls's reason.
        source: rustls::Error,
    },
    /// rustls refused the configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
    /// A name that cannot stand in a certificate.
    #[error("{0:?} can be no name in a certificate")]
    BadName(String),
    /// The certificate authority could not sign.
    #[error("the certificate cannot be made: {0}")]
    Issue(#[from] rcgen::Error),
    /// The authority's key is gone, and the certificate needs renewing.
    #[error("{0} is missing; put it back, or remove ca.pem beside it to start a new authority")]
    CaKeyMissing(PathBuf),
}

impl TlsError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::File { path: path.to_owned(), source }
    }
}

/// The certificate in use, and the TLS configuration that serves it.
pub struct CertStore {
    source: ArcSwap<CertSource>,
    clock: Clock,
    current: Arc<ArcSwap<Loaded>>,
    config: Arc<ServerConfig>,
}

struct Loaded {
    key: Arc<CertifiedKey>,
    fingerprints: Fingerprints,
    /// Of the files when they were read; `None` for a file that could not be seen.
    stamps: [Option<Stamp>; 2],
}

/// Tells one state of a file from the next: inode, size, mtime and its nanoseconds.
type Stamp = (u64, u64, i64, i64);

/// Gives each handshake the certificate of the moment.
struct Current(Arc<ArcSwap<Loaded>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl CertStore {
    /// Reads the certificate, or makes it, if the authority is our own. Reads and writes files.
    ///
    /// # Errors
    /// [`TlsError`], naming the file and the remedy.
    pub fn open(source: CertSource, clock: Clock) -> Result<Self, TlsError> {
        let current = Arc::new(ArcSwap::from_pointee(load(&source, &clock)?));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Current(Arc::clone(&current))));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        let source = ArcSwap::from_pointee(source);
        Ok(Self { source, clock, current, config: Arc::new(config) })
    }

    /// The configuration for a listener. It follows every reload.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Fingerprints of what is served now.
    pub fn fingerprints(&self) -> Fingerprints {
        self.current.load().fingerprints.clone()
    }

    /// The authority's certificate, which clients are to trust, if it is our own.
    pub fn ca_path(&self) -> Option<PathBuf> {
        match &**self.source.load() {
            CertSource::OwnCa { folder, .. } => Some(folder.join("ca.pem")),
            CertSource::Files { .. } => None,
        }
    }

    /// Reads the files again; renews the certificate if it is our own and due. New connections get
    /// the new certificate, running ones keep theirs. After an error the old one stays in use.
    ///
    /// # Errors
    /// [`TlsError`], as at the start.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.replace(CertSource::clone(&self.source.load()))
    }

    /// As [`CertStore::reload`], from another place from now on.
    ///
    /// # Errors
    /// [`TlsError`], as at the start; the old place and its certificate stay in use.
    pub fn replace(&self, source: CertSource) -> Result<(), TlsError> {
        let loaded = load(&source, &self.clock)?;
        if loaded.fingerprints != self.fingerprints() {
            tracing::info!(sha256 = %loaded.fingerprints.leaf, "new TLS certificate");
        }
        self.source.store(Arc::new(source));
        self.current.store(Arc::new(loaded));
        Ok(())
    }

    /// Whether the files are no longer those that were read, or our own certificate is due.
    fn is_stale(&self) -> bool {
        let source = self.source.load();
        if self.current.load().stamps != stamps(&source) {
            return true;
        }
        match &**source {
            CertSource::Files { .. } => false,
            CertSource::OwnCa { folder, names } => !own_ca::is_fresh(folder, names, &self.clock),
        }
    }

    /// Looks at the files `every` few seconds; reloads when they change, and renews in time. Runs
    /// until it is dropped.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        let mut failed = None;
        loop {
            tokio::time::sleep(every).await;
            let store = Arc::clone(&self);
            let look = move || {
                let seen = stamps(&store.source.load());
                // A file that could not be used is not tried again before it changes.
                if !store.is_stale() || failed == Some(seen) {
                    return failed;
                }
                match store.reload() {
                    Ok(()) => None,
                    Err(error) => {
                        tracing::error!(%error, "the TLS certificate in use stays");
                        Some(seen)
                    }
                }
            };
            failed = tokio::task::spawn_blocking(look).await.unwrap_or(failed);
        }
    }
}

fn load(source: &CertSource, clock: &Clock) -> Result<Loaded, TlsError> {
    if let CertSource::OwnCa { folder, names } = source {
        own_ca::ensure(folder, names, clock)?;
    }
    // Before reading: a change in between is seen as one, and read again.
    let stamps = stamps(source);
    let (chain, key) = paths(source);
    let key = read_pair(&chain, &key)?;
    let leaf = key.cert.first().map(|leaf| fingerprint(leaf)).unwrap_or_default();
    let ca = match source {
        CertSource::Files { .. } => None,
        CertSource::OwnCa { folder, .. } => {
            let path = folder.join("ca.pem");
            Some(fingerprint(&read_chain(&path)?[0]))
        }
    };
    Ok(Loaded { key: Arc::new(key), fingerprints: Fingerprints { leaf, ca }, stamps })
}

fn paths(source: &CertSource) -> (PathBuf, PathBuf) {
    match source {
        CertSource::Files { chain, key } => (chain.clone(), key.clone()),
        CertSource::OwnCa { folder, .. } => (folder.join("cert.pem"), folder.join("key.pem")),
    }
}

fn stamps(source: &CertSource) -> [Option<Stamp>; 2] {
    let (chain, key) = paths(source);
    [chain, key].map(|path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
    })
}

/// A chain and its key, checked against each other.
pub(super) fn read_pair(chain: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    refuse_public_key(key)?;
    let certificates = read_chain(chain)?;
    let pem = std::fs::read(key).map_err(TlsError::file(key))?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|source| TlsError::Pem {
        path: key.to_owned(),
        what: "private key",
        source,
    })?;
    CertifiedKey::from_der(certificates, private, &ring::default_provider()).map_err(|source| {
        TlsError::Unusable { chain: chain.to_owned(), key: key.to_owned(), source }
    })
}

/// The certificates of a file; at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |source| TlsError::Pem { path: path.to_owned(), what: "certificate", source };
    let pem = std::fs::read(path).map_err(TlsError::file(path))?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(bad)?;
    if chain.is_empty() {
        return Err(bad(rustls_pki_types::pem::Error::NoItemsFound));
    }
    Ok(chain)
}

/// `threats.md` §6: refuse what the world reads, warn of what the group reads. Certbot's keys are
/// group-readable on purpose, so that is no more than a warning.
pub(super) fn refuse_public_key(path: &Path) -> Result<(), TlsError> {
    let mode = std::fs::metadata(path).map_err(TlsError::file(path))?.mode();
    if mode & 0o006 != 0 {
        return Err(TlsError::KeyIsPublic(path.to_owned()));
    }
    if mode & 0o060 != 0 {
        tracing::warn!(path = %path.display(), "the private key can be read by its group");
    }
    Ok(())
}

/// SHA-256 as `AB:CD:…`.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let mut text = String::with_capacity(95);
    for (at, byte) in Sha256::digest(der).iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        write!(text, "{colon}{byte:02X}").expect("a String takes everything");
    }
    text
}
