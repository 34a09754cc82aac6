//! From a request to what an extension is given.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HeaderName, TE, TRAILER, UPGRADE};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::http::{Call, Head};
use moonsail_sdk::stream::{ByteStream, StreamError};
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, sleep_until};

use super::mounts::Found;
use crate::auth::Principal;
use crate::proto::ocs::{OcsFormat, OcsVersion};
use crate::wire::{Body, Request};

/// Fields that are between the client and the server: secrets, and the connection's own.
const OURS: [HeaderName; 10] = [
    AUTHORIZATION,
    COOKIE,
    CONNECTION,
    TE,
    TRAILER,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("transfer-encoding"),
    HeaderName::from_static("requesttoken"),
];

/// Where a request goes.
pub(super) struct Target<'a> {
    /// Of an OCS route the version that was asked.
    version: Option<OcsVersion>,
    pub(super) instance: &'a str,
    /// Behind the instance's name and a slash, still encoded; `None` if not even a slash is there.
    rest: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads the path of a URL; `None` if it is none of an instance.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        let ocs = |prefix, version| Some((Some(version), path.strip_prefix(prefix)?));
        let (version, below) = path
            .strip_prefix("/apps/")
            .map(|below| (None, below))
            .or_else(|| ocs("/ocs/v1.php/apps/", OcsVersion::V1))
            .or_else(|| ocs("/ocs/v2.php/apps/", OcsVersion::V2))?;
        let (instance, rest) = match below.split_once('/') {
            Some((instance, rest)) => (instance, Some(rest)),
            None => (below, None),
        };
        (!instance.is_empty()).then_some(Self { version, instance, rest })
    }

    pub(super) fn is_ocs(&self) -> bool {
        self.version.is_some()
    }

    /// How an OCS answer is to be put.
    pub(super) fn voice(&self, request: &Request) -> Option<(OcsVersion, OcsFormat)> {
        let mut query = request.uri.query().unwrap_or_default().rsplit('&');
        let format = query.find_map(|pair| pair.strip_prefix("format="));
        let format = OcsFormat::negotiate(format, request.header("accept"));
        self.version.map(|version| (version, format))
    }

    /// The segments behind the instance's name, each decoded once; `None` if one is none.
    pub(super) fn segments(&self) -> Option<Vec<String>> {
        let rest = self.rest.filter(|rest| !rest.is_empty());
        let decode = |segment: &str| {
            let text = percent_decode_str(segment).decode_utf8().ok()?;
            let dots = text == "." || text == "..";
            (!dots && !text.contains(char::is_control)).then(|| text.into_owned())
        };
        rest.into_iter().flat_map(|rest| rest.split('/')).map(decode).collect()
    }
}

/// Who asks.
pub(super) fn call(request: &Request, user: Option<&Principal>, timeout: Duration) -> Call {
    Call {
        request_id: request.id.to_string(),
        remote_ip: Some(request.remote_ip),
        user: user.map(|user| user.uid.as_str().to_owned()),
        display_name: user.map(|user| user.display_name.clone()).unwrap_or_default(),
        admin: user.is_some_and(|user| user.admin),
        base_url: request.base_url.to_string(),
        time_left_millis: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
    }
}

/// What is asked.
pub(super) fn head(
    request: &Request,
    found: &Found,
    target: &Target<'_>,
    segments: &[String],
) -> Head {
    let fields = request.headers.iter().filter(|(name, _)| !OURS.contains(name));
    let prefix = if target.is_ocs() { "/ocs/v2.php/apps" } else { "/apps" };
    let slash = if target.rest.is_some() { "/" } else { "" };
    Head {
        route: found.number,
        method: request.method.as_str().to_owned(),
        path: format!("{prefix}/{}{slash}{}", target.instance, segments.join("/")),
        query: request.uri.query().unwrap_or_default().to_owned(),
        params: found.params.clone(),
        fields: fields
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
    }
}

/// Whether the body of a request still moves, and whether it was too large.
#[derive(Clone)]
pub(super) struct Progress(Arc<State>);

struct State {
    last: Mutex<Instant>,
    too_large: AtomicBool,
}

impl Default for Progress {
    fn default() -> Self {
        let last = Mutex::new(Instant::now());
        Self(Arc::new(State { last, too_large: AtomicBool::new(false) }))
    }
}

impl Progress {
    fn moved(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.0.too_large.load(Relaxed)
    }

    /// Ends when nothing has moved for so long.
    pub(super) async fn stalled(&self, timeout: Duration) {
        loop {
            let last = *self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= timeout {
                return;
            }
            sleep_until(last + timeout).await;
        }
    }
}

/// The body of a request, up to what its route takes.
pub(super) struct Incoming {
    body: Body,
    left: u64,
    progress: Progress,
    ended: bool,
}

impl Incoming {
    pub(super) fn new(body: Body, limit: u64, progress: Progress) -> Self {
        Self { body, left: limit, progress, ended: false }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, StreamError> {
        while !self.ended {
            let Some(piece) = self.body.next().await else { break };
            self.ended = piece.is_err();
            let piece = piece.map_err(|_| StreamError::Cut)?;
            self.progress.moved();
            match self.left.checked_sub(piece.len() as u64) {
                _ if piece.is_empty() => {}
                Some(left) => {
                    self.left = left;
                    return Ok(Some(piece));
                }
                None => {
                    self.ended = true;
                    self.progress.0.too_large.store(true, Relaxed);
                    return Err(StreamError::TooLarge);
                }
            }
        }
        self.ended = true;
        Ok(None)
    }
}

impl ByteStream for Incoming {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        Box::pin(self.piece())
    }
}
