//! Too much of something: watches, events, names, folders, and a listener that is slow.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use moonsail_sdk::storage::Seen;

use super::{Rig, SECOND, text};
use crate::watch::engine::Limits;

/// Longer than the pause between two tries to watch what could not be.
const MINUTE: std::time::Duration = std::time::Duration::from_secs(61);

#[test]
fn folders_beyond_the_limit_are_told_unwatched_and_watched_later() {
    let limits = Limits { watches: 3, ..Limits::default() };
    let mut rig = Rig::with(limits, &["a/1", "a/2", "b/1", "b/2"]);
    let told: BTreeSet<_> = rig.seen().iter().map(text).collect();
    assert_eq!(told.iter().filter(|text| text.ends_with('!')).count(), 4, "{told:?}");
    assert_eq!(told.len(), 7, "also below folders that are not watched: {told:?}");
    assert_eq!(rig.engine.counts(), (3, 4, 0));
    // Nothing is told anew while nothing changes.
    assert_eq!(rig.seen_after(MINUTE), []);
    assert_eq!(rig.engine.counts(), (3, 4, 0));
    rig.engine.limits.watches = 5;
    let told: Vec<_> = rig.seen_after(MINUTE).iter().map(text).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|text| text.ends_with('/')), "{told:?}");
    assert_eq!(rig.engine.counts(), (5, 2, 0));
    rig.engine.limits.watches = 100;
    assert_eq!(rig.seen_after(MINUTE).len(), 2);
    rig.check_watched(&["", "a", "a/1", "a/2", "b", "b/1", "b/2"]);
    assert_eq!(rig.engine.counts(), (7, 0, 0));
}

#[test]
fn watches_of_removed_folders_serve_others() {
    let limits = Limits { watches: 2, ..Limits::default() };
    let mut rig = Rig::with(limits, &["a", "b"]);
    rig.seen();
    assert_eq!(rig.engine.counts(), (2, 1, 0));
    let (watched, other) = if rig.engine.table.watched_by(2) == rig.engine.table.member(0, "a") {
        ("a", "b")
    } else {
        ("b", "a")
    };
    fs::remove_dir(rig.live(watched)).unwrap();
    rig.check(&[watched]);
    let told: Vec<_> = rig.seen_after(MINUTE).iter().map(text).collect();
    assert_eq!(told, [format!("{other}/")]);
    rig.check_watched(&["", other]);
}

#[test]
fn a_folder_is_watched_only_if_its_parent_is() {
    let limits = Limits { watches: 1, ..Limits::default() };
    let mut rig = Rig::with(limits, &["a/b"]);
    rig.check(&["/", "a/!", "a/b/!"]);
    // The child comes first.
    rig.engine.refused.make_contiguous().reverse();
    rig.engine.limits.watches = 2;
    rig.now += MINUTE;
    rig.check(&["a/"]);
    rig.engine.limits.watches = 3;
    rig.now += MINUTE;
    rig.check(&["a/b/"]);
    rig.check_watched(&["", "a", "a/b"]);
}

#[test]
fn folders_that_are_not_watched_can_be_renamed_and_removed() {
    let limits = Limits { watches: 1, ..Limits::default() };
    let mut rig = Rig::with(limits, &["a/b", "c"]);
    rig.check(&["/", "a/!", "a/b/!", "c/!"]);
    rig.rename("a", "d");
    rig.check(&["a", "d", "d/!", "d/b/!"]);
    fs::remove_dir_all(rig.live("d")).unwrap();
    rig.check(&["d"]);
    for _ in 0..20 {
        rig.mkdir("d");
        rig.check(&["d", "d/!"]);
        fs::remove_dir(rig.live("d")).unwrap();
        rig.check(&["d"]);
    }
    rig.seen_after(MINUTE);
    assert_eq!(rig.engine.counts(), (1, 1, 0));
    assert_eq!(rig.engine.refused.len(), 1, "those that are gone are forgotten");
}

#[test]
fn without_an_instance_all_is_told_unwatched_until_there_is_one() {
    let mut rig = Rig::with(Limits::default(), &["a"]);
    rig.engine.kernel = crate::watch::kernel::Kernel::none();
    rig.check(&["/!", "a/!"]);
    assert_eq!(rig.engine.counts(), (0, 2, 0));
    let told: BTreeSet<_> = rig.seen_after(MINUTE).iter().map(text).collect();
    assert_eq!(told, ["/", "a/"].map(String::from).into());
    rig.check_watched(&["", "a"]);
}

#[test]
fn lost_events_lead_to_everything_being_looked_at() {
    let mut rig = Rig::new(&["a/b", "gone", "moves/x"]);
    ["a/f", "a/b/f"].iter().for_each(|path| rig.write(path));
    rig.seen();
    rig.seen_after(11 * SECOND);
    // More than the kernel keeps, in two folders by turns, so that no two are one.
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: u32 = most.trim().parse().unwrap();
    for number in 0..=most / 2 {
        let mode = fs::Permissions::from_mode(0o600 + (number % 2));
        ["a/f", "a/b/f"].iter().for_each(|path| {
            fs::set_permissions(rig.live(path), mode.clone()).unwrap();
        });
    }
    rig.mkdir("new/below");
    fs::remove_dir(rig.live("gone")).unwrap();
    rig.rename("moves", "moved");
    let told: BTreeSet<_> = rig.seen().iter().map(text).collect();
    assert_eq!(rig.engine.counts().2, 1, "it was noticed");
    for folder in ["/", "a/", "a/b/", "new/", "new/below/", "moved/", "moved/x/"] {
        assert!(told.contains(folder), "{folder}: {told:?}");
    }
    rig.seen_after(2 * SECOND);
    rig.check_watched(&["", "a", "a/b", "moved", "moved/x", "new", "new/below"]);
}

