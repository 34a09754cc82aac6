//! kill -9 at random moments: what has a name is whole, and the next run finishes the work.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::{generations, lose_and_restore};
use crate::bed::Bed;

/// A running server with a few hundred files.
fn crowded() -> (Bed, String) {
    let mut bed = Bed::new();
    bed.configure("[storage]\ndurability = \"none\"\n");
    bed.add_user("alice", "");
    bed.start();
    let token = bed.token("alice");
    let mut http = bed.connect();
    let login = ("alice", token.as_str());
    assert_eq!(http.ask("MKCOL", login, "many", ""), 201);
    for i in 0..400 {
        let text = format!("{i} ").repeat(i * 7);
        assert_eq!(http.ask("PUT", login, &format!("many/{i}"), &text), 201);
    }
    (bed, token)
}

/// A random moment in each of `count` parts of a time: some come early enough for sure.
fn moments(whole: Duration, count: u32) -> impl Iterator<Item = Duration> {
    let random = RandomState::new();
    (0..count).map(move |part| {
        let within = (random.hash_one(part) % 1000) as f64 / 1000.0;
        whole.mul_f64((f64::from(part) + within) / f64::from(count))
    })
}

#[track_caller]
fn all_are_whole(bed: &Bed) {
    for generation in generations(bed) {
        bed.run(&format!("backup verify {}", generation.display())).ok();
    }
}

/// How long a whole backup of this bed takes.
fn measured(bed: &Bed) -> Duration {
    let begun = Instant::now();
    bed.run("backup measured").ok();
    begun.elapsed()
}

#[test]
fn a_backup_that_is_killed_is_none_and_the_next_one_is_whole() {
    let (mut bed, _) = crowded();
    let whole = measured(&bed);
    for online in [true, false] {
        if !online {
            bed.stop();
        }
        let mut cut = 0;
        for moment in moments(whole, 8) {
            let before = fs::read_dir(bed.path("backups")).map_or(0, |_| generations(&bed).len());
            bed.kill_after(moment, "backup backups");
            // The server that was asked sees that nobody waits, and needs a moment for it.
            let begun = Instant::now();
            while online && bed.run("user list").code != Some(0) {
                assert!(begun.elapsed() < Duration::from_secs(10));
            }
            if bed.path("backups").exists() {
                all_are_whole(&bed);
                cut += u32::from(generations(&bed).len() == before);
            }
        }
        assert!(cut > 0, "no kill came in time");
        // One that was killed on this side may still run in the server for a moment.
        let begun = Instant::now();
        let ran = loop {
            let ran = bed.run("backup backups");
            if ran.code == Some(0) || begun.elapsed() > Duration::from_secs(10) {
                break ran;
            }
            assert!(ran.err.contains("another backup"), "{ran:?}");
        };
        ran.ok();
        all_are_whole(&bed);
        for left in [".unfinished", ".new", ".left", ".removing"] {
            assert!(!bed.path("backups").join(left).exists(), "{left}");
        }
        bed.run("fsck").ok();
        if online {
            fs::remove_dir_all(bed.path("backups")).unwrap();
        }
    }
}

#[test]
fn a_server_that_is_killed_while_it_makes_a_backup_loses_nothing() {
    let (mut bed, _) = crowded();
    let whole = measured(&bed);
    for moment in moments(whole, 5) {
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| bed.run("backup backups"));
            std::thread::sleep(moment);
            bed.signal("-KILL");
            let ran = asked.join().unwrap();
            // Done in time, cut, or carried out here after the server was gone.
            assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        });
        bed.wait();
        if bed.path("backups").exists() {
            all_are_whole(&bed);
        }
        bed.run("fsck").ok();
        bed.start();
    }
    bed.run("backup backups").ok();
    all_are_whole(&bed);
    bed.stop();
    lose_and_restore(&mut bed, "backups", 0);
}

#[test]
fn a_restore_that_is_killed_is_refused_by_all_verbs_and_begins_anew() {
    let (mut bed, _) = crowded();
    bed.run("backup backups").ok();
    bed.stop();
    let begun = Instant::now();
    bed.run("--data measured restore backups").ok();
    let whole = begun.elapsed();
    fs::rename(bed.data(""), bed.path("lost")).unwrap();
    let mut cut = 0;
    for moment in moments(whole, 8) {
        bed.kill_after(moment, "restore backups");
        if bed.data("restore-unfinished").exists() {
            cut += 1;
            for line in
                ["serve --listen 127.0.0.1:0 --listen-http 127.0.0.1:0", "fsck", "user list"]
            {
                let ran = bed.run(line);
                assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{line}: {ran:?}");
                assert!(ran.err.contains("run `moonsail restore` again"), "{line}: {ran:?}");
            }
        } else if bed.data("moonsail.db").exists() {
            // It was faster.
            bed.run("fsck").ok();
            fs::remove_dir_all(bed.data("")).unwrap();
        }
    }
    assert!(cut > 0, "no kill came in time");
    bed.run("restore backups --verify").ok();
    bed.run("fsck").ok();
    assert!(bed.run("fsck --json").json()["files"] == 400);
}
