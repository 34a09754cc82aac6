//! Storages of objects ([`Objects`]): the index has the names, the tag says which object.

use super::{Rig, bytes, publish, remove, rename, touch};
use crate::storage::{Applied, DiskOp, Durability, Object, Objects, StagePath, StorageError, Tag};

super::object_cases![
    a_file_is_opened_by_its_tag_whatever_the_path,
    nothing_decided_needs_the_store,
    the_live_tree_cannot_be_looked_at,
    an_unknown_tag_is_not_found,
    finished_files_are_listed,
    unfinished_files_are_not_listed,
    a_removed_object_is_not_found,
    discarded_files_are_gone,
    a_folder_is_discarded_with_its_members,
    a_published_file_outlives_its_stage_key,
    a_kept_file_is_opened_as_it_was_synced,
    a_kept_file_is_read_before_it_is_finished,
    only_one_index_has_a_store,
    tidying_leaves_what_is_used,
];

fn objects<'a>(rig: Rig<'a>) -> &'a dyn Objects {
    rig.storage.objects().expect("a storage of objects")
}

async fn list(rig: Rig<'_>) -> Vec<Object> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = objects(rig).list(cursor).await.expect("list");
        all.extend(page.objects);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

async fn read(rig: Rig<'_>, path: &str, tag: &Tag) -> String {
    rig.content(rig.storage.open(path, tag).await).await
}

fn is_not_found<T>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::NotFound(_)))
}

async fn a_file_is_opened_by_its_tag_whatever_the_path(rig: Rig<'_>) {
    let tag = rig.file("a", "content").await;
    rig.apply(rename("a", "d/b", &tag)).await;
    for path in ["d/b", "a", "never/was"] {
        assert_eq!(read(rig, path, &tag).await, "content", "{path}");
    }
}

async fn nothing_decided_needs_the_store(rig: Rig<'_>) {
    let (file, folder) = (rig.put("x").await, rig.folder().await);
    let nothing = DiskOp::Publish {
        stage: StagePath("nothing".into()),
        path: "p".into(),
        replaces: Some(Tag("nothing".into())),
    };
    for op in [
        publish(&file, "f", None),
        publish(&folder, "d", None),
        rename("d", "e", &folder.tag),
        touch("f", &file.tag, 77),
        remove("no", &Tag::default()),
        remove("e", &folder.tag),
        nothing,
    ] {
        for _ in 0..2 {
            assert_eq!(rig.apply(op.clone()).await, Applied::default(), "{op:?}");
        }
    }
    assert_eq!(read(rig, "f", &file.tag).await, "x", "a new time makes no new tag");
}

async fn the_live_tree_cannot_be_looked_at(rig: Rig<'_>) {
    rig.file("d/f", "x").await;
    for path in ["", "d", "d/f"] {
        assert!(rig.storage.stat(path).await.is_err(), "stat {path:?}");
        assert!(rig.storage.list(path).await.is_err(), "list {path:?}");
        assert!(rig.storage.survey(path).await.is_err(), "survey {path:?}");
        let members = rig.storage.stat_members(path, vec!["f".into()]).await;
        assert!(members.is_err(), "members of {path:?}");
    }
    assert!(rig.storage.watch().await.expect("watch").is_none());
}

async fn an_unknown_tag_is_not_found(rig: Rig<'_>) {
    let folder = rig.dir("d").await;
    for tag in [Tag::default(), Tag("nothing".into()), folder] {
        assert!(is_not_found(rig.storage.open("d", &tag).await), "{tag:?}");
        let copy = rig.storage.stage_copy("d", &tag, None, Durability::Full).await;
        assert!(is_not_found(copy), "{tag:?}");
    }
}

async fn finished_files_are_listed(rig: Rig<'_>) {
    assert_eq!(list(rig).await, []);
    let (small, folder) = (rig.put("small").await, rig.folder().await);
    let mut file = rig.storage.begin_stage(None).await.expect("begin_stage");
    file.write_at(0, bytes("streamed")).await.expect("write_at");
    let streamed = file.finish(8, None, Durability::Full).await.expect("finish");
    let to = Some(folder.at.join("copy"));
    let copy = rig.storage.stage_copy_staged(&small.at, to, Durability::Full).await.expect("copy");
    rig.apply(publish(&small, "a", None)).await;
    let listed = list(rig).await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    for staged in [&small, &streamed, &copy] {
        let found = listed.iter().find(|object| object.tag == staged.tag).expect("is listed");
        assert_eq!((found.key.key(), found.size), (staged.at.key(), staged.size));
        assert!(found.age < 3600, "{found:?}");
    }
}

async fn unfinished_files_are_not_listed(rig: Rig<'_>) {
    let mut file = rig.storage.begin_stage(None).await.expect("begin_stage");
    file.write_at(0, bytes("some")).await.expect("write_at");
    file.sync().await.expect("sync");
    assert_eq!(list(rig).await, []);
    file.keep();
    assert_eq!(list(rig).await, []);
}

