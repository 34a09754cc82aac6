//! Copies into the stage, and folders in it.

use super::{Rig, publish};
use crate::storage::{Durability, StagePath, StorageError, Tag};

super::cases![
    a_copy_has_the_content_and_another_tag,
    a_copy_keeps_the_modification_time,
    a_large_file_is_copied_whole,
    a_copy_does_not_follow_its_source,
    copying_another_file_than_the_tags_is_changed,
    copying_what_is_not_there_is_not_found,
    a_staged_file_is_copied_within_the_stage,
    a_folder_is_filled_below_its_key,
    a_folder_that_is_there_is_a_success,
    a_folder_below_nothing_is_not_found,
    copying_below_nothing_is_not_found,
    copying_onto_something_is_refused,
    a_folder_is_discarded_with_all_below,
    members_of_a_folder_are_discarded_alone,
];

super::object_cases![
    a_copy_has_the_content_and_another_tag,
    a_large_file_is_copied_whole,
    a_copy_does_not_follow_its_source,
    a_staged_file_is_copied_within_the_stage,
    a_folder_that_is_there_is_a_success,
];

async fn a_copy_has_the_content_and_another_tag(rig: Rig<'_>) {
    for content in ["", "hello"] {
        let path = format!("from-{content}");
        let tag = rig.file(&path, content).await;
        let copy = rig.storage.stage_copy(&path, &tag, None, Durability::Full).await.expect("copy");
        assert_eq!(copy.size, content.len() as u64);
        assert_ne!(copy.tag, tag);
        assert_eq!(rig.staged_content(&copy.at).await, content);
    }
}

async fn a_copy_keeps_the_modification_time(rig: Rig<'_>) {
    let put = rig.storage.put_small("x".into(), Some(86_400), Durability::Relaxed).await;
    let staged = put.expect("put_small");
    rig.apply(publish(&staged, "a", None)).await;
    let copy = rig.storage.stage_copy("a", &staged.tag, None, Durability::Relaxed).await;
    let copy = copy.expect("stage_copy");
    let again = rig.storage.stage_copy_staged(&copy.at, None, Durability::Relaxed).await;
    rig.apply(publish(&copy, "b", None)).await;
    rig.apply(publish(&again.expect("stage_copy_staged"), "c", None)).await;
    for path in ["a", "b", "c"] {
        let entry = rig.storage.stat(path).await.expect("stat").expect("is there");
        assert_eq!(entry.mtime, 86_400, "{path}");
    }
}

async fn a_large_file_is_copied_whole(rig: Rig<'_>) {
    let content = "0123456789".repeat(300_000);
    let tag = rig.file("large", &content).await;
    let copy = rig.storage.stage_copy("large", &tag, None, Durability::Relaxed).await;
    assert!(rig.staged_content(&copy.expect("stage_copy").at).await == content, "differs");
}

async fn a_copy_does_not_follow_its_source(rig: Rig<'_>) {
    let tag = rig.file("a", "old").await;
    let copy = rig.storage.stage_copy("a", &tag, None, Durability::Relaxed).await.expect("copy");
    rig.apply(publish(&rig.put("new").await, "a", Some(&tag))).await;
    assert_eq!(rig.staged_content(&copy.at).await, "old");
}

async fn copying_another_file_than_the_tags_is_changed(rig: Rig<'_>) {
    let old = rig.file("a", "old").await;
    rig.apply(publish(&rig.put("new").await, "a", Some(&old))).await;
    let folder = rig.dir("d").await;
    for (path, tag) in [("a", &old), ("d", &old), ("d", &folder)] {
        let error = rig.storage.stage_copy(path, tag, None, Durability::Relaxed).await.err();
        assert!(matches!(error, Some(StorageError::Changed(_))), "{path} {tag:?}: {error:?}");
    }
    rig.stage_becomes(&[]).await;
}

async fn copying_what_is_not_there_is_not_found(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    for path in ["b", "b/c", "a/b"] {
        let error = rig.storage.stage_copy(path, &tag, None, Durability::Relaxed).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{path}: {error:?}");
    }
    let nothing = StagePath("nothing".into());
    let error = rig.storage.stage_copy_staged(&nothing, None, Durability::Relaxed).await.err();
    assert!(matches!(error, Some(StorageError::NotFound(_))), "{error:?}");
}

