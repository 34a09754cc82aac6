//! `fsck` finds each kind of damage, and nothing where there is none.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bed::Bed;

/// A running server with a user's folder of files, each of 6 bytes.
fn furnished() -> (Bed, String) {
    let mut bed = Bed::new();
    // Nobody looks at the disk meanwhile: the damage stays what it is.
    bed.configure(
        "[storage]\ndurability = \"none\"\nwatch = false\nrescan_secs = 0\nsettle_millis = 60000\n",
    );
    bed.add_user("alice", "");
    bed.start();
    let token = bed.token("alice");
    let mut http = bed.connect();
    let login = ("alice", token.as_str());
    for folder in ["docs", "docs/sub", "empty"] {
        assert_eq!(http.ask("MKCOL", login, folder, ""), 201);
    }
    for name in ["flipped", "short", "gone", "moved", "touched", "folder", "good", "sub/deep"] {
        assert_eq!(http.ask("PUT", login, &format!("docs/{name}"), "sound\n"), 201);
    }
    (bed, token)
}

/// What is wrong, one line each: path and the beginning of what is said.
const DAMAGE: [(&str, &str); 10] = [
    ("alice/docs/flipped", "has other bytes than were stored: SHA1 "),
    ("alice/docs/folder", "is a file in the index and a folder on the disk"),
    ("alice/docs/gone", "is missing on the disk"),
    ("alice/docs/moved", "is missing on the disk"),
    ("alice/docs/renamed", "is not in the index"),
    ("alice/docs/short", "has 5 bytes on the disk and 6 in the index"),
    ("alice/docs/stranger", "is not in the index"),
    ("alice/docs/touched", "was written to from outside"),
    ("alice/empty", "is missing on the disk"),
    ("bystander", "belongs to no home"),
];

fn damage(bed: &Bed) {
    let docs = bed.data("files/alice/docs");
    let touch = |name: &str| {
        fs::write(docs.join(name), "sound\n").unwrap();
    };
    let file = docs.join("flipped");
    let mtime = file.metadata().unwrap().modified().unwrap();
    fs::write(&file, "Sound\n").unwrap();
    // As a disk does it: nothing but the bytes tells.
    fs::File::options().write(true).open(&file).unwrap().set_modified(mtime).unwrap();
    fs::write(docs.join("short"), "sound").unwrap();
    fs::remove_file(docs.join("gone")).unwrap();
    fs::rename(docs.join("moved"), docs.join("renamed")).unwrap();
    touch("touched");
    fs::remove_file(docs.join("folder")).unwrap();
    fs::create_dir(docs.join("folder")).unwrap();
    fs::write(docs.join("stranger"), "x").unwrap();
    fs::remove_dir(bed.data("files/alice/empty")).unwrap();
    fs::write(bed.data("files/bystander"), "x").unwrap();
}

#[track_caller]
fn check(bed: &Bed, expected: &[(&str, &str)]) {
    let ran = bed.run("fsck");
    assert_eq!(ran.code, Some(if expected.is_empty() { 0 } else { 4 }), "{ran:?}");
    let mut lines: Vec<&str> = ran.out.lines().collect();
    let summary = lines.pop().unwrap();
    lines.sort_unstable();
    assert_eq!(lines.len(), expected.len(), "{}", ran.out);
    for (line, (path, what)) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("{path} {what}")), "{line:?}, not {path} {what}");
        assert!(line.contains("; "), "a remedy: {line:?}");
    }
    let end = match expected.len() {
        0 => "all is well.".to_owned(),
        1 => "1 problem.".to_owned(),
        many => format!("{many} problems."),
    };
    assert!(summary.ends_with(&end), "{summary}");
    let json = bed.run("fsck --json");
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json.code, ran.code);
    assert_eq!(value["ok"], expected.is_empty());
    assert_eq!(value["problems"].as_array().unwrap().len(), expected.len());
}

#[test]
fn damage_on_the_disk_is_found_with_and_without_a_server() {
    let (mut bed, _) = furnished();
    check(&bed, &[]);
    damage(&bed);
    check(&bed, &DAMAGE);
    bed.stop();
    check(&bed, &DAMAGE);
}