#[test]
fn a_parent_that_is_never_itself_leaves_its_members_unwatched() {
    let mut rig = Rig::new(&["a"]);
    let a = rig.engine.table.member(0, "a").unwrap();
    rig.mkdir("a/b");
    // As if the file system gave it another number each time.
    rig.engine.table.node_mut(a).unwrap().print += 1;
    let b = rig.engine.table.insert(a, "b".into());
    rig.engine.visit(b, 1000);
    rig.check(&["a/b", "a/b/!"]);
    rig.engine.table.node_mut(a).unwrap().print -= 1;
    rig.now += MINUTE;
    rig.check(&["a/b/"]);
    rig.check_watched(&["", "a", "a/b"]);
}

#[test]
fn a_busy_writer_does_not_keep_the_thread_busy() {
    let mut rig = Rig::new(&[]);
    let pause = SECOND / 50;
    rig.engine.limits.pause = pause;
    rig.now += SECOND;
    rig.write("a");
    rig.check(&["a"]);
    for _ in 0..10 {
        rig.write("b");
        let turn = rig.engine.turn(rig.now, true);
        assert_eq!((turn.seen.len(), turn.listen), (0, false), "it does not even listen");
        assert_eq!(turn.due, Some(rig.now + pause));
        rig.now += pause;
        rig.check(&["b"]);
    }
    rig.now += pause;
    rig.check(&[]);
    let turn = rig.engine.turn(rig.now + 11 * SECOND, true);
    assert_eq!((turn.due, turn.listen), (None, true), "and sleeps until something happens");
}

#[test]
fn many_names_in_one_folder_become_the_folder() {
    let mut rig = Rig::new(&["a", "b"]);
    for number in 0..1500 {
        rig.write(&format!("a/{number}"));
    }
    rig.write("b/f");
    rig.check(&["a/", "b/f"]);
}

#[test]
fn the_walk_waits_for_its_listener_and_events_do_not() {
    let folders: Vec<_> = (0..1000).map(|number| format!("{}/{number}", number % 10)).collect();
    let folders: Vec<_> = folders.iter().map(String::as_str).collect();
    let limits = Limits { ahead: 50, ..Limits::default() };
    let mut rig = Rig::with(limits, &folders);
    for _ in 0..100 {
        rig.engine.turn(rig.now, false);
    }
    let turn = rig.engine.turn(rig.now, false);
    assert_eq!((turn.due, turn.listen), (None, true), "it sleeps");
    assert_eq!((rig.engine.pending.len(), rig.engine.counts().0), (50, 50));
    rig.write("f");
    rig.mkdir("new");
    rig.engine.turn(rig.now, false);
    assert_eq!((rig.engine.pending.len(), rig.engine.counts().0), (51, 51));
    let seen = rig.seen();
    assert_eq!(rig.engine.counts(), (1012, 0, 0));
    let told: BTreeSet<_> = seen.iter().map(text).collect();
    assert_eq!(told.len(), 1012, "every folder, each once, and no name in the root beside it");
    assert!(seen.iter().all(|seen| matches!(seen, Seen::Folder { watched: true, .. })));
}

#[test]
fn a_large_tree_that_goes_away_does_not_fill_the_queue_of_events() {
    let folders: Vec<_> = (0..3000).map(|number| format!("a/{}/{number}", number % 50)).collect();
    let folders: Vec<_> = folders.iter().map(String::as_str).collect();
    let mut rig = Rig::with(Limits::default(), &folders);
    rig.seen();
    assert_eq!(rig.engine.counts().0, 3052);
    fs::rename(rig.live("a"), rig.outside("stage/removed")).unwrap();
    rig.check(&["a"]);
    rig.now += 2 * SECOND;
    rig.engine.limits.pause = SECOND;
    rig.write("f");
    for left in [2051, 1051] {
        let turn = rig.engine.turn(rig.now, true);
        assert_eq!(turn.due, Some(rig.now), "watches are ended a part at a time");
        assert_eq!(rig.engine.ends.len(), left);
    }
    let (events, _) = rig.engine.kernel.read();
    assert_eq!(events.len(), 1000, "the end of each is an event, and those before were read");
    rig.engine.limits.pause = std::time::Duration::ZERO;
    rig.now += SECOND;
    // A part of them comes back before their watches were ended.
    fs::rename(rig.outside("stage/removed/7"), rig.live("back")).unwrap();
    rig.seen();
    rig.seen_after(2 * SECOND);
    assert_eq!(rig.engine.counts(), (62, 0, 0));
    rig.write("back/57/f");
    rig.check(&["back/57/f"]);
}
