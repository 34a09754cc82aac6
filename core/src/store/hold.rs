//! Holding all writes for a moment.
//!
//! A job of the index that waits: jobs run one after the other, so none is decided meanwhile, and
//! what is queued is decided afterwards. Not for longer than it may, whatever becomes of who began
//! it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::{JobDone, Store, StoreError};

/// While it lives, nothing is decided; but see [`Hold::end`]. Dropping it ends it as well.
pub struct Hold {
    release: Sender<()>,
}

impl Hold {
    /// Waits for what is decided just now, and holds the rest for at most `most`. Blocking.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the index is closed.
    pub fn begin(store: &dyn Store, most: Duration) -> Result<Self, StoreError> {
        let (release, released) = channel();
        let (held, holding) = channel();
        store.submit(Box::new(move |_| {
            let _gone = held.send(());
            wait(released, most);
            JobDone { keep: false, finish: Box::new(drop) }
        }));
        let closed = |_| StoreError::Failed("the index is closed".to_owned());
        holding.recv().map_err(closed)?;
        Ok(Self { release })
    }

    /// Lets the writes go on. `false` if they did so before, because it took too long.
    #[must_use = "what was done after the hold was over was done beside writes"]
    pub fn end(self) -> bool {
        // The other end lives exactly as long as the job that holds the writes.
        self.release.send(()).is_ok()
    }
}

fn wait(released: Receiver<()>, most: Duration) {
    if released.recv_timeout(most) == Err(RecvTimeoutError::Timeout) {
        tracing::warn!("writes were held for too long, and go on");
    }
}
