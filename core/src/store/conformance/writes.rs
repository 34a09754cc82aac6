//! Jobs, batches, snapshots.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Bed, file, folder, home, queue, read, refuse, uid, write};
use crate::etag::Stamp;
use crate::storage::{DiskOp, Tag};
use crate::store::hold::Hold;
use crate::store::{JobDone, Store, StoreError};

/// Holds the writer in a job until the answer is dropped or used, so that what is queued meanwhile
/// becomes one batch.
fn hold(store: &Arc<dyn Store>) -> std::sync::mpsc::Sender<()> {
    let (open, gate) = channel::<()>();
    let (entered, inside) = channel();
    store.submit(Box::new(move |_| {
        entered.send(()).expect("the test waits");
        let _opened = gate.recv();
        JobDone { keep: false, finish: Box::new(drop) }
    }));
    inside.recv().expect("the writer runs");
    open
}

fn remove_op(path: &str) -> DiskOp {
    DiskOp::Remove { path: path.to_owned(), tag: Tag("t".to_owned()) }
}

pub(crate) fn a_kept_job_is_seen_and_a_refused_one_is_not(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    write(&store, move |tx| tx.insert_node(&file(root, "kept")));
    let refused = queue(&store, move |tx| {
        tx.insert_node(&file(root, "refused"))?;
        refuse::<()>()
    });
    assert!(refused.recv().expect("an answer").is_err());
    assert!(read(&store, |tx| tx.child(root, "kept")).is_some());
    assert_eq!(read(&store, |tx| tx.child(root, "refused")), None);
}

pub(crate) fn a_job_sees_its_own_writes_and_those_before_it(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let gate = hold(&store);
    let first = queue(&store, move |tx| tx.insert_node(&file(root, "a")));
    let second = queue(&store, move |tx| {
        let id = tx.insert_node(&file(root, "b"))?;
        let own = tx.as_read().child(root, "b")?.map(|node| node.id) == Some(id);
        Ok((own, tx.child(root, "a")?.map(|node| node.id)))
    });
    drop(gate);
    let a = first.recv().expect("an answer").expect("a commit");
    assert_eq!(second.recv().expect("an answer").expect("a commit"), (true, Some(a)));
}

pub(crate) fn a_refused_job_leaves_the_others_of_its_batch_alone(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let gate = hold(&store);
    let answers: Vec<_> = (0..9)
        .map(|i| {
            queue(&store, move |tx| {
                let stamp = tx.next_stamp()?;
                tx.insert_node(&file(root, &format!("{i}")))?;
                if i % 3 == 1 { refuse() } else { Ok(stamp) }
            })
        })
        .collect();
    drop(gate);
    let stamps: Vec<_> = answers.iter().map(|a| a.recv().expect("an answer").ok()).collect();
    let kept: Vec<Stamp> = stamps.iter().copied().flatten().collect();
    assert_eq!(stamps.iter().filter(|stamp| stamp.is_none()).count(), 3);
    // Stamps of refused jobs go to the next one.
    assert!(kept.windows(2).all(|two| two[1].0 == two[0].0 + 1), "{kept:?}");
    let names: Vec<_> =
        read(&store, |tx| tx.children(root, None, 99)).into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["0", "2", "3", "5", "6", "8"]);
}

pub(crate) fn a_panicking_job_is_rolled_back_and_the_writer_goes_on(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let gate = hold(&store);
    let before = queue(&store, move |tx| tx.insert_node(&file(root, "before")));
    let panicking = queue::<()>(&store, move |tx| {
        tx.next_stamp()?;
        tx.insert_node(&file(root, "panicking"))?;
        tx.push_disk_op(&remove_op("panicking"))?;
        panic!("a panic on purpose");
    });
    let after = queue(&store, move |tx| tx.insert_node(&file(root, "after")));
    drop(gate);
    assert!(before.recv().expect("an answer").is_ok());
    assert!(panicking.recv().is_err(), "nobody answers for a job that panicked");
    assert!(after.recv().expect("an answer").is_ok());
    let names = read(&store, |tx| tx.children(root, None, 99));
    let names: Vec<_> = names.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["after", "before"]);
    assert_eq!(read(&store, |tx| tx.disk_ops()), []);
}

pub(crate) fn a_panicking_answer_harms_nobody(bed: &impl Bed) {
    let store = bed.open();
    store.submit(Box::new(|_| JobDone {
        keep: true,
        finish: Box::new(|_| panic!("a panic on purpose")),
    }));
    store.set_disk_sink(Box::new(|_| panic!("a panic on purpose")));
    write(&store, |tx| tx.push_disk_op(&remove_op("a")));
    assert_eq!(read(&store, |tx| tx.disk_ops()).len(), 1);
}

pub(crate) fn a_batch_is_one_commit_to_its_readers(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let gate = hold(&store);
    let first = queue(&store, move |tx| tx.insert_node(&file(root, "a")));
    let (seen, sees) = channel();
    let (reading, spy) = (Arc::clone(&store), seen);
    // A reader in the middle of the batch sees nothing of it.
    let middle = queue(&store, move |_| {
        let count = reading.reader()?.child_count(root)?;
        spy.send(count).map_err(|_| StoreError::Busy)
    });
    drop(gate);
    first.recv().expect("an answer").expect("a commit");
    middle.recv().expect("an answer").expect("a commit");
    assert_eq!(sees.recv().expect("a count"), 0);
    assert_eq!(read(&store, |tx| tx.child_count(root)), 1);
}

