//! What `LOCK` and `UNLOCK` answer, and how locks show in `PROPFIND` (RFC 4918 §14.1, §15.8,
//! §15.10; Nextcloud's files_lock).

use bytes::Bytes;

use super::escape::{push_number, push_text};
use super::lockinfo::LockScope;
use super::names::{DAV, NC};
use super::tag::Tag;

/// The XML inside `d:supportedlock`: write locks of both scopes (RFC 4918 §15.10).
pub const SUPPORTED_LOCK: &str = concat!(
    "<d:lockentry><d:lockscope><d:exclusive/></d:lockscope>",
    "<d:locktype><d:write/></d:locktype></d:lockentry>",
    "<d:lockentry><d:lockscope><d:shared/></d:lockscope>",
    "<d:locktype><d:write/></d:locktype></d:lockentry>",
);

/// How far a lock reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockDepth {
    /// The resource alone.
    Zero,
    /// All below it, too.
    Infinity,
}

/// When a lock ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockTimeout {
    /// In so many seconds.
    Seconds(u32),
    /// Never.
    Infinite,
}

/// A write lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveLock<'a> {
    /// Who else may hold one.
    pub scope: LockScope,
    /// How far it reaches.
    pub depth: LockDepth,
    /// Self-contained XML of the owner; empty for none.
    pub owner_xml: &'a str,
    /// When it ends.
    pub timeout: LockTimeout,
    /// The lock token, a URI. Empty to keep it from those who do not hold the lock.
    pub token: &'a str,
    /// Percent-encoded path of the resource that was locked.
    pub root_href: &'a str,
}

/// The XML inside `d:lockdiscovery`; empty without locks.
pub fn active_locks(locks: &[ActiveLock<'_>]) -> String {
    let mut out = String::new();
    for lock in locks {
        push_active_lock(&mut out, lock);
    }
    out
}

fn push_active_lock(out: &mut String, lock: &ActiveLock<'_>) {
    out.push_str("<d:activelock><d:locktype><d:write/></d:locktype><d:lockscope>");
    out.push_str(match lock.scope {
        LockScope::Exclusive => "<d:exclusive/>",
        LockScope::Shared => "<d:shared/>",
    });
    out.push_str("</d:lockscope><d:depth>");
    out.push_str(match lock.depth {
        LockDepth::Zero => "0",
        LockDepth::Infinity => "infinity",
    });
    out.push_str("</d:depth>");
    if !lock.owner_xml.is_empty() {
        out.extend(["<d:owner>", lock.owner_xml, "</d:owner>"]);
    }
    out.push_str("<d:timeout>");
    match lock.timeout {
        LockTimeout::Seconds(seconds) => {
            out.push_str("Second-");
            push_number(out, seconds.into());
        }
        LockTimeout::Infinite => out.push_str("Infinite"),
    }
    out.push_str("</d:timeout>");
    for (name, href) in [("locktoken", lock.token), ("lockroot", lock.root_href)] {
        if !href.is_empty() {
            out.extend(["<d:", name, "><d:href>"]);
            push_text(out, href);
            out.extend(["</d:href></d:", name, ">"]);
        }
    }
    out.push_str("</d:activelock>");
}

/// A document whose root is `d:prop`, with the prefixes `d`, `s`, `oc` and `nc`.
#[derive(Debug)]
pub struct PropBody(String);

impl PropBody {
    /// One without properties.
    pub fn begin() -> Self {
        let begin = concat!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
            r#"<d:prop xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns""#,
            r#" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns">"#,
        );
        Self(begin.to_owned())
    }

    /// A property whose value is text.
    pub fn text(&mut self, tag: &Tag, value: &str) {
        tag.push_text(&mut self.0, value);
    }

    /// A property whose value is a number.
    pub fn number(&mut self, tag: &Tag, value: i64) {
        tag.push_number(&mut self.0, value);
    }

    /// A property whose value is well-formed XML.
    pub fn raw(&mut self, tag: &Tag, xml: &str) {
        tag.push_raw(&mut self.0, xml);
    }

    /// A property without a value.
    pub fn empty(&mut self, tag: &Tag) {
        tag.push_empty(&mut self.0);
    }

    /// The document.
    pub fn finish(mut self) -> Bytes {
        self.0.push_str("</d:prop>");
        Bytes::from(self.0.into_bytes())
    }
}

/// The answer to `LOCK` (RFC 4918 §9.10.1): the locks of the resource.
pub fn lock_body(locks: &[ActiveLock<'_>]) -> Bytes {
    let mut body = PropBody::begin();
    body.raw(&Tag::new(DAV, "lockdiscovery"), &active_locks(locks));
    body.finish()
}

/// A lock made by an app (`X-User-Lock: 1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLock<'a> {
    /// 0 user, 1 app, 2 token.
    pub owner_type: u8,
    /// User id.
    pub owner: &'a str,
    /// Name to show.
    pub owner_displayname: &'a str,
    /// The app that holds it (type 1); else empty.
    pub owner_editor: &'a str,
    /// Unix seconds at which it was made.
    pub time: i64,
    /// Seconds it holds from then on; 0 for ever.
    pub timeout: i64,
    /// Its token; what the desktop sends back for type 2.
    pub token: &'a str,
}

