//! The call that is running: what modules know of it without being told by the script.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static CALL: Arc<Context>;
}

/// About a call of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The request id, as in the access log; empty if no request is behind it.
    pub request_id: String,
    /// The event, or what else the script was called for.
    pub event: String,
    /// How many scripts' changes this call is a consequence of.
    pub depth: u8,
}

/// Runs a call with its context.
pub async fn within<F: Future>(context: Arc<Context>, call: F) -> F::Output {
    CALL.scope(context, call).await
}

/// The context of the running call; an empty one outside of calls.
pub fn current() -> Arc<Context> {
    CALL.try_with(Arc::clone).unwrap_or_default()
}