async fn a_staged_file_is_copied_within_the_stage(rig: Rig<'_>) {
    let (staged, folder) = (rig.put("hello").await, rig.folder().await);
    for to in [None, Some(folder.at.join("copy"))] {
        let copy = rig.storage.stage_copy_staged(&staged.at, to, Durability::Full).await;
        let copy = copy.expect("stage_copy_staged");
        assert_ne!((&copy.at, &copy.tag), (&staged.at, &staged.tag));
        assert_eq!(rig.staged_content(&copy.at).await, "hello");
    }
    assert_eq!(rig.staged_content(&staged.at).await, "hello");
}

async fn a_folder_is_filled_below_its_key(rig: Rig<'_>) {
    let tag = rig.file("a", "content").await;
    let folder = rig.folder().await;
    assert_eq!(folder.size, 0);
    let sub = rig.storage.stage_folder(Some(folder.at.join("sub"))).await.expect("below");
    let deep = rig.storage.stage_folder(Some(sub.at.join("deep"))).await.expect("below");
    let to = Some(deep.at.join("copy"));
    let copy = rig.storage.stage_copy("a", &tag, to, Durability::Full).await.expect("copy");
    assert_eq!(copy.at.key(), folder.at.0);
    assert_eq!(rig.staged_content(&copy.at).await, "content");
    rig.apply(publish(&folder, "b", None)).await;
    let expected = [
        ("a", "content"),
        ("b", "/"),
        ("b/sub", "/"),
        ("b/sub/deep", "/"),
        ("b/sub/deep/copy", "content"),
    ];
    rig.check(&expected).await;
    for (path, staged) in [("b", &folder), ("b/sub", &sub), ("b/sub/deep/copy", &copy)] {
        assert_eq!(rig.tag(path).await.as_ref(), Some(&staged.tag), "{path} keeps its tag");
    }
    rig.stage_becomes(&[]).await;
}

async fn a_folder_that_is_there_is_a_success(rig: Rig<'_>) {
    let folder = rig.folder().await;
    let once = rig.storage.stage_folder(Some(folder.at.join("sub"))).await.expect("first");
    let twice = rig.storage.stage_folder(Some(folder.at.join("sub"))).await.expect("second");
    assert_eq!(once, twice);
}

async fn a_folder_below_nothing_is_not_found(rig: Rig<'_>) {
    let folder = rig.folder().await;
    for at in [StagePath("no/sub".into()), folder.at.join("no/sub")] {
        let error = rig.storage.stage_folder(Some(at)).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{error:?}");
    }
}

async fn copying_below_nothing_is_not_found(rig: Rig<'_>) {
    let tag: Tag = rig.file("a", "x").await;
    let to = Some(StagePath("no/copy".into()));
    let error = rig.storage.stage_copy("a", &tag, to, Durability::Relaxed).await.err();
    assert!(matches!(error, Some(StorageError::NotFound(_))), "{error:?}");
}

async fn copying_onto_something_is_refused(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    let staged = rig.put("stays").await;
    let to = Some(staged.at.clone());
    assert!(rig.storage.stage_copy("a", &tag, to, Durability::Relaxed).await.is_err());
    assert_eq!(rig.staged_content(&staged.at).await, "stays");
}

async fn a_folder_is_discarded_with_all_below(rig: Rig<'_>) {
    let (tag, folder) = (rig.file("a", "x").await, rig.folder().await);
    let mut at = folder.at.clone();
    for depth in 0..100 {
        at = rig.storage.stage_folder(Some(at.join("d"))).await.expect("below").at;
        if depth % 10 == 0 {
            let to = Some(at.join("file"));
            rig.storage.stage_copy("a", &tag, to, Durability::Relaxed).await.expect("copy");
        }
    }
    rig.storage.discard(&folder.at).await.expect("discard");
    rig.stage_becomes(&[]).await;
    rig.check(&[("a", "x")]).await;
}

async fn members_of_a_folder_are_discarded_alone(rig: Rig<'_>) {
    let folder = rig.folder().await;
    for name in ["one", "other"] {
        rig.storage.stage_folder(Some(folder.at.join(name))).await.expect("below");
    }
    rig.storage.discard(&folder.at.join("one")).await.expect("discard");
    rig.apply(publish(&folder, "d", None)).await;
    rig.check(&[("d", "/"), ("d/other", "/")]).await;
}