/// The answer to the apps' `LOCK` and `UNLOCK`, and the body of their 423 and 412: who holds the
/// file, or nobody. `etag` is written without quotes.
///
/// COMPAT(desktop): it stores the etag from here as it stands, so quotes would stay in it.
pub fn user_lock_body(lock: Option<&UserLock<'_>>, etag: Option<&str>) -> Bytes {
    let mut body = PropBody::begin();
    match lock {
        None => body.number(&Tag::new(NC, "lock"), 0),
        Some(lock) => push_user_lock(&mut body, lock),
    }
    if let Some(etag) = etag {
        body.text(&Tag::new(DAV, "getetag"), etag);
    }
    body.finish()
}

fn push_user_lock(body: &mut PropBody, lock: &UserLock<'_>) {
    let tag = |name: &str| Tag::new(NC, name);
    body.number(&tag("lock"), 1);
    body.number(&tag("lock-owner-type"), lock.owner_type.into());
    body.text(&tag("lock-owner"), lock.owner);
    body.text(&tag("lock-owner-displayname"), lock.owner_displayname);
    match lock.owner_editor {
        "" => body.empty(&tag("lock-owner-editor")),
        editor => body.text(&tag("lock-owner-editor"), editor),
    }
    body.number(&tag("lock-time"), lock.time);
    body.number(&tag("lock-timeout"), lock.timeout);
    body.text(&tag("lock-token"), lock.token);
}

#[cfg(test)]
mod tests {
    use super::super::{Element, XmlLimits};
    use super::*;

    const BEGIN: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<d:prop xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\" xmlns:oc=\"http://owncloud.org/ns\" xmlns:nc=\"http://nextcloud.org/ns\">";

    #[test]
    fn an_active_lock_has_all_that_rfc4918_14_1_names() {
        let lock = ActiveLock {
            scope: LockScope::Exclusive,
            depth: LockDepth::Infinity,
            owner_xml: r#"<x:a xmlns:x="urn:x">carol</x:a>"#,
            timeout: LockTimeout::Seconds(1800),
            token: "opaquelocktoken:1",
            root_href: "/remote.php/dav/files/carol/a%26b/",
        };
        let one = concat!(
            "<d:activelock><d:locktype><d:write/></d:locktype>",
            "<d:lockscope><d:exclusive/></d:lockscope><d:depth>infinity</d:depth>",
            r#"<d:owner><x:a xmlns:x="urn:x">carol</x:a></d:owner>"#,
            "<d:timeout>Second-1800</d:timeout>",
            "<d:locktoken><d:href>opaquelocktoken:1</d:href></d:locktoken>",
            "<d:lockroot><d:href>/remote.php/dav/files/carol/a%26b/</d:href></d:lockroot>",
            "</d:activelock>",
        );
        let expected = format!("{BEGIN}<d:lockdiscovery>{one}</d:lockdiscovery></d:prop>");
        assert_eq!(lock_body(std::slice::from_ref(&lock)), expected);

        let shared = ActiveLock {
            scope: LockScope::Shared,
            depth: LockDepth::Zero,
            owner_xml: "",
            timeout: LockTimeout::Infinite,
            token: "",
            ..lock
        };
        let expected = concat!(
            "<d:activelock><d:locktype><d:write/></d:locktype>",
            "<d:lockscope><d:shared/></d:lockscope><d:depth>0</d:depth>",
            "<d:timeout>Infinite</d:timeout>",
            "<d:lockroot><d:href>/remote.php/dav/files/carol/a%26b/</d:href></d:lockroot>",
            "</d:activelock>",
        );
        assert_eq!(active_locks(&[shared]), expected);
        assert_eq!(lock_body(&[]), format!("{BEGIN}<d:lockdiscovery/></d:prop>"));
    }

    #[test]
    fn the_apps_see_who_holds_the_file() {
        let lock = UserLock {
            owner_type: 0,
            owner: "alice",
            owner_displayname: "Alice & Co",
            owner_editor: "",
            time: 1_755_770_000,
            timeout: 1800,
            token: "files_lock/1",
        };
        let expected = format!(
            "{BEGIN}<nc:lock>1</nc:lock><nc:lock-owner-type>0</nc:lock-owner-type><nc:lock-owner>alice</nc:lock-owner><nc:lock-owner-displayname>Alice &amp; Co</nc:lock-owner-displayname><nc:lock-owner-editor/><nc:lock-time>1755770000</nc:lock-time><nc:lock-timeout>1800</nc:lock-timeout><nc:lock-token>files_lock/1</nc:lock-token><d:getetag>abc</d:getetag></d:prop>"
        );
        assert_eq!(user_lock_body(Some(&lock), Some("abc")), expected);
        assert_eq!(user_lock_body(None, None), format!("{BEGIN}<nc:lock>0</nc:lock></d:prop>"));
    }

    #[test]
    fn supported_locks_are_both_scopes() {
        let body = format!(r#"<d:supportedlock xmlns:d="DAV:">{SUPPORTED_LOCK}</d:supportedlock>"#);
        let root = Element::parse(body.as_bytes(), &XmlLimits::default()).unwrap();
        assert_eq!(root.elements().count(), 2);
    }
}
