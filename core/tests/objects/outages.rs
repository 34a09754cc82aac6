//! Each call of each request fails, once or from then on, before it is carried out or after. An answer
//! of 2xx did it, any other is 503 and changed nothing, and the next try goes through.

use std::sync::Arc;

use moonsail_sdk::memory::blobs::MemoryBlobs;

use crate::flaky::{Failure, Flaky, Plan};
use crate::house::{Answer, FILES, House, UPLOADS, pattern, small_parts};

/// More calls than any request makes.
const MOST: usize = 300;

/// What is asked for, in a home that holds `small`, `large` and `d/small`, `d/large`, and the transfer
/// `t` with its chunks.
#[derive(Debug, Clone, Copy)]
enum Ask {
    PutSmall,
    PutLarge,
    Overwrite,
    CopyFile,
    CopyFolder,
    Chunk,
    Close,
    Get,
}

async fn ready() -> (Flaky, House) {
    let flaky = Flaky::new(Arc::new(MemoryBlobs::new()));
    let house = House::new(Arc::new(flaky.clone()), small_parts()).await;
    house.must(201, "MKCOL", &format!("{FILES}/d"), &[], "").await;
    for folder in ["", "d/"] {
        house.put(&format!("{folder}small"), &pattern(1000, 1)).await;
        house.put(&format!("{folder}large"), &pattern(700_000, 2)).await;
    }
    house.must(201, "MKCOL", &format!("{UPLOADS}/t"), &[], "").await;
    for (name, offset, seed) in [("1", "0", 3), ("2", "100000", 4)] {
        let at = format!("{UPLOADS}/t/{name}");
        house.must(201, "PUT", &at, &[("oc-chunk-offset", offset)], pattern(100_000, seed)).await;
    }
    house.settle().await;
    (flaky, house)
}

async fn ask(house: &House, what: Ask) -> Answer {
    let at = |name: &str| format!("{FILES}/{name}");
    match what {
        Ask::PutSmall => house.ask("PUT", &at("new"), &[], pattern(5000, 5)).await,
        Ask::PutLarge => house.ask("PUT", &at("new"), &[], pattern(600_000, 6)).await,
        Ask::Overwrite => house.ask("PUT", &at("large"), &[], pattern(500_000, 7)).await,
        Ask::CopyFile => house.relocate("COPY", &at("large"), "copy").await,
        Ask::CopyFolder => house.relocate("COPY", &at("d"), "copy").await,
        Ask::Chunk => {
            let fields = [("oc-chunk-offset", "200000")];
            house.ask("PUT", &format!("{UPLOADS}/t/3"), &fields, pattern(150_000, 8)).await
        }
        Ask::Close => house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), "new").await,
        Ask::Get => house.ask("GET", &at("large"), &[], "").await,
    }
}

/// What must be so when it was done.
async fn check(house: &House, what: Ask) {
    let two = [pattern(100_000, 3), pattern(100_000, 4)].concat();
    match what {
        Ask::PutSmall => house.holds("new", &pattern(5000, 5)).await,
        Ask::PutLarge => house.holds("new", &pattern(600_000, 6)).await,
        Ask::Overwrite => house.holds("large", &pattern(500_000, 7)).await,
        Ask::CopyFile => house.holds("copy", &pattern(700_000, 2)).await,
        Ask::CopyFolder => {
            house.holds("copy/small", &pattern(1000, 1)).await;
            house.holds("copy/large", &pattern(700_000, 2)).await;
        }
        Ask::Chunk => {
            let closed = house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), "closed").await;
            assert_eq!(closed.status, 201, "{closed:?}");
            house.holds("closed", &[two, pattern(150_000, 8).to_vec()].concat().into()).await;
        }
        Ask::Close => house.holds("new", &two.into()).await,
        Ask::Get => {}
    }
    house.holds("d/large", &pattern(700_000, 2)).await;
    assert_eq!(house.verify().await, Vec::<String>::new(), "{what:?}");
}

/// Every call of a request fails.
async fn drive(what: Ask, failure: Failure, once: bool) {
    let (mut flaky, mut house) = ready().await;
    let mut before = house.rows().await;
    for nth in 0..MOST {
        flaky.arm(Some(Plan { failure, nth, once }));
        let answer = ask(&house, what).await;
        let struck = flaky.has_struck();
        flaky.arm(None);
        if (200..300).contains(&answer.status) && answer.body.is_some() {
            // What failed was not needed, or nothing did.
            check(&house, what).await;
            if !struck {
                house.restart().await;
                house.holds("d/large", &pattern(700_000, 2)).await;
                return;
            }
            (flaky, house) = ready().await;
            before = house.rows().await;
            continue;
        }
        let why = format!("{what:?} {failure:?} once {once} call {nth}");
        let is_broken_download = answer.status == 200 && matches!(what, Ask::Get);
        assert!(answer.status == 503 || is_broken_download, "{why}: {answer:?}");
        let says_when = answer.headers.contains_key("retry-after");
        assert!(says_when || is_broken_download, "{why}: {answer:?}");
        assert_eq!(house.rows().await, before, "{why}");
    }
    panic!("{what:?} never goes through");
}

async fn every_way(what: Ask) {
    for failure in [Failure::Refused, Failure::AnswerLost] {
        for once in [true, false] {
            drive(what, failure, once).await;
        }
    }
}

macro_rules! asks {
    ($($test:ident: $ask:ident,)*) => {
        $(#[tokio::test]
        async fn $test() {
            every_way(Ask::$ask).await;
        })*
    };
}

asks! {
    an_outage_in_a_small_put_is_503_and_changes_nothing: PutSmall,
    an_outage_in_a_large_put_is_503_and_changes_nothing: PutLarge,
    an_outage_in_an_overwrite_is_503_and_changes_nothing: Overwrite,
    an_outage_in_a_copy_is_503_and_changes_nothing: CopyFile,
    an_outage_in_a_copy_of_a_folder_is_503_and_changes_nothing: CopyFolder,
    an_outage_in_a_chunk_is_503_and_changes_nothing: Chunk,
    an_outage_in_a_closing_move_is_503_and_changes_nothing: Close,
    an_outage_in_a_download_is_503_or_cuts_it: Get,
}

#[tokio::test]
async fn what_needs_no_bytes_goes_on_through_an_outage() {
    let (flaky, house) = ready().await;
    flaky.arm(Some(Plan { failure: Failure::Refused, nth: 0, once: false }));
    let at = |name: &str| format!("{FILES}/{name}");
    for (method, from, to) in [("MOVE", "d", "e"), ("MOVE", "large", "e/other"), ("MOVE", "e", "f")]
    {
        let moved = house.relocate(method, &at(from), to).await;
        assert_eq!(moved.status, 201, "{from}: {moved:?}");
    }
    house.must(201, "MKCOL", &at("new"), &[], "").await;
    house.must(207, "PROPFIND", &at("f"), &[("depth", "1")], "").await;
    house.must(204, "DELETE", &at("small"), &[], "").await;
    house.must(503, "GET", &at("f/other"), &[], "").await;
    house.settle().await;
    assert_eq!(flaky.calls(), 1, "only the download has asked the store");
    flaky.arm(None);
    house.holds("f/other", &pattern(700_000, 2)).await;
    house.holds("f/small", &pattern(1000, 1)).await;
}
