//! The conformance suite of the SDK, on a real disk.

use moonsail_sdk::conformance::files::files_suite;
use moonsail_storage_local::{LocalConfig, LocalStorage};

#[tokio::test]
async fn local_storage_passes_the_suite() {
    files_suite(|| {
        let root = tempfile::tempdir().unwrap();
        let area = |name| root.path().join(name);
        let config = LocalConfig { files: area("files"), stage: area("stage"), kept: area("kept") };
        (LocalStorage::open(config).unwrap(), root)
    })
    .await;
}
