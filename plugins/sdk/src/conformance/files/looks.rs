//! What the core asks to compare the live tree with its index: surveys, members by name, identity.

use super::{Rig, publish, rename};
use crate::storage::{StorageError, Survey};

super::cases![
    a_survey_has_the_members_that_are_listed,
    surveying_what_is_no_folder_is_not_found,
    members_are_told_by_name_in_order,
    members_of_what_is_no_folder_are_none,
    a_tag_is_the_same_after_a_move,
    tags_of_two_are_not_the_same,
];

async fn a_survey_has_the_members_that_are_listed(rig: Rig<'_>) {
    assert_eq!(rig.storage.survey("").await, Ok(Survey::default()));
    rig.file("d/f", "x").await;
    rig.file("d/e\u{301}", "a name that is not in NFC").await;
    rig.dir("d/sub").await;
    for path in ["", "d", "d/sub"] {
        let mut survey = rig.storage.survey(path).await.expect("survey");
        let mut listed = rig.storage.list(path).await.expect("list");
        survey.members.sort_by(|a, b| a.0.cmp(&b.0));
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(survey, Survey { members: listed, unusable: Vec::new() }, "{path}");
    }
}

async fn surveying_what_is_no_folder_is_not_found(rig: Rig<'_>) {
    rig.file("f", "x").await;
    for path in ["no", "no/no", "f", "f/no"] {
        let error = rig.storage.survey(path).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{path}: {error:?}");
    }
}

async fn members_are_told_by_name_in_order(rig: Rig<'_>) {
    rig.file("f", "top").await;
    rig.file("d/f", "below").await;
    rig.dir("d/sub").await;
    for (folder, names) in [
        ("", &["d", "no", "f", "d"][..]),
        ("d", &["sub", "f", "F", "no"]),
        ("d/sub", &["f"]),
        ("d", &[]),
    ] {
        let mut expected = Vec::new();
        for name in names {
            let path = if folder.is_empty() { (*name).into() } else { format!("{folder}/{name}") };
            expected.push(rig.storage.stat(&path).await.expect("stat"));
        }
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(rig.storage.stat_members(folder, names).await, Ok(expected), "{folder:?}");
    }
}

async fn members_of_what_is_no_folder_are_none(rig: Rig<'_>) {
    rig.file("f", "x").await;
    for folder in ["no", "no/no", "f", "f/no"] {
        let names = vec!["a".to_owned(), "f".to_owned()];
        let found = rig.storage.stat_members(folder, names).await;
        assert_eq!(found, Ok(vec![None, None]), "{folder}");
    }
}

async fn a_tag_is_the_same_after_a_move(rig: Rig<'_>) {
    let file = rig.file("f", "x").await;
    let folder = rig.dir("d").await;
    rig.apply(rename("f", "d/g", &file)).await;
    rig.apply(rename("d", "e", &folder)).await;
    for (tag, path) in [(file, "e/g"), (folder, "e")] {
        let now = rig.tag(path).await.expect("is there");
        assert!(rig.storage.is_same(&tag, &now), "{path}: {tag:?} {now:?}");
        assert!(rig.storage.is_same(&now, &tag), "{path}: {now:?} {tag:?}");
    }
}

async fn tags_of_two_are_not_the_same(rig: Rig<'_>) {
    let mut tags = Vec::new();
    for path in ["a", "b"] {
        tags.push(rig.file(path, "content").await);
        tags.push(rig.dir(&format!("{path}d")).await);
    }
    // One that took the place of another, which is gone or kept for a moment.
    rig.apply(publish(&rig.put("content").await, "a", Some(&tags[0]))).await;
    tags.push(rig.tag("a").await.expect("is there"));
    for (index, one) in tags.iter().enumerate() {
        for (position, other) in tags.iter().enumerate() {
            let expected = index == position;
            assert_eq!(rig.storage.is_same(one, other), expected, "{one:?} {other:?}");
        }
    }
}
