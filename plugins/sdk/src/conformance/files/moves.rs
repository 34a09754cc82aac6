//! [`DiskOp::Move`](crate::storage::DiskOp::Move) and
//! [`DiskOp::Remove`](crate::storage::DiskOp::Remove).

use super::{Rig, publish, remove, rename};
use crate::storage::{Applied, Tag};

super::cases![
    a_file_moves_and_keeps_its_tag,
    a_folder_moves_with_all_below,
    moving_makes_missing_parents,
    moving_twice_is_a_success,
    moving_what_is_not_there_is_a_success,
    moving_another_is_a_success_and_moves_nothing,
    what_is_at_the_target_is_kept_aside,
    a_file_at_the_targets_parent_is_kept_aside,
    a_case_only_rename_works,
    moving_to_itself_changes_nothing,
    a_folder_cannot_go_below_itself,
    moving_out_of_a_folder_onto_it_keeps_the_folder_aside,
    a_swap_over_a_third_name_works,
    a_file_is_removed,
    a_folder_is_removed_with_all_below,
    removing_twice_is_a_success,
    removing_another_is_a_success_and_removes_nothing,
    a_removed_name_is_free_at_once,
    the_root_is_neither_moved_nor_removed,
];

async fn a_file_moves_and_keeps_its_tag(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    assert_eq!(rig.apply(rename("a", "b", &tag)).await, Applied::default());
    rig.check(&[("b", "x")]).await;
    assert_eq!(rig.tag("b").await, Some(tag));
}

async fn a_folder_moves_with_all_below(rig: Rig<'_>) {
    let tag = rig.dir("d").await;
    let member = rig.file("d/sub/a", "x").await;
    rig.apply(rename("d", "e", &tag)).await;
    rig.check(&[("e", "/"), ("e/sub", "/"), ("e/sub/a", "x")]).await;
    assert_eq!(rig.tag("e").await, Some(tag));
    assert_eq!(rig.tag("e/sub/a").await, Some(member));
}

async fn moving_makes_missing_parents(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    rig.apply(rename("a", "d/e/a", &tag)).await;
    rig.check(&[("d", "/"), ("d/e", "/"), ("d/e/a", "x")]).await;
}

async fn moving_twice_is_a_success(rig: Rig<'_>) {
    let (file, folder) = (rig.file("a", "x").await, rig.dir("d").await);
    for _ in 0..3 {
        for op in [rename("a", "b", &file), rename("d", "e", &folder)] {
            assert_eq!(rig.apply(op).await, Applied::default());
        }
        rig.check(&[("b", "x"), ("e", "/")]).await;
    }
}

async fn moving_what_is_not_there_is_a_success(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    for from in ["no", "no/no", "a/no"] {
        assert_eq!(rig.apply(rename(from, "b", &tag)).await, Applied::default(), "{from}");
    }
    rig.check(&[("a", "x")]).await;
}

async fn moving_another_is_a_success_and_moves_nothing(rig: Rig<'_>) {
    let old = rig.file("a", "old").await;
    rig.apply(rename("a", "b", &old)).await;
    rig.file("a", "new").await;
    for tag in [&old, &Tag::default(), &Tag("made up".into())] {
        assert_eq!(rig.apply(rename("a", "c", tag)).await, Applied::default(), "{tag:?}");
    }
    rig.check(&[("a", "new"), ("b", "old")]).await;
}

async fn what_is_at_the_target_is_kept_aside(rig: Rig<'_>) {
    rig.file("to/file", "theirs").await;
    rig.file("to/folder/member", "theirs").await;
    for to in ["to/file", "to/folder"] {
        let tag = rig.file("a", "ours").await;
        assert!(rig.apply(rename("a", to, &tag)).await.kept.is_some(), "{to}");
        let tag = rig.tag(to).await.expect("is there");
        let folder = rig.dir("d").await;
        assert!(rig.apply(rename("d", to, &folder)).await.kept.is_some(), "{to}");
        assert_ne!(rig.tag(to).await, Some(tag));
    }
    rig.check(&[("to", "/"), ("to/file", "/"), ("to/folder", "/")]).await;
}

async fn a_file_at_the_targets_parent_is_kept_aside(rig: Rig<'_>) {
    rig.file("d", "theirs").await;
    let tag = rig.file("a", "ours").await;
    rig.apply(rename("a", "d/a", &tag)).await;
    rig.check(&[("d", "/"), ("d/a", "ours")]).await;
}

