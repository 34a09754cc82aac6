//! On a real S3 server, which is killed, started again and stopped where it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use e2e::weed::Weed;
use moonsail::ext::blobs::{BlobFiles, BlobSettings};
use moonsail_sdk::blobs::BlobStorage;
use moonsail_sdk::conformance::files::objects_suite;
use moonsail_storage_s3::{S3Blobs, S3Config};

use crate::house::{FILES, House, UPLOADS, pattern};

fn open(weed: &Weed, prefix: &str) -> Arc<dyn BlobStorage> {
    let config: S3Config = serde_json::from_value(weed.config(prefix)).unwrap();
    Arc::new(S3Blobs::open(&config).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_over_s3_pass_the_suite() {
    let Some(weed) = Weed::start().unwrap() else { return };
    let next = AtomicU32::new(0);
    objects_suite(|| {
        let blobs = open(&weed, &format!("case/{}", next.fetch_add(1, Relaxed)));
        (BlobFiles::new(blobs, BlobSettings::default()), ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_s3_is_503_and_changes_nothing() {
    let Some(mut weed) = Weed::start().unwrap() else { return };
    let mut house = House::new(open(&weed, "home"), BlobSettings::default()).await;
    let (large, small) = (pattern(20 << 20, 1), pattern(1000, 2));
    house.put("large", &large).await;
    house.put("small", &small).await;
    house.must(201, "MKCOL", &format!("{UPLOADS}/t"), &[], "").await;
    for (name, offset) in [("1", 0), ("2", 6 << 20)] {
        let (at, offset) = (format!("{UPLOADS}/t/{name}"), usize::to_string(&offset));
        let body = pattern(6 << 20, name.len() as u32);
        house.must(201, "PUT", &at, &[("oc-chunk-offset", &offset)], body).await;
    }
    let before = house.rows().await;
    // Stopped where it is: connections are open, and nothing answers. Then killed.
    for frozen in [true, false] {
        if frozen {
            weed.freeze().unwrap()
        } else {
            weed.kill().unwrap()
        }
        let closed = house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), "whole").await;
        assert_eq!(closed.status, 503, "frozen {frozen}: {closed:?}");
        house.must(503, "PUT", &format!("{FILES}/new"), &[], small.clone()).await;
        house.must(503, "PUT", &format!("{FILES}/new"), &[], large.clone()).await;
        house.must(503, "GET", &format!("{FILES}/small"), &[], "").await;
        assert_eq!(house.rows().await, before, "frozen {frozen}");
        if frozen {
            weed.thaw().unwrap()
        } else {
            weed.start_again().unwrap()
        }
        house.comes_to_hold("large", &large).await;
        house.comes_to_hold("small", &small).await;
    }
    house.restart().await;
    let closed = house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), "whole").await;
    assert_eq!(closed.status, 201, "{closed:?}");
    let part = pattern(6 << 20, 1);
    house.holds("whole", &[part.clone(), part].concat().into()).await;
    house.holds("large", &large).await;
    assert_eq!(house.verify().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_survive_a_kill_of_s3_and_of_the_server() {
    let Some(mut weed) = Weed::start().unwrap() else { return };
    let mut house = House::new(open(&weed, "home"), BlobSettings::default()).await;
    house.must(201, "MKCOL", &format!("{UPLOADS}/t"), &[], "").await;
    let probe = pattern(10, 1);
    house.put("probe", &probe).await;
    let all = pattern(30 << 20, 5);
    let mut at = 0;
    // Below a part, above one, an odd rest.
    for (name, size) in [(1, 1 << 20), (2, 3 << 20), (3, 17 << 20), (4, (9 << 20) - 7), (5, 7)] {
        let (target, offset) = (format!("{UPLOADS}/t/{name}"), usize::to_string(&at));
        let body = all.slice(at..at + size);
        let fields = [("oc-chunk-offset", offset.as_str())];
        house.must(201, "PUT", &target, &fields, body).await;
        at += size;
        if name % 2 == 1 {
            weed.kill().unwrap();
            let refused = house.ask("PUT", &format!("{UPLOADS}/t/9"), &[], "more").await;
            assert_eq!(refused.status, 503, "{refused:?}");
            weed.start_again().unwrap();
            house.comes_to_hold("probe", &probe).await;
        }
        house.restart().await;
    }
    assert_eq!(at, all.len());
    let closed = house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), "whole").await;
    assert_eq!(closed.status, 201, "{closed:?}");
    house.holds("whole", &all).await;
    assert_eq!(house.verify().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_s3_in_the_middle_of_an_upload_and_of_a_download_cuts_them() {
    let Some(mut weed) = Weed::start().unwrap() else { return };
    let house = Arc::new(House::new(open(&weed, "home"), BlobSettings::default()).await);
    let large = pattern(64 << 20, 1);
    house.put("large", &large).await;
    let before = house.rows().await;
    let (up, down) = (Arc::clone(&house), Arc::clone(&house));
    let body = large.clone();
    let upload =
        tokio::spawn(async move { up.ask("PUT", &format!("{FILES}/new"), &[], body).await });
    let download =
        tokio::spawn(async move { down.ask("GET", &format!("{FILES}/large"), &[], "").await });
    tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    weed.kill().unwrap();
    let (upload, download) = (upload.await.unwrap(), download.await.unwrap());
    if upload.status == 503 {
        assert_eq!(house.rows().await, before);
    } else {
        assert_eq!(upload.status, 201, "it was done before the kill: {upload:?}");
    }
    assert!(
        download.status == 503 || download.body.is_none_or(|body| body == large),
        "whole, cut or refused, and never wrong"
    );
    weed.start_again().unwrap();
    house.comes_to_hold("large", &large).await;
    if upload.status == 503 {
        house.must(404, "GET", &format!("{FILES}/new"), &[], "").await;
    }
    house.put("new", &large).await;
    house.holds("new", &large).await;
    assert_eq!(house.verify().await, Vec::<String>::new());
}
