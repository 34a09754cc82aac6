//! All orders in which threads may answer a call, give it up, ask a stream and close it: the two places
//! where the border's threads meet, built on loom's locks.

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

#[path = "../src/abi/slot.rs"]
mod slot;
#[path = "../src/abi/waiting.rs"]
mod waiting;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use slot::{Found, Slot};
use waiting::Waiting;

#[test]
fn of_two_answers_and_a_caller_who_gives_up_one_finds_the_call() {
    loom::model(|| {
        let waiting = Arc::new(Waiting::new());
        let number = waiting.put("the call");
        let answer = |waiting: &Arc<Waiting<&'static str>>| {
            let waiting = Arc::clone(waiting);
            thread::spawn(move || usize::from(waiting.called(number).is_some()))
        };
        let answers = [answer(&waiting), answer(&waiting)];
        let given_up = usize::from(waiting.take(number).is_some());
        let answered: usize = answers.map(|answer| answer.join().unwrap()).iter().sum();
        assert_eq!(answered + given_up, 1);
        assert_eq!(waiting.strays(), 2 - answered);
        assert_eq!(waiting.len(), 0);
    });
}

#[test]
fn calls_that_begin_at_once_have_numbers_of_their_own() {
    loom::model(|| {
        let waiting = Arc::new(Waiting::new());
        let other = Arc::clone(&waiting);
        let theirs = thread::spawn(move || other.put("theirs"));
        let own = waiting.put("own");
        let theirs = theirs.join().unwrap();
        assert_eq!((waiting.called(own), waiting.called(theirs)), (Some("own"), Some("theirs")));
    });
}

/// Counts how often it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Asks for a piece, as the task does; `over` is how the stream ends then.
fn ask(slot: &Slot<Counted, ()>, over: Option<Result<(), ()>>) -> Option<bool> {
    match slot.take() {
        Found::Stream(stream) => {
            drop(slot.put(stream, over));
            Some(true)
        }
        Found::Nothing => None,
        Found::Over(_) => Some(false),
    }
}

#[test]
fn a_stream_that_is_closed_while_it_is_asked_is_dropped_once() {
    for over in [None, Some(Ok(())), Some(Err(()))] {
        loom::model(move || {
            let dropped = Arc::new(AtomicUsize::new(0));
            let slot = Arc::new(Slot::new(Counted(Arc::clone(&dropped))));
            let asking = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || ask(&slot, over))
            };
            drop(slot.close());
            asking.join().unwrap();
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
            assert_eq!(ask(&slot, None), Some(false), "nobody can ask it any more");
        });
    }
}

#[test]
fn a_stream_that_is_asked_twice_at_once_is_with_one_of_them() {
    loom::model(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let slot = Arc::new(Slot::new(Counted(Arc::clone(&dropped))));
        let other = Arc::clone(&slot);
        let theirs = thread::spawn(move || ask(&other, None));
        let own = ask(&slot, None);
        let theirs = theirs.join().unwrap();
        assert!(own == Some(true) || theirs == Some(true));
        assert_eq!(dropped.load(Ordering::SeqCst), 0, "it is here still");
        drop(slot.close());
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}