async fn a_case_only_rename_works(rig: Rig<'_>) {
    let (file, folder) = (rig.file("a", "x").await, rig.dir("d").await);
    assert_eq!(rig.apply(rename("a", "A", &file)).await, Applied::default());
    assert_eq!(rig.apply(rename("d", "D", &folder)).await, Applied::default());
    rig.check(&[("A", "x"), ("D", "/")]).await;
}

async fn moving_to_itself_changes_nothing(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    assert_eq!(rig.apply(rename("a", "a", &tag)).await, Applied::default());
    rig.check(&[("a", "x")]).await;
}

async fn a_folder_cannot_go_below_itself(rig: Rig<'_>) {
    let tag = rig.dir("d").await;
    for to in ["d/e", "d/e/f"] {
        let results = rig.storage.apply(vec![rename("d", to, &tag)]).await;
        assert!(results.len() == 1 && results[0].is_err(), "{to}");
    }
    rig.check(&[("d", "/")]).await;
}

async fn moving_out_of_a_folder_onto_it_keeps_the_folder_aside(rig: Rig<'_>) {
    let tag = rig.file("d/e/a", "x").await;
    assert!(rig.apply(rename("d/e/a", "d", &tag)).await.kept.is_some());
    rig.check(&[("d", "x")]).await;
}

async fn a_swap_over_a_third_name_works(rig: Rig<'_>) {
    let (a, b) = (rig.file("a", "a").await, rig.file("b", "b").await);
    let ops = [rename("a", "t", &a), rename("b", "a", &b), rename("t", "b", &a)];
    rig.apply_all(&ops).await;
    rig.check(&[("a", "b"), ("b", "a")]).await;
}

async fn a_file_is_removed(rig: Rig<'_>) {
    let tag = rig.file("a", "x").await;
    rig.file("b", "y").await;
    assert_eq!(rig.apply(remove("a", &tag)).await, Applied::default());
    rig.check(&[("b", "y")]).await;
    rig.stage_becomes(&[]).await;
}

async fn a_folder_is_removed_with_all_below(rig: Rig<'_>) {
    let tag = rig.dir("d").await;
    for path in ["d/a", "d/b", "d/sub/c", "d/sub/sub/d"] {
        rig.file(path, "x").await;
    }
    assert_eq!(rig.apply(remove("d", &tag)).await, Applied::default());
    rig.check(&[]).await;
    rig.stage_becomes(&[]).await;
}

async fn removing_twice_is_a_success(rig: Rig<'_>) {
    let (file, folder) = (rig.file("a", "x").await, rig.dir("d").await);
    for _ in 0..3 {
        for op in [remove("a", &file), remove("d", &folder), remove("d/no", &file)] {
            assert_eq!(rig.apply(op).await, Applied::default());
        }
        rig.check(&[]).await;
    }
}

async fn removing_another_is_a_success_and_removes_nothing(rig: Rig<'_>) {
    let (file, folder) = (rig.file("a", "old").await, rig.dir("d").await);
    rig.apply_all(&[remove("a", &file), remove("d", &folder)]).await;
    rig.file("a", "new").await;
    rig.file("d/member", "new").await;
    for op in [remove("a", &file), remove("d", &folder), remove("a", &Tag::default())] {
        assert_eq!(rig.apply(op).await, Applied::default());
    }
    rig.check(&[("a", "new"), ("d", "/"), ("d/member", "new")]).await;
}

async fn a_removed_name_is_free_at_once(rig: Rig<'_>) {
    let tag = rig.dir("d").await;
    rig.file("d/a", "old").await;
    let staged = rig.put("new").await;
    rig.apply_all(&[remove("d", &tag), publish(&staged, "d", None)]).await;
    rig.check(&[("d", "new")]).await;
}

async fn the_root_is_neither_moved_nor_removed(rig: Rig<'_>) {
    let tag = rig.tag("").await.expect("the root is there");
    let file = rig.file("a", "x").await;
    for op in [remove("", &tag), rename("", "b", &tag), rename("a", "", &file)] {
        let results = rig.storage.apply(vec![op.clone()]).await;
        assert!(results.len() == 1 && results[0].is_err(), "{op:?}");
    }
    rig.check(&[("a", "x")]).await;
}
