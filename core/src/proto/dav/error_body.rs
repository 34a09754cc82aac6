//! The body of an error: sabre's `d:error`, and the conditions of RFC 4918 §16 and its relatives.
//!
//! COMPAT(desktop): it searches the body for the bytes `<s:exception>` and `<s:message>`.

use bytes::Bytes;

use super::escape::push_message;

/// Which rule of the protocol was broken: the element inside `d:error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A lock token is needed for these hrefs (423, RFC 4918 §16).
    LockTokenSubmitted(Vec<String>),
    /// These hrefs are locked in a way that forbids the new lock (423, §16).
    NoConflictingLock(Vec<String>),
    /// The lock token is of another resource (409 to `UNLOCK`, §16).
    LockTokenMatchesRequestUri,
    /// `Depth: infinity` is refused (403 to `PROPFIND`, §16).
    PropfindFiniteDepth,
    /// The property is the server's (403 in `PROPPATCH`, §16).
    CannotModifyProtectedProperty,
    /// Live properties would be lost (409 to `COPY` and `MOVE`, §16).
    PreservedLiveProperties,
    /// The body refers to an external entity (403, §16).
    NoExternalEntities,
    /// The report is not known (403 or 415 to `REPORT`, RFC 3253 §3.6).
    SupportedReport,
    /// The type of the new collection is not known (403 to `MKCOL`, RFC 5689 §3.3).
    ValidResourcetype,
    /// The quota is used up (507, RFC 4331 §6).
    QuotaNotExceeded,
    /// The disk is full (507, RFC 4331 §6).
    SufficientDiskSpace,
    /// The scope of a search is not one (409 to `SEARCH`, RFC 5323 §2.2).
    SearchScopeValid,
}

impl Condition {
    /// Local name in the namespace `DAV:`, and hrefs.
    fn parts(&self) -> (&'static str, &[String]) {
        match self {
            Self::LockTokenSubmitted(hrefs) => ("lock-token-submitted", hrefs),
            Self::NoConflictingLock(hrefs) => ("no-conflicting-lock", hrefs),
            Self::LockTokenMatchesRequestUri => ("lock-token-matches-request-uri", &[]),
            Self::PropfindFiniteDepth => ("propfind-finite-depth", &[]),
            Self::CannotModifyProtectedProperty => ("cannot-modify-protected-property", &[]),
            Self::PreservedLiveProperties => ("preserved-live-properties", &[]),
            Self::NoExternalEntities => ("no-external-entities", &[]),
            Self::SupportedReport => ("supported-report", &[]),
            Self::ValidResourcetype => ("valid-resourcetype", &[]),
            Self::QuotaNotExceeded => ("quota-not-exceeded", &[]),
            Self::SufficientDiskSpace => ("sufficient-disk-space", &[]),
            Self::SearchScopeValid => ("search-scope-valid", &[]),
        }
    }

    /// Without line breaks, for inside a `d:multistatus`.
    pub(super) fn push_compact(&self, out: &mut String) {
        self.push(out, "", "", "");
    }

    fn push(&self, out: &mut String, line: &str, indent: &str, deeper: &str) {
        let (name, hrefs) = self.parts();
        out.extend([indent, "<d:", name]);
        if hrefs.is_empty() {
            out.extend(["/>", line]);
            return;
        }
        out.extend([">", line]);
        for href in hrefs {
            out.extend([deeper, "<d:href>"]);
            push_message(out, href);
            out.extend(["</d:href>", line]);
        }
        out.extend([indent, "</d:", name, ">", line]);
    }
}

/// The body of an error, byte for byte the recorded server's: indented by two, quotes not escaped,
/// a line break at the end. `exception` is the PHP class by which the apps tell causes apart.
pub fn error_body(exception: &str, message: &str, condition: Option<Condition>) -> Bytes {
    let mut out = String::with_capacity(256);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    out.push_str("<d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">\n");
    for (name, text) in [("s:exception", exception), ("s:message", message)] {
        if text.is_empty() {
            out.extend(["  <", name, "/>\n"]);
            continue;
        }
        out.extend(["  <", name, ">"]);
        push_message(&mut out, text);
        out.extend(["</", name, ">\n"]);
    }
    if let Some(condition) = condition {
        condition.push(&mut out, "\n", "  ", "    ");
    }
    out.push_str("</d:error>\n");
    Bytes::from(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dav::XmlLimits;

    #[test]
    fn bodies_are_those_of_the_recorded_server() {
        for (exception, message, condition, inside) in [
            (
                r"Sabre\DAV\Exception\NotFound",
                "File with name //none.txt could not be located",
                None,
                "  <s:exception>Sabre\\DAV\\Exception\\NotFound</s:exception>\n  <s:message>File with name //none.txt could not be located</s:message>\n",
            ),
            (
                r"OCA\DAV\Connector\Sabre\Exception\FileLocked",
                r#""/lockme.txt" is locked, existing lock on file: none"#,
                None,
                "  <s:exception>OCA\\DAV\\Connector\\Sabre\\Exception\\FileLocked</s:exception>\n  <s:message>\"/lockme.txt\" is locked, existing lock on file: none</s:message>\n",
            ),
            (
                r"Sabre\DAV\Exception\ReportNotSupported",
                "",
                Some(Condition::SupportedReport),
                "  <s:exception>Sabre\\DAV\\Exception\\ReportNotSupported</s:exception>\n  <s:message/>\n  <d:supported-report/>\n",
            ),
            (
                "E",
                "a & <b>",
                Some(Condition::LockTokenSubmitted(vec!["/a%20b".into(), "/c&d".into()])),
                "  <s:exception>E</s:exception>\n  <s:message>a &amp; &lt;b&gt;</s:message>\n  <d:lock-token-submitted>\n    <d:href>/a%20b</d:href>\n    <d:href>/c&amp;d</d:href>\n  </d:lock-token-submitted>\n",
            ),
        ] {
            let expected = format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">\n{inside}</d:error>\n"
            );
            assert_eq!(error_body(exception, message, condition), expected);
        }
    }

    #[test]
    fn every_condition_is_an_element_of_dav() {
        use super::super::{Element, names::DAV};
        for condition in [
            Condition::NoConflictingLock(vec!["/x".into()]),
            Condition::LockTokenMatchesRequestUri,
            Condition::PropfindFiniteDepth,
            Condition::CannotModifyProtectedProperty,
            Condition::PreservedLiveProperties,
            Condition::NoExternalEntities,
            Condition::ValidResourcetype,
            Condition::QuotaNotExceeded,
            Condition::SufficientDiskSpace,
            Condition::SearchScopeValid,
        ] {
            let name = condition.parts().0;
            let root =
                Element::parse(&error_body("E", "m", Some(condition)), &XmlLimits::default())
                    .unwrap();
            assert!(root.child(DAV, name).is_some(), "{name}");
        }
    }
}
