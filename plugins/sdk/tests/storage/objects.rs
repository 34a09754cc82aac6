//! A store of objects that panics in every function, and in what it gives to hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::abi::host::TestHost;
use moonsail_sdk::blobs::{BlobAbilities, BlobInfo, BlobPage, BlobReader, BlobStorage, BlobWriter};
use moonsail_sdk::memory::blobs::MemoryBlobs;
use moonsail_sdk::storage::StorageError;

/// Whether they panic. One test uses it.
static PANICS: AtomicBool = AtomicBool::new(false);

fn well() {
    if PANICS.load(Ordering::SeqCst) {
        panic!("on purpose");
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

#[derive(Clone, Default)]
struct Moody(Arc<MemoryBlobs>);

impl Plugin for Moody {
    type Config = serde_json::Value;

    fn create(_: Self::Config, _: Host) -> Result<Self, PluginError> {
        Ok(Self::default())
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.blobs(Arc::clone(self));
    }
}

impl BlobStorage for Moody {
    fn abilities(&self) -> BlobAbilities {
        self.0.abilities()
    }

    fn put(&self, key: &str, data: Bytes) -> Answer<'_, BlobInfo> {
        well();
        self.0.put(key, data)
    }

    fn begin(&self, key: &str) -> Answer<'_, Box<dyn BlobWriter>> {
        well();
        let writer = self.0.begin(key);
        Box::pin(async { Ok(Box::new(Writer(writer.await?)) as Box<dyn BlobWriter>) })
    }

    fn open(&self, key: &str, offset: u64, len: u64) -> Answer<'_, Box<dyn BlobReader>> {
        well();
        let reader = self.0.open(key, offset, len);
        Box::pin(async { Ok(Box::new(Reader(reader.await?)) as Box<dyn BlobReader>) })
    }

    fn head(&self, key: &str) -> Answer<'_, BlobInfo> {
        well();
        self.0.head(key)
    }

    fn copy(&self, from: &str, to: &str) -> Answer<'_, BlobInfo> {
        well();
        self.0.copy(from, to)
    }

    fn delete(&self, key: &str) -> Answer<'_, ()> {
        well();
        self.0.delete(key)
    }

    fn list(&self, prefix: &str, cursor: Option<&str>) -> Answer<'_, BlobPage> {
        well();
        self.0.list(prefix, cursor)
    }

    fn multipart_begin(&self, key: &str) -> Answer<'_, String> {
        well();
        self.0.multipart_begin(key)
    }

    fn multipart_put(&self, key: &str, upload: &str, part: u32, data: Bytes) -> Answer<'_, String> {
        well();
        self.0.multipart_put(key, upload, part, data)
    }

    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> Answer<'_, BlobInfo> {
        well();
        self.0.multipart_finish(key, upload, parts)
    }

    fn multipart_abort(&self, key: &str, upload: &str) -> Answer<'_, ()> {
        well();
        self.0.multipart_abort(key, upload)
    }
}

struct Writer(Box<dyn BlobWriter>);

impl BlobWriter for Writer {
    fn write(&mut self, data: Bytes) -> Answer<'_, ()> {
        well();
        self.0.write(data)
    }

    fn commit(self: Box<Self>) -> Answer<'static, BlobInfo> {
        well();
        self.0.commit()
    }

    fn abort(self: Box<Self>) -> Answer<'static, ()> {
        well();
        self.0.abort()
    }
}

struct Reader(Box<dyn BlobReader>);

impl BlobReader for Reader {
    fn info(&self) -> BlobInfo {
        well();
        self.0.info()
    }

    fn next(&mut self, max: usize) -> Answer<'_, Bytes> {
        well();
        self.0.next(max)
    }
}

#[tokio::test]
async fn a_panic_in_any_function_of_a_store_is_an_error_and_the_next_call_works() {
    let host = TestHost::create::<Moody>("{}").unwrap();
    let store = host.blobs().unwrap();
    store.put("there", "0123456789".into()).await.unwrap();
    let upload = store.multipart_begin("parts").await.unwrap();
    let mut writer = store.begin("new").await.unwrap();
    let (other, third) = (store.begin("no").await.unwrap(), store.begin("no").await.unwrap());
    let mut reader = store.open("there", 2, 5).await.unwrap();
    assert_eq!((reader.info().size, reader.next(2).await.unwrap()), (10, "23".into()));

    PANICS.store(true, Ordering::SeqCst);
    let parts = vec!["mark".to_owned()];
    let results = [
        store.put("a", Bytes::new()).await.map(drop),
        store.begin("a").await.map(drop),
        store.open("there", 0, 1).await.map(drop),
        store.get("there", 0, 1).await.map(drop),
        store.head("there").await.map(drop),
        store.copy("there", "a").await.map(drop),
        store.delete("there").await,
        store.list("", None).await.map(drop),
        store.multipart_begin("a").await.map(drop),
        store.multipart_put("parts", &upload, 1, Bytes::new()).await.map(drop),
        store.multipart_finish("parts", &upload, parts).await.map(drop),
        store.multipart_abort("parts", &upload).await,
        writer.write("x".into()).await,
        reader.next(2).await.map(drop),
        other.commit().await.map(drop),
        third.abort().await,
    ];
    PANICS.store(false, Ordering::SeqCst);
    for (index, result) in results.into_iter().enumerate() {
        let panicked = StorageError::Internal("it panicked: on purpose".into());
        assert_eq!(result, Err(panicked), "call {index}");
    }

    writer.write("new".into()).await.unwrap();
    assert_eq!(writer.commit().await.unwrap().size, 3);
    assert_eq!(reader.next(9).await.unwrap(), "456");
    assert_eq!(reader.next(9).await.unwrap(), "", "the end of the range");
    let keys = store.list("", None).await.unwrap().entries;
    assert_eq!(keys.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["new", "there"]);
}
