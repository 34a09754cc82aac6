//! Damage: of a backup, which `verify` and `restore` find, and of what is to be backed up.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{back_up, furnished, generations, lose_and_restore};
use crate::bed::Bed;

/// Writes into a file without changing its size; through a copy, so that other generations keep
/// their bytes.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// How a generation is damaged, and the line that `verify` prints.
type Damage = (fn(&Path), &'static str);

const DAMAGES: [Damage; 9] = [
    (
        |at| flip(&at.join("files/alice/top.txt")),
        "alice/top.txt has other bytes than were backed up",
    ),
    (
        |at| fs::write(at.join("files/alice/top.txt"), "sh").unwrap(),
        "alice/top.txt has 2 bytes, not 7",
    ),
    (|at| fs::remove_file(at.join("files/alice/top.txt")).unwrap(), "alice/top.txt is missing"),
    (|at| fs::remove_dir(at.join("files/alice/empty")).unwrap(), "alice/empty is no folder"),
    (
        |at| fs::write(at.join("files/alice/strange"), "x").unwrap(),
        "alice/strange is not in the manifest",
    ),
    (|at| fs::create_dir(at.join("files/carol")).unwrap(), "carol is not in the manifest"),
    (|at| flip(&at.join("extra/tls/ca.pem")), "extra/tls/ca.pem has other bytes"),
    (|at| flip(&at.join("moonsail.db")), "moonsail.db has other bytes than were backed up"),
    (|at| fs::remove_file(at.join("moonsail.db")).unwrap(), "moonsail.db is missing"),
];

#[test]
fn verify_finds_each_kind_of_damage() {
    let (bed, _) = furnished();
    for (damage, expected) in DAMAGES {
        back_up(&bed, "");
        let generation = generations(&bed).pop().unwrap();
        bed.run("backup verify backups").ok();
        damage(&generation);
        let ran = bed.run("backup verify backups");
        assert_eq!(ran.code, Some(4), "{expected}: {ran:?}");
        let lines: Vec<&str> = ran.out.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with(expected), "{expected}: {}", ran.out);
        assert!(lines[0].contains("; look into another generation"), "{}", lines[0]);
        assert!(lines[1].ends_with(": 1 problem."), "{}", lines[1]);
        let ran = bed.run("backup verify backups --json");
        let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&value["ok"], value["problems"].as_array().unwrap().len()), (&json!(false), 1));
        // The bytes may be shared with the next one.
        fs::remove_dir_all(bed.path("backups")).unwrap();
    }
}

#[test]
fn a_manifest_that_is_cut_or_altered_is_none() {
    let (bed, _) = furnished();
    back_up(&bed, "");
    let manifest = generations(&bed)[0].join("manifest.jsonl");
    let whole = fs::read_to_string(&manifest).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without = |left_out: usize| {
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != left_out);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    for (text, part) in [
        (String::new(), "line 1: the manifest is cut"),
        (without(0), "line 1: is not the head of a manifest"),
        (without(3), "the totals are not those of the lines before"),
        (without(lines.len() - 1), "the manifest is cut: its last line is missing"),
        (whole[..whole.len() / 2].to_owned(), "manifest.jsonl, line"),
        (format!("{whole}{{}}\n"), "something follows the last line"),
    ] {
        fs::write(&manifest, text).unwrap();
        for line in ["backup verify backups", "--data new restore backups"] {
            let ran = bed.run(line);
            assert!(ran.code == Some(1) && ran.err.contains(part), "{line}, {part}: {ran:?}");
        }
        assert!(!bed.path("new").exists());
    }
}

