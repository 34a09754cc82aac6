//! A request and a reply as the rooms see them: hyper's parts, our body, and what the door found out.
//!
//! Rooms take [`Request`] and give [`Reply`]. Nothing here decides anything.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body::Frame;
use tokio::sync::mpsc;

/// How a request reached the house: what the connection knows before a byte of HTTP is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The other end of the connection; IPv4 in its own form, never mapped into IPv6.
    pub peer: SocketAddr,
    /// Our end of the connection.
    pub local: SocketAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// Whether it came through a Unix socket. `peer` and `local` are then 127.0.0.1, port 0: this
    /// machine, which is not to say that 127.0.0.1's rights are the socket's.
    pub unix: bool,
}

/// A network in CIDR form (`10.0.0.0/8`, `fd00::/8`); an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `ip` is inside. IPv4 addresses mapped into IPv6 count as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let bits = |width: u32| width - u32::from(self.prefix);
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let same = u32::from(net) ^ u32::from(ip);
                same.checked_shr(bits(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let same = u128::from(net) ^ u128::from(ip);
                same.checked_shr(bits(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Some of those who may connect: networks, and Unix sockets or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    /// Whose addresses these are.
    pub networks: Vec<Network>,
    /// Whether whoever connects through a Unix socket is one of them.
    pub unix: bool,
}

impl Peers {
    /// Whether an address is in one of the networks.
    pub fn has_ip(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(ip))
    }

    /// Whether the other end of a connection is one of them.
    pub fn has(&self, arrival: &Arrival) -> bool {
        if arrival.unix { self.unix } else { self.has_ip(arrival.peer.ip()) }
    }
}

/// The text is not an address with an optional prefix length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct BadNetwork(pub String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits.parse().map_err(|_| bad())?,
            None => width,
        };
        if prefix > width { Err(bad()) } else { Ok(Self { address, prefix }) }
    }
}

/// A reply field by which a room tells the access log whose request it was. The door takes it out
/// before the reply is sent.
pub const USER_FIELD: &str = "x-moonsail-user";

/// Why a request body ended before its end: the write it was for must change nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BodyError {
    /// Fewer bytes than announced, a chunked body without its last chunk, or a stream reset.
    #[error("the request body ended early")]
    Cut,
    /// Slower than the limit.
    #[error("the request body came too slowly")]
    TooSlow,
    /// More than the handler takes.
    #[error("the request body is too large")]
    TooLarge,
}

/// Where the bytes of a request come from. The door implements it over hyper; tests over memory.
pub trait BodySource: Send {
    /// The next piece; `None` at the true end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>>;
}

/// A request's body. The mutex is never locked: it lets a request be shared between threads, which
/// futures that hold one need.
pub struct Body(Mutex<Box<dyn BodySource>>);

impl Body {
    /// Wraps a source.
    pub fn new(source: impl BodySource + 'static) -> Self {
        Self(Mutex::new(Box::new(source)))
    }

    /// A body that is `bytes`.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        struct Whole(Option<Bytes>);
        impl BodySource for Whole {
            fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
                Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(Ok))
            }
        }
        Self::new(Whole(Some(bytes.into())))
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`BodyError`] if the body is cut or too slow.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        let source = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::future::poll_fn(|cx| source.poll_data(cx)).await
    }

    /// The whole body, at most `limit` bytes.
    ///
    /// # Errors
    /// [`BodyError`]; [`BodyError::TooLarge`] as soon as more than `limit` bytes have come.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if all.len() + piece.len() > limit {
                return Err(BodyError::TooLarge);
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// A request after the door: limits checked, addresses settled, an id given.
#[derive(Debug)]
pub struct Request {
    /// Method, in the case it came.
    pub method: Method,
    /// Request target; only path and query are meant to be read.
    pub uri: Uri,
    /// Fields. Values may hold non-ASCII bytes (the desktop's raw UTF-8 `Destination`).
    pub headers: HeaderMap,
    /// Body, not yet read.
    pub body: Body,
    /// The client's address, after `trusted_proxies`.
    pub remote_ip: IpAddr,
    /// Base of absolute URLs, without trailing slash: `https://cloud.example.org`. From
    /// `public_url` if set, else from the request through `trusted_proxies`.
    pub base_url: Arc<str>,
    /// The id that the access log, every event and the answer's `X-Request-Id` carry.
    pub id: Arc<str>,
}

