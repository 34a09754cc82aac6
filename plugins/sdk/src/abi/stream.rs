//! Streams of bytes over the border, in either direction: who has bytes makes a [`Stream`], who wants
//! them pulls.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::ask::{Failure, ask, succeeded};
use super::convert::{Malformed, read_struct, size_of};
use super::run::{forget, run, shielded};
use super::slot::{Found, Slot};
use super::token::Token;
use super::{Buf, CODE_CANCELLED, CODE_INTERNAL, CODE_TOO_LARGE, Done, Grows, Outcome};
use crate::BoxFuture;
use crate::stream::{ByteStream, StreamError, Whole};

/// Bytes in pieces. Whoever is given one closes it exactly once.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Gives a [`Buf`] with the next piece; an empty one at the true end. `CODE_CANCELLED` if whoever sends
    /// went away, `CODE_TOO_LARGE` if more came than is taken. Not called before the last call was
    /// answered, nor after the end or a failure.
    pub next: Option<unsafe extern "C" fn(stream: *mut Stream, done: Done)>,
    /// Nobody wants more: frees the stream. May be called while a `next` is under way, which is answered
    /// all the same, by whatever code.
    pub close: Option<unsafe extern "C" fn(stream: *mut Stream)>,
}

// SAFETY: as the trait demands.
unsafe impl Grows for Stream {}

/// A [`Stream`] around a [`ByteStream`].
#[repr(C)]
struct Given {
    head: Stream,
    runtime: Handle,
    state: Arc<State>,
}

struct State {
    slot: Slot<Box<dyn ByteStream>, StreamError>,
    closed: Notify,
}

impl State {
    async fn next(&self) -> Result<Option<Bytes>, StreamError> {
        let mut stream = match self.slot.take() {
            Found::Stream(stream) => stream,
            // Or lost by a panic of its own.
            Found::Nothing => return Err(StreamError::Failed("it is asked already".to_owned())),
            Found::Over(result) => return result.map(|()| None),
        };
        let piece = tokio::select! {
            biased;
            () = self.closed.notified() => Err(StreamError::Cut),
            piece = stream.next() => piece,
        };
        let over = match &piece {
            Ok(Some(_)) => None,
            Ok(None) => Some(Ok(())),
            Err(error) => Some(Err(error.clone())),
        };
        drop(self.slot.put(stream, over));
        piece
    }
}

/// Gives a stream to the other side, which closes it. Runs it on the runtime that is entered.
pub(crate) fn give(stream: Box<dyn ByteStream>) -> *mut Stream {
    let head =
        Stream { size: size_of::<Stream>(), reserved: 0, next: Some(next), close: Some(close) };
    let state = State { slot: Slot::new(stream), closed: Notify::new() };
    let given = Given { head, runtime: Handle::current(), state: Arc::new(state) };
    Box::into_raw(Box::new(given)).cast()
}

unsafe extern "C" fn next(stream: *mut Stream, done: Done) {
    // SAFETY: the other side gives back what it was given, and has not closed it.
    let (runtime, state) = unsafe {
        let given = &*stream.cast::<Given>();
        (given.runtime.clone(), Arc::clone(&given.state))
    };
    shielded((), move || {
        let work = async move { state.next().await };
        forget(run(&runtime, done, work, answer));
    });
}

fn answer(piece: Result<Option<Bytes>, StreamError>, token: Token) {
    match piece {
        Ok(piece) => token.ok(&Buf::of(piece.unwrap_or_default())),
        Err(error) => failed(&error, token),
    }
}

/// Answers that a stream has failed.
pub(crate) fn failed(error: &StreamError, token: Token) {
    match error {
        StreamError::Cut => token.code(CODE_CANCELLED, "the stream ended early"),
        StreamError::TooLarge => token.code(CODE_TOO_LARGE, "the stream is too large"),
        StreamError::Failed(text) => token.code(CODE_INTERNAL, text),
    }
}

/// What a failure says of a stream.
pub(crate) fn error(failure: Failure) -> StreamError {
    match failure.code {
        CODE_CANCELLED => StreamError::Cut,
        CODE_TOO_LARGE => StreamError::TooLarge,
        _ => StreamError::Failed(failure.message),
    }
}

unsafe extern "C" fn close(stream: *mut Stream) {
    // SAFETY: the other side gives back what it was given, once.
    let given = unsafe { Box::from_raw(stream.cast::<Given>()) };
    shielded((), move || {
        let stream = given.state.slot.close();
        given.state.closed.notify_one();
        // What holds timers and sockets of the runtime looks for it when it is dropped.
        let _entered = given.runtime.enter();
        drop(stream);
    });
}

/// A [`ByteStream`] around a [`Stream`] of the other side.
struct Pulled<K> {
    stream: Pointer,
    head: Stream,
    timeout: Duration,
    /// A call that was begun. It outlives a caller who stops waiting, so that no piece is lost.
    pending: Option<BoxFuture<'static, Result<Bytes, Failure>>>,
    over: bool,
    /// What the stream needs: lives until it is closed.
    keep: K,
}

struct Pointer(*mut Stream);

// SAFETY: rule 3: its functions may be called from any thread.
unsafe impl Send for Pointer {}

/// Takes a stream of the other side, which is closed when it is dropped. None is an empty one.
///
/// # Safety
/// `stream` is null, or one that goes over to this side here, and works as long as `keep` lives.
pub(crate) unsafe fn take<K: Clone + Send + Sync + 'static>(
    stream: *mut Stream,
    timeout: Duration,
    keep: K,
) -> Result<Box<dyn ByteStream>, Malformed> {
    if stream.is_null() {
        return Ok(Box::new(Whole::default()));
    }
    // SAFETY: as the caller promises.
    let head = unsafe { read_struct::<Stream>(stream.cast()) }?;
    let stream = Pointer(stream);
    Ok(Box::new(Pulled { stream, head, timeout, pending: None, over: false, keep }))
}

impl<K: Clone + Send + Sync + 'static> Pulled<K> {
    fn begin(&self) -> BoxFuture<'static, Result<Bytes, Failure>> {
        let Some(next) = self.head.next else {
            return Box::pin(async { Err(Failure::not_offered()) });
        };
        ask(self.timeout, self.keep.clone(), piece, |done| {
            // SAFETY: it is closed by the drop alone, and asked once at a time.
            unsafe { next(self.stream.0, done) };
            ptr::null_mut()
        })
    }
}

/// The buffer that is the value.
pub(crate) fn piece(outcome: &Outcome) -> Result<Bytes, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Err(Malformed::Missing.into());
    }
    // SAFETY: alive while the outcome is read, and a `Buf`, which is taken once.
    Ok(unsafe { outcome.value.cast::<Buf>().read_unaligned().into_bytes() })
}

impl<K: Clone + Send + Sync + 'static> ByteStream for Pulled<K> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        Box::pin(async move {
            if self.over {
                return Ok(None);
            }
            let next = match self.pending.take() {
                Some(pending) => pending,
                None => self.begin(),
            };
            let piece = self.pending.insert(next).await;
            self.pending = None;
            // An empty piece is the end, and after a failure there is none to come.
            self.over = !piece.as_ref().is_ok_and(|piece| !piece.is_empty());
            match piece {
                Ok(piece) => Ok((!piece.is_empty()).then_some(piece)),
                Err(failure) => Err(error(failure)),
            }
        })
    }
}

impl<K> Drop for Pulled<K> {
    fn drop(&mut self) {
        if let Some(close) = self.head.close {
            // SAFETY: once, and nobody asks it any more.
            unsafe { close(self.stream.0) }
        }
    }
}
