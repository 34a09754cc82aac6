//! Reading the live tree, and the names in it.

use super::{Rig, bytes, publish};
use crate::storage::{Durability, Kind, StorageError, Tag};

super::cases![
    the_root_is_an_empty_folder,
    stat_tells_kind_size_and_time,
    what_is_not_there_is_none,
    listing_what_is_no_folder_is_not_found,
    the_modification_time_is_kept,
    no_modification_time_is_now,
    opening_another_file_than_the_tags_is_changed,
    opening_nothing_is_not_found,
    ranges_are_read,
    ranges_of_a_large_file_are_read,
    an_open_file_stays_what_it_was,
    names_of_all_kinds_work,
    names_that_differ_little_are_different,
    a_hundred_levels_work,
    two_thousand_members_are_listed,
    paths_that_leave_the_tree_are_refused,
    free_space_is_told_or_unknown,
    syncing_anything_works,
];

super::object_cases![
    ranges_are_read,
    ranges_of_a_large_file_are_read,
    an_open_file_stays_what_it_was,
    free_space_is_told_or_unknown,
];

async fn the_root_is_an_empty_folder(rig: Rig<'_>) {
    rig.check(&[]).await;
    let root = rig.storage.stat("").await.expect("stat").expect("the root is there");
    assert_eq!(root.kind, Kind::Folder);
}

async fn stat_tells_kind_size_and_time(rig: Rig<'_>) {
    let put = rig.storage.put_small(bytes("hello"), Some(1234), Durability::Relaxed).await;
    let staged = put.expect("put_small");
    rig.apply(publish(&staged, "d/f", None)).await;
    let found = rig.storage.stat("d/f").await.expect("stat").expect("is there");
    assert_eq!((found.kind, found.size, found.mtime), (Kind::File, 5, 1234));
    assert_eq!(found.tag, staged.tag);
    assert_eq!(rig.storage.list("d").await, Ok(vec![("f".into(), found)]));
    let folder = rig.storage.stat("d").await.expect("stat").expect("is there");
    assert_eq!((folder.kind, folder.size), (Kind::Folder, 0));
    assert_eq!(rig.storage.list("").await, Ok(vec![("d".into(), folder)]));
}

async fn what_is_not_there_is_none(rig: Rig<'_>) {
    rig.file("f", "x").await;
    for path in ["no", "no/no", "f/no", "F"] {
        assert_eq!(rig.storage.stat(path).await, Ok(None), "{path}");
    }
}

async fn listing_what_is_no_folder_is_not_found(rig: Rig<'_>) {
    rig.file("f", "x").await;
    for path in ["no", "no/no", "f", "f/no"] {
        let error = rig.storage.list(path).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{path}: {error:?}");
    }
}

async fn the_modification_time_is_kept(rig: Rig<'_>) {
    for mtime in [0, 1, 1_700_000_000, u32::MAX.into()] {
        let path = format!("m{mtime}");
        let put = rig.storage.put_small(bytes("x"), Some(mtime), Durability::Relaxed).await;
        let small = put.expect("put_small");
        let mut file = rig.storage.begin_stage(Some(1)).await.expect("begin_stage");
        file.write_at(0, bytes("x")).await.expect("write_at");
        let large = file.finish(1, Some(mtime), Durability::Full).await.expect("finish");
        for (staged, path) in [(small, format!("{path}s")), (large, format!("{path}l"))] {
            rig.apply(publish(&staged, &path, None)).await;
            let found = rig.storage.stat(&path).await.expect("stat").expect("is there");
            assert_eq!((found.mtime, found.tag), (mtime, staged.tag), "{path}");
        }
    }
}

async fn no_modification_time_is_now(rig: Rig<'_>) {
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(since.expect("after 1970").as_secs()).expect("before the end of time")
    };
    let start = now();
    rig.file("f", "x").await;
    let found = rig.storage.stat("f").await.expect("stat").expect("is there");
    // A second earlier: file systems take the time from a coarser clock.
    assert!((start - 1..=now()).contains(&found.mtime), "{start}: {found:?}");
}

async fn opening_another_file_than_the_tags_is_changed(rig: Rig<'_>) {
    let old = rig.file("a", "old").await;
    rig.apply(publish(&rig.put("new").await, "a", Some(&old))).await;
    let folder = rig.dir("d").await;
    for (path, tag) in [("a", &old), ("a", &Tag::default()), ("d", &old), ("d", &folder)] {
        let error = rig.storage.open(path, tag).await.err();
        assert!(matches!(error, Some(StorageError::Changed(_))), "{path} {tag:?}: {error:?}");
    }
}

async fn opening_nothing_is_not_found(rig: Rig<'_>) {
    let tag = rig.file("f", "x").await;
    for path in ["no", "no/no", "f/no"] {
        let error = rig.storage.open(path, &tag).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{path}: {error:?}");
    }
}

async fn ranges_are_read(rig: Rig<'_>) {
    let tag = rig.file("f", "abcdef").await;
    let file = rig.storage.open("f", &tag).await.expect("open");
    assert_eq!(file.size(), 6);
    for (offset, len, expected) in [
        (0, 6, "abcdef"),
        (2, 2, "cd"),
        (4, 100, "ef"),
        (5, 1, "f"),
        (6, 1, ""),
        (0, 0, ""),
        (u64::MAX, 1, ""),
        (0, usize::MAX, "abcdef"),
    ] {
        assert_eq!(file.read_at(offset, len).await, Ok(bytes(expected)), "{len} at {offset}");
    }
}