impl Request {
    /// A field's value as text; `None` if absent or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether it was meant as a call of the OCS API: a page of somebody else's cannot set these fields
    /// (`threats` §4; server `SecurityMiddleware.php`).
    pub fn is_api_call(&self) -> bool {
        let marked = |value: &str| value.trim().eq_ignore_ascii_case("true");
        let bearer = |value: &str| {
            value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))
        };
        self.header("ocs-apirequest").is_some_and(marked)
            || self.header("authorization").is_some_and(bearer)
    }

    /// `Content-Length`, if given and a number.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|value| value.parse().ok())
    }
}

/// What a reply's body is made of.
pub enum ReplyBody {
    /// All of it, at once.
    Full(Bytes),
    /// Pieces as they are made. An `Err` breaks the connection: better no answer than a whole-looking
    /// listing with entries missing, which the apps take for deletions.
    Stream {
        /// The pieces.
        pieces: mpsc::Receiver<Result<Bytes, StreamBroken>>,
        /// Exact length if known, of what is still to come; becomes `Content-Length`. Pieces that end
        /// before it break the connection, too.
        length: Option<u64>,
    },
}

/// A streamed answer could not be finished.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the answer could not be finished: {0}")]
pub struct StreamBroken(pub String);

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = StreamBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamBroken>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream { pieces, length } => {
                let piece = std::task::ready!(pieces.poll_recv(cx));
                // Whoever makes the pieces may die; without a length that is no business of ours.
                let left = length.as_mut().filter(|left| **left > 0);
                Poll::Ready(match (piece, left) {
                    (Some(Ok(piece)), left) => {
                        if let Some(left) = left {
                            *left = left.saturating_sub(piece.len() as u64);
                        }
                        Some(Ok(Frame::data(piece)))
                    }
                    (None, Some(left)) => {
                        let missing = std::mem::take(left);
                        Some(Err(StreamBroken(format!("{missing} bytes never came"))))
                    }
                    (Some(Err(error)), _) => Some(Err(error)),
                    (None, None) => None,
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Full(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { length: Some(length), .. } => http_body::SizeHint::with_exact(*length),
            Self::Stream { length: None, .. } => http_body::SizeHint::default(),
        }
    }
}

/// An answer before it is written.
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Fields; the door adds `Date`, `X-Request-Id` and the security fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: ReplyBody,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Full(Bytes::new()) }
    }

    /// An answer with a body of the given media type.
    pub fn with_body(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut reply = Self::empty(status);
        reply.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        reply.body = ReplyBody::Full(body.into());
        reply
    }

    /// Adds or replaces a field. A value that cannot be a field value is left out: values are ours,
    /// or were encoded before.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_ends_before_its_length_is_broken() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for (sent, length, broken) in [
            (&["ab", "c"][..], Some(3), false),
            (&["ab"], Some(3), true),
            (&[], Some(3), true),
            (&["ab"], None, false),
        ] {
            let (sender, pieces) = mpsc::channel(4);
            for piece in sent {
                sender.try_send(Ok(Bytes::from_static(piece.as_bytes()))).unwrap();
            }
            drop(sender);
            let mut body = ReplyBody::Stream { pieces, length };
            let mut poll = || http_body::Body::poll_frame(Pin::new(&mut body), &mut cx);
            for piece in sent {
                assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))), "{piece} of {sent:?}");
            }
            let end = poll();
            assert_eq!(matches!(end, Poll::Ready(Some(Err(_)))), broken, "{sent:?} {length:?}");
            assert!(broken || matches!(end, Poll::Ready(None)), "{sent:?} {length:?}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        for (network, ip, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "2001:db8::1", true),
            ("::1", "::2", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(ip.parse().unwrap()), inside, "{network:?} {ip}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "host", "10.0.0/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
