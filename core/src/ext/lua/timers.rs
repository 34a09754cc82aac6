//! The timers of a script, for as long as its generation is in service.

use std::sync::{Arc, Weak};

use moonsail_lua::mlua::Lua;
use moonsail_sdk::auth::Call;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::argument::common;
use super::generation::{Place, Question};
use super::slot::Slot;

/// Starts the timers of the generation of the moment; they end when what is given is dropped, or
/// another generation is in service.
pub(super) fn start(slot: &Arc<Slot>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let generation = slot.current();
    let loaded = generation.registered();
    for (at, timer) in loaded.registered.timers.iter().enumerate() {
        tasks.spawn(run(Arc::downgrade(slot), generation.number, at, timer.every));
    }
    tasks
}

async fn run(slot: Weak<Slot>, number: u64, at: usize, every: std::time::Duration) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(slot) = slot.upgrade() else { return };
        let generation = slot.current();
        if generation.number != number {
            return;
        }
        let event = "timer";
        let question =
            Question { place: Place::Timer(at), request_id: "", event, background: true };
        let argument = |lua: &Lua| common(lua, event, &Call::default());
        // A failure is logged there; the timer goes on.
        let _logged = slot.ask(&generation, &question, argument).await;
    }
}