pub(crate) fn stamps_rise_and_are_never_given_twice(bed: &impl Bed) {
    let mut given: Vec<Stamp> = Vec::new();
    for round in 0..4 {
        let store = bed.open();
        for _ in 0..5 {
            given.push(write(&store, |tx| tx.next_stamp()));
        }
        let refused = queue(&store, |tx| {
            tx.next_stamp()?;
            refuse::<()>()
        });
        assert!(refused.recv().expect("an answer").is_err());
        if round % 2 == 0 {
            store.close();
        }
    }
    assert_eq!(given.len(), 20);
    assert!(given.windows(2).all(|two| two[0] < two[1]), "{given:?}");
    let era = bed.open().installation().era;
    assert!(given.iter().all(|stamp| *stamp == Stamp::new(era, stamp.seq())), "{given:?}");
}

pub(crate) fn a_reader_keeps_its_snapshot(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let mut early = store.reader().expect("a snapshot");
    write(&store, move |tx| tx.insert_node(&file(root, "a")));
    assert_eq!(early.child_count(root).expect("a count"), 0);
    let mut late = store.reader().expect("a snapshot");
    write(&store, move |tx| {
        let node = tx.child(root, "a")?.expect("it was written");
        tx.detach(node.id)?;
        tx.insert_node(&folder(root, "b"))
    });
    assert_eq!(early.children(root, None, 9).expect("an answer"), []);
    assert!(late.child(root, "a").expect("an answer").is_some());
    assert_eq!(late.child(root, "b").expect("an answer"), None);
    drop((early, late));
    assert!(read(&store, |tx| tx.child(root, "b")).is_some());
}

pub(crate) fn disk_operations_go_out_after_the_commit_in_order_and_before_the_answers(
    bed: &impl Bed,
) {
    let store = bed.open();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let (sink_log, reading) = (Arc::clone(&log), Arc::downgrade(&store));
    store.set_disk_sink(Box::new(move |ops| {
        let store = reading.upgrade().expect("the store is open");
        let committed = store.reader().and_then(|mut tx| tx.disk_ops()).expect("an answer");
        for op in ops {
            assert!(committed.contains(&op), "decided means committed");
            if let DiskOp::Remove { path, .. } = op.1 {
                sink_log.lock().expect("no panic").push(path);
            }
        }
    }));
    let gate = hold(&store);
    let (done, answered) = channel();
    for i in 0..6 {
        let (log, done) = (Arc::clone(&log), done.clone());
        store.submit(Box::new(move |tx| {
            for half in ["x", "y"] {
                tx.push_disk_op(&remove_op(&format!("{i}{half}"))).expect("an id");
            }
            JobDone {
                keep: i != 2,
                finish: Box::new(move |committed| {
                    committed.expect("a commit");
                    log.lock().expect("no panic").push(format!("answer {i}"));
                    done.send(()).expect("the test waits");
                }),
            }
        }));
    }
    drop(gate);
    (0..6).for_each(|_| answered.recv().expect("an answer"));
    let log = log.lock().expect("no panic").clone();
    let sunk: Vec<_> = log.iter().filter(|entry| !entry.starts_with("answer")).collect();
    assert_eq!(sunk, ["0x", "0y", "1x", "1y", "3x", "3y", "4x", "4y", "5x", "5y"]);
    for i in [0, 1, 3, 4, 5] {
        let at = |what: String| log.iter().position(|entry| *entry == what);
        assert!(at(format!("{i}y")) < at(format!("answer {i}")), "{log:?}");
    }
}

pub(crate) fn close_finishes_what_is_queued_and_refuses_what_comes_later(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let answers: Vec<_> = (0..600)
        .map(|i| queue(&store, move |tx| tx.insert_node(&file(root, &format!("{i}")))))
        .collect();
    store.close();
    for answer in answers {
        answer.try_recv().expect("answered before close returns").expect("a commit");
    }
    assert!(queue(&store, |tx| tx.next_stamp()).recv().is_err());
    store.close();
    drop(store);
    assert_eq!(read(&bed.open(), |tx| tx.child_count(root)), 600);
}

pub(crate) fn the_facts_of_the_installation_stay(bed: &impl Bed) {
    let store = bed.open();
    let facts = store.installation().clone();
    assert!((1..1 << 22).contains(&facts.era), "{}", facts.era);
    assert!(facts.instance.0.starts_with("oc") && facts.instance.0.len() == 12);
    assert!(facts.secret.len() == 64 && facts.secret.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(facts.data_fingerprint, "");
    assert_eq!(read(&store, |tx| tx.home(&uid("alice"))), None);
    drop(store);
    assert_eq!(*bed.open().installation(), facts);
}

pub(crate) fn writes_wait_while_they_are_held_and_not_longer_than_they_may(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(20));
    let hold = Hold::begin(&*store, long).expect("an open index");
    let queued = queue(&store, move |tx| tx.insert_node(&file(root, "queued")));
    assert!(queued.recv_timeout(5 * short).is_err(), "it waits");
    assert_eq!(read(&store, |tx| tx.child_count(root)), 0, "and is not seen");
    assert!(hold.end());
    queued.recv().expect("an answer").expect("a commit");
    let hold = Hold::begin(&*store, short).expect("an open index");
    write(&store, move |tx| tx.insert_node(&file(root, "late")));
    assert!(!hold.end(), "it took too long");
    // One that is dropped holds nothing.
    drop(Hold::begin(&*store, long).expect("an open index"));
    write(&store, move |tx| tx.insert_node(&file(root, "after")));
    store.close();
    assert!(Hold::begin(&*store, long).is_err());
}
