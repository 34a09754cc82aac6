//! Whether there is an order of the operations that explains all answers and what is seen at last.
//!
//! Each operation takes effect at one moment between its request and its answer; one without an
//! answer at some moment after its request, or never (linearizability, searched for as Wing and
//! Gong did, remembering the situations that led nowhere).

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::{Answer, Op, State, agrees};

/// Situations that are looked at before the search gives up.
const MOST: usize = 3_000_000;

/// An operation, and when it was asked for and answered, by a clock that all workers share.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) worker: usize,
    pub(crate) begun: u64,
    /// `u64::MAX` without an answer.
    pub(crate) ended: u64,
    pub(crate) op: Op,
    pub(crate) answer: Answer,
}

struct Search<'a> {
    events: &'a [Event],
    last: &'a State,
    is_new: &'a dyn Fn(u64) -> bool,
    done: Vec<bool>,
    order: Vec<usize>,
    been: HashSet<u64>,
    best: (usize, String),
}

/// Looks for an order from `first` to `last`.
///
/// # Errors
/// How far the best order came, and what stood in its way.
pub(crate) fn check(
    first: &State,
    events: &[Event],
    last: &State,
    is_new: &dyn Fn(u64) -> bool,
) -> Result<(), String> {
    let (done, order, been) = (vec![false; events.len()], Vec::new(), HashSet::new());
    let mut events = events.to_vec();
    events.sort_by_key(|event| (event.ended, event.begun));
    let best = (0, "not even the first operation can be right".to_owned());
    let mut search = Search { events: &events, last, is_new, done, order, been, best };
    if search.go_on(first) {
        return Ok(());
    }
    let limit = if search.been.len() >= MOST { " (the search was given up)" } else { "" };
    Err(format!("no order of the operations explains what is seen{limit}: {}", search.best.1))
}

impl Search<'_> {
    fn go_on(&mut self, state: &State) -> bool {
        let mut seen = DefaultHasher::new();
        (&self.done, state).hash(&mut seen);
        if self.been.len() >= MOST || !self.been.insert(seen.finish()) {
            return false;
        }
        let all = 0..self.events.len();
        let waiting: Vec<usize> = all.filter(|index| !self.done[*index]).collect();
        let Some(bound) = waiting.iter().map(|index| self.events[*index].ended).min() else {
            return self.is_last(state);
        };
        if bound == u64::MAX && self.is_last(state) {
            return true;
        }
        // What was begun before the first of those that wait was answered may come next.
        let may_come = |index: &usize| self.events[*index].begun <= bound;
        let next: Vec<usize> = waiting.into_iter().filter(may_come).collect();
        for index in &next {
            let event = &self.events[*index];
            let Some(after) = state.after(&event.op, &event.answer) else { continue };
            self.done[*index] = true;
            self.order.push(*index);
            if self.go_on(&after) {
                return true;
            }
            self.order.pop();
            self.done[*index] = false;
        }
        if bound != u64::MAX {
            self.stuck(state, &next);
        }
        false
    }

    fn is_last(&mut self, state: &State) -> bool {
        match agrees(state, self.last, self.is_new) {
            Ok(()) => true,
            Err(why) => {
                if self.order.len() >= self.best.0 {
                    self.best = (self.order.len(), format!("{why}\n{}", self.tail()));
                }
                false
            }
        }
    }

    fn stuck(&mut self, state: &State, next: &[usize]) {
        if self.order.len() < self.best.0 {
            return;
        }
        let none: Vec<String> =
            next.iter().map(|index| format!("  {:?}", self.events[*index])).collect();
        let text = format!(
            "after {} of {} operations none of these can be right:\n{}\n{}\nin {state:#?}",
            self.order.len(),
            self.events.len(),
            none.join("\n"),
            self.tail(),
        );
        self.best = (self.order.len(), text);
    }

    fn tail(&self) -> String {
        let from = self.order.len().saturating_sub(12);
        let lines = self.order[from..].iter().map(|index| format!("  {:?}", self.events[*index]));
        format!(
            "the operations before, in the order tried last:\n{}",
            lines.collect::<Vec<_>>().join("\n")
        )
    }
}
