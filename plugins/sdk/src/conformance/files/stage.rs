//! Writing to the stage.

use bytes::Bytes;

use super::{Rig, bytes};
use crate::storage::{Durability, StageFile, StagePath, StorageError};

super::cases![
    a_small_file_is_read_back,
    an_empty_small_file_is_a_file,
    both_durabilities_write_the_same,
    every_small_file_has_its_own_key_and_tag,
    the_stage_is_not_the_live_tree,
    written_parts_are_joined,
    parts_come_in_any_order,
    a_part_may_be_written_twice,
    holes_read_as_zeros,
    an_unwritten_file_is_empty,
    finish_cuts,
    finish_extends_with_zeros,
    a_wrong_size_hint_does_not_matter,
    an_absurd_offset_is_an_error,
    what_was_written_is_read_before_it_is_finished,
    sync_changes_nothing,
    dropping_removes,
    dropping_a_started_finish_leaves_nothing_or_all,
    kept_files_stay_and_go_on,
    reopening_and_dropping_removes,
    a_finish_that_fails_leaves_only_what_was_kept_before,
    reopening_nothing_is_not_found,
    opening_nothing_staged_is_not_found,
    discard_removes_and_may_be_repeated,
    the_stage_is_listed_with_ages,
    many_write_at_once,
];

super::object_cases![
    a_small_file_is_read_back,
    an_empty_small_file_is_a_file,
    both_durabilities_write_the_same,
    every_small_file_has_its_own_key_and_tag,
    written_parts_are_joined,
    parts_come_in_any_order,
    a_part_may_be_written_twice,
    holes_read_as_zeros,
    an_unwritten_file_is_empty,
    finish_cuts,
    finish_extends_with_zeros,
    a_wrong_size_hint_does_not_matter,
    an_absurd_offset_is_an_error,
    what_was_written_is_read_before_it_is_finished,
    sync_changes_nothing,
    dropping_removes,
    dropping_a_started_finish_leaves_nothing_or_all,
    kept_files_stay_and_go_on,
    reopening_and_dropping_removes,
    a_finish_that_fails_leaves_only_what_was_kept_before,
    reopening_nothing_is_not_found,
    opening_nothing_staged_is_not_found,
    many_write_at_once,
];

async fn begin(rig: Rig<'_>) -> Box<dyn StageFile> {
    rig.storage.begin_stage(None).await.expect("begin_stage")
}

async fn write(file: &mut Box<dyn StageFile>, offset: u64, content: &str) {
    file.write_at(offset, bytes(content)).await.expect("write_at");
}

/// Leaves a file in the stage, with all that was written, and gives its place.
async fn keep(mut file: Box<dyn StageFile>) -> StagePath {
    let at = file.at();
    file.sync().await.expect("sync");
    assert_eq!(file.at(), at, "what was synced has the place that it was to have");
    file.keep();
    at
}

/// Finishes a file and compares what it holds.
async fn finish(rig: Rig<'_>, file: Box<dyn StageFile>, size: u64, expected: &str) {
    let at = file.at();
    let staged = file.finish(size, None, Durability::Full).await.expect("finish");
    assert_eq!((&staged.at, staged.size), (&at, expected.len() as u64));
    assert_eq!(rig.staged_content(&at).await, expected);
}

async fn a_small_file_is_read_back(rig: Rig<'_>) {
    let staged = rig.put("hello").await;
    assert_eq!(staged.size, 5);
    assert_eq!(rig.staged_content(&staged.at).await, "hello");
}

async fn an_empty_small_file_is_a_file(rig: Rig<'_>) {
    let staged = rig.put("").await;
    assert_eq!(staged.size, 0);
    assert_eq!(rig.staged_content(&staged.at).await, "");
}

async fn both_durabilities_write_the_same(rig: Rig<'_>) {
    for durability in [Durability::Full, Durability::Relaxed] {
        let staged = rig.storage.put_small(bytes("x"), Some(7), durability).await.expect("put");
        assert_eq!(rig.staged_content(&staged.at).await, "x", "{durability:?}");
        let mut file = begin(rig).await;
        write(&mut file, 0, "y").await;
        let staged = file.finish(1, Some(7), durability).await.expect("finish");
        assert_eq!(rig.staged_content(&staged.at).await, "y", "{durability:?}");
    }
}

