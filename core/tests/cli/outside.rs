//! Files that others change on the disk: `scan`, the keys of it, and an index that was lost.

use std::fs;

use crate::bed::Bed;

/// A user with one file; the server is stopped.
fn furnished() -> (Bed, String) {
    let mut bed = Bed::new();
    bed.add_user("alice", "");
    bed.start();
    let token = bed.token("alice");
    assert_eq!(bed.connect().ask("PUT", ("alice", &token), "f", "mine\n"), 201);
    bed.stop();
    (bed, token)
}

#[test]
fn scan_says_what_it_took_over_and_what_it_cannot_serve() {
    let (bed, _) = furnished();
    let quiet = bed.run("scan").ok();
    assert!(quiet.ends_with("0 new, 0 written, 0 renamed, 0 deleted, 0 not served.\n"), "{quiet}");
    fs::create_dir(bed.data("files/alice/d")).unwrap();
    fs::write(bed.data("files/alice/d/g"), "theirs").unwrap();
    fs::rename(bed.data("files/alice/f"), bed.data("files/alice/d/renamed")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", bed.data("files/alice/link")).unwrap();
    let ran = bed.run("scan alice");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.out.contains("alice/link is a symbolic link, which is never followed; "),
        "{ran:?}"
    );
    assert!(ran.out.contains("2 new, 0 written, 1 renamed, 0 deleted, 1 not served."), "{ran:?}");
    fs::remove_file(bed.data("files/alice/link")).unwrap();
    let json = bed.run("scan --json").json();
    assert_eq!(json["changes"]["created"], 0, "{json}");
    assert_eq!(json["unserved"].as_array().unwrap().len(), 0, "{json}");
    bed.run("fsck").ok();
    let ran = bed.run("scan alise");
    assert!(ran.code != Some(0) && ran.err.contains("perhaps alice is meant"), "{ran:?}");
}

#[test]
fn the_running_server_scans_and_its_answers_follow() {
    let (mut bed, token) = furnished();
    bed.configure("[storage]\nwatch = false\nrescan_secs = 0\n");
    bed.start();
    let mut http = bed.connect();
    // Looked at once at the start; nobody looks after that.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    fs::create_dir(bed.data("files/alice/d")).unwrap();
    fs::write(bed.data("files/alice/d/g"), "theirs").unwrap();
    assert_eq!(http.ask("GET", ("alice", &token), "d/g", ""), 404, "nobody looked");
    bed.run("scan").ok();
    assert_eq!(http.ask("GET", ("alice", &token), "d/g", ""), 200);
}

#[test]
fn an_unwatched_disk_is_looked_at_again_and_again() {
    let (mut bed, token) = furnished();
    bed.configure("[storage]\nwatch = false\nrescan_secs = 1\nsettle_millis = 10\n");
    bed.start();
    let mut http = bed.connect();
    fs::write(bed.data("files/alice/g"), "theirs").unwrap();
    let seen = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        http.ask("GET", ("alice", &token), "g", "") == 200
    });
    assert!(seen);
}

#[test]
fn a_lost_index_is_made_anew_from_the_files() {
    let (mut bed, lost) = furnished();
    fs::create_dir_all(bed.data("files/alice/deep/er")).unwrap();
    fs::write(bed.data("files/alice/deep/er/g"), "theirs").unwrap();
    fs::write(bed.data("stage/acknowledged"), "and not yet published").unwrap();
    bed.start();
    assert_eq!(bed.connect().ask("MKCOL", ("alice", &lost), "made", ""), 201);
    let left = fs::read(bed.data("moonsail.db-wal")).unwrap();
    bed.stop();
    assert!(!left.is_empty());
    fs::write(bed.data("stage/acknowledged"), "and not yet published").unwrap();
    fs::remove_file(bed.data("moonsail.db")).unwrap();
    // What a crash leaves; SQLite would put it on top of a new index.
    fs::write(bed.data("moonsail.db-wal"), left).unwrap();
    bed.start();
    assert_eq!(bed.connect().ask("GET", ("alice", &lost), "f", ""), 401, "users are lost");
    bed.add_user("alice", "");
    let token = bed.token("alice");
    let mut http = bed.connect();
    let whole = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        http.ask("GET", ("alice", &token), "deep/er/g", "") == 200
    });
    assert!(whole);
    assert_eq!(http.ask("GET", ("alice", &token), "f", ""), 200);
    bed.stop();
    bed.run("fsck").ok();
    let index = rusqlite::Connection::open(bed.data("moonsail.db")).unwrap();
    let sql = "SELECT value FROM meta WHERE key = 'data_fingerprint'";
    let told: String = index.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(told.len() >= 16, "apps are told that the server is older than they: {told:?}");
    let kept = fs::read_dir(bed.data("versions/kept")).unwrap().map(|it| it.unwrap().path());
    let kept: Vec<_> = kept.filter_map(|it| fs::read(it.join("acknowledged")).ok()).collect();
    assert_eq!(kept, [b"and not yet published"]);
}

#[test]
fn a_damaged_index_stops_the_start_with_a_remedy() {
    let (bed, _) = furnished();
    for name in ["moonsail.db-wal", "moonsail.db-shm"] {
        let _absent = fs::remove_file(bed.data(name));
    }
    fs::write(bed.data("moonsail.db"), "this is no database, and long enough to be looked at")
        .unwrap();
    let ran = bed.run("fsck");
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.err.contains("the index is damaged") && ran.err.contains("moonsail restore"),
        "{ran:?}"
    );
}
