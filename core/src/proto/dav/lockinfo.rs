//! The body of `LOCK` (RFC 4918 §9.10, §14.11). Without a body `LOCK` is a refresh: the caller
//! looks first, here that is [`XmlError::Empty`].

use super::names::DAV;
use super::xml::{Element, XmlError, XmlLimits};

/// RFC 4918 §6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockScope {
    /// One holder.
    Exclusive,
    /// Several.
    Shared,
}

/// The lock a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// Who else may hold one.
    pub scope: LockScope,
    /// The XML inside `d:owner`, self-contained; empty without an owner.
    pub owner_xml: String,
}

impl LockInfo {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError`], all 400; also for any type but `d:write`.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        let root = Element::parse_root(body, "lockinfo", limits)?;
        let inside = |name: &str| root.child(DAV, name).and_then(|found| found.elements().next());
        if !inside("locktype").is_some_and(|kind| kind.is(DAV, "write")) {
            return Err(XmlError::Invalid("only write locks are known"));
        }
        let scope = match inside("lockscope") {
            Some(scope) if scope.is(DAV, "exclusive") => LockScope::Exclusive,
            Some(scope) if scope.is(DAV, "shared") => LockScope::Shared,
            _ => return Err(XmlError::Invalid("a lock is exclusive or shared")),
        };
        let owner_xml = root.child(DAV, "owner").map(Element::inner_xml).unwrap_or_default();
        Ok(Self { scope, owner_xml })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockinfo_follows_rfc4918() {
        let (exclusive, shared) = (LockScope::Exclusive, LockScope::Shared);
        for (body, expected, source) in [
            (
                r#"<?xml version="1.0"?><d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype><d:owner><d:href>carol</d:href></d:owner></d:lockinfo>"#,
                Some((exclusive, r#"<d:href xmlns:d="DAV:">carol</d:href>"#)),
                "the trace's",
            ),
            (
                "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<D:lockinfo xmlns:D=\"DAV:\">\n <D:lockscope><D:shared/></D:lockscope>\n <D:locktype><D:write/></D:locktype>\n <D:owner>litmus test suite</D:owner>\n</D:lockinfo>",
                Some((shared, "litmus test suite")),
                "litmus",
            ),
            (
                r#"<lockinfo xmlns="DAV:"><locktype><write/></locktype><lockscope><exclusive/></lockscope></lockinfo>"#,
                Some((exclusive, "")),
                "§14.11: the owner may be missing",
            ),
            (
                r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:read/></d:locktype></d:lockinfo>"#,
                None,
                "§14.15",
            ),
            (
                r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope/><d:locktype><d:write/></d:locktype></d:lockinfo>"#,
                None,
                "§14.13",
            ),
            (r#"<d:lockinfo xmlns:d="DAV:"/>"#, None, "§14.11"),
            ("", None, "a refresh, which is the caller's"),
        ] {
            let found = LockInfo::parse(body.as_bytes(), &XmlLimits::default()).ok();
            let expected =
                expected.map(|(scope, owner)| LockInfo { scope, owner_xml: owner.to_owned() });
            assert_eq!(found, expected, "{body} ({source})");
        }
    }
}
