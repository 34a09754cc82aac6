//! A plugin in service, whichever generation that is: the traits, over the generation of the moment.
//!
//! A call takes the generation with it, so that a reload ends no call; what a call gives (a stream, a
//! file) keeps it as well.

mod auth;
mod blobs;
mod files;
mod others;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::generation::{Generation, Offered};

/// What is answered when there is no generation, or one that does not offer what was asked for.
const CLOSED: &str = "the plugin is not in service";

/// One `[[plugin]]`, loaded. Clones of its [`Arc`] are handed to whoever asks plugins.
pub struct Slot {
    name: String,
    current: ArcSwapOption<Generation>,
}

impl Slot {
    pub(super) fn new(name: &str, generation: Generation) -> Self {
        let current = ArcSwapOption::from_pointee(generation);
        Self { name: name.to_owned(), current }
    }

    /// Name of the instance.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn current(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }

    /// Puts another generation into service, or none; gives the old one.
    pub(super) fn swap(&self, generation: Option<Generation>) -> Option<Arc<Generation>> {
        self.current.swap(generation.map(Arc::new))
    }

    /// Whether it is in service for an extension point, by its word in `provides`.
    pub fn offers(&self, word: &str) -> bool {
        self.current().is_some_and(|generation| generation.offers().contains(&word))
    }

    /// Calls of the generation of the moment, and how many failed by its fault.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.current().map_or((0, 0), |generation| generation.instance.counts())
    }

    /// What `choose` takes of the generation of the moment; it keeps its plugin alive.
    fn part<T: Clone>(&self, choose: impl FnOnce(&Offered) -> &Option<T>) -> Option<T> {
        self.current().and_then(|generation| choose(&generation.offered).clone())
    }
}
