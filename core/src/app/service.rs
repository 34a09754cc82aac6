//! What the service manager is told (`sd_notify(3)`), and that we are still alive. Nothing happens
//! where there is none.

use std::time::Duration;

use sd_notify::NotifyState;

/// The server is ready, and says so in a sentence for `systemctl status`.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends this.
pub(super) fn reloading() {
    // The manager must be able to tell this reload from one before it (`Type=notify-reload`).
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager is not told of the reload"),
    }
}

/// The server stops, and says so in a sentence.
pub(super) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Tells the manager twice per watchdog interval that the runtime still turns. Runs until it is
/// dropped; at once over without a watchdog.
pub(super) async fn watchdog() {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    // Never zero, which would spin.
    let pause = (interval / 2).max(Duration::from_millis(1));
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(pause).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
