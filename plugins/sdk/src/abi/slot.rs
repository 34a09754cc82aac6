//! Where a stream is that one side asks and the same side may close meanwhile: `tests/loom.rs` tries all
//! orders.

use std::sync::PoisonError;

use super::sync::{Mutex, MutexGuard};

enum Place<S, E> {
    Here(S),
    /// With who waits for its next piece.
    Away,
    /// Nobody can ask it any more: it has ended, failed, or is closed.
    Over(Result<(), E>),
}

/// A place for one stream.
pub(super) struct Slot<S, E>(Mutex<Place<S, E>>);

/// What [`Slot::take`] finds.
pub(super) enum Found<S, E> {
    /// The stream, which comes back by [`Slot::put`].
    Stream(S),
    /// It is away.
    Nothing,
    /// It is over.
    Over(Result<(), E>),
}

impl<S, E: Clone> Slot<S, E> {
    pub(super) fn new(stream: S) -> Self {
        Self(Mutex::new(Place::Here(stream)))
    }

    fn place(&self) -> MutexGuard<'_, Place<S, E>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Found<S, E> {
        let mut place = self.place();
        match std::mem::replace(&mut *place, Place::Away) {
            Place::Here(stream) => Found::Stream(stream),
            Place::Away => Found::Nothing,
            Place::Over(result) => {
                *place = Place::Over(result.clone());
                Found::Over(result)
            }
        }
    }

    /// Puts the stream back, or says how it ended. What nobody can ask any more is given back, to be
    /// dropped while nothing is locked.
    pub(super) fn put(&self, stream: S, over: Option<Result<(), E>>) -> Option<S> {
        let mut place = self.place();
        match (&*place, over) {
            (Place::Away, None) => {
                *place = Place::Here(stream);
                None
            }
            (Place::Away, Some(result)) => {
                *place = Place::Over(result);
                Some(stream)
            }
            // Closed meanwhile.
            _ => Some(stream),
        }
    }

    /// Nobody asks any more. Gives the stream if it is here; else who has it gets it back by `put`.
    pub(super) fn close(&self) -> Option<S> {
        match std::mem::replace(&mut *self.place(), Place::Over(Ok(()))) {
            Place::Here(stream) => Some(stream),
            Place::Away | Place::Over(_) => None,
        }
    }
}