#[test]
fn damage_in_the_index_is_found() {
    let (mut bed, _) = furnished();
    bed.stop();
    let nfd = "e\u{301}";
    let index = rusqlite::Connection::open(bed.data("moonsail.db")).unwrap();
    for sql in [
        "UPDATE node SET size = size + 1 WHERE name = 'docs'",
        "UPDATE node SET parent = 999 WHERE name = 'deep'",
        "UPDATE node SET checksums = 'MD5:00' WHERE name = 'good'",
        "UPDATE node SET name = 'e\u{301}' WHERE name = 'gone'",
    ] {
        assert_eq!(index.execute(sql, []).unwrap(), 1, "{sql}");
    }
    drop(index);
    let docs = bed.data("files/alice/docs");
    fs::rename(docs.join("gone"), docs.join(nfd)).unwrap();
    let out = bed.run("fsck").out;
    for expected in [
        "alice has 48 bytes in the index, and 49 in its members",
        "alice/docs has 49 bytes in the index, and 48 in its members",
        "alice/docs/sub has 6 bytes in the index, and 0 in its members",
        "alice/docs/sub/deep is not in the index",
        "alice/docs/good has no SHA1 in the index",
        "(deep) hangs in no tree, below row 999",
        "alice/docs/e\u{301} has a name that is not in Unicode's form NFC",
        ": 7 problems.",
    ] {
        assert!(out.contains(expected), "{expected:?} is not in\n{out}");
    }
}

#[test]
fn a_file_in_another_unicode_form_is_told_from_a_stranger() {
    let (bed, token) = furnished();
    assert_eq!(bed.dav("PUT", ("alice", &token), "%C3%A9", "x"), 201);
    fs::write(bed.data("files/alice/e\u{301}"), "x").unwrap();
    let what = "is not in the index, which has the same name in another Unicode form";
    check(&bed, &[("alice/e\u{301}", what)]);
}

#[test]
fn the_bytes_of_an_unfinished_upload_are_missed() {
    let (bed, token) = furnished();
    let login = ("alice", token.as_str());
    let upload = "/remote.php/dav/uploads/alice/transfer";
    assert_eq!(bed.dav("MKCOL", login, upload, ""), 201);
    assert_eq!(bed.dav("PUT", login, &format!("{upload}/00001"), "chunk"), 201);
    check(&bed, &[]);
    let staged: Vec<_> = fs::read_dir(bed.data("stage")).unwrap().collect();
    assert_eq!(staged.len(), 1);
    let file = staged.into_iter().next().unwrap().unwrap();
    fs::remove_file(file.path()).unwrap();
    let path = format!("stage/{}", file.file_name().to_str().unwrap());
    check(&bed, &[(&path, "is missing, though an unfinished upload needs it")]);
    assert_eq!(bed.dav("DELETE", login, upload, ""), 204);
    check(&bed, &[]);
}

#[test]
fn changes_while_it_runs_are_no_damage() {
    let (mut bed, token) = furnished();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let work = |worker: usize| {
            let (bed, over, token) = (&bed, &over, &token);
            scope.spawn(move || {
                let login = ("alice", token.as_str());
                let mut http = bed.connect();
                let mut round: usize = 0;
                while !over.load(Ordering::Relaxed) {
                    round += 1;
                    let folder = format!("w{worker}-{round}");
                    assert_eq!(http.ask("MKCOL", login, &folder, ""), 201);
                    for name in ["a", "b", "a"] {
                        let text = format!("{round}");
                        let status = http.ask("PUT", login, &format!("{folder}/{name}"), &text);
                        assert!(matches!(status, 201 | 204), "{status}");
                    }
                    assert_eq!(http.ask("MOVE", login, &folder, ""), 201);
                    if !round.is_multiple_of(20) {
                        assert_eq!(http.ask("DELETE", login, &format!("{folder}-moved"), ""), 204);
                    }
                }
                round
            })
        };
        let workers: Vec<_> = (0..3).map(work).collect();
        let ends: Vec<_> = (0..6).map(|_| bed.run("fsck")).collect();
        over.store(true, Ordering::Relaxed);
        let rounds: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert!(rounds > 10, "{rounds}");
        for ran in ends {
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
    });
    bed.stop();
    check(&bed, &[]);
}