async fn every_small_file_has_its_own_key_and_tag(rig: Rig<'_>) {
    let (one, other) = (rig.put("same").await, rig.put("same").await);
    assert_ne!(one.at, other.at);
    assert_ne!(one.tag, other.tag);
    for staged in [one, other] {
        assert!(!staged.tag.0.is_empty() && staged.tag.0.len() <= 128, "{:?}", staged.tag);
        assert!(!staged.at.0.contains('/'), "a key is one segment: {:?}", staged.at);
    }
}

async fn the_stage_is_not_the_live_tree(rig: Rig<'_>) {
    let staged = rig.put("hidden").await;
    rig.check(&[]).await;
    assert_eq!(rig.tag(&staged.at.0).await, None);
}

async fn written_parts_are_joined(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 0, "abc").await;
    write(&mut file, 3, "").await;
    write(&mut file, 3, "def").await;
    finish(rig, file, 6, "abcdef").await;
}

async fn parts_come_in_any_order(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    for (offset, part) in [(4, "ef"), (0, "ab"), (2, "cd")] {
        write(&mut file, offset, part).await;
    }
    finish(rig, file, 6, "abcdef").await;
}

async fn a_part_may_be_written_twice(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    for (offset, part) in [(0, "abcdef"), (2, "XY")] {
        write(&mut file, offset, part).await;
    }
    finish(rig, file, 6, "abXYef").await;
}

async fn holes_read_as_zeros(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 3, "x").await;
    finish(rig, file, 4, "\0\0\0x").await;
}

async fn an_unwritten_file_is_empty(rig: Rig<'_>) {
    let file = begin(rig).await;
    finish(rig, file, 0, "").await;
}

async fn finish_cuts(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 0, "abcdef").await;
    finish(rig, file, 2, "ab").await;
}

async fn finish_extends_with_zeros(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 0, "ab").await;
    finish(rig, file, 4, "ab\0\0").await;
}

async fn a_wrong_size_hint_does_not_matter(rig: Rig<'_>) {
    for hint in [0, 1, 3, 100_000] {
        let mut file = rig.storage.begin_stage(Some(hint)).await.expect("begin_stage");
        write(&mut file, 0, "abc").await;
        finish(rig, file, 3, "abc").await;
    }
}

async fn an_absurd_offset_is_an_error(rig: Rig<'_>) {
    for offset in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        let mut file = begin(rig).await;
        assert!(file.write_at(offset, bytes("xyz")).await.is_err(), "{offset}");
    }
    rig.stage_becomes(&[]).await;
}

async fn what_was_written_is_read_before_it_is_finished(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 2, "cdef").await;
    for (offset, len, expected) in
        [(0, 9, "\0\0cdef"), (2, 2, "cd"), (5, 5, "f"), (6, 1, ""), (99, 1, ""), (0, 0, "")]
    {
        let read = file.read_at(offset, len).await.expect("read_at");
        assert_eq!(read, bytes(expected), "{len} at {offset}");
    }
    finish(rig, file, 6, "\0\0cdef").await;
}

async fn sync_changes_nothing(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 0, "ab").await;
    file.sync().await.expect("sync");
    write(&mut file, 2, "cd").await;
    finish(rig, file, 4, "abcd").await;
}

async fn dropping_removes(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 0, "x").await;
    drop(file);
    rig.stage_becomes(&[]).await;
}

async fn dropping_a_started_finish_leaves_nothing_or_all(rig: Rig<'_>) {
    drop(begin(rig).await.finish(3, None, Durability::Relaxed));
    for (key, _) in rig.storage.list_stage().await.expect("list_stage") {
        drop(rig.storage.open_staged(&key).await);
    }
    let kept = rig.put("x").await;
    assert_eq!(rig.staged_content(&kept.at).await, "x");
}

