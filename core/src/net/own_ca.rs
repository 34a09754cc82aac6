//! A certificate authority of our own, for a house without a public name.
//!
//! `ca.pem` is what clients are told to trust; it is made once and lives ten years. The server's
//! certificate is renewed from it, so the trust outlives every renewal.
//!
//! | File          | What it is                                              |
//! |---------------|---------------------------------------------------------|
//! | `ca.pem`      | the authority's certificate                             |
//! | `ca.key`      | its key (0600)                                          |
//! | `cert.pem`    | the server's certificate, at most 397 days              |
//! | `key.pem`     | its key (0600), a new one with each certificate         |
//! | `issued.json` | what `cert.pem` says: names, end of life, fingerprint   |

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tls::{TlsError, fingerprint, read_chain, read_pair, refuse_public_key};
use crate::clock::Clock;

const DAY: i64 = 24 * 60 * 60;
/// Days of the authority's certificate.
const CA_DAYS: i64 = 3650;
/// Days of the server's certificate with the one before today: public rules end at 398.
const LEAF_DAYS: i64 = 396;
/// Renewed when fewer days are left.
const RENEW_DAYS: i64 = 30;

/// What `cert.pem` says, kept beside it so that nothing has to parse a certificate.
#[derive(Serialize, Deserialize)]
struct Issued {
    names: BTreeSet<String>,
    /// Unix seconds.
    not_after: i64,
    leaf: String,
    ca: String,
}

/// Makes what is missing or due. Returns with a usable set of files.
///
/// # Errors
/// [`TlsError`] if files cannot be written, a name is unusable, or `ca.key` is gone when it is needed.
pub(super) fn ensure(folder: &Path, extra: &[String], clock: &Clock) -> Result<(), TlsError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(TlsError::file(folder))?;
    let ca_key = ensure_ca(folder, clock)?;
    if is_fresh(folder, extra, clock)
        && read_pair(&folder.join("cert.pem"), &folder.join("key.pem")).is_ok()
    {
        return Ok(());
    }
    let ca_key = ca_key.ok_or_else(|| TlsError::CaKeyMissing(folder.join("ca.key")))?;
    issue(folder, wanted_names(extra)?, ca_key, clock)
}

/// Whether `cert.pem` names all that is wanted, comes from this authority, and has time left.
pub(super) fn is_fresh(folder: &Path, extra: &[String], clock: &Clock) -> bool {
    let print = |name: &str| Some(fingerprint(read_chain(&folder.join(name)).ok()?.first()?));
    let fresh = || {
        let text = fs::read(folder.join("issued.json")).ok()?;
        let issued: Issued = serde_json::from_slice(&text).ok()?;
        let good = issued.leaf == print("cert.pem")?
            && issued.ca == print("ca.pem")?
            && issued.not_after - clock.seconds() > RENEW_DAYS * DAY
            && issued.names.is_superset(&wanted_names(extra).ok()?);
        Some(good)
    };
    fresh().unwrap_or(false)
}

