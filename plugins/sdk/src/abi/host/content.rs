//! Bytes that events are about, by number: a number that is no more finds nothing, where a pointer
//! would be a use after free.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::abi::errors::failed;
use crate::abi::run::{forget, run, shielded};
use crate::abi::token::Token;
use crate::abi::{Buf, CODE_CANCELLED, Done};
use crate::hooks::Content;

/// Most bytes that one read gives.
const MOST: u64 = 1 << 20;

type Lent = HashMap<u64, (Arc<dyn Content>, Handle)>;

static NEXT: AtomicU64 = AtomicU64::new(1);
static LENT: LazyLock<Mutex<Lent>> = LazyLock::new(Mutex::default);

fn lent() -> MutexGuard<'static, Lent> {
    // Nothing panics while it is held.
    LENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that can be read by number until this is dropped.
pub(super) struct Loan(pub(super) u64);

impl Loan {
    /// Lends bytes; they are read on the runtime that is entered.
    pub(super) fn of(content: &Arc<dyn Content>) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        lent().insert(number, (Arc::clone(content), Handle::current()));
        Self(number)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // Its own drop may do anything, so not while the map is locked.
        let over = lent().remove(&self.0);
        drop(over);
    }
}

pub(super) unsafe extern "C" fn read(content: u64, offset: u64, most: u64, done: Done) {
    let found = lent().get(&content).cloned();
    let Some((content, runtime)) = found else {
        return Token::new(done).code(CODE_CANCELLED, "the event is decided already");
    };
    shielded((), move || {
        let most = usize::try_from(most.min(MOST)).unwrap_or(usize::MAX);
        let work = async move { content.read_at(offset, most).await };
        let op = run(&runtime, done, work, |bytes, token: Token| match bytes {
            Ok(bytes) => token.ok(&Buf::of(bytes)),
            Err(error) => failed(&error, token),
        });
        forget(op);
    });
}
