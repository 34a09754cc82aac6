//! TLS: what is offered, who is believed, and certificates that change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moonsail::clock::Clock;
use moonsail::net::{CertSource, CertStore, TlsError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{House, PATIENCE, field, read_answer};

/// A client that trusts one authority.
fn client(
    ca: &Path,
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub(crate) async fn connect(
    house: &House,
    ca: &Path,
    name: &str,
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let config = client(ca, alpn, versions);
    let stream = TcpStream::connect(house.tls).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn clients_that_trust_the_authority_are_served() {
    let house = House::start().await;
    let ca = house.certs.ca_path().unwrap();
    let (new, old) = (&rustls::version::TLS13, &rustls::version::TLS12);
    for (name, versions, version) in [
        ("localhost", [new], ProtocolVersion::TLSv1_3),
        ("127.0.0.1", [old], ProtocolVersion::TLSv1_2),
        ("::1", [new], ProtocolVersion::TLSv1_3),
    ] {
        let mut stream = connect(&house, &ca, name, &["http/1.1"], &versions).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET /who HTTP/1.1\r\nHost: localhost:1\r\n\r\n").await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert!(answer.contains("\r\n\r\nhttps://localhost:1 127.0.0.1 "), "{answer}");
        assert_eq!(field(&answer, "strict-transport-security"), Some("max-age=31536000"));
    }
    let error = connect(&house, &ca, "other.example", &[], &[new]).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn sessions_are_resumed_by_tickets_whose_keys_rotate() {
    let house = House::start().await;
    let ca = house.certs.ca_path().unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = Arc::new(client(&ca, &["http/1.1"], &[version]));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let tcp = TcpStream::connect(house.tls).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let connector = TlsConnector::from(Arc::clone(&config));
            let mut stream = connector.connect(name, tcp).await.unwrap();
            stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert!(read_answer(&mut stream).await.ends_with("hello"));
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
        }
    }
    // rustls changes the key every six hours, and takes the last one's tickets for six more.
    let tickets = Arc::clone(&house.certs.server_config().ticketer);
    assert_eq!((tickets.enabled(), tickets.lifetime()), (true, 12 * 3600));
    let ticket = tickets.encrypt(b"state").unwrap();
    assert_eq!(tickets.decrypt(&ticket).unwrap(), b"state");
    let other = House::start().await.certs.server_config();
    assert_eq!(other.ticketer.decrypt(&ticket), None, "the key is this process's own");
}

#[tokio::test]
async fn a_reload_changes_the_certificate_of_new_connections_only() {
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str| {
        let source = CertSource::OwnCa { folder: folder.path().join(name), names: vec![] };
        CertStore::open(source, Clock::system()).unwrap().fingerprints()
    };
    let (first, second) = (own("one"), own("two"));
    assert_ne!(first, second);
    let install = |name: &str| {
        for file in ["key.pem", "cert.pem"] {
            let fresh = folder.path().join(format!("{file}.new"));
            fs::copy(folder.path().join(name).join(file), &fresh).unwrap();
            fs::rename(&fresh, folder.path().join(file)).unwrap();
        }
    };
    install("one");
    let (chain, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let (ca_one, ca_two) = (folder.path().join("one/ca.pem"), folder.path().join("two/ca.pem"));
    let source = CertSource::Files { chain: chain.clone(), key };
    let house = House::with_source(source, folder, |_, _| {}).await;
    let folder = house.folder.path();
    let versions = [&rustls::version::TLS13];
    let mut before = connect(&house, &ca_one, "localhost", &[], &versions).await.unwrap();
    assert_eq!(house.certs.fingerprints().leaf, first.leaf);

    // A certificate without its key is refused, and the old one stays.
    fs::copy(folder.join("two/cert.pem"), &chain).unwrap();
    assert!(matches!(house.certs.reload(), Err(TlsError::Unusable { .. })));
    connect(&house, &ca_one, "localhost", &[], &versions).await.unwrap();

    for (from, to) in [("one", "two"), ("two", "one")] {
        for file in ["key.pem", "cert.pem"] {
            let fresh = folder.join(format!("{file}.new"));
            fs::copy(folder.join(to).join(file), &fresh).unwrap();
            fs::rename(&fresh, folder.join(file)).unwrap();
        }
        if to == "two" {
            house.certs.reload().unwrap();
        } else {
            let watch = tokio::spawn(Arc::clone(&house.certs).watch(Duration::from_millis(20)));
            let changed = async {
                while house.certs.fingerprints().leaf != first.leaf {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(PATIENCE, changed).await.expect("the watcher sees the files");
            watch.abort();
        }
        let (old, new) = if from == "one" { (&ca_one, &ca_two) } else { (&ca_two, &ca_one) };
        connect(&house, new, "localhost", &[], &versions).await.unwrap();
        connect(&house, old, "localhost", &[], &versions).await.unwrap_err();
        before.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(read_answer(&mut before).await.ends_with("hello"), "running connections go on");
    }
}

#[test]
fn own_certificates_are_kept_renewed_and_reissued() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tls");
    let clock = Clock::fixed(1_800_000_000_000);
    let open = |names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        CertStore::open(CertSource::OwnCa { folder: folder.clone(), names }, clock.clone())
            .map(|store| store.fingerprints())
    };
    let first = open(&["cloud.example.org"]).unwrap();
    assert_eq!(open(&["cloud.example.org"]).unwrap(), first, "a restart keeps it");
    assert_eq!(open(&[]).unwrap(), first, "fewer names need no new one");
    for key in ["ca.key", "key.pem"] {
        let mode = fs::metadata(folder.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    let renamed = open(&["cloud.example.org", "192.0.2.9"]).unwrap();
    assert!(renamed.leaf != first.leaf && renamed.ca == first.ca, "a new name, the same authority");
    clock.advance(Duration::from_secs(365 * 86_400));
    assert_eq!(open(&["192.0.2.9"]).unwrap(), renamed, "31 days are left");
    clock.advance(Duration::from_secs(2 * 86_400));
    let renewed = open(&["192.0.2.9"]).unwrap();
    assert!(renewed.leaf != renamed.leaf && renewed.ca == first.ca, "29 days are left");

    fs::remove_file(folder.join("ca.key")).unwrap();
    assert_eq!(open(&[]).unwrap(), renewed, "an authority kept elsewhere is not needed yet");
    assert!(matches!(open(&["new.example"]), Err(TlsError::CaKeyMissing(_))));
    assert!(matches!(open(&["not a name"]), Err(TlsError::BadName(_) | TlsError::CaKeyMissing(_))));
}

#[test]
fn keys_that_everybody_reads_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let own = CertSource::OwnCa { folder: folder.path().into(), names: vec![] };
    CertStore::open(own, Clock::system()).unwrap();
    let (chain, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    for (mode, good) in [(0o600, true), (0o640, true), (0o644, false), (0o604, false)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let source = CertSource::Files { chain: chain.clone(), key: key.clone() };
        let refused =
            matches!(CertStore::open(source, Clock::system()), Err(TlsError::KeyIsPublic(_)));
        assert_eq!(!refused, good, "{mode:o}");
    }
}
