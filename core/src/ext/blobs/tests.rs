//! Over a store in memory.

use std::sync::Arc;

use moonsail_sdk::blobs::{BlobAbilities, BlobStorage};
use moonsail_sdk::conformance::files::objects_suite;
use moonsail_sdk::memory::blobs::MemoryBlobs;

use super::*;

fn small_parts() -> BlobSettings {
    BlobSettings { part_bytes: 16, ..BlobSettings::default() }
}

#[tokio::test]
async fn files_over_objects_pass_the_suite() {
    // The same with parts of some bytes, so that most files have several, and with whole files.
    for settings in [BlobSettings::default(), small_parts()] {
        objects_suite(|| (BlobFiles::new(Arc::new(MemoryBlobs::new()), settings.clone()), ()))
            .await;
    }
}

#[tokio::test]
async fn a_store_that_can_do_little_is_enough() {
    objects_suite(|| {
        let store = MemoryBlobs::new();
        let abilities = BlobAbilities { server_copy: false, multipart: false, ..store.abilities() };
        (BlobFiles::new(Arc::new(store.with_abilities(abilities)), small_parts()), ())
    })
    .await;
}