/// The authority's key; `None` if its owner keeps it elsewhere.
fn ensure_ca(folder: &Path, clock: &Clock) -> Result<Option<KeyPair>, TlsError> {
    let (pem_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
    let key = match fs::read_to_string(&key_path) {
        Ok(text) => {
            refuse_public_key(&key_path)?;
            Some(KeyPair::from_pem(&text)?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(TlsError::file(&key_path)(error)),
    };
    if pem_path.exists() {
        return Ok(key);
    }
    // The key is written first, so a crash in between leaves a key that is used now.
    let key = match key {
        Some(key) => key,
        None => {
            let key = KeyPair::generate()?;
            put(folder, "ca.key", key.serialize_pem().as_bytes(), 0o600)?;
            key
        }
    };
    let certificate = ca_params(&key, clock).self_signed(&key)?;
    put(folder, "ca.pem", certificate.pem().as_bytes(), 0o644)?;
    Ok(Some(key))
}

/// The authority's certificate. Name and key id depend on the key alone, so that an issuer rebuilt
/// from the key signs as the one in `ca.pem`.
fn ca_params(key: &KeyPair, clock: &Clock) -> CertificateParams {
    let id = hex::encode(&Sha256::digest(key.der_bytes())[..4]);
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&format!("Moonsail own CA {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_life(&mut params, clock, CA_DAYS);
    params
}

fn issue(
    folder: &Path,
    names: BTreeSet<String>,
    ca_key: KeyPair,
    clock: &Clock,
) -> Result<(), TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    for text in &names {
        params.subject_alt_names.push(match text.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(
                text.as_str().try_into().map_err(|_| TlsError::BadName(text.clone()))?,
            ),
        });
    }
    params.distinguished_name = name("Moonsail");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let not_after = set_life(&mut params, clock, LEAF_DAYS);
    let issuer = Issuer::new(ca_params(&ca_key, clock), ca_key);
    let certificate = params.signed_by(&key, &issuer)?;
    put(folder, "key.pem", key.serialize_pem().as_bytes(), 0o600)?;
    put(folder, "cert.pem", certificate.pem().as_bytes(), 0o644)?;
    let ca = fingerprint(&read_chain(&folder.join("ca.pem"))?[0]);
    let issued = Issued { names, not_after, leaf: fingerprint(certificate.der()), ca };
    let json = serde_json::to_vec_pretty(&issued).expect("strings and numbers are JSON");
    put(folder, "issued.json", &json, 0o644)
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Moonsail");
    name.push(DnType::CommonName, common_name);
    name
}

/// From yesterday (clocks differ) for `days` days from today. Returns the end in Unix seconds.
fn set_life(params: &mut CertificateParams, clock: &Clock, days: i64) -> i64 {
    let midnight = |seconds: i64| {
        let seconds = seconds - seconds.rem_euclid(DAY);
        let date = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = jiff::tz::Offset::UTC.to_datetime(date).date();
        // Both are in range: a civil date has a month of 1-12 and a day of 1-31.
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        (seconds, date_time_ymd(i32::from(date.year()), month, day))
    };
    params.not_before = midnight(clock.seconds() - DAY).1;
    let (not_after, date) = midnight(clock.seconds() + days * DAY);
    params.not_after = date;
    not_after
}

/// The names that clients may use: configured ones, this host's, and its addresses.
fn wanted_names(extra: &[String]) -> Result<BTreeSet<String>, TlsError> {
    let mut names: BTreeSet<String> =
        ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().collect();
    names.extend(host_name());
    names.extend(own_addresses().map(|ip| ip.to_string()));
    for name in extra {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let name = match bare.parse::<IpAddr>() {
            Ok(ip) => ip.to_string(),
            Err(_) if is_dns_name(name) => name.to_ascii_lowercase(),
            Err(_) => return Err(TlsError::BadName(name.clone())),
        };
        names.insert(name);
    }
    Ok(names)
}

/// ASCII letters, digits, hyphens and dots; a wildcard may lead.
fn is_dns_name(name: &str) -> bool {
    let labels = name.strip_prefix("*.").unwrap_or(name).split('.');
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    name.len() <= 253
        && labels.into_iter().all(|l| !l.is_empty() && l.len() <= 63 && l.bytes().all(good))
}

fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    is_dns_name(&name).then_some(name)
}

/// The addresses from which this machine would reach the rest of the world. Connecting a datagram
/// socket asks the routing table and sends nothing.
fn own_addresses() -> impl Iterator<Item = IpAddr> {
    let outside: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    outside.into_iter().filter_map(|(any, there)| {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(there, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    })
}

/// Writes a file whole or not at all.
fn put(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    let (path, fresh) = (folder.join(name), folder.join(format!("{name}.new")));
    let write = || {
        // One left by a crash may have another mode.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(TlsError::file(&path))
}
