//! Each kind of change is told, and the table follows.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::{Rig, SECOND, text};
use crate::watch::engine::Limits;

#[test]
fn a_watch_begins_with_every_folder() {
    let mut rig = Rig::with(Limits::default(), &["alice/a/b", "bob"]);
    rig.check(&["/", "alice/", "alice/a/", "alice/a/b/", "bob/"]);
    rig.check(&[]);
    rig.check_watched(&["", "alice", "alice/a", "alice/a/b", "bob"]);
}

#[test]
fn what_happens_to_a_file_is_told() {
    let mut rig = Rig::new(&["d"]);
    rig.write("d/f");
    rig.check(&["d/f"]);
    rig.write("d/f");
    rig.check(&["d/f"]);
    rig.rename("d/f", "g");
    rig.check(&["d/f", "g"]);
    File::open(rig.live("g")).unwrap().set_modified(std::time::UNIX_EPOCH + SECOND).unwrap();
    rig.check(&["g"]);
    fs::hard_link(rig.live("g"), rig.live("d/h")).unwrap();
    rig.check(&["d/h"]);
    fs::remove_file(rig.live("g")).unwrap();
    rig.check(&["g"]);
    symlink("/", rig.live("link")).unwrap();
    rig.check(&["link"]);
    fs::read(rig.live("d/h")).unwrap();
    fs::read_dir(rig.live("d")).unwrap().count();
    rig.check(&[]);
}

#[test]
fn a_file_being_written_is_told_again_and_again() {
    use std::io::Write as _;
    let mut rig = Rig::new(&[]);
    let mut file = File::create(rig.live("f")).unwrap();
    rig.check(&["f"]);
    for _ in 0..3 {
        file.write_all(b"more").unwrap();
        rig.check(&["f"]);
    }
    drop(file);
    rig.check(&["f"]);
}

#[test]
fn new_folders_are_watched_all_the_way_down() {
    let mut rig = Rig::new(&["a"]);
    rig.mkdir("a/b/c/d");
    rig.check(&["a/b", "a/b/", "a/b/c/", "a/b/c/d/"]);
    rig.check_watched(&["", "a", "a/b", "a/b/c", "a/b/c/d"]);
}

#[test]
fn a_copied_tree_is_told_folder_by_folder() {
    let mut rig = Rig::new(&["a/b/c", "a/d"]);
    rig.write("a/b/f");
    rig.seen();
    let copied = Command::new("cp").arg("-r").args([rig.live("a"), rig.live("copy")]).status();
    assert!(copied.unwrap().success());
    let told: Vec<_> = rig.seen().iter().map(text).collect();
    for folder in ["copy", "copy/", "copy/b/", "copy/b/c/", "copy/d/"] {
        assert!(told.contains(&folder.to_owned()), "{folder}: {told:?}");
    }
    rig.check_watched(&["", "a", "a/b", "a/b/c", "a/d", "copy", "copy/b", "copy/b/c", "copy/d"]);
}

#[test]
fn a_renamed_folder_is_two_members_whatever_is_below() {
    let mut rig = Rig::new(&["a/b/c", "d"]);
    rig.seen_after(11 * SECOND);
    rig.rename("a", "d/e");
    rig.check(&["a", "d/e"]);
    rig.write("d/e/b/c/f");
    rig.check(&["d/e/b/c/f"]);
    rig.seen_after(11 * SECOND);
    rig.rename("d/e/b", "b");
    rig.check(&["d/e/b", "b"]);
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "b", "b/c", "d", "d/e"]);
}

#[test]
fn what_was_told_just_before_a_rename_above_is_told_again() {
    let mut rig = Rig::new(&["a/b", "c"]);
    rig.seen_after(11 * SECOND);
    rig.write("a/b/f");
    rig.write("c/f");
    rig.check(&["a/b/f", "c/f"]);
    rig.rename("a", "d");
    rig.check(&["a", "d", "d/b/"]);
    rig.seen_after(11 * SECOND);
    rig.rename("d", "e");
    rig.check(&["d", "e"]);
}

