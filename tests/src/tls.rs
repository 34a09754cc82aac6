//! A TLS client that trusts exactly one certificate authority.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

/// An encrypted connection to the server.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Encrypts a connection to 127.0.0.1, offering `alpn`; the certificate has to come from the
/// authority in the PEM file `ca`.
///
/// # Errors
/// When the file has no certificate, or the handshake fails.
pub fn connect(tcp: TcpStream, ca: &Path, alpn: &[&str]) -> Result<TlsStream> {
    let config = config(ca, alpn)?;
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name()?)?, tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).context("TLS handshake")?;
    }
    Ok(stream)
}

/// What the server's certificate is for, as far as these tests are concerned: 127.0.0.1.
///
/// # Errors
/// None that could happen.
pub fn name() -> Result<ServerName<'static>> {
    Ok(ServerName::try_from("127.0.0.1")?)
}

/// The configuration of such a client, for many connections.
///
/// # Errors
/// When the file has no certificate.
pub fn config(ca: &Path, alpn: &[&str]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).context("the CA file")? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}