#[test]
fn what_is_lost_in_the_backup_is_told_and_is_deleted_to_users() {
    let (mut bed, token) = furnished();
    back_up(&bed, "");
    bed.stop();
    let at = generations(&bed)[0].join("files/alice");
    fs::remove_file(at.join("docs/a.txt")).unwrap();
    flip(&at.join("docs/sub/deep.txt"));
    fs::write(at.join("top.txt"), "short").unwrap();
    let told = lose_and_restore(&mut bed, "backups", 4);
    assert_eq!((&told["ok"], &told["missing"]), (&json!(false), &json!(3)), "{told}");
    let mut problems: Vec<String> = told["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["path"].as_str().unwrap(), it["what"].as_str().unwrap()))
        .collect();
    problems.sort();
    for (problem, expected) in problems.iter().zip([
        "alice/docs/a.txt is not in the backup",
        "alice/docs/sub/deep.txt has other bytes than were backed up",
        "alice/top.txt has 5 bytes in the backup and 7 in the index",
    ]) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    bed.start();
    let login = ("alice", token.as_str());
    for (path, status) in
        [("docs/a.txt", 404), ("docs/sub/deep.txt", 404), ("top.txt", 404), ("docs/b.txt", 200)]
    {
        assert_eq!(bed.dav("GET", login, path, ""), status, "{path}");
    }
    assert_eq!(bed.dav("PUT", login, "top.txt", "again"), 201);
    bed.stop();
    bed.run("fsck").ok();
}

#[test]
fn a_damaged_index_is_not_restored() {
    let (mut bed, _) = furnished();
    back_up(&bed, "");
    bed.stop();
    flip(&generations(&bed)[0].join("moonsail.db"));
    let ran = bed.run("--data new restore backups");
    assert!(ran.code == Some(1) && ran.err.contains("is damaged"), "{ran:?}");
    assert!(ran.err.contains("try another generation"), "{ran:?}");
    let ran = bed.run("--data new fsck");
    assert!(ran.code == Some(1) && ran.err.contains("did not finish"), "{ran:?}");
}

/// Damages two files of alice under the server, as a disk does it: nothing but the bytes tells. (One
/// that is missing is no damage, but somebody's wish.)
fn damage_the_server(bed: &Bed) {
    for name in ["a.txt", "b.txt"] {
        let file = bed.data("files/alice/docs").join(name);
        let modified = file.metadata().unwrap().modified().unwrap();
        fs::write(&file, "docs/X.txt").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    }
}

#[test]
fn damaged_files_are_left_out_and_told_and_all_others_are_backed_up() {
    let (mut bed, _) = furnished();
    damage_the_server(&bed);
    let ran = bed.run("backup backups --json");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let done: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&done["ok"], &done["files"]), (&json!(false), &json!(4)), "{done}");
    let problems = done["problems"].as_array().unwrap();
    let mut paths: Vec<&str> = problems.iter().map(|it| it["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["alice/docs/a.txt", "alice/docs/b.txt"]);
    let ran = bed.run("backup verify backups");
    assert!(ran.code == Some(4) && ran.out.contains("was left out of the backup"), "{ran:?}");
    bed.stop();
    let told = lose_and_restore(&mut bed, "backups", 4);
    assert_eq!((&told["files"], &told["missing"]), (&json!(4), &json!(2)), "{told}");
}

#[test]
fn damage_does_not_reach_what_an_earlier_backup_has() {
    let (mut bed, _) = furnished();
    back_up(&bed, "");
    damage_the_server(&bed);
    let done = back_up(&bed, "");
    assert_eq!((&done["files"], &done["copied_files"]), (&json!(6), &json!(0)), "{done}");
    bed.run("backup verify backups").ok();
    bed.stop();
    lose_and_restore(&mut bed, "backups", 0);
    assert_eq!(fs::read_to_string(bed.data("files/alice/docs/a.txt")).unwrap(), "docs/a.txt");
}

/// Runs a verb that cannot write a whole MiB into one file, as if the disk were full then. (Shells
/// count in blocks of 512 or of 1024 bytes.)
fn run_on_a_full_disk(bed: &Bed, verb: &str) -> std::process::Output {
    let script = format!("trap '' XFSZ; ulimit -f 1000; exec \"$0\" {verb}");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_moonsail")]);
    command.current_dir(bed.path("")).env_clear().output().unwrap()
}

#[test]
fn a_disk_that_is_full_is_told_and_the_next_run_ends_well() {
    let (mut bed, _) = furnished();
    bed.stop();
    for (verb, place) in [("backup backups", "backups/.new/"), ("--data new restore backups", "")] {
        let ran = run_on_a_full_disk(&bed, verb);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(1), 0), "{verb}: {said}");
        assert!(said.contains(place), "{verb}: {said}");
        if verb.starts_with("backup") {
            assert_eq!(generations(&bed).len(), 0);
            let none = bed.run("restore backups");
            assert!(none.err.contains("there is no finished backup"), "{none:?}");
            let done = back_up(&bed, "");
            assert!(done["copied_files"].as_u64().unwrap() < 6, "some were there: {done}");
        } else {
            let fsck = bed.run("--data new fsck");
            assert!(fsck.err.contains("did not finish"), "{fsck:?}");
            bed.run(&format!("{verb} --verify")).ok();
            bed.run("--data new fsck").ok();
        }
    }
}
