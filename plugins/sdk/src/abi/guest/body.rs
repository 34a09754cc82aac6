//! Streams of an author, which log for the request they belong to; and streams of the host.

use std::ffi::c_void;
use std::time::Duration;

use bytes::Bytes;

use super::host::Host;
use super::log::Scope;
use super::offers::Offer;
use crate::BoxFuture;
use crate::abi::Stream;
use crate::abi::convert::Malformed;
use crate::abi::stream::take;
use crate::stream::{ByteStream, StreamError};

/// How long a piece may take. The host has limits of its own and ends the stream earlier.
const PIECE: Duration = Duration::from_secs(24 * 3600);

/// # Safety
/// `this` is of an [`Offer<P>`] that lives.
pub(super) unsafe fn host_of<P: ?Sized>(this: *mut c_void) -> Host {
    // SAFETY: as the caller promises.
    let offer = unsafe { &*this.cast::<Offer<P>>() };
    offer.shared.host.clone()
}

/// # Safety
/// `stream` is null, or one of the host's that goes over to this side here.
pub(super) unsafe fn of_host(
    stream: *mut Stream,
    host: &Host,
) -> Result<Box<dyn ByteStream>, Malformed> {
    // SAFETY: as the caller promises; the host works as long as the plugin lives.
    unsafe { take(stream, PIECE, host.clone()) }
}

/// A stream whose polls run within a scope.
pub(super) struct Scoped {
    stream: Option<Box<dyn ByteStream>>,
    scope: Scope,
}

impl Scoped {
    /// Puts a stream into the scope that runs now.
    pub(super) fn boxed(stream: Box<dyn ByteStream>, host: &Host) -> Box<dyn ByteStream> {
        let scope = Scope::new(host, &super::log::request_id());
        Box::new(Self { stream: Some(stream), scope })
    }
}

impl ByteStream for Scoped {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        match &mut self.stream {
            Some(stream) => Box::pin(self.scope.clone().wrap(stream.next())),
            // Only its drop takes it out.
            None => Box::pin(async { Ok(None) }),
        }
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        let stream = self.stream.take();
        self.scope.within(|| drop(stream));
    }
}
