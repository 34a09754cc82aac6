//! [`DiskOp::Publish`](crate::storage::DiskOp::Publish) and
//! [`DiskOp::Touch`](crate::storage::DiskOp::Touch).

use super::{Rig, publish, remove, rename, touch};
use crate::storage::{Applied, StagePath, Tag};

super::cases![
    a_new_file_appears_with_its_tag,
    a_new_folder_appears_with_its_tag,
    missing_parents_are_made,
    a_known_file_is_replaced,
    an_unknown_file_is_kept_aside,
    a_file_with_another_tag_is_kept_aside,
    a_folder_in_place_of_the_file_is_kept_aside,
    a_file_in_place_of_the_folder_is_kept_aside,
    a_known_file_is_replaced_by_a_folder,
    a_file_in_place_of_a_parent_is_kept_aside,
    an_unknown_empty_folder_is_kept_aside,
    publishing_twice_is_a_success,
    publishing_what_was_never_staged_changes_nothing,
    a_folders_tag_stays_when_members_change,
    a_member_of_a_staged_folder_is_published_alone,
    a_batch_stops_at_the_first_failure,
    an_empty_batch_is_nothing,
    touch_sets_the_time_and_tells_the_tag,
    touch_of_another_tag_does_nothing,
    what_follows_a_touch_in_one_batch_may_use_the_old_tag,
];

async fn a_new_file_appears_with_its_tag(rig: Rig<'_>) {
    let staged = rig.put("x").await;
    assert_eq!(rig.apply(publish(&staged, "a", None)).await, Applied::default());
    rig.check(&[("a", "x")]).await;
    assert_eq!(rig.tag("a").await, Some(staged.tag));
    rig.stage_becomes(&[]).await;
}

async fn a_new_folder_appears_with_its_tag(rig: Rig<'_>) {
    let tag = rig.dir("d").await;
    rig.check(&[("d", "/")]).await;
    assert_eq!(rig.tag("d").await, Some(tag));
    rig.stage_becomes(&[]).await;
}

async fn missing_parents_are_made(rig: Rig<'_>) {
    rig.file("a/b/c", "x").await;
    rig.check(&[("a", "/"), ("a/b", "/"), ("a/b/c", "x")]).await;
}

async fn a_known_file_is_replaced(rig: Rig<'_>) {
    let old = rig.file("a", "old").await;
    let staged = rig.put("new").await;
    assert_eq!(rig.apply(publish(&staged, "a", Some(&old))).await, Applied::default());
    rig.check(&[("a", "new")]).await;
    assert_eq!(rig.tag("a").await, Some(staged.tag));
    rig.stage_becomes(&[]).await;
}

async fn an_unknown_file_is_kept_aside(rig: Rig<'_>) {
    rig.file("d/a", "theirs").await;
    let applied = rig.apply(publish(&rig.put("ours").await, "d/a", None)).await;
    assert!(applied.kept.is_some_and(|kept| kept.contains('a')));
    rig.check(&[("d", "/"), ("d/a", "ours")]).await;
}

async fn a_file_with_another_tag_is_kept_aside(rig: Rig<'_>) {
    let known = rig.file("a", "known").await;
    rig.apply(publish(&rig.put("theirs").await, "a", Some(&known))).await;
    let applied = rig.apply(publish(&rig.put("ours").await, "a", Some(&known))).await;
    assert!(applied.kept.is_some());
    rig.check(&[("a", "ours")]).await;
}

async fn a_folder_in_place_of_the_file_is_kept_aside(rig: Rig<'_>) {
    rig.file("a/member", "theirs").await;
    let tag = rig.tag("a").await;
    for replaces in [None, tag.as_ref()] {
        let applied = rig.apply(publish(&rig.put("ours").await, "a", replaces)).await;
        assert!(applied.kept.is_some(), "{replaces:?}");
        rig.check(&[("a", "ours")]).await;
    }
}

async fn a_file_in_place_of_the_folder_is_kept_aside(rig: Rig<'_>) {
    rig.file("a", "theirs").await;
    let applied = rig.apply(publish(&rig.folder().await, "a", None)).await;
    assert!(applied.kept.is_some());
    rig.check(&[("a", "/")]).await;
}

async fn a_known_file_is_replaced_by_a_folder(rig: Rig<'_>) {
    let known = rig.file("a", "known").await;
    let applied = rig.apply(publish(&rig.folder().await, "a", Some(&known))).await;
    assert_eq!(applied, Applied::default());
    rig.check(&[("a", "/")]).await;
}

async fn a_file_in_place_of_a_parent_is_kept_aside(rig: Rig<'_>) {
    rig.file("a", "theirs").await;
    rig.apply(publish(&rig.put("ours").await, "a/b/c", None)).await;
    rig.check(&[("a", "/"), ("a/b", "/"), ("a/b/c", "ours")]).await;
}

