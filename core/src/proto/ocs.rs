//! The envelope of OCS answers, JSON and XML (clients.md §2.3, traps 4 to 7, §40).
//!
//! | Status               | v1: HTTP, `statuscode` | v2: HTTP, `statuscode` | Source                  |
//! |----------------------|------------------------|------------------------|-------------------------|
//! | success              | 200, 100               | 200, 200               | ocs-error-envelopes     |
//! | not logged in        | 401, 997               | 401, 997               | [1] to [4]              |
//! | unknown route        | 200, 998               | 404, 998               | [5] to [9]              |
//! | a 4xx of HTTP        | 200, the same          | the same, the same     | [11] to [17]            |
//! | a code of an app     | 200, the same          | 400, the same          | server V2Response.php   |
//! | server error         | 200, 996               | 500, 996               | server V2Response.php   |
//!
//! Bytes are those of the real server, as recorded: JSON is compact, with `\/` and `\u…` escapes.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::ocs_json::write_json;
use super::ocs_xml::write_xml;

/// Version of the API, from the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcsVersion {
    /// `/ocs/v1.php`: success is 100, and errors are HTTP 200.
    V1,
    /// `/ocs/v2.php`: success is 200, and HTTP tells the same.
    V2,
}

/// Format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcsFormat {
    /// JSON.
    Json,
    /// XML, the default (trap 7).
    Xml,
}

impl OcsFormat {
    /// Chooses: the query's `format` if it is `json` or `xml`, else JSON if `Accept` names it.
    pub fn negotiate(format: Option<&str>, accept: Option<&str>) -> Self {
        match format {
            Some("json") => Self::Json,
            Some("xml") => Self::Xml,
            _ if accept.is_some_and(|accept| accept.contains("application/json")) => Self::Json,
            _ => Self::Xml,
        }
    }

    /// Value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Xml => "application/xml; charset=utf-8",
        }
    }
}

/// What became of a call: a status of HTTP, or a code of OCS or of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OcsStatus(u16);

impl OcsStatus {
    /// Success.
    pub const OK: Self = Self(200);
    /// A parameter is missing or wrong.
    pub const BAD_REQUEST: Self = Self(400);
    /// Logged in, but not allowed.
    pub const FORBIDDEN: Self = Self(403);
    /// The route is known, the object is not there.
    pub const NOT_FOUND: Self = Self(404);
    /// The server failed.
    pub const SERVER_ERROR: Self = Self(996);
    /// Not logged in.
    pub const UNAUTHORISED: Self = Self(997);
    /// There is no such route. HTTP 404 on v2, or the desktop stops (trap 6).
    pub const UNKNOWN_ROUTE: Self = Self(998);
    /// Something else went wrong.
    pub const UNKNOWN_ERROR: Self = Self(999);

    /// Any other: a status of HTTP, or an app's code such as 101 and 102 of the provisioning API.
    pub const fn other(code: u16) -> Self {
        Self(code)
    }

    /// The code before a version shows it in its own way.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether it is a success.
    pub const fn is_ok(self) -> bool {
        matches!(self.0, 200..=299)
    }

    /// `meta.statuscode`.
    pub const fn statuscode(self, version: OcsVersion) -> u16 {
        match (version, self.0) {
            (OcsVersion::V1, 200) => 100,
            (_, code) => code,
        }
    }