#[test]
fn a_change_below_a_folder_renamed_at_once_has_the_new_path() {
    let mut rig = Rig::new(&["a/b"]);
    rig.seen_after(11 * SECOND);
    rig.write("a/b/f");
    rig.rename("a", "c");
    rig.mkdir("c/b/new");
    rig.rename("c", "d");
    rig.check(&["a", "c", "d", "d/b/f", "d/b/new"]);
    // It was looked for while the rename of the folder above was still to be heard of.
    rig.now += SECOND / 5;
    rig.check(&["d/b/new/"]);
    rig.check_watched(&["", "d", "d/b", "d/b/new"]);
}

#[test]
fn folders_that_change_places_keep_what_is_below() {
    let mut rig = Rig::new(&["a/in-a", "b/in-b"]);
    rig.seen_after(11 * SECOND);
    for _ in 0..2 {
        rig.rename("a", "c");
        rig.rename("b", "a");
        rig.rename("c", "b");
    }
    rig.rename("a", "c");
    rig.rename("b", "a");
    rig.rename("c", "b");
    rig.check(&["a", "b", "c"]);
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "a", "a/in-b", "b", "b/in-a"]);
    let root = File::open(rig.live("")).unwrap();
    let flags = rustix::fs::RenameFlags::EXCHANGE;
    rustix::fs::renameat_with(&root, "a", &root, "b", flags).unwrap();
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "a", "a/in-a", "b", "b/in-b"]);
}

#[test]
fn a_folder_that_leaves_the_tree_is_unwatched_with_all_below() {
    let mut rig = Rig::new(&["a/b/c", "d"]);
    fs::rename(rig.live("a"), rig.outside("gone")).unwrap();
    fs::write(rig.outside("gone/b/f"), "x").unwrap();
    rig.check(&["a"]);
    assert_eq!(rig.engine.counts().0, 5);
    rig.seen_after(2 * SECOND);
    fs::write(rig.outside("gone/b/c/f"), "x").unwrap();
    rig.check(&[]);
    rig.check_watched(&["", "d"]);
}

#[test]
fn a_folder_that_comes_back_soon_brings_what_changed_meanwhile() {
    let mut rig = Rig::new(&["a/b"]);
    rig.seen_after(11 * SECOND);
    fs::rename(rig.live("a"), rig.outside("away")).unwrap();
    rig.check(&["a"]);
    fs::write(rig.outside("away/b/f"), "x").unwrap();
    rig.check(&[]);
    fs::rename(rig.outside("away"), rig.live("back")).unwrap();
    rig.check(&["back", "back/b/f"]);
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "back", "back/b"]);
}

#[test]
fn a_folder_that_comes_back_late_is_told_as_a_new_one() {
    let mut rig = Rig::new(&["a/b"]);
    fs::rename(rig.live("a"), rig.outside("away")).unwrap();
    rig.seen();
    rig.seen_after(2 * SECOND);
    fs::rename(rig.outside("away"), rig.live("back")).unwrap();
    rig.check(&["back", "back/", "back/b/"]);
    rig.check_watched(&["", "back", "back/b"]);
}

#[test]
fn a_folder_from_elsewhere_is_told_with_all_below() {
    let mut rig = Rig::new(&[]);
    fs::create_dir_all(rig.outside("new/x/y")).unwrap();
    fs::rename(rig.outside("new"), rig.live("new")).unwrap();
    rig.check(&["new", "new/", "new/x/", "new/x/y/"]);
    rig.check_watched(&["", "new", "new/x", "new/x/y"]);
}

#[test]
fn removed_folders_leave_nothing_behind() {
    let mut rig = Rig::new(&["a/b/c", "a/d"]);
    fs::remove_dir_all(rig.live("a")).unwrap();
    assert!(rig.seen().iter().any(|seen| text(seen) == "a"));
    rig.seen_after(SECOND);
    rig.check_watched(&[""]);
    rig.mkdir("a/b");
    rig.check(&["a", "a/", "a/b/"]);
    rig.check_watched(&["", "a", "a/b"]);
}

