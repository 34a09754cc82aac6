//! Uploads in parts. A store that does not offer them has to refuse them; then each case ends there.

use bytes::Bytes;

use super::{Rig, not_found, pattern, same};

super::cases![
    parts_are_joined_in_the_order_of_their_numbers,
    one_part_may_be_small,
    the_last_part_may_be_small,
    a_repeated_part_takes_the_place_of_the_earlier,
    an_upload_goes_on_in_another_hand,
    nothing_of_an_upload_is_visible_before_it_is_finished,
    a_finished_upload_is_gone,
    an_aborted_upload_is_gone_with_its_parts,
    aborting_twice_succeeds,
    a_part_for_no_upload_is_not_found,
    two_uploads_of_one_key_do_not_mix,
    a_mark_that_was_never_given_is_refused,
];

/// A part that may stand anywhere.
fn part(rig: Rig<'_>, seed: u64) -> Bytes {
    let min = usize::try_from(rig.store.abilities().part_min).expect("fits");
    pattern(min + seed as usize, seed)
}

/// Begins an upload, unless the store offers none.
async fn begin(rig: Rig<'_>, key: &str) -> Option<String> {
    let upload = rig.store.multipart_begin(key).await;
    if rig.store.abilities().multipart {
        return Some(upload.expect("multipart_begin"));
    }
    assert!(upload.is_err(), "it is not offered: {upload:?}");
    None
}

async fn put(rig: Rig<'_>, key: &str, upload: &str, number: u32, data: &Bytes) -> String {
    let put = rig.store.multipart_put(key, upload, number, data.clone());
    put.await.expect("multipart_put")
}

/// Finishes an upload and compares the object.
async fn finish(rig: Rig<'_>, key: &str, upload: &str, marks: &[String], expected: &[Bytes]) {
    let info = rig.store.multipart_finish(key, upload, marks.to_vec()).await.expect("finish");
    let expected: Bytes = expected.concat().into();
    assert_eq!(info.size, expected.len() as u64);
    same(&rig.read(key).await, &expected);
}

async fn parts_are_joined_in_the_order_of_their_numbers(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let parts = [part(rig, 1), part(rig, 2), part(rig, 3)];
    let mut marks = vec![String::new(); 3];
    for number in [3, 1, 2] {
        marks[number - 1] = put(rig, "k", &upload, number as u32, &parts[number - 1]).await;
    }
    finish(rig, "k", &upload, &marks, &parts).await;
}

async fn one_part_may_be_small(rig: Rig<'_>) {
    for data in [Bytes::from_static(b"x"), Bytes::new()] {
        let Some(upload) = begin(rig, "k").await else { return };
        let mark = put(rig, "k", &upload, 1, &data).await;
        finish(rig, "k", &upload, &[mark], &[data]).await;
        rig.store.delete("k").await.expect("delete");
    }
}

async fn the_last_part_may_be_small(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let parts = [part(rig, 1), Bytes::from_static(b"the rest")];
    let marks =
        [put(rig, "k", &upload, 1, &parts[0]).await, put(rig, "k", &upload, 2, &parts[1]).await];
    finish(rig, "k", &upload, &marks, &parts).await;
}

async fn a_repeated_part_takes_the_place_of_the_earlier(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let first = put(rig, "k", &upload, 1, &part(rig, 1)).await;
    let last = put(rig, "k", &upload, 2, &part(rig, 3)).await;
    let again = put(rig, "k", &upload, 1, &part(rig, 2)).await;
    assert_ne!(first, again, "other bytes have another mark");
    finish(rig, "k", &upload, &[again, last], &[part(rig, 2), part(rig, 3)]).await;
}

async fn an_upload_goes_on_in_another_hand(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let first = put(rig, "k", &upload, 1, &part(rig, 1)).await;
    // All that is carried over: text, as one that was written down and read again.
    let noted = format!("{upload}\n{first}");
    let (upload, first) = noted.split_once('\n').expect("two lines");
    let second = put(rig, "k", upload, 2, &part(rig, 2)).await;
    finish(rig, "k", upload, &[first.to_owned(), second], &[part(rig, 1), part(rig, 2)]).await;
}

async fn nothing_of_an_upload_is_visible_before_it_is_finished(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let mark = put(rig, "k", &upload, 1, &part(rig, 1)).await;
    assert!(rig.is_absent("k").await);
    assert_eq!(rig.keys("").await, [""; 0]);
    finish(rig, "k", &upload, &[mark], &[part(rig, 1)]).await;
    assert_eq!(rig.keys("").await, ["k"]);
}

async fn a_finished_upload_is_gone(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let mark = put(rig, "k", &upload, 1, &part(rig, 1)).await;
    finish(rig, "k", &upload, std::slice::from_ref(&mark), &[part(rig, 1)]).await;
    rig.store.multipart_abort("k", &upload).await.expect("nothing to abort");
    same(&rig.read("k").await, &part(rig, 1));
    let again = rig.store.multipart_finish("k", &upload, vec![mark]).await;
    assert!(again.is_ok() || not_found(again), "asked again after a lost answer");
    same(&rig.read("k").await, &part(rig, 1));
}

async fn an_aborted_upload_is_gone_with_its_parts(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    let mark = put(rig, "k", &upload, 1, &part(rig, 1)).await;
    rig.store.multipart_abort("k", &upload).await.expect("abort");
    assert!(not_found(rig.store.multipart_finish("k", &upload, vec![mark]).await));
    assert!(rig.is_absent("k").await);
}

async fn aborting_twice_succeeds(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    for _ in 0..2 {
        rig.store.multipart_abort("k", &upload).await.expect("abort");
    }
}

async fn a_part_for_no_upload_is_not_found(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    rig.store.multipart_abort("k", &upload).await.expect("abort");
    let part = rig.store.multipart_put("k", &upload, 1, Bytes::from_static(b"x")).await;
    assert!(not_found(part));
}

async fn two_uploads_of_one_key_do_not_mix(rig: Rig<'_>) {
    let Some(one) = begin(rig, "k").await else { return };
    let Some(other) = begin(rig, "k").await else { return };
    assert_ne!(one, other);
    let first = put(rig, "k", &one, 1, &part(rig, 1)).await;
    put(rig, "k", &other, 1, &part(rig, 2)).await;
    rig.store.multipart_abort("k", &other).await.expect("abort");
    finish(rig, "k", &one, &[first], &[part(rig, 1)]).await;
}

async fn a_mark_that_was_never_given_is_refused(rig: Rig<'_>) {
    let Some(upload) = begin(rig, "k").await else { return };
    put(rig, "k", &upload, 1, &part(rig, 1)).await;
    let made_up = vec!["00000000000000000000000000000000".to_owned()];
    let finished = rig.store.multipart_finish("k", &upload, made_up).await;
    assert!(finished.is_err(), "{finished:?}");
    assert!(rig.is_absent("k").await);
}
