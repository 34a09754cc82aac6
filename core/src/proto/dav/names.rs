//! Namespaces, their prefixes, and names of properties.
//!
//! COMPAT(ios): it looks elements up by prefix and local name, without resolving namespaces, so
//! the prefixes are part of the contract (NextcloudKit `NKDataFileXML.swift`).

use std::fmt;

/// RFC 4918.
pub const DAV: &str = "DAV:";
/// ownCloud's properties, which Nextcloud kept.
pub const OC: &str = "http://owncloud.org/ns";
/// Nextcloud's own properties.
pub const NC: &str = "http://nextcloud.org/ns";
/// Errors (`s:exception`, `s:message`).
pub const SABRE: &str = "http://sabredav.org/ns";
/// `share-permissions` as a bit mask.
pub const OCS: &str = "http://open-collaboration-services.org/ns";
/// `share-permissions` as a list.
pub const OCM: &str = "http://open-cloud-mesh.org/ns";
/// The reserved namespace of `xml:lang`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Prefix of [`DAV`].
pub const DAV_PREFIX: &str = "d";
/// Prefix of [`OC`].
pub const OC_PREFIX: &str = "oc";
/// Prefix of [`NC`].
pub const NC_PREFIX: &str = "nc";
/// Prefix of [`SABRE`].
pub const SABRE_PREFIX: &str = "s";
/// Prefix of [`OCS`], declared on the element itself.
pub const OCS_PREFIX: &str = "x1";
/// Prefix of [`OCM`], declared on the element itself.
pub const OCM_PREFIX: &str = "x2";

/// The expanded name of a property: namespace and local name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropName {
    /// Namespace URI; empty for none.
    pub namespace: String,
    /// Local name, an `NCName`.
    pub local: String,
}

impl PropName {
    /// A name. `local` must be an `NCName`: it is written into answers as it is.
    pub fn new(namespace: &str, local: &str) -> Self {
        Self { namespace: namespace.to_owned(), local: local.to_owned() }
    }

    /// Whether it is this name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

impl fmt::Display for PropName {
    /// Clark notation: `{DAV:}getetag`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.namespace, self.local)
    }
}