async fn kept_files_stay_and_go_on(rig: Rig<'_>) {
    let mut file = begin(rig).await;
    write(&mut file, 0, "abc").await;
    let mut at = keep(file).await;
    rig.stage_becomes(&[&at]).await;
    for round in 0..3 {
        let mut file = rig.storage.reopen_stage(&at).await.expect("reopen_stage");
        assert_eq!(file.at(), at);
        assert_eq!(file.read_at(0, 3).await.expect("read_at"), "abc");
        write(&mut file, 3 + round, "d").await;
        at = keep(file).await;
    }
    let file = rig.storage.reopen_stage(&at).await.expect("reopen_stage");
    finish(rig, file, 6, "abcddd").await;
    rig.stage_becomes(&[&at]).await;
}

async fn reopening_and_dropping_removes(rig: Rig<'_>) {
    let at = keep(begin(rig).await).await;
    drop(rig.storage.reopen_stage(&at).await.expect("reopen_stage"));
    rig.stage_becomes(&[]).await;
}

async fn a_finish_that_fails_leaves_only_what_was_kept_before(rig: Rig<'_>) {
    let fresh = begin(rig).await;
    let mut kept = begin(rig).await;
    write(&mut kept, 0, "abc").await;
    let at = keep(kept).await;
    let reopened = rig.storage.reopen_stage(&at).await.expect("reopen_stage");
    for file in [fresh, reopened] {
        // No file can be so long.
        let finished = file.finish(u64::MAX, None, Durability::Full).await;
        assert!(finished.is_err(), "{finished:?}");
    }
    rig.stage_becomes(&[&at]).await;
    let file = rig.storage.reopen_stage(&at).await.expect("reopen_stage");
    finish(rig, file, 3, "abc").await;
}

async fn reopening_nothing_is_not_found(rig: Rig<'_>) {
    let folder = rig.folder().await;
    for at in [StagePath("nothing".into()), folder.at.join("nothing"), folder.at.clone()] {
        let error = rig.storage.reopen_stage(&at).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{at:?}: {error:?}");
    }
}

async fn opening_nothing_staged_is_not_found(rig: Rig<'_>) {
    let folder = rig.folder().await;
    for at in [StagePath("nothing".into()), folder.at.join("nothing"), folder.at.clone()] {
        let error = rig.storage.open_staged(&at).await.err();
        assert!(matches!(error, Some(StorageError::NotFound(_))), "{at:?}: {error:?}");
    }
}

async fn discard_removes_and_may_be_repeated(rig: Rig<'_>) {
    let (gone, stays) = (rig.put("gone").await, rig.put("stays").await);
    for _ in 0..2 {
        rig.storage.discard(&gone.at).await.expect("discard");
        rig.stage_becomes(&[&stays.at]).await;
    }
    rig.storage.discard(&stays.at.join("below/a/file")).await.expect("nothing there");
    assert_eq!(rig.staged_content(&stays.at).await, "stays");
}

async fn the_stage_is_listed_with_ages(rig: Rig<'_>) {
    let (file, folder) = (rig.put("x").await, rig.folder().await);
    let (below, tag) = (folder.at.join("below"), rig.file("live", "y").await);
    let copied = rig.storage.stage_copy("live", &tag, Some(below), Durability::Relaxed).await;
    copied.expect("stage_copy");
    rig.stage_becomes(&[&file.at, &folder.at]).await;
    for (key, age) in rig.storage.list_stage().await.expect("list_stage") {
        assert!(age < 600, "{key:?} was written just now, not {age} s ago");
    }
}

async fn many_write_at_once(rig: Rig<'_>) {
    let mut files = Vec::new();
    for _ in 0..20 {
        files.push(begin(rig).await);
    }
    for offset in 0..5 {
        for (number, file) in files.iter_mut().enumerate() {
            let letter = Bytes::from(vec![b'a' + number as u8]);
            file.write_at(offset, letter).await.expect("write_at");
        }
    }
    for (number, file) in files.into_iter().enumerate() {
        let letter = char::from(b'a' + number as u8).to_string();
        finish(rig, file, 5, &letter.repeat(5)).await;
    }
}
