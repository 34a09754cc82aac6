//! One change on the disk at a time: what moves, and what does not.

use std::collections::BTreeMap;
use std::fs;

use moonsail::outside::Counts;
use moonsail::store::nodes::{ChangeKind, Node};

use crate::house::House;

/// Which etags a change moved, and the rows before and after.
struct Moved {
    before: BTreeMap<String, Node>,
    after: BTreeMap<String, Node>,
}

impl Moved {
    /// Paths that are there before and after with different etags.
    fn etags(&self) -> Vec<&str> {
        let changed = |(path, node): &(&String, &Node)| {
            self.before.get(*path).is_some_and(|before| before.etag() != node.etag())
        };
        self.after.iter().filter(changed).map(|(path, _)| path.as_str()).collect()
    }

    fn same_id(&self, from: &str, to: &str) -> bool {
        self.before[from].id == self.after[to].id
    }
}

/// Files `a/f` (with a favourite and a property), `a/g`, `b/h`, `a/sub/k`; then a change on the disk.
async fn change(house: &House, change: impl FnOnce(&House)) -> (Moved, Counts) {
    for folder in ["a", "a/sub", "b"] {
        house.mkcol(folder).await;
    }
    for file in ["a/f", "a/g", "b/h", "a/sub/k"] {
        house.put(file, format!("bytes of {file}")).await;
    }
    house.publisher.settle(true).await;
    let before = house.rows().await;
    let fed = house.feed(0).await.len();
    change(house);
    let (counts, unserved) = house.scan().await;
    assert_eq!(unserved, []);
    let after = house.rows().await;
    assert_eq!(house.problems().await, [], "fsck agrees");
    let feed = house.feed(fed).await;
    assert!(feed.iter().all(|row| row.origin == "disk" && row.actor.is_none()), "{feed:?}");
    let told = feed.len() as u64;
    assert!(told >= counts.all() - counts.touched, "{counts:?} but {feed:?}");
    (Moved { before, after }, counts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_disk_changes_nothing() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |_| ()).await;
    assert_eq!((moved.etags(), counts), (vec![], Counts::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_served_and_raises_all_above() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| house.write_outside("a/sub/new", "fresh")).await;
    assert_eq!(counts, Counts { created: 1, ..Counts::default() });
    assert_eq!(moved.etags(), ["", "/a", "/a/sub"]);
    assert_eq!(house.bytes("a/sub/new").await, "fresh");
    assert_eq!(moved.after[""].size, moved.before[""].size + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tree_is_served_as_a_whole() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        for number in 0..500 {
            house.write_outside(&format!("new/{}/deep/{number}", number % 7), number.to_string());
        }
    })
    .await;
    assert_eq!(counts.created, 500 + 15);
    assert_eq!(moved.etags(), [""]);
    assert_eq!(house.bytes("new/3/deep/311").await, "311");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_file_keeps_its_id() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| house.write_outside("a/f", "edited")).await;
    assert_eq!(counts, Counts { written: 1, ..Counts::default() });
    assert_eq!(moved.etags(), ["", "/a", "/a/f"]);
    assert!(moved.same_id("/a/f", "/a/f"));
    assert_eq!(house.bytes("a/f").await, "edited");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_that_saves_by_a_rename_keeps_the_id_too() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        house.write_outside("a/.f.swp", "edited");
        fs::rename(house.on_disk("a/.f.swp"), house.on_disk("a/f")).unwrap();
    })
    .await;
    assert_eq!(counts, Counts { written: 1, ..Counts::default() });
    assert!(moved.same_id("/a/f", "/a/f"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_keep_their_etag() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        let kept = fs::metadata(house.on_disk("a/f")).unwrap().modified().unwrap();
        house.write_outside("a/copy", "bytes of a/f");
        fs::rename(house.on_disk("a/copy"), house.on_disk("a/f")).unwrap();
        fs::File::open(house.on_disk("a/f")).unwrap().set_modified(kept).unwrap();
    })
    .await;
    assert_eq!(counts, Counts { touched: 1, ..Counts::default() });
    assert_eq!(moved.etags(), [""; 0], "nothing that an app would fetch");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_time_is_told_and_keeps_the_files_etag() {
    let house = House::seeing().await;
    let (moved, _) = change(&house, |house| {
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(77);
        fs::File::open(house.on_disk("a/f")).unwrap().set_modified(then).unwrap();
    })
    .await;
    assert_eq!(moved.etags(), ["", "/a"]);
    assert_eq!(moved.after["/a/f"].mtime, 77);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_keeps_id_etag_lock_and_properties() {
    let house = House::seeing().await;
    house.mkcol("a").await;
    house.put("a/f", "bytes of a/f").await;
    let favorite = "<d:propertyupdate xmlns:d='DAV:' xmlns:oc='http://owncloud.org/ns'><d:set>\
                    <d:prop><oc:favorite>1</oc:favorite><x xmlns='urn:x'>v</x></d:prop></d:set>\
                    </d:propertyupdate>";
    assert_eq!(house.ask("PROPPATCH", "a/f", &[], favorite).await.status, 207);
    let lock = "<d:lockinfo xmlns:d='DAV:'><d:lockscope><d:exclusive/></d:lockscope>\
                <d:locktype><d:write/></d:locktype></d:lockinfo>";
    assert_eq!(house.ask("LOCK", "a/f", &[], lock).await.status, 200);
    house.mkcol("b").await;
    house.publisher.settle(true).await;
    let before = house.rows().await;
    fs::rename(house.on_disk("a/f"), house.on_disk("b/renamed")).unwrap();
    let (counts, _) = house.scan().await;
    assert_eq!(counts, Counts { moved: 1, ..Counts::default() });
    let moved = Moved { after: house.rows().await, before };
    assert!(moved.same_id("/a/f", "/b/renamed"));
    assert_eq!(moved.before["/a/f"].etag(), moved.after["/b/renamed"].etag());
    assert_eq!(moved.etags(), ["", "/a", "/b"]);
    assert_eq!(moved.after["/a"].size, 0);
    let answer = house.ask("PUT", "b/renamed", &[], "x").await;
    assert_eq!(answer.status, 423, "the lock came along");
    let wanted = "<d:propfind xmlns:d='DAV:' xmlns:oc='http://owncloud.org/ns'><d:prop>\
                  <oc:favorite/><x xmlns='urn:x'/></d:prop></d:propfind>";
    let answer = house.ask("PROPFIND", "b/renamed", &[("depth", "0")], wanted).await;
    answer.has("<oc:favorite>1</oc:favorite>");
    answer.has(">v</");
    assert_eq!(house.problems().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_renamed_and_edited_keeps_its_id() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        fs::rename(house.on_disk("a/f"), house.on_disk("a/renamed")).unwrap();
        house.write_outside("a/renamed", "and edited");
    })
    .await;
    assert_eq!((counts.moved, counts.written, counts.deleted), (1, 1, 0));
    assert!(moved.same_id("/a/f", "/a/renamed"));
    assert_eq!(house.bytes("a/renamed").await, "and edited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_folder_keeps_the_ids_of_all_below() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        fs::rename(house.on_disk("a"), house.on_disk("b/z")).unwrap();
        house.write_outside("b/z/sub/late", "x");
    })
    .await;
    assert_eq!((counts.moved, counts.created, counts.deleted), (1, 1, 0));
    for (from, to) in [("/a", "/b/z"), ("/a/f", "/b/z/f"), ("/a/sub/k", "/b/z/sub/k")] {
        assert!(moved.same_id(from, to), "{from}");
        let (before, after) = (&moved.before[from], &moved.after[to]);
        assert!(before.is_folder() || before.etag() == after.etag(), "{from}");
    }
    assert_eq!(house.ask("GET", "a/f", &[], "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_moved_away_and_replaced_is_what_it_was() {
    let house = House::seeing().await;
    let (moved, _) = change(&house, |house| {
        fs::rename(house.on_disk("a"), house.on_disk("z")).unwrap();
        house.write_outside("a/f", "of another folder");
    })
    .await;
    for (from, to) in [("/a", "/z"), ("/a/f", "/z/f"), ("/a/sub/k", "/z/sub/k")] {
        assert!(moved.same_id(from, to), "{from}");
    }
    assert!(!moved.same_id("/a", "/a"));
    assert_eq!(house.bytes("a/f").await, "of another folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_were_swapped_keep_the_ids_of_their_files() {
    let house = House::seeing().await;
    let (moved, _) = change(&house, |house| {
        fs::rename(house.on_disk("a"), house.on_disk("tmp")).unwrap();
        fs::rename(house.on_disk("b"), house.on_disk("a")).unwrap();
        fs::rename(house.on_disk("tmp"), house.on_disk("b")).unwrap();
    })
    .await;
    for (from, to) in [("/a/f", "/b/f"), ("/b/h", "/a/h")] {
        assert!(moved.same_id(from, to), "{from}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_with_all_below() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        fs::remove_dir_all(house.on_disk("a")).unwrap();
        fs::remove_file(house.on_disk("b/h")).unwrap();
    })
    .await;
    assert_eq!(counts, Counts { deleted: 2, ..Counts::default() });
    assert_eq!(moved.after.keys().collect::<Vec<_>>(), ["", "/b"]);
    assert_eq!(moved.after[""].size, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_place_of_a_folder_is_another_node() {
    let house = House::seeing().await;
    let (moved, _) = change(&house, |house| {
        fs::remove_dir_all(house.on_disk("a/sub")).unwrap();
        house.write_outside("a/sub", "a file now");
        fs::remove_file(house.on_disk("b/h")).unwrap();
        house.write_outside("b/h/inside", "a folder now");
    })
    .await;
    assert!(!moved.same_id("/a/sub", "/a/sub"));
    assert_eq!(house.bytes("a/sub").await, "a file now");
    assert_eq!(house.bytes("b/h/inside").await, "a folder now");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_of_one_inode_are_two_files() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        fs::hard_link(house.on_disk("a/f"), house.on_disk("a/linked")).unwrap();
    })
    .await;
    assert_eq!(counts, Counts { created: 1, ..Counts::default() });
    assert_ne!(moved.after["/a/f"].id, moved.after["/a/linked"].id);
    assert!(moved.same_id("/a/f", "/a/f"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_were_swapped_are_two_writes() {
    let house = House::seeing().await;
    let (moved, counts) = change(&house, |house| {
        fs::rename(house.on_disk("a/f"), house.on_disk("tmp")).unwrap();
        fs::rename(house.on_disk("a/g"), house.on_disk("a/f")).unwrap();
        fs::rename(house.on_disk("tmp"), house.on_disk("a/g")).unwrap();
    })
    .await;
    assert_eq!(counts, Counts { written: 2, ..Counts::default() });
    assert!(moved.same_id("/a/f", "/a/f") && moved.same_id("/a/g", "/a/g"));
    assert_eq!(house.bytes("a/f").await, "bytes of a/g");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_an_edited_file_is_given_what_is_there() {
    let house = House::seeing().await;
    house.put("f", "old").await;
    house.publisher.settle(true).await;
    let old = house.ask("HEAD", "f", &[], "").await.header("etag").to_owned();
    house.write_outside("f", "newer");
    let answer = house.ask("GET", "f", &[], "").await;
    assert_eq!((answer.status, answer.text()), (200, "newer"));
    assert_ne!(answer.header("etag"), old, "never one etag over two contents");
    fs::remove_file(house.on_disk("f")).unwrap();
    assert_eq!(house.ask("GET", "f", &[], "").await.status, 404);
    assert_eq!(house.feed(0).await.last().unwrap().kind, ChangeKind::Deleted);
}