#[test]
fn a_folder_replaced_by_a_new_one_is_watched_again() {
    let mut rig = Rig::new(&["a/b"]);
    for _ in 0..3 {
        fs::remove_dir_all(rig.live("a")).unwrap();
        rig.mkdir("a/b");
    }
    rig.seen();
    rig.seen_after(SECOND);
    rig.check_watched(&["", "a", "a/b"]);
    fs::rename(rig.live("a"), rig.outside("old")).unwrap();
    rig.mkdir("a/c");
    rig.seen();
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "a", "a/c"]);
}

#[test]
fn a_rename_over_an_empty_folder_is_followed() {
    let mut rig = Rig::new(&["a/x", "b"]);
    rig.seen_after(11 * SECOND);
    rig.rename("a", "b");
    rig.check(&["a", "b"]);
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "b", "b/x"]);
}

#[test]
fn a_tree_renamed_while_it_is_walked_is_watched_whole() {
    let folders: Vec<_> = (0..300).map(|number| format!("a/{}/{number}", number % 7)).collect();
    let folders: Vec<_> = folders.iter().map(String::as_str).collect();
    let mut rig = Rig::with(Limits::default(), &folders);
    let names = ["a", "b", "c"];
    // A slice of the walk, then a rename that it has not heard of when the next slice begins; two
    // at once, so that the old path is another folder's.
    for turn in 0..12 {
        rig.engine.turn(rig.now, true);
        rig.rename(names[turn % 3], names[(turn + 1) % 3]);
        rig.mkdir(&format!("{}/3/decoy-{turn}", names[turn % 3]));
        fs::remove_dir_all(rig.live(names[turn % 3])).unwrap();
    }
    rig.seen();
    for _ in 0..30 {
        rig.seen_after(SECOND / 10);
    }
    let mut watched = vec![String::new(), "a".into()];
    watched.extend((0..7).map(|number| format!("a/{number}")));
    watched.extend(folders.iter().map(|folder| (*folder).to_owned()));
    let watched: Vec<_> = watched.iter().map(String::as_str).collect();
    rig.check_watched(&watched);
}

#[test]
fn links_are_never_followed() {
    let mut rig = Rig::new(&["d"]);
    fs::create_dir_all(rig.outside("secret/inner")).unwrap();
    symlink(rig.outside("secret"), rig.live("link")).unwrap();
    symlink("d", rig.live("inside")).unwrap();
    rig.check(&["link", "inside"]);
    fs::write(rig.outside("secret/f"), "x").unwrap();
    rig.check(&[]);
    // A folder that is a link by the time it is visited.
    rig.mkdir("e");
    fs::remove_dir(rig.live("e")).unwrap();
    symlink(rig.outside("secret"), rig.live("e")).unwrap();
    rig.check(&["e"]);
    fs::write(rig.outside("secret/g"), "x").unwrap();
    rig.check(&[]);
    // A folder above one that is new: the path would lead outside.
    rig.mkdir("d/inner");
    rig.rename("d", "moved");
    symlink(rig.outside("secret"), rig.live("d")).unwrap();
    rig.seen();
    rig.seen_after(SECOND);
    fs::write(rig.outside("secret/inner/h"), "x").unwrap();
    rig.check(&[]);
    rig.check_watched(&["", "moved", "moved/inner"]);
}

#[test]
fn what_cannot_be_told_by_name_is_told_by_folder() {
    let mut rig = Rig::new(&["d"]);
    let bad = rig.live("d").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    fs::write(&bad, "x").unwrap();
    rig.check(&["d/"]);
    fs::remove_file(&bad).unwrap();
    fs::create_dir_all(bad.join("below")).unwrap();
    rig.check(&["d/"]);
    fs::write(bad.join("below/f"), "x").unwrap();
    rig.check(&[]);
    rig.write("d/e\u{301}");
    rig.write("d/new\nline");
    rig.check(&["d/e\u{301}", "d/new\nline"]);
    rig.check_watched(&["", "d"]);
}
