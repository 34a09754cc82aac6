//! `backup`, `backup verify` and `restore`: what is restored is what was there at one moment.

mod damage;
mod kills;
mod tree;
mod writers;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bed::Bed;
use tree::{Tree, tree_of};

/// A running server with alice, a few folders and files of hers, and bob, who has none.
fn furnished() -> (Bed, String) {
    let mut bed = Bed::new();
    bed.configure(
        "[storage]\ndurability = \"none\"\nwatch = false\nrescan_secs = 0\nsettle_millis = 60000\n",
    );
    bed.add_user("alice", " --admin --quota 10GB");
    bed.add_user("bob", "");
    bed.start();
    let token = bed.token("alice");
    let mut http = bed.connect();
    let login = ("alice", token.as_str());
    for folder in ["docs", "docs/sub", "empty"] {
        assert_eq!(http.ask("MKCOL", login, folder, ""), 201);
    }
    for name in ["docs/a.txt", "docs/b.txt", "docs/sub/deep.txt", "top.txt", "nothing"] {
        let text = if name == "nothing" { "" } else { name };
        assert_eq!(http.ask("PUT", login, name, text), 201);
    }
    // In several pieces, and at the edge of one.
    let big: String = (0..2 * 524_288).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    assert_eq!(http.ask("PUT", login, "%C3%A4%20b%23.bin", &big), 201);
    (bed, token)
}

/// Loses the data folder, and restores it from `from`; gives what `restore` says in JSON.
fn lose_and_restore(bed: &mut Bed, from: &str, code: i32) -> Value {
    let _lost = fs::remove_dir_all(bed.path("lost"));
    fs::rename(bed.data(""), bed.path("lost")).unwrap();
    let ran = bed.run(&format!("restore {from} --verify --json"));
    assert_eq!(ran.code, Some(code), "{ran:?}");
    bed.run("fsck").ok();
    serde_json::from_str(&ran.out).unwrap()
}

/// Makes a backup into `backups`; gives what it says in JSON.
fn back_up(bed: &Bed, more: &str) -> Value {
    bed.run(&format!("backup backups --json{more}")).json()
}

/// The generations in `backups`, oldest first.
fn generations(bed: &Bed) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(bed.path("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("20"))
        .collect();
    found.sort();
    found
}

fn modes_are_private(path: &Path) {
    let meta = path.symlink_metadata().unwrap();
    assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", path.display());
    if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            modes_are_private(&entry.unwrap().path());
        }
    }
}

#[test]
fn what_was_backed_up_comes_back_with_its_ids_etags_and_times() {
    for online in [true, false] {
        let (mut bed, token) = furnished();
        let login = ("alice", token.as_str());
        let before: Tree = tree_of(&bed, login);
        assert_eq!(before.len(), 10, "{before:?}");
        fs::write(bed.data("versions/kept/aside"), "kept").unwrap();
        if !online {
            bed.stop();
        }
        let done = back_up(&bed, "");
        assert_eq!(
            (&done["ok"], &done["files"], &done["copied_files"]),
            (&json!(true), &json!(6), &json!(6)),
            "{done}"
        );
        assert_eq!(done["problems"], json!([]));
        modes_are_private(&bed.path("backups"));
        let verified = bed.run("backup verify backups --json").json();
        assert_eq!(
            (&verified["files"], verified["bytes"].as_u64().unwrap() > 300_000),
            (&json!(6), true),
            "{verified}"
        );
        if !online {
            bed.start();
        }
        // What comes later is lost.
        let mut http = bed.connect();
        assert_eq!(http.ask("PUT", login, "top.txt", "newer"), 204);
        assert_eq!(http.ask("PUT", login, "late.txt", "late"), 201);
        assert_eq!(http.ask("DELETE", login, "docs/a.txt", ""), 204);
        assert_eq!(http.ask("MOVE", login, "docs/sub", ""), 201);
        let ca = fs::read(bed.data("tls/ca.pem")).unwrap();
        let fingerprint = tree::fingerprint(&bed, login);
        assert_eq!(fingerprint, "");
        bed.stop();
        let told = lose_and_restore(&mut bed, "backups", 0);
        assert_eq!(
            (&told["files"], &told["folders"], &told["missing"]),
            (&json!(6), &json!(4), &json!(0)),
            "{told}"
        );
        modes_are_private(&bed.data(""));
        assert_eq!(fs::read(bed.data("tls/ca.pem")).unwrap(), ca, "devices go on trusting");
        assert_eq!(fs::read_to_string(bed.data("versions/kept/aside")).unwrap(), "kept");
        assert!(!bed.data("restore-unfinished").exists());
        bed.start();
        assert_eq!(tree_of(&bed, login), before, "the token, ids, etags, times and bytes");
        assert_ne!(tree::fingerprint(&bed, login), "", "apps see that a backup was restored");
        assert_eq!(
            bed.run("user show alice --json").json()["quota_bytes"],
            json!(10_000_000_000_u64)
        );
        // What is written now has another etag and another id than what was lost.
        let mut http = bed.connect();
        assert_eq!(http.ask("PUT", login, "late.txt", "other"), 201);
        assert_eq!(http.ask("PUT", login, "top.txt", "other"), 204);
        let after = tree_of(&bed, login);
        assert_ne!(after["top.txt"].etag, before["top.txt"].etag);
        assert!(after["late.txt"].id > before.values().map(|it| it.id).max().unwrap() + 1_000_000);
        bed.stop();
        bed.run("fsck").ok();
    }
}

