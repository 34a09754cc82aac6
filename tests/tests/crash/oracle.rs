//! The oracle against made-up histories: it must find the lies, and believe what may be true.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e::suite::Outcome;

use crate::law::Law;
use crate::linear::{Event, check};
use crate::model::{Answer, Done, File, Node, Op, State};

fn file(id: u64, hash: u64, etag: &str) -> Node {
    let file = Some(File { hash, etag: Some(etag.to_owned()) });
    Node { id: Some(id), file, dead: None, lock: None }
}

fn folder(id: u64) -> Node {
    Node { id: Some(id), file: None, dead: None, lock: None }
}

fn state(nodes: &[(&str, Node)]) -> State {
    State(nodes.iter().map(|(path, node)| ((*path).to_owned(), node.clone())).collect())
}

fn event((begun, ended): (u64, u64), op: Op, answer: Answer) -> Event {
    Event { worker: 0, begun, ended, op, answer }
}

fn put(path: &str, hash: u64) -> Op {
    Op::Put { path: path.to_owned(), hash, token: None }
}

fn moved(from: &str, to: &str) -> Op {
    Op::Move { from: from.to_owned(), to: to.to_owned(), overwrite: true }
}

fn got(path: &str, hash: u64) -> (Op, Answer) {
    let done = Done { status: 200, got: Some(hash), ..Done::default() };
    (Op::Get { path: path.to_owned() }, Answer::Done(done))
}

fn status(status: u16) -> Answer {
    Answer::Done(Done { status, ..Done::default() })
}

/// Tries each lie and each truth.
pub(crate) fn run() -> Result<Outcome> {
    const NEVER: u64 = u64::MAX;
    let old = state(&[("a", file(1, 10, "x"))]);
    let tree = state(&[("d", folder(2)), ("d/a", file(3, 10, "x")), ("d/b", file(4, 11, "y"))]);
    let moved_tree =
        state(&[("e", folder(2)), ("e/a", file(3, 10, "x")), ("e/b", file(4, 11, "y"))]);
    let half = state(&[("d", folder(2)), ("d/b", file(4, 11, "y")), ("e/a", file(3, 10, "x"))]);
    let mut twice = tree.clone();
    twice.0.extend(moved_tree.0.clone());
    let new = state(&[("a", file(1, 20, "z"))]);
    let overwritten = vec![event((0, 1), put("a", 20), status(204))];
    let unanswered = vec![event((0, NEVER), put("a", 20), Answer::None)];
    let away = vec![event((0, NEVER), moved("d", "e"), Answer::None)];
    let (get_new, saw_new) = got("a", 20);
    let (get_old, saw_old) = got("a", 10);
    let overlapping = vec![
        event((0, 9), put("a", 20), status(204)),
        event((1, 2), get_old.clone(), saw_old.clone()),
        event((3, 4), get_new.clone(), saw_new.clone()),
    ];
    let stale = vec![
        event((0, 1), put("a", 20), status(204)),
        event((2, 3), get_old.clone(), saw_old.clone()),
    ];
    let back = vec![
        event((0, 9), put("a", 20), status(204)),
        event((1, 2), get_new, saw_new),
        event((3, 4), get_old, saw_old),
    ];
    let mut kept_dead = old.clone();
    kept_dead.0.insert("a".into(), Node { dead: Some("v".into()), ..file(1, 10, "x") });
    let mut kept_lock = old.clone();
    kept_lock.0.insert("a".into(), Node { lock: Some(Some("t".into())), ..file(1, 10, "x") });
    let value = Op::Proppatch { path: "a".into(), value: "v".into() };
    let dead = vec![event((0, 1), value, status(207))];
    let lock_done = Done { status: 200, token: Some("t".into()), ..Done::default() };
    let lock = vec![event((0, 1), Op::Lock { path: "a".into() }, Answer::Done(lock_done))];
    let refused = vec![event((0, 1), put("a", 20), Answer::Refused(423))];
    let made = vec![event((0, NEVER), put("b", 30), Answer::None)];
    let with = |id| state(&[("a", file(1, 10, "x")), ("b", file(id, 30, "w"))]);
    for (what, may_be, first, events, last) in [
        ("an acknowledged write is there", true, &old, &overwritten, &new),
        ("an acknowledged write is lost", false, &old, &overwritten, &old),
        (
            "an acknowledged write is torn",
            false,
            &old,
            &overwritten,
            &state(&[("a", file(1, 21, "z"))]),
        ),
        ("a file is gone", false, &old, &overwritten, &State::default()),
        (
            "an overwrite changed the id",
            false,
            &old,
            &overwritten,
            &state(&[("a", file(2, 20, "z"))]),
        ),
        ("an unanswered write is there", true, &old, &unanswered, &new),
        ("an unanswered write is not there", true, &old, &unanswered, &old),
        ("an unanswered move was done", true, &tree, &away, &moved_tree),
        ("an unanswered move was not done", true, &tree, &away, &tree),
        ("a folder was moved in part", false, &tree, &away, &half),
        ("a folder is at two places", false, &tree, &away, &twice),
        ("a read while it is written sees either", true, &old, &overlapping, &new),
        ("a read after the answer sees the old", false, &old, &stale, &new),
        ("a read sees the new, a later one the old", false, &old, &back, &new),
        ("a property is kept", true, &old, &dead, &kept_dead),
        ("a property is lost", false, &old, &dead, &old),
        ("a lock is kept", true, &old, &lock, &kept_lock),
        ("a lock is lost", false, &old, &lock, &old),
        ("a write is refused without a reason", false, &old, &refused, &old),
        ("a new file has a new id", true, &old, &made, &with(7)),
        ("a new file has an old id", false, &old, &made, &with(5)),
    ] {
        let found = check(first, events, last, &|id| id > 6);
        ensure!(found.is_ok() == may_be, "{what}: {found:?}");
    }
    let folders = |etag: &str| BTreeMap::from([(String::new(), etag.to_owned())]);
    for (what, may_be, last, etag) in [
        ("nothing changed", true, old.clone(), "1"),
        ("one etag of a file for two contents", false, state(&[("a", file(1, 20, "x"))]), "2"),
        ("one etag of a folder for two subtrees", false, new, "1"),
        (
            "one id for two files",
            false,
            state(&[("a", file(1, 10, "x")), ("b", file(1, 1, "v"))]),
            "2",
        ),
    ] {
        let mut law = Law::default();
        law.look(&old, &folders("1")).map_err(anyhow::Error::msg)?;
        let found = law.look(&last, &folders(etag));
        ensure!(found.is_ok() == may_be, "{what}: {found:?}");
    }
    let mut law = Law::default();
    let looks = [old.clone(), State::default(), old];
    let found: Vec<bool> = looks
        .iter()
        .zip(["1", "2", "3"])
        .map(|(look, etag)| law.look(look, &folders(etag)).is_ok())
        .collect();
    ensure!(found == [true, true, false], "an id that was gone came back: {found:?}");
    Ok(Outcome::Passed)
}