async fn ranges_of_a_large_file_are_read(rig: Rig<'_>) {
    let content = "0123456789".repeat(200_000);
    let tag = rig.file("f", &content).await;
    let file = rig.storage.open("f", &tag).await.expect("open");
    let size = content.len();
    for (start, len) in [(0, 10), (999_999, 262_144), (size - 5, 5), (size - 5, 50), (size, 1)] {
        let read = file.read_at(start as u64, len).await.expect("read_at");
        let expected = &content.as_bytes()[start..(start + len).min(size)];
        assert!(read == expected, "{len} at {start}");
    }
    let read = file.read_at(0, usize::MAX).await.expect("more than there is");
    assert!(read == content.as_bytes(), "all of it");
}

async fn an_open_file_stays_what_it_was(rig: Rig<'_>) {
    for content in ["old".to_owned(), "o".repeat(300_000)] {
        let path = content.len().to_string();
        let tag = rig.file(&path, &content).await;
        let file = rig.storage.open(&path, &tag).await.expect("open");
        rig.apply(publish(&rig.put("new").await, &path, Some(&tag))).await;
        let read = file.read_at(0, content.len()).await.expect("read_at");
        assert!(read == content.as_bytes(), "{path}");
    }
}

async fn names_of_all_kinds_work(rig: Rig<'_>) {
    let long = "n".repeat(250);
    let wide = "ä".repeat(125);
    let names = [
        " leading and trailing ",
        "100%",
        "%2f%00",
        "quote\"'`",
        "semi;colon:and,comma",
        "back\\slash",
        "new\u{202e}direction",
        "…",
        "-rf",
        "*?[x]",
        "~",
        ".hidden",
        "..two",
        "CON.txt",
        "日本語",
        "🌒🚀",
        "é",
        "removed-1",
        &long,
        &wide,
    ];
    for name in names {
        rig.file(&format!("{name}/{name}"), name).await;
    }
    let tree = rig.tree().await;
    assert_eq!(tree.len(), 2 * names.len());
    for name in names {
        assert_eq!(tree[&format!("{name}/{name}")].as_deref(), Some(name), "{name:?}");
    }
    for name in names {
        let tag = rig.tag(name).await.expect("is there");
        rig.apply(super::rename(name, &format!("moved {}", &tag.0), &tag)).await;
        assert_eq!(rig.tag(&format!("moved {}", &tag.0)).await, Some(tag), "{name:?}");
    }
}

async fn names_that_differ_little_are_different(rig: Rig<'_>) {
    let names = ["a", "A", "a ", " a", "a.", "ä", "Ä"];
    for name in names {
        rig.file(name, name).await;
    }
    assert_eq!(rig.tree().await.len(), names.len());
}

async fn a_hundred_levels_work(rig: Rig<'_>) {
    let folder = vec!["level"; 100].join("/");
    rig.file(&format!("{folder}/file"), "deep").await;
    assert_eq!(rig.tree().await.len(), 101);
    let tag = rig.tag("level").await.expect("is there");
    rig.apply(super::remove("level", &tag)).await;
    rig.check(&[]).await;
    rig.stage_becomes(&[]).await;
}

async fn two_thousand_members_are_listed(rig: Rig<'_>) {
    let folder = rig.folder().await;
    let source = rig.put("x").await;
    for number in 0..2000 {
        let to = Some(folder.at.join(&number.to_string()));
        let copy = rig.storage.stage_copy_staged(&source.at, to, Durability::Relaxed).await;
        copy.expect("stage_copy_staged");
    }
    rig.apply(publish(&folder, "many", None)).await;
    let mut numbers = Vec::new();
    for (name, entry) in rig.storage.list("many").await.expect("list") {
        assert_eq!((entry.kind, entry.size), (Kind::File, 1));
        numbers.push(name.parse::<u32>().expect("a number"));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
}

async fn paths_that_leave_the_tree_are_refused(rig: Rig<'_>) {
    for path in ["..", "../a", "a/../../b", "/", "/a", "a//b", "a/", ".", "a/./b", "a\0b"] {
        assert!(rig.storage.stat(path).await.is_err(), "stat {path:?}");
        assert!(rig.storage.list(path).await.is_err(), "list {path:?}");
        let staged = rig.put("x").await;
        let results = rig.storage.apply(vec![publish(&staged, path, None)]).await;
        assert!(results.len() == 1 && results[0].is_err(), "publish {path:?}");
        let at = crate::storage::StagePath(path.into());
        assert!(rig.storage.discard(&at).await.is_err(), "discard {path:?}");
        assert_eq!(rig.staged_content(&staged.at).await, "x", "still staged: {path:?}");
    }
    rig.check(&[]).await;
}

async fn free_space_is_told_or_unknown(rig: Rig<'_>) {
    let free = rig.storage.free_space().await.expect("free_space");
    assert!(free.is_none_or(|bytes| bytes > 0), "this test has just written");
}

async fn syncing_anything_works(rig: Rig<'_>) {
    rig.file("d/f", "x").await;
    let paths = ["d/f", "d", "d/gone", "gone/gone/gone", "d/f/below"].map(String::from);
    rig.storage.sync(paths.to_vec()).await.expect("sync");
    rig.storage.sync(Vec::new()).await.expect("sync nothing");
    rig.check(&[("d", "/"), ("d/f", "x")]).await;
}