async fn an_unknown_empty_folder_is_kept_aside(rig: Rig<'_>) {
    let theirs = rig.dir("a").await;
    let ours = rig.folder().await;
    assert!(rig.apply(publish(&ours, "a", None)).await.kept.is_some());
    assert_ne!(theirs, ours.tag);
    assert_eq!(rig.tag("a").await, Some(ours.tag));
}

async fn publishing_twice_is_a_success(rig: Rig<'_>) {
    let old = rig.file("a", "old").await;
    let (file, folder) = (rig.put("new").await, rig.folder().await);
    for _ in 0..3 {
        for op in [publish(&file, "a", Some(&old)), publish(&folder, "d", None)] {
            assert_eq!(rig.apply(op).await, Applied::default());
        }
        rig.check(&[("a", "new"), ("d", "/")]).await;
    }
}

async fn publishing_what_was_never_staged_changes_nothing(rig: Rig<'_>) {
    rig.file("a", "x").await;
    let mut staged = rig.put("y").await;
    staged.at = StagePath("nothing".into());
    for path in ["a", "b", "a/b", "c/d"] {
        assert_eq!(rig.apply(publish(&staged, path, None)).await, Applied::default());
    }
    rig.check(&[("a", "x")]).await;
}

async fn a_folders_tag_stays_when_members_change(rig: Rig<'_>) {
    let tag = rig.dir("d").await;
    let member = rig.file("d/a", "x").await;
    rig.apply(rename("d/a", "d/b", &member)).await;
    rig.apply(remove("d/b", &member)).await;
    assert_eq!(rig.tag("d").await, Some(tag));
}

async fn a_member_of_a_staged_folder_is_published_alone(rig: Rig<'_>) {
    let folder = rig.folder().await;
    let member = rig.storage.stage_folder(Some(folder.at.join("m"))).await.expect("below");
    rig.apply(publish(&member, "alone", None)).await;
    rig.apply(publish(&folder, "rest", None)).await;
    rig.check(&[("alone", "/"), ("rest", "/")]).await;
}

async fn a_batch_stops_at_the_first_failure(rig: Rig<'_>) {
    let [first, second, third] = [rig.put("1").await, rig.put("2").await, rig.put("3").await];
    let ops = vec![
        publish(&first, "a", None),
        publish(&second, "../b", None),
        publish(&third, "c", None),
    ];
    let results = rig.storage.apply(ops).await;
    assert!(results.len() == 2 && results[0].is_ok() && results[1].is_err(), "{results:?}");
    rig.check(&[("a", "1")]).await;
    rig.stage_becomes(&[&second.at, &third.at]).await;
}

async fn an_empty_batch_is_nothing(rig: Rig<'_>) {
    assert_eq!(rig.storage.apply(Vec::new()).await, []);
}

async fn touch_sets_the_time_and_tells_the_tag(rig: Rig<'_>) {
    let before = rig.file("d/a", "x").await;
    let applied = rig.apply(touch("d/a", &before, 4_000)).await;
    let found = rig.storage.stat("d/a").await.expect("stat").expect("is there");
    assert_eq!((found.mtime, Some(&found.tag)), (4_000, applied.tag.as_ref()));
    assert_ne!(found.tag, before);
    assert!(rig.storage.open("d/a", &before).await.is_err());
    rig.check(&[("d", "/"), ("d/a", "x")]).await;
    assert_eq!(rig.apply(touch("d/a", &before, 4_000)).await, applied, "after a crash");
    assert_eq!(rig.apply(touch("d/a", &before, 5_000)).await, Applied::default(), "another");
    assert_eq!(rig.tag("d/a").await, applied.tag);
}

async fn touch_of_another_tag_does_nothing(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    let folder = rig.dir("d").await;
    for (path, wrong) in [
        ("a", &Tag::default()),
        ("a", &folder),
        ("no", &tag),
        ("no/no", &tag),
        ("a/no", &tag),
        ("d", &folder),
    ] {
        assert_eq!(rig.apply(touch(path, wrong, 4_000)).await, Applied::default(), "{path}");
    }
    assert_eq!(rig.tag("a").await, Some(tag));
}

async fn what_follows_a_touch_in_one_batch_may_use_the_old_tag(rig: Rig<'_>) {
    let [a, b, c] = [rig.file("a", "1").await, rig.file("b", "2").await, rig.file("c", "3").await];
    let new = rig.put("new").await;
    let ops = vec![
        touch("a", &a, 1),
        touch("b", &b, 1),
        touch("c", &c, 1),
        touch("c", &c, 2),
        publish(&new, "a", Some(&a)),
        remove("b", &b),
        remove("c", &c),
    ];
    for result in rig.storage.apply(ops).await {
        assert_eq!(result.expect("applies").kept, None, "nobody edited anything");
    }
    rig.check(&[("a", "new")]).await;
}