async fn a_removed_object_is_not_found(rig: Rig<'_>) {
    let (tag, other) = (rig.file("a", "a").await, rig.file("b", "b").await);
    for _ in 0..2 {
        objects(rig).remove(&tag).await.expect("remove");
    }
    assert!(is_not_found(rig.storage.open("a", &tag).await));
    assert_eq!(read(rig, "b", &other).await, "b");
    assert_eq!(list(rig).await.len(), 1);
}

async fn discarded_files_are_gone(rig: Rig<'_>) {
    let (gone, stays) = (rig.put("gone").await, rig.put("stays").await);
    for _ in 0..2 {
        rig.storage.discard(&gone.at).await.expect("discard");
    }
    assert!(is_not_found(rig.storage.open_staged(&gone.at).await));
    assert!(is_not_found(rig.storage.open("a", &gone.tag).await));
    rig.storage.discard(&StagePath("nothing".into())).await.expect("nothing there");
    assert_eq!(rig.staged_content(&stays.at).await, "stays");
}

async fn a_folder_is_discarded_with_its_members(rig: Rig<'_>) {
    let (tag, folder) = (rig.file("a", "x").await, rig.folder().await);
    let sub = rig.storage.stage_folder(Some(folder.at.join("sub"))).await.expect("below");
    for at in [&folder.at, &sub.at] {
        for name in ["one", "o\u{308}ther", "two/three"] {
            let to = Some(at.join(name));
            rig.storage.stage_copy("a", &tag, to, Durability::Relaxed).await.expect("copy");
        }
    }
    assert_eq!(list(rig).await.len(), 7);
    rig.storage.discard(&folder.at).await.expect("discard");
    let left: Vec<Tag> = list(rig).await.into_iter().map(|object| object.tag).collect();
    assert_eq!(left, [tag]);
}

async fn a_published_file_outlives_its_stage_key(rig: Rig<'_>) {
    let staged = rig.put("content").await;
    rig.apply(publish(&staged, "a", None)).await;
    // As the sweep of the stage does at a start, should it meet the key.
    rig.storage.discard(&staged.at).await.expect("discard");
    assert_eq!(read(rig, "a", &staged.tag).await, "content");
}

async fn a_kept_file_is_opened_as_it_was_synced(rig: Rig<'_>) {
    let mut file = rig.storage.begin_stage(None).await.expect("begin_stage");
    file.write_at(0, bytes("first")).await.expect("write_at");
    let first = file.at();
    file.sync().await.expect("sync");
    file.keep();
    for round in 0..2 {
        // What is synced here counts only once somebody refers to its place, and nobody does.
        let mut file = rig.storage.reopen_stage(&first).await.expect("reopen_stage");
        file.write_at(5, bytes(", second")).await.expect("write_at");
        assert_ne!(file.at(), first, "round {round}");
        file.sync().await.expect("sync");
        file.keep();
    }
    assert_eq!(rig.staged_content(&first).await, "first");
    let file = rig.storage.reopen_stage(&first).await.expect("reopen_stage");
    let staged = file.finish(5, None, Durability::Full).await.expect("finish");
    assert_eq!(read(rig, "a", &staged.tag).await, "first");
}

async fn a_kept_file_is_read_before_it_is_finished(rig: Rig<'_>) {
    let mut file = rig.storage.begin_stage(None).await.expect("begin_stage");
    file.write_at(0, bytes("one, ")).await.expect("write_at");
    let at = file.at();
    file.sync().await.expect("sync");
    file.keep();
    assert_eq!(rig.staged_content(&at).await, "one, ");
    let mut file = rig.storage.reopen_stage(&at).await.expect("reopen_stage");
    file.write_at(5, bytes("two")).await.expect("write_at");
    let staged = file.finish(8, None, Durability::Full).await.expect("finish");
    assert_eq!(read(rig, "a", &staged.tag).await, "one, two");
}

async fn only_one_index_has_a_store(rig: Rig<'_>) {
    for _ in 0..2 {
        objects(rig).claim("one").await.expect("claim");
    }
    let other = objects(rig).claim("other").await;
    assert!(matches!(other, Err(StorageError::Internal(_))), "{other:?}");
    assert_eq!(list(rig).await, [], "the mark is no object");
}

async fn tidying_leaves_what_is_used(rig: Rig<'_>) {
    let (tag, staged) = (rig.file("a", "x").await, rig.put("y").await);
    let mut file = rig.storage.begin_stage(None).await.expect("begin_stage");
    file.write_at(0, bytes("kept")).await.expect("write_at");
    let at = file.at();
    file.sync().await.expect("sync");
    file.keep();
    objects(rig).tidy(0).await.expect("tidy");
    assert_eq!(read(rig, "a", &tag).await, "x");
    assert_eq!(rig.staged_content(&staged.at).await, "y");
    assert_eq!(rig.staged_content(&at).await, "kept");
}
