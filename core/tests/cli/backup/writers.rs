//! Backups beside writers: each is of one moment, and has what was answered before it began.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{generations, lose_and_restore};
use crate::bed::Bed;

/// A worker's files in a generation, by path.
fn files_of(generation: &Path, worker: usize) -> BTreeMap<String, String> {
    let top = generation.join(format!("files/alice/w{worker}"));
    let mut files = BTreeMap::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
                files.insert(below, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// What a worker does, over and over: each step depends on the one before, so a backup that took
/// some of its files earlier than others would have an impossible state.
fn work(bed: &Bed, login: (&str, &str), worker: usize, over: &AtomicBool, answered: &AtomicUsize) {
    let mut http = bed.connect();
    let top = format!("w{worker}");
    assert_eq!(http.ask("MKCOL", login, &top, ""), 201);
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        round += 1;
        // Longer than what is held in memory, and of another length each time.
        let text = format!("{round} {}", "x".repeat(70_000 + round % 100));
        for name in ["first", "second"] {
            let status = http.ask("PUT", login, &format!("{top}/{name}"), &text);
            assert!(matches!(status, 201 | 204), "{status}");
        }
        answered.store(round, Ordering::Relaxed);
        // A small file that is only ever at one of two places, and comes and goes with its folder.
        let folder = format!("{top}/{round}");
        assert_eq!(http.ask("MKCOL", login, &folder, ""), 201);
        assert_eq!(http.ask("PUT", login, &format!("{folder}/small"), &round.to_string()), 201);
        assert_eq!(http.ask("MOVE", login, &folder, ""), 201);
        assert_eq!(http.ask("DELETE", login, &format!("{folder}-moved"), ""), 204);
    }
}

fn round_in(files: &BTreeMap<String, String>, name: &str) -> usize {
    let text = files.get(name).map_or("0", String::as_str);
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn each_backup_beside_writers_is_of_one_moment() {
    let mut bed = Bed::new();
    bed.configure("[storage]\ndurability = \"none\"\n");
    bed.add_user("alice", "");
    bed.start();
    let token = bed.token("alice");
    let login = ("alice", token.as_str());
    // Enough that a pass takes a while.
    let mut http = bed.connect();
    for i in 0..300 {
        assert_eq!(http.ask("PUT", login, &format!("still-{i}"), &i.to_string()), 201);
    }
    let over = AtomicBool::new(false);
    let answered: [AtomicUsize; 3] = Default::default();
    let mut known = Vec::new();
    scope(|scope| {
        for (worker, answered) in answered.iter().enumerate() {
            let (bed, over) = (&bed, &over);
            scope.spawn(move || work(bed, login, worker, over, answered));
        }
        let (fsck, end) = (&bed, &over);
        scope.spawn(move || {
            while !end.load(Ordering::Relaxed) {
                fsck.run("fsck").ok();
            }
        });
        // One that has failed must not be waited for.
        let begun = Instant::now();
        let slow = || answered.iter().any(|round| round.load(Ordering::Relaxed) < 3);
        while slow() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..6 {
            let before = [0, 1, 2].map(|worker: usize| answered[worker].load(Ordering::Relaxed));
            let ran = bed.run("backup backups --json");
            let after = [0, 1, 2].map(|worker: usize| answered[worker].load(Ordering::Relaxed));
            known.push((ran, before, after));
        }
        over.store(true, Ordering::Relaxed);
    });
    let known: Vec<_> =
        known.into_iter().map(|(ran, before, after)| (ran.json(), before, after)).collect();
    let made = generations(&bed);
    assert_eq!(made.len(), 6, "{known:?}");
    for (generation, (done, before, after)) in made.iter().zip(known) {
        assert_eq!(done["problems"], json!([]), "{done}");
        assert!(done["held_millis"].as_u64().unwrap() < 10_000, "{done}");
        bed.run(&format!("backup verify {}", generation.display())).ok();
        for worker in 0..3 {
            let files = files_of(generation, worker);
            let (first, second) = (round_in(&files, "first"), round_in(&files, "second"));
            assert!(first == second || first == second + 1, "{worker}: {first} and {second}");
            assert!(second >= before[worker], "{worker}: {second} was answered before it began");
            assert!(first <= after[worker] + 1, "{worker}: {first} came later");
            let small: Vec<_> = files.iter().filter(|(path, _)| path.contains("small")).collect();
            assert!(small.len() <= 1, "{small:?}");
            for (path, text) in small {
                assert!(second == first, "the small one comes after both");
                assert!(path.starts_with(text.as_str()), "{path}: {text}");
                assert_eq!(text, &first.to_string());
            }
        }
    }
    bed.stop();
    bed.run("fsck").ok();
    for generation in [&made[0], &made[5]] {
        lose_and_restore(&mut bed, generation.to_str().unwrap(), 0);
    }
}
