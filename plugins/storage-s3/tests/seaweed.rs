//! On a real S3 server: SeaweedFS, started by the test.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use e2e::weed::Weed;
use moonsail_sdk::conformance::blobs::blobs_suite;
use moonsail_storage_s3::{S3Blobs, S3Config};

/// A store below a prefix of its own.
fn open(weed: &Weed, prefix: &str) -> S3Blobs {
    let config = weed.config(prefix);
    let config: S3Config = serde_json::from_value(config).expect("the settings fit");
    S3Blobs::open(&config).expect("opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_in_s3_pass_the_suite() {
    let Some(weed) = Weed::start().expect("weed starts") else { return };
    let next = AtomicU32::new(0);
    blobs_suite(|| (open(&weed, &format!("case/{}", next.fetch_add(1, Relaxed))), ())).await;
}
