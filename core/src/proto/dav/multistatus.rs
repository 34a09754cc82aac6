//! `d:multistatus`, written as it grows (RFC 4918 §13, §14.16).
//!
//! COMPAT(ios, android, desktop): a response has one 200 propstat, first, and at most one more,
//! 404. iOS reads the first whatever it says, the desktop keeps the last that says 200.
//! The recorded server writes no line breaks but the one behind the declaration.

use bytes::Bytes;
use http::StatusCode;

use super::error_body::Condition;
use super::escape::push_text;
use super::names::PropName;
use super::tag::Tag;

/// Up to the `>`, which comes with the first response: without one the element is empty.
const BEGIN: &str = concat!(
    "<?xml version=\"1.0\"?>\n",
    r#"<d:multistatus xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns""#,
    r#" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns""#,
);
const FOUND: &str = "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>";
const MISSING: &str = "</d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>";

/// A growing `d:multistatus`.
#[derive(Debug)]
pub struct Multistatus {
    out: String,
    /// The 404 list of the current response; kept for its memory.
    missing: String,
    started: bool,
}

/// Properties that share a status (`PROPPATCH`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropstatGroup {
    /// 200, 403, 424, 507 …
    pub status: StatusCode,
    /// Which.
    pub names: Vec<PropName>,
    /// Why, for those that failed themselves.
    pub condition: Option<Condition>,
}

impl Multistatus {
    /// One without responses.
    pub fn begin() -> Self {
        Self { out: BEGIN.to_owned(), missing: String::new(), started: false }
    }

    /// Begins the response of a resource. `href` is percent-encoded already. It ends when the
    /// [`Response`] is dropped.
    pub fn response(&mut self, href: &str) -> Response<'_> {
        self.open(href);
        self.missing.clear();
        Response { part: self, found: false }
    }

    /// The response of a member that failed as a whole (`DELETE`, `MOVE`, `COPY` of a folder).
    pub fn member(&mut self, href: &str, status: StatusCode, condition: Option<&Condition>) {
        self.open(href);
        self.status(status);
        self.condition(condition);
        self.out.push_str("</d:response>");
    }

    /// The response to `PROPPATCH`: names without values, grouped by status, in this order.
    pub fn propstats(&mut self, href: &str, groups: &[PropstatGroup]) {
        self.open(href);
        for group in groups {
            self.out.push_str("<d:propstat><d:prop>");
            for name in &group.names {
                Tag::from(name).push_empty(&mut self.out);
            }
            self.out.push_str("</d:prop>");
            self.status(group.status);
            self.condition(group.condition.as_ref());
            self.out.push_str("</d:propstat>");
        }
        self.out.push_str("</d:response>");
    }

    /// How many bytes [`take`](Self::take) would give.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether it would give none.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// What is complete so far, to be sent.
    pub fn take(&mut self) -> Bytes {
        let next = String::with_capacity(self.out.len());
        Bytes::from(std::mem::replace(&mut self.out, next).into_bytes())
    }

    /// Ends the document and gives what was not taken.
    pub fn finish(mut self) -> Bytes {
        self.out.push_str(if self.started { "</d:multistatus>" } else { "/>" });
        Bytes::from(self.out.into_bytes())
    }

    fn open(&mut self, href: &str) {
        if !self.started {
            self.started = true;
            self.out.push('>');
        }
        self.out.push_str("<d:response><d:href>");
        push_text(&mut self.out, href);
        self.out.push_str("</d:href>");
    }

    fn status(&mut self, status: StatusCode) {
        self.out.push_str("<d:status>HTTP/1.1 ");
        self.out.push_str(status.as_str());
        self.out.push(' ');
        self.out.push_str(status.canonical_reason().unwrap_or_default());
        self.out.push_str("</d:status>");
    }

    fn condition(&mut self, condition: Option<&Condition>) {
        if let Some(condition) = condition {
            self.out.push_str("<d:error>");
            condition.push_compact(&mut self.out);
            self.out.push_str("</d:error>");
        }
    }
}

/// The response of one resource: properties that are there and, in any order between them, names
/// of those that are not.
#[derive(Debug)]
pub struct Response<'a> {
    part: &'a mut Multistatus,
    found: bool,
}

impl Response<'_> {
    /// A property whose value is text. Empty text is written as `<x></x>`, not `<x/>`, as the
    /// recorded server does.
    pub fn text(&mut self, tag: &Tag, value: &str) {
        tag.push_text(self.found(), value);
    }

    /// A property whose value is a number.
    pub fn number(&mut self, tag: &Tag, value: i64) {
        tag.push_number(self.found(), value);
    }

    /// A property whose value is text in double quotes: an entity tag.
    pub fn quoted(&mut self, tag: &Tag, value: &str) {
        tag.push_quoted(self.found(), value);
    }

    /// A property whose value is XML: `<d:collection/>`, or of a dead property. It must be
    /// well-formed and may use the prefixes `d`, `s`, `oc` and `nc`.
    pub fn raw(&mut self, tag: &Tag, xml: &str) {
        tag.push_raw(self.found(), xml);
    }

    /// A property that is there and has no value, or whose name alone is wanted.
    pub fn empty(&mut self, tag: &Tag) {
        tag.push_empty(self.found());
    }

    /// A property that is not there.
    pub fn missing(&mut self, tag: &Tag) {
        tag.push_empty(&mut self.part.missing);
    }

    /// Ends the response; the same as dropping it.
    pub fn close(self) {}

    fn found(&mut self) -> &mut String {
        if !self.found {
            self.found = true;
            self.part.out.push_str("<d:propstat><d:prop>");
        }
        &mut self.part.out
    }
}

impl Drop for Response<'_> {
    fn drop(&mut self) {
        let Multistatus { out, missing, .. } = &mut *self.part;
        if self.found {
            out.push_str(FOUND);
        } else if missing.is_empty() {
            // A response needs a propstat (RFC 4918 §14.24).
            out.push_str("<d:propstat><d:prop/><d:status>HTTP/1.1 200 OK</d:status></d:propstat>");
        }
        if !missing.is_empty() {
            out.push_str("<d:propstat><d:prop>");
            out.push_str(missing);
            out.push_str(MISSING);
        }
        out.push_str("</d:response>");
    }
}

#[cfg(test)]
mod tests;