#[test]
fn a_later_backup_copies_only_what_changed_and_old_ones_go() {
    let (mut bed, token) = furnished();
    let login = ("alice", token.as_str());
    let first = back_up(&bed, "");
    let mut http = bed.connect();
    assert_eq!(http.ask("PUT", login, "top.txt", "newer"), 204);
    assert_eq!(http.ask("PUT", login, "new.txt", "new"), 201);
    assert_eq!(http.ask("MOVE", login, "docs", ""), 201);
    let second = back_up(&bed, "");
    assert_eq!((&second["files"], &second["copied_files"]), (&json!(7), &json!(2)), "{second}");
    let third = back_up(&bed, "");
    assert_eq!((&third["files"], &third["copied_files"]), (&json!(7), &json!(0)), "{third}");
    let of = |done: &Value| PathBuf::from(done["generation"].as_str().unwrap());
    assert_eq!(generations(&bed), [of(&first), of(&second), of(&third)]);
    let inode = |done: &Value, path: &str| {
        of(done).join("files/alice").join(path).metadata().unwrap().ino()
    };
    assert_eq!(inode(&first, "docs/a.txt"), inode(&second, "docs-moved/a.txt"));
    assert_eq!(inode(&second, "top.txt"), inode(&third, "top.txt"));
    assert_ne!(inode(&first, "top.txt"), inode(&second, "top.txt"));
    for done in [&first, &second, &third] {
        bed.run(&format!("backup verify {}", of(done).display())).ok();
    }
    let fourth = back_up(&bed, " --keep 2");
    assert_eq!(generations(&bed), [of(&third), of(&fourth)]);
    assert_eq!(fourth["pruned"].as_array().unwrap().len(), 2, "{fourth}");
    // Each content has three names, but for the one that went with the first generation.
    let mut contents = 0;
    for shard in fs::read_dir(bed.path("backups/content")).unwrap() {
        for file in fs::read_dir(shard.unwrap().path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().nlink(), 3);
            contents += 1;
        }
    }
    assert_eq!(contents, 7);
    bed.run("backup verify backups").ok();
    bed.stop();
    lose_and_restore(&mut bed, of(&third).to_str().unwrap(), 0);
}

#[test]
fn a_backup_by_itself_can_be_copied_away_and_restored() {
    let (mut bed, token) = furnished();
    let login = ("alice", token.as_str());
    back_up(&bed, "");
    let before = tree_of(&bed, login);
    bed.stop();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&generations(&bed)[0])
        .arg(bed.path("elsewhere"))
        .status()
        .unwrap();
    assert!(copied.success());
    fs::remove_dir_all(bed.path("backups")).unwrap();
    bed.run("backup verify elsewhere").ok();
    lose_and_restore(&mut bed, "elsewhere", 0);
    bed.start();
    assert_eq!(tree_of(&bed, login), before);
    bed.stop();
}

#[test]
fn the_longest_paths_are_backed_up_and_restored() {
    let (mut bed, token) = furnished();
    let login = ("alice", token.as_str());
    let mut http = bed.connect();
    let mut path = String::new();
    for level in 0..15 {
        path += &format!("{level:02}{}/", "x".repeat(248));
        assert_eq!(http.ask("MKCOL", login, &path, ""), 201);
    }
    path += &"y".repeat(4000 - path.len());
    assert_eq!(http.ask("PUT", login, &path, "deep"), 201);
    let before = tree_of(&bed, login);
    back_up(&bed, "");
    bed.run("backup verify backups").ok();
    back_up(&bed, " --keep 1");
    bed.stop();
    lose_and_restore(&mut bed, "backups", 0);
    bed.start();
    assert_eq!(tree_of(&bed, login), before);
    bed.stop();
}

