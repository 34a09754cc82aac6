//! Hints that wait until writing has stopped.
//!
//! A name is due when nothing was heard of it for [`Pace::quiet`], or [`Pace::patience`] after it was
//! first heard of: a file that is written to without end is looked at all the same. A folder is due
//! at once, but for the same pause. Losses wait once more, and until nothing else does, since what a
//! folder has lost may be found in another.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::look::Target;

/// Folders that are looked at in one go.
const FOLDERS_AT_ONCE: usize = 16;
/// Names that are looked at in one go, more or less.
const NAMES_AT_ONCE: usize = 1000;

/// How long hints wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Without another one.
    pub(super) quiet: Duration,
    /// At most.
    pub(super) patience: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    first: Instant,
    last: Instant,
}

/// What is to be looked at, by folder.
#[derive(Debug)]
pub(super) struct Queue {
    pace: Pace,
    names: HashMap<String, HashMap<String, Heard>>,
    /// In order, with those that are in it.
    folders: VecDeque<(String, Instant)>,
    known_folders: HashSet<String>,
    /// Folder and name, with when they were noted; oldest first.
    losses: VecDeque<(String, String, Instant)>,
}

/// What is due.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Names and folders that were heard of.
    pub(super) targets: Vec<Target>,
    /// Losses that were found nowhere else.
    pub(super) losses: Vec<Target>,
}

