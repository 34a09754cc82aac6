//! Which call fails, and how.

use std::sync::{Mutex, MutexGuard};

use moonsail::storage::StorageError;
use moonsail::store::StoreError;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No space.
    Full,
    /// The storage is away, the index busy.
    Unavailable,
    /// An I/O error.
    Internal,
    /// A bug.
    Panic,
    /// It never comes back: the process is killed meanwhile.
    Stop,
}

/// When it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing was done.
    Before,
    /// It was done, and the error says otherwise: a sync that failed.
    After,
}

/// How long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Once,
    /// From then on: a full disk stays full.
    FromThen,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) moment: Moment,
    pub(crate) span: Span,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    /// Calls until the one that fails.
    left: usize,
    struck: Option<&'static str>,
}

/// Counts the calls of those that share it.
#[derive(Default)]
pub(crate) struct Fault(Mutex<State>);

impl Fault {
    /// From now on the call number `nth` (from 0) fails.
    pub(crate) fn arm(&self, nth: usize, plan: Plan) {
        *self.state() = State { plan: Some(plan), left: nth, struck: None };
    }

    /// No call fails any more; tells the first that did.
    pub(crate) fn disarm(&self) -> Option<&'static str> {
        std::mem::take(&mut *self.state()).struck
    }

    /// The first call that failed so far.
    pub(crate) fn struck(&self) -> Option<&'static str> {
        self.state().struck
    }

    /// Counts a call; says how it fails.
    pub(crate) fn strike(&self, call: &'static str) -> Option<(Kind, Moment)> {
        let mut state = self.state();
        let plan = state.plan?;
        if state.left > 0 {
            state.left -= 1;
            return None;
        }
        state.struck.get_or_insert(call);
        if plan.span == Span::Once {
            state.plan = None;
        }
        Some((plan.kind, plan.moment))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Kind {
    /// As a storage fails. [`Kind::Stop`] does not return.
    pub(crate) async fn storage(self) -> StorageError {
        match self {
            Self::Full => StorageError::Full,
            Self::Unavailable => StorageError::Unavailable("injected".to_owned()),
            Self::Internal => StorageError::Internal("injected".to_owned()),
            Self::Panic => panic!("injected"),
            Self::Stop => std::future::pending().await,
        }
    }

    /// As the index fails; it cannot stop, since its thread is everybody's.
    pub(crate) fn index(self) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Unavailable => StoreError::Busy,
            Self::Internal | Self::Stop => StoreError::Failed("injected".to_owned()),
            Self::Panic => panic!("injected"),
        }
    }
}