#[test]
fn a_file_that_the_server_has_not_read_yet_is_backed_up_and_restored() {
    let (mut bed, _) = furnished();
    bed.stop();
    let index = rusqlite::Connection::open(bed.data("moonsail.db")).unwrap();
    let sql = "UPDATE node SET checksums = '' WHERE name = 'top.txt'";
    assert_eq!(index.execute(sql, []).unwrap(), 1);
    drop(index);
    let done = back_up(&bed, "");
    assert_eq!((&done["files"], &done["ok"]), (&json!(6), &json!(true)), "{done}");
    bed.run("backup verify backups").ok();
    let manifest = fs::read_to_string(generations(&bed)[0].join("manifest.jsonl")).unwrap();
    // printf top.txt | sha1sum
    let line = manifest.lines().find(|line| line.contains("alice/top.txt")).unwrap();
    assert!(line.contains("d1c14207a32f7ebc51dc7cc11dde0e874e1bc7b9"), "{line}");
    let told = bed.run("--data new restore backups --verify --json").json();
    assert_eq!((&told["files"], &told["missing"]), (&json!(6), &json!(0)), "{told}");
    assert_eq!(fs::read_to_string(bed.path("new/files/alice/top.txt")).unwrap(), "top.txt");
}

#[test]
fn unfinished_uploads_are_not_backed_up_and_do_no_harm() {
    let (mut bed, token) = furnished();
    let login = ("alice", token.as_str());
    let upload = "/remote.php/dav/uploads/alice/transfer";
    assert_eq!(bed.dav("MKCOL", login, upload, ""), 201);
    assert_eq!(bed.dav("PUT", login, &format!("{upload}/00001"), "chunk"), 201);
    back_up(&bed, "");
    bed.stop();
    lose_and_restore(&mut bed, "backups", 0);
    bed.start();
    assert_eq!(bed.dav("PROPFIND", login, upload, ""), 404);
    bed.stop();
}

#[test]
fn refusals_say_what_to_do() {
    let (mut bed, _) = furnished();
    fs::create_dir(bed.path("photos")).unwrap();
    fs::write(bed.path("photos/a.jpg"), "x").unwrap();
    fs::create_dir(bed.path("nobackup")).unwrap();
    back_up(&bed, "");
    let strange = Bed::new();
    strange.add_user("carol", "");
    for (line, code, part) in [
        ("backup photos", 1, "is not empty and not a folder of backups"),
        ("backup data/b", 1, "lies inside the data folder"),
        ("backup photos/a.jpg", 1, "a.jpg"),
        ("backup backups --keep 0", 2, "the newest backup always stays"),
        ("--data none backup backups", 1, "there is no data folder"),
        ("backup verify nobackup", 1, "there is no finished backup in nobackup"),
        ("restore nobackup", 1, "there is no finished backup in nobackup"),
        ("restore nowhere", 1, "there is no finished backup in nowhere"),
        ("restore backups", 1, "is not empty, and nothing is overwritten; if a server uses it"),
        ("--data photos restore backups", 1, "move the folder away, or restore into another"),
    ] {
        let ran = bed.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{line}: {ran:?}");
        assert!(ran.err.contains(part), "{line}: {ran:?}");
    }
    let other = strange.run(&format!("backup {}", bed.path("backups").display()));
    assert!(other.code == Some(1) && other.err.contains("of another server"), "{other:?}");
    assert!(!bed.path("none").exists() && !bed.path("photos/lock").exists());
    assert_eq!(generations(&bed).len(), 1);
    bed.stop();
    let ran = bed.run("restore backups");
    assert!(ran.code == Some(1) && ran.err.contains("is not empty"), "{ran:?}");
    bed.run("fsck").ok();
}

#[test]
fn a_backup_of_a_newer_release_is_refused() {
    let (mut bed, _) = furnished();
    back_up(&bed, "");
    bed.stop();
    let generation = &generations(&bed)[0];
    let manifest = generation.join("manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"format\":1", "\"format\":9", 1)).unwrap();
    for line in ["restore backups", "backup verify backups"] {
        let ran = bed.run(&format!("--data new {line}"));
        assert!(ran.code == Some(1), "{line}: {ran:?}");
        assert!(ran.err.contains("format 9 is of a newer release"), "{ran:?}");
    }
    assert!(!bed.path("new").exists());
    // A manifest of this release, and an index of the next one.
    let index = generation.join("moonsail.db");
    let conn = rusqlite::Connection::open(&index).unwrap();
    conn.execute("INSERT INTO schema_migration VALUES (9999, 'of the future', 1)", []).unwrap();
    drop(conn);
    let summed = std::process::Command::new("sha1sum").arg(&index).output().unwrap();
    let sha1 = String::from_utf8(summed.stdout).unwrap()[..40].to_owned();
    let size = index.metadata().unwrap().len();
    let altered: String = text
        .lines()
        .map(|line| match line.starts_with("{\"index\"") {
            true => {
                let index = json!({ "path": "moonsail.db", "size": size, "sha1": sha1 });
                format!("{}\n", json!({ "index": index }))
            }
            false => format!("{line}\n"),
        })
        .collect();
    fs::write(&manifest, altered).unwrap();
    bed.run("backup verify backups").ok();
    let ran = bed.run("--data new restore backups");
    assert!(ran.code == Some(1) && ran.err.contains("has schema 9999"), "{ran:?}");
    assert!(ran.err.contains("run the newer program"), "{ran:?}");
}