impl Queue {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            names: HashMap::new(),
            folders: VecDeque::new(),
            known_folders: HashSet::new(),
            losses: VecDeque::new(),
        }
    }

    /// A name was heard of.
    pub(super) fn name(&mut self, folder: String, name: String, now: Instant) {
        let names = self.names.entry(folder).or_default();
        let heard = names.entry(name).or_insert(Heard { first: now, last: now });
        heard.last = now;
    }

    /// A whole folder is to be looked at.
    pub(super) fn folder(&mut self, folder: String, now: Instant) {
        if self.known_folders.insert(folder.clone()) {
            self.folders.push_back((folder, now));
        }
    }

    /// A loss was left.
    pub(super) fn loss(&mut self, folder: String, name: String, now: Instant) {
        self.losses.push_back((folder, name, now));
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        let names: usize = self.names.values().map(HashMap::len).sum();
        names + self.losses.len() + self.folders.len()
    }

    /// When something is due; `None` if nothing waits.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let names = self.names.values().flat_map(HashMap::values).map(|heard| self.due(heard));
        let folders = self.folders.front().map(|(_, heard)| *heard + self.pace.quiet);
        // While folders wait, losses are not what is waited for.
        let losses = self.losses.front().filter(|_| self.folders.is_empty());
        let losses = losses.map(|(_, _, noted)| *noted + self.pace.quiet);
        names.chain(folders).chain(losses).min()
    }

    fn due(&self, heard: &Heard) -> Instant {
        (heard.last + self.pace.quiet).min(heard.first + self.pace.patience)
    }

    /// Takes what is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Due {
        let (mut targets, all) = self.take_names(now);
        while targets.len() < FOLDERS_AT_ONCE
            && let Some((folder, heard)) = self.folders.front()
            && *heard + self.pace.quiet <= now
        {
            let folder = folder.clone();
            self.folders.pop_front();
            self.known_folders.remove(&folder);
            targets.push(Target { folder, names: None });
        }
        let nothing_else = all && self.folders.is_empty();
        let losses = if nothing_else { self.take_losses(now) } else { Vec::new() };
        Due { targets, losses }
    }

    /// Takes names that are due; whether these are all of them.
    fn take_names(&mut self, now: Instant) -> (Vec<Target>, bool) {
        let mut targets = Vec::new();
        let mut taken = 0;
        let pace = self.pace;
        self.names.retain(|folder, waiting| {
            if taken >= NAMES_AT_ONCE {
                return true;
            }
            let mut due = Vec::new();
            waiting.retain(|name, heard| {
                let when = (heard.last + pace.quiet).min(heard.first + pace.patience);
                let is_due = when <= now;
                if is_due {
                    due.push(name.clone());
                }
                !is_due
            });
            taken += due.len();
            if !due.is_empty() {
                targets.push(Target { folder: folder.clone(), names: Some(due) });
            }
            !waiting.is_empty()
        });
        (targets, taken < NAMES_AT_ONCE)
    }

    fn take_losses(&mut self, now: Instant) -> Vec<Target> {
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        while let Some((folder, name, noted)) = self.losses.pop_front() {
            if noted + self.pace.quiet > now {
                self.losses.push_front((folder, name, noted));
                break;
            }
            groups.entry(folder).or_default().push(name);
        }
        let groups = groups.into_iter();
        groups.map(|(folder, names)| Target { folder, names: Some(names) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PACE: Pace = Pace { quiet: SECOND, patience: Duration::from_secs(10) };

    fn names(targets: &[Target]) -> Vec<String> {
        let mut names: Vec<String> = targets
            .iter()
            .flat_map(|target| match &target.names {
                None => vec![format!("{}/*", target.folder)],
                Some(names) => {
                    names.iter().map(|name| format!("{}/{name}", target.folder)).collect()
                }
            })
            .collect();
        names.sort();
        names
    }

    /// What is looked at, and what is lost.
    fn due(queue: &mut Queue, now: Instant) -> (Vec<String>, Vec<String>) {
        let due = queue.take_due(now);
        (names(&due.targets), names(&due.losses))
    }

    #[test]
    fn a_name_is_due_when_it_is_quiet() {
        let (mut queue, begin) = (Queue::new(PACE), Instant::now());
        queue.name("a".into(), "x".into(), begin);
        queue.name("a".into(), "y".into(), begin);
        queue.name("a".into(), "x".into(), begin + SECOND / 2);
        assert_eq!(queue.next_due(), Some(begin + SECOND));
        assert_eq!(due(&mut queue, begin + SECOND).0, ["a/y"]);
        assert_eq!(due(&mut queue, begin + SECOND).0, [""; 0]);
        assert_eq!(due(&mut queue, begin + SECOND * 2).0, ["a/x"]);
        assert_eq!((queue.len(), queue.next_due()), (0, None));
    }

    #[test]
    fn what_is_written_without_end_is_looked_at_all_the_same() {
        let (mut queue, begin) = (Queue::new(PACE), Instant::now());
        for tick in 0..40 {
            queue.name("a".into(), "log".into(), begin + SECOND / 4 * tick);
        }
        assert_eq!(due(&mut queue, begin + SECOND * 10).0, ["a/log"]);
    }

    #[test]
    fn losses_wait_for_all_that_may_have_been_found_elsewhere() {
        let (mut queue, begin) = (Queue::new(PACE), Instant::now());
        queue.loss("a".into(), "x".into(), begin);
        queue.folder("b".into(), begin);
        queue.folder("b".into(), begin);
        let (none, at_last) = (Vec::<String>::new(), vec!["a/x".to_owned()]);
        assert_eq!(due(&mut queue, begin), (none.clone(), none.clone()));
        for number in 0..=NAMES_AT_ONCE {
            queue.name(format!("c{number}"), "z".into(), begin);
        }
        // The first thousand and the first folder, then the rest.
        let (looked_at, lost) = due(&mut queue, begin + SECOND);
        assert_eq!((looked_at.len(), lost), (NAMES_AT_ONCE, none.clone()));
        let (looked_at, lost) = due(&mut queue, begin + SECOND);
        assert_eq!((looked_at.len(), lost), (2, at_last));
        queue.loss("a".into(), "y".into(), begin + SECOND);
        assert_eq!(due(&mut queue, begin + SECOND), (none.clone(), none));
        assert_eq!(due(&mut queue, begin + SECOND * 2).1, ["a/y"]);
        assert_eq!(queue.len(), 0);
    }
}
