//! Ends a statement whose time is over.
//!
//! SQLite asks a handler of its connection every so many steps, on the thread that runs the
//! statement; so the time is the thread's, and a connection gets its handler once, when it is opened.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Instructions of SQLite's machine between two looks at the time: well below a millisecond.
const STEPS: i32 = 1000;

thread_local! {
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets statements on `conn` be watched.
pub(super) fn register(conn: &mut Connection) -> rusqlite::Result<()> {
    let over = || UNTIL.get().is_some_and(|until| Instant::now() >= until);
    conn.progress_handler(STEPS, Some(over))
}

/// While it lives, statements of this thread fail with `OperationInterrupted` once the time is over.
pub(super) struct Watch;

impl Watch {
    pub(super) fn begin(time: Duration) -> Self {
        UNTIL.set(Instant::now().checked_add(time));
        Self
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        UNTIL.set(None);
    }
}
