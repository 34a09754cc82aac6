//! The access log: one event a request, written when its answer has ended.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::gzip::Gzip;
use super::incoming::BodyState;
use super::metrics::Metrics;
use crate::wire::{ReplyBody, StreamBroken};

/// What is known of a request when its fields are.
pub(super) struct Entry {
    pub(super) began: Instant,
    pub(super) id: Arc<str>,
    pub(super) ip: IpAddr,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) received: Arc<BodyState>,
    pub(super) metrics: Metrics,
}

/// Writes the event also for a request that is dropped: its client has gone away.
pub(super) struct Log {
    entry: Entry,
    user: Option<String>,
    status: Option<StatusCode>,
    sent: u64,
    broken: bool,
}

impl Log {
    pub(super) fn new(entry: Entry) -> Self {
        Self { entry, user: None, status: None, sent: 0, broken: false }
    }

    /// Notes what was answered, and goes with the body.
    pub(super) fn answered(
        mut self,
        status: StatusCode,
        user: Option<String>,
        body: ReplyBody,
        gzip: Option<Gzip>,
    ) -> ResponseBody {
        self.status = Some(status);
        self.user = user;
        ResponseBody { body, gzip, log: self }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let entry = &self.entry;
        let took = entry.began.elapsed();
        let received = entry.received.bytes.load(Relaxed);
        if let Some(status) = self.status {
            entry.metrics.answered(&entry.method, status, (received, self.sent), took);
        }
        tracing::info!(
            target: "access",
            id = %entry.id,
            ip = %entry.ip,
            user = %Escaped(self.user.as_deref().unwrap_or("-")),
            method = %entry.method,
            // Without the query, which may hold tokens.
            path = %Escaped(&without_tokens(entry.uri.path())),
            // nginx's number for a client that went away before it had an answer.
            status = self.status.map_or(499, |status| status.as_u16()),
            received,
            sent = self.sent,
            broken = self.broken,
            ms = took.as_micros() as f64 / 1000.0,
        );
    }
}

/// A path with the secret of a login link left out: whoever reads the log must not be able to open
/// a login page that is meant for somebody else.
fn without_tokens(path: &str) -> Cow<'_, str> {
    match path.split_once("/login/v2/flow/") {
        Some((before, _)) => Cow::Owned(format!("{before}/login/v2/flow/***")),
        None => Cow::Borrowed(path),
    }
}

/// A response's body, counted; what [`super::Pipeline::serve`] answers with.
pub struct ResponseBody {
    body: ReplyBody,
    /// While there is one, the end of the body is not the end of the answer.
    gzip: Option<Gzip>,
    log: Log,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = StreamBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamBroken>>> {
        let mut frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(gzip) = &mut self.gzip {
            frame = match frame {
                Some(frame) => Some(frame.map(|frame| frame.map_data(|data| gzip.piece(&data)))),
                None => self.gzip.take().map(|gzip| Ok(Frame::data(gzip.finish()))),
            };
        }
        match &frame {
            Some(Ok(frame)) => {
                self.log.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Some(Err(error)) => {
                self.log.broken = true;
                tracing::error!(id = %self.log.entry.id, %error, "answer broken off");
            }
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.gzip.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Text of a client's making, safe in a log: no control characters, no end of line, no ESC.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bidirectional controls turn text around on a terminal.
        let bad = |c: char| {
            c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        };
        let mut rest = self.0;
        while let Some(at) = rest.find(bad) {
            let (good, tail) = rest.split_at(at);
            let c = tail.chars().next().expect("find found one");
            write!(f, "{good}\\u{{{:x}}}", u32::from(c))?;
            rest = &tail[c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_links_are_not_logged() {
        let long = "/index.php/login/v2/flow/secret";
        assert_eq!(without_tokens(long), "/index.php/login/v2/flow/***");
        assert_eq!(without_tokens("/login/v2/poll"), "/login/v2/poll");
    }

    #[test]
    fn control_characters_do_not_reach_the_log() {
        for (text, expected) in [
            ("/remote.php/dav/ä%20", "/remote.php/dav/ä%20"),
            ("a\r\nfake", "a\\u{d}\\u{a}fake"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("", ""),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }
}
