//! An index of another release: refused by every verb, with the remedy, and left as it was.

use std::time::Duration;

use crate::bed::Bed;

/// Every verb that opens the index.
const VERBS: [&str; 9] = [
    "serve --listen 127.0.0.1:0 --listen-http 127.0.0.1:0",
    "",
    "user list",
    "user show alice",
    "user add bob --password-stdin",
    "group list",
    "token list alice",
    "token add alice scanner",
    "fsck",
];

/// A data folder with a user, whose index `sql` has changed.
fn altered(sql: &str) -> Bed {
    let bed = Bed::new();
    bed.add_user("alice", "");
    let index = rusqlite::Connection::open(bed.data("moonsail.db")).unwrap();
    index.execute_batch(sql).unwrap();
    bed
}

/// All that the index says.
fn said(bed: &Bed) -> Vec<String> {
    let index = rusqlite::Connection::open(bed.data("moonsail.db")).unwrap();
    let sql = "SELECT name || ifnull(sql, '') FROM sqlite_schema UNION ALL \
               SELECT number || checksum || applied FROM schema_migration UNION ALL \
               SELECT key || value FROM meta UNION ALL SELECT uid FROM user";
    let mut rows = index.prepare(sql).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[track_caller]
fn refused_everywhere(bed: &Bed, parts: &[&str]) {
    let before = said(bed);
    for verb in VERBS {
        let ran = bed.run_with(verb, "a long password\n");
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{verb:?}: {ran:?}");
        for part in parts {
            assert!(ran.err.contains(part), "{verb:?}: {part:?} is not in {}", ran.err);
        }
        assert_eq!(ran.err.lines().count(), 1, "{verb:?}: {}", ran.err);
    }
    assert_eq!(said(bed), before);
    // It says what it would use, and opens nothing.
    bed.run("check").ok();
}

#[test]
fn the_index_of_a_newer_release_is_refused_by_every_verb() {
    let bed = altered("INSERT INTO schema_migration VALUES (9999, 'of the future', 1)");
    let index = bed.data("moonsail.db");
    refused_everywhere(
        &bed,
        &[index.to_str().unwrap(), "has schema 9999", "run the newer program, or restore a backup"],
    );
    // With the newer rows gone it is an index like any other.
    let conn = rusqlite::Connection::open(&index).unwrap();
    conn.execute("DELETE FROM schema_migration WHERE number = 9999", []).unwrap();
    drop(conn);
    assert!(bed.run("user list").ok().contains("alice"));
}

#[test]
fn an_index_whose_migration_had_another_text_is_refused_by_every_verb() {
    let bed = altered("UPDATE schema_migration SET checksum = 'another' WHERE number = 1");
    refused_everywhere(&bed, &["migration 1 of the index is not the one in this program"]);
}

#[test]
fn a_first_start_that_is_killed_anywhere_is_followed_by_a_good_one() {
    for round in 0..16 {
        let mut bed = Bed::new();
        let line = "serve --listen 127.0.0.1:0 --listen-http 127.0.0.1:0";
        bed.kill_after(Duration::from_millis(3 * round), line);
        bed.start();
        bed.stop();
        let users = bed.run("user list").ok();
        assert_eq!(users.lines().count(), 2, "the first administrator: {users}");
        bed.run("fsck").ok();
    }
}