    /// The status of HTTP.
    pub fn http(self, version: OcsVersion) -> StatusCode {
        match (version, self.0) {
            (_, 997) => StatusCode::UNAUTHORIZED,
            (OcsVersion::V1, _) => StatusCode::OK,
            (OcsVersion::V2, 998) => StatusCode::NOT_FOUND,
            (OcsVersion::V2, 996 | 999) => StatusCode::INTERNAL_SERVER_ERROR,
            (OcsVersion::V2, code @ 200..=599) => {
                StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
            }
            (OcsVersion::V2, _) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The head of an envelope.
#[derive(Debug, Clone, Serialize)]
pub struct OcsMeta<'a> {
    /// `ok` or `failure`.
    pub status: &'static str,
    /// See [`OcsStatus::statuscode`].
    pub statuscode: u16,
    /// `OK`, or what a user may read. Always present: Android's getter throws without it.
    pub message: &'a str,
    /// v1 only, always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totalitems: Option<&'static str>,
    /// v1 only, always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub itemsperpage: Option<&'static str>,
}

impl<'a> OcsMeta<'a> {
    /// The head for a status. An empty message of a success becomes `OK`.
    pub fn new(version: OcsVersion, status: OcsStatus, message: &'a str) -> Self {
        let only_v1 = (version == OcsVersion::V1).then_some("");
        Self {
            status: if status.is_ok() { "ok" } else { "failure" },
            statuscode: status.statuscode(version),
            message: if status.is_ok() && message.is_empty() { "OK" } else { message },
            totalitems: only_v1,
            itemsperpage: only_v1,
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    ocs: Ocs<'a>,
}

#[derive(Serialize)]
struct Ocs<'a> {
    meta: OcsMeta<'a>,
    data: &'a Value,
}

/// Writes an answer: the status of HTTP, the content type, the body.
///
/// No data is `Value::Null` or an empty list, and is written `[]`; an empty map stays `{}`, which
/// is what clients want where they expect an object (clients.md §2.3). Keys keep their order.
pub fn envelope(
    version: OcsVersion,
    format: OcsFormat,
    status: OcsStatus,
    message: &str,
    data: &Value,
) -> (StatusCode, &'static str, Bytes) {
    let meta = OcsMeta::new(version, status, message);
    let nothing = Value::Array(Vec::new());
    let data = if data.is_null() { &nothing } else { data };
    let body = match format {
        OcsFormat::Json => write_json(&Envelope { ocs: Ocs { meta, data } }),
        OcsFormat::Xml => write_xml(&meta, data),
    };
    (status.http(version), format.content_type(), body.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::OcsFormat::{Json, Xml};
    use super::OcsVersion::{V1, V2};
    use super::*;

    #[track_caller]
    fn check(
        (version, format): (OcsVersion, OcsFormat),
        (status, message): (OcsStatus, &str),
        data: &Value,
        expected_http: u16,
        expected: &str,
        source: &str,
    ) {
        let (http, content_type, body) = envelope(version, format, status, message, data);
        assert_eq!(http.as_u16(), expected_http, "{source}");
        assert_eq!(content_type, format.content_type(), "{source}");
        assert_eq!(std::str::from_utf8(&body).expect("UTF-8"), expected, "{source}");
    }

    /// `ocs-error-envelopes.txt`, byte for byte.
    #[test]
    fn errors_are_those_of_the_trace() {
        let login = (OcsStatus::UNAUTHORISED, "Current user is not logged in");
        let none = Value::Null;
        check(
            (V1, Json),
            login,
            &none,
            401,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":997,"message":"Current user is not logged in","totalitems":"","itemsperpage":""},"data":[]}}"#,
            "[1]",
        );
        check(
            (V2, Json),
            login,
            &none,
            401,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":997,"message":"Current user is not logged in"},"data":[]}}"#,
            "[2]",
        );
        check(
            (V1, Xml),
            login,
            &none,
            401,
            "<?xml version=\"1.0\"?>\n<ocs>\n <meta>\n  <status>failure</status>\n  \
             <statuscode>997</statuscode>\n  <message>Current user is not logged in</message>\n  \
             <totalitems></totalitems>\n  <itemsperpage></itemsperpage>\n </meta>\n <data/>\n\
             </ocs>\n",
            "[3]",
        );
        let route = (
            OcsStatus::UNKNOWN_ROUTE,
            "Invalid query, please check the syntax. API specifications are here: \
             http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n",
        );
        check(
            (V1, Json),
            route,
            &none,
            200,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":998,"message":"Invalid query, please check the syntax. API specifications are here: http:\/\/www.freedesktop.org\/wiki\/Specifications\/open-collaboration-services.\n","totalitems":"","itemsperpage":""},"data":[]}}"#,
            "[5]",
        );
        check(
            (V2, Xml),
            route,
            &none,
            404,
            "<?xml version=\"1.0\"?>\n<ocs>\n <meta>\n  <status>failure</status>\n  \
             <statuscode>998</statuscode>\n  <message>Invalid query, please check the syntax. API \
             specifications are here: \
             http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n\
             </message>\n </meta>\n <data/>\n</ocs>\n",
            "[8]",
        );
        let share = (OcsStatus::NOT_FOUND, "Wrong share ID, share does not exist");
        check(
            (V1, Json),
            share,
            &none,
            200,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":404,"message":"Wrong share ID, share does not exist","totalitems":"","itemsperpage":""},"data":[]}}"#,
            "[13]",
        );
        check(
            (V2, Json),
            (OcsStatus::OK, ""),
            &none,
            200,
            r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":[]}}"#,
            "[19]",
        );
    }

    /// The `Content-Length` of the recorded answers pins what the trace's layout cannot show.
    #[test]
    fn lengths_are_those_of_the_trace() {
        let login = (OcsStatus::UNAUTHORISED, "Current user is not logged in");
        let share = (OcsStatus::NOT_FOUND, "Wrong share ID, share does not exist");
        let ok = (OcsStatus::OK, "");
        for (version, format, (status, message), length, source) in [
            (V1, Json, login, 140, "[1]"),
            (V2, Json, login, 106, "[2]"),
            (V1, Xml, login, 230, "[3]"),
            (V2, Xml, login, 170, "[4]"),
            (V1, Xml, share, 237, "[15]"),
            (V2, Xml, share, 177, "[16]"),
            (V1, Json, ok, 108, "[18]"),
            (V1, Xml, ok, 198, "[20]"),
            (V2, Xml, ok, 138, "[21]"),
        ] {
            let (_, _, body) = envelope(version, format, status, message, &Value::Null);
            assert_eq!(body.len(), length, "ocs-error-envelopes {source}");
        }
    }

    /// `ocs-capabilities.txt` [1] and [3]: the anonymous answer and its two lengths.
    #[test]
    fn anonymous_capabilities_are_those_of_the_trace() {
        let logo = "http://127.0.0.1:8182/core/img/logo/logo.svg?v=0";
        let data = json!({
            "version": {"major": 31, "minor": 0, "micro": 6, "string": "31.0.6", "edition": "",
                "extendedSupport": false},
            "capabilities": {
                "bruteforce": {"delay": 0, "allow-listed": false},
                "app_api": {"version": "5.0.2"},
                "theming": {
                    "name": "Nextcloud", "url": "https://nextcloud.com",
                    "slogan": "a safe home for all your data", "color": "#00679e",
                    "color-text": "#ffffff", "color-element": "#00679e",
                    "color-element-bright": "#00679e", "color-element-dark": "#00679e",
                    "logo": logo,
                    "background": "http://127.0.0.1:8182/apps/theming/img/background/jenna-kim-the-globe.webp",
                    "background-text": "#ffffff", "background-plain": false,
                    "background-default": true, "logoheader": logo, "favicon": logo
                }
            }
        });
        for (version, format, length, source) in
            [(V1, Json, 910, "[1]"), (V2, Json, 876, "[2]"), (V1, Xml, 1375, "[3]")]
        {
            let (_, _, body) = envelope(version, format, OcsStatus::OK, "", &data);
            assert_eq!(body.len(), length, "ocs-capabilities {source}");
        }
    }

    #[test]
    fn codes_are_shown_in_each_versions_way() {
        // status, v1 HTTP, v1 code, v2 HTTP, v2 code
        for (status, http1, code1, http2, code2, source) in [
            (OcsStatus::OK, 200, 100, 200, 200, "trap 5"),
            (OcsStatus::FORBIDDEN, 200, 403, 403, 403, "ocs-error-envelopes [11], [12]"),
            (OcsStatus::BAD_REQUEST, 200, 400, 400, 400, "V2Response.php"),
            (OcsStatus::UNAUTHORISED, 401, 997, 401, 997, "[1], [2]"),
            (OcsStatus::UNKNOWN_ROUTE, 200, 998, 404, 998, "[5], [6]"),
            (OcsStatus::SERVER_ERROR, 200, 996, 500, 996, "V2Response.php"),
            (OcsStatus::UNKNOWN_ERROR, 200, 999, 500, 999, "V2Response.php"),
            (OcsStatus::other(102), 200, 102, 400, 102, "V2Response.php: below 200"),
            (OcsStatus::other(423), 200, 423, 423, 423, "V2Response.php"),
            (OcsStatus::other(1000), 200, 1000, 400, 1000, "V2Response.php: above 600"),
        ] {
            assert_eq!(status.http(V1).as_u16(), http1, "v1 HTTP ({source})");
            assert_eq!(status.statuscode(V1), code1, "v1 ({source})");
            assert_eq!(status.http(V2).as_u16(), http2, "v2 HTTP ({source})");
            assert_eq!(status.statuscode(V2), code2, "v2 ({source})");
        }
    }

    #[test]
    fn the_query_wins_over_accept() {
        for (format, accept, expected, source) in [
            (None, None, Xml, "trap 7"),
            (None, Some("*/*"), Xml, "ocs-capabilities [3]"),
            (Some("json"), Some("*/*"), Json, "ocs-capabilities [1]"),
            (None, Some("application/json"), Json, "iOS, trap 7"),
            (Some("xml"), Some("application/json"), Xml, "the query wins"),
            (Some("yaml"), None, Xml, "unknown"),
        ] {
            assert_eq!(OcsFormat::negotiate(format, accept), expected, "{source}");
        }
    }
}
