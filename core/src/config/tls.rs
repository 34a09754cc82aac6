//! `[tls]`: the certificate of the TLS listener.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawTls {
    certificate: String,
    key: String,
    names: Vec<String>,
}

/// Checked `[tls]`. The files are read again at each reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The owner's certificate; `None` if the server makes its own in `data/tls`.
    pub files: Option<TlsFiles>,
    /// More names and addresses that the server's own certificate is to be valid for.
    pub names: Vec<String>,
}

/// Where the owner's certificate lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key; not readable by others.
    pub key: PathBuf,
}

impl RawTls {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Tls {
        see.section("tls");
        let files = match (self.certificate.is_empty(), self.key.is_empty()) {
            (true, true) => None,
            (false, false) => Some(TlsFiles {
                certificate: see.readable_file("certificate", &self.certificate),
                key: see.secret_file("key", &self.key),
            }),
            (true, false) => {
                see.refuse("certificate", "the certificate that belongs to tls.key", "\"\"");
                None
            }
            (false, true) => {
                see.refuse("key", "the private key of tls.certificate", "\"\"");
                None
            }
        };
        for name in &self.names {
            if !is_host(name) {
                see.refuse(
                    "names",
                    "host names or addresses, without scheme and port, as in [\"nas.local\"]",
                    format!("{name:?}"),
                );
            }
        }
        Tls { files, names: self.names.clone() }
    }
}

/// A host name (RFC 1123 §2.1, a `*` label first), or an address.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let name = text.strip_prefix("*.").unwrap_or(text);
    text.parse::<std::net::IpAddr>().is_ok() || (text.len() <= 253 && name.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn certificate_names_are_hosts() {
        for (text, good) in [
            ("nas", true),
            ("cloud.example.org", true),
            ("*.example.org", true),
            ("192.168.1.2", true),
            ("fd00::1", true),
            ("", false),
            ("https://a", false),
            ("a:8443", false),
            ("a..b", false),
            ("-a.org", false),
            ("a b", false),
        ] {
            assert_eq!(is_host(text), good, "{text:?}");
        }
    }
}
