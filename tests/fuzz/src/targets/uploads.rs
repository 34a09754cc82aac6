//! A chunked upload: bytes are requests on one transfer, in any order, with true and false lengths,
//! offsets and totals, cut bodies, two at once, and restarts. Whatever was acknowledged is listed,
//! and closing gives just these bytes or refuses and keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use moonsail::clock::Clock;
use moonsail::content::{ChunkExpected, ChunkStored, Content, Expected, Publisher, TransferError};
use moonsail::ids::Uid;
use moonsail::proto::chunk_name::sort_chunks;
use moonsail::storage::{Durability as Kept, FileStorage};
use moonsail::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use moonsail::store::{self, Store};
use moonsail::wire::{Body, BodyError, BodySource};
use moonsail_sdk::memory::MemoryStorage;
use sha1::{Digest, Sha1};
use tokio::runtime::Runtime;

/// Longest history.
const MOST: usize = 40;
/// Names as the apps write them, and one that says nothing.
const NAMES: [&str; 9] = [
    "1",
    "2",
    "3",
    "00001",
    "00002",
    "0",
    "000000000000000-000000000000009",
    "000000000000010-000000000000019",
    "x",
];
const TRANSFER: &str = "transfer";

/// What all inputs share: an index is too slow to open for each.
struct House {
    runtime: Runtime,
    store: Arc<dyn Store>,
    storage: Arc<dyn FileStorage>,
    publisher: Arc<Publisher>,
    _folder: tempfile::TempDir,
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { durability: Durability::None };
    let path = folder.path().join("moonsail.db");
    let store: Arc<dyn Store> = SqliteStore::open(&path, options, clock()).unwrap();
    let storage: Arc<dyn FileStorage> = Arc::new(MemoryStorage::new());
    let _inside = runtime.enter();
    let publisher = Publisher::start(Arc::clone(&storage), Arc::clone(&store));
    House { runtime, store, storage, publisher, _folder: folder }
});

fn clock() -> Clock {
    Clock::fixed(1_800_000_000_000)
}

fn alice() -> Uid {
    Uid::parse("alice").unwrap()
}

impl House {
    /// A new process: what the last one knew of running transfers is forgotten.
    fn content(&self) -> Content {
        let (storage, store) = (Arc::clone(&self.storage), Arc::clone(&self.store));
        Content::new(storage, store, Arc::clone(&self.publisher), Kept::Relaxed, clock())
    }
}

/// A chunk as a client sends it.
#[derive(Debug)]
struct Sent {
    name: &'static str,
    bytes: Vec<u8>,
    cut: bool,
    expected: ChunkExpected,
}

impl Sent {
    fn new(bytes: &mut Unstructured<'_>, mark: u8) -> Result<Self> {
        let name = *bytes.choose(&NAMES)?;
        let size = bytes.int_in_range(0..=20u8)?;
        let content = (0..size).map(|at| at.wrapping_mul(7).wrapping_add(mark)).collect();
        let length = match bytes.int_in_range(0..=7u8)? {
            0 => None,
            1 => Some(u64::from(size) + 1),
            _ => Some(u64::from(size)),
        };
        let offset = match bytes.int_in_range(0..=5u8)? {
            0 => Some(bytes.int_in_range(0..=40u64)?),
            1 => Some(10 * u64::from(name.ends_with('9') && name.len() > 20)),
            2 => Some(u64::MAX - u64::from(size) / 2),
            _ => None,
        };
        let total = bytes.ratio(1, 8)?.then_some(40);
        let room = bytes.ratio(1, 8)?.then_some(10);
        let expected = ChunkExpected { length, offset, total, room, together: None };
        Ok(Self { name, bytes: content, cut: bytes.ratio(1, 8)?, expected })
    }

    /// Whether it says of itself what is not so.
    fn is_bad(&self) -> bool {
        let size = self.bytes.len() as u64;
        let ChunkExpected { length, room, .. } = self.expected;
        self.cut || length.is_some_and(|it| it != size) || room.is_some_and(|room| size > room)
    }
}

/// A body in two pieces, perhaps without its end.
struct Pieces(Vec<Bytes>, bool);

impl BodySource for Pieces {
    fn poll_data(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Bytes, BodyError>>> {
        Poll::Ready(match (self.0.pop(), self.1) {
            (Some(piece), _) => Some(Ok(piece)),
            (None, true) => Some(Err(BodyError::Cut)),
            (None, false) => None,
        })
    }
}

/// The transfer as it should be.
#[derive(Default)]
struct Model {
    chunks: BTreeMap<&'static str, Vec<u8>>,
    /// Some chunk said where it lies, so closing may find that it does not.
    offsets: bool,
    mark: u8,
}

pub(super) fn target(input: &[u8]) {
    let house = &*HOUSE;
    house.runtime.block_on(async {
        let mut content = house.content();
        content.begin_transfer(&alice(), TRANSFER, None).await.unwrap();
        let mut model = Model::default();
        let mut bytes = Unstructured::new(input);
        for _ in 0..MOST {
            if bytes.is_empty() || !model.step(house, &mut content, &mut bytes).await {
                break;
            }
        }
        content.abort_transfer(&alice(), TRANSFER).await.unwrap();
        nothing_is_left(house).await;
    });
}

async fn nothing_is_left(house: &House) {
    for _ in 0..1000 {
        if house.storage.list_stage().await.unwrap().is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("in the stage: {:?}", house.storage.list_stage().await);
}

impl Model {
    /// One request; false at the end of the input.
    async fn step(
        &mut self,
        house: &House,
        content: &mut Content,
        bytes: &mut Unstructured<'_>,
    ) -> bool {
        self.mark = self.mark.wrapping_add(31);
        match bytes.int_in_range(0..=9u8) {
            Ok(0..=4) => {
                let Ok(sent) = Sent::new(bytes, self.mark) else { return false };
                let done = put(content, &sent).await;
                self.sent(&sent, done);
            }
            Ok(5) => {
                let (Ok(one), Ok(two)) =
                    (Sent::new(bytes, self.mark), Sent::new(bytes, self.mark ^ 1))
                else {
                    return false;
                };
                if one.name == two.name || one.expected.offset.or(two.expected.offset).is_some() {
                    return true; // what the index sees then depends on who comes first
                }
                let (first, second) = tokio::join!(put(content, &one), put(content, &two));
                self.sent(&one, first);
                self.sent(&two, second);
            }
            Ok(6) => {
                let name = bytes.choose(&NAMES).unwrap_or(&"1");
                let done = content.remove_chunk(&alice(), TRANSFER, name).await;
                assert_eq!(done.is_ok(), self.chunks.remove(name).is_some(), "{name}");
            }
            Ok(7) => *content = house.content(),
            Ok(8) => self.close(house, content, bytes, false).await,
            Ok(_) => self.close(house, content, bytes, true).await,
            Err(_) => return false,
        }
        self.compare(content).await;
        true
    }

    fn sent(&mut self, sent: &Sent, done: std::result::Result<ChunkStored, TransferError>) {
        let size = sent.bytes.len() as u64;
        let ChunkExpected { offset, total, .. } = sent.expected;
        let alone = self.chunks.keys().all(|name| *name == sent.name);
        let fits = offset.is_none_or(|at| {
            alone && at.checked_add(size).is_some_and(|end| total.is_none() && end <= 40)
        });
        match done {
            Ok(stored) => {
                assert!(!sent.is_bad(), "{sent:?} was taken");
                let new = self.chunks.insert(sent.name, sent.bytes.clone()).is_none();
                assert_eq!(stored.created, new, "{sent:?}");
                self.offsets |= offset.is_some();
            }
            Err(error) => assert!(sent.is_bad() || !fits, "{sent:?}: {error:?}"),
        }
    }

    /// Closes the transfer; a refusal by the tree keeps its chunks, a commit begins another one.
    async fn close(
        &mut self,
        house: &House,
        content: &Content,
        bytes: &mut Unstructured<'_>,
        commit: bool,
    ) {
        let mut names: Vec<&str> = self.chunks.keys().copied().collect();
        sort_chunks(&mut names, |name| name);
        let whole: Vec<u8> = names.iter().flat_map(|name| self.chunks[name].clone()).collect();
        let size = whole.len() as u64;
        let length = bytes.ratio(1, 4).unwrap_or(false).then_some(40);
        let expected = Expected { length, ..Expected::default() };
        let assembled = match content.assemble(&alice(), TRANSFER, &expected).await {
            Ok(assembled) => assembled,
            Err(error) => {
                assert!(self.offsets || length.is_some_and(|it| it != size), "{error:?}");
                return;
            }
        };
        assert!(length.is_none_or(|it| it == size));
        let staged = &assembled.received.staged;
        let file = house.storage.open_staged(&staged.at).await.unwrap();
        assert_eq!((staged.size, file.size()), (size, size));
        assert_eq!(file.read_at(0, whole.len() + 1).await.unwrap(), whole, "{names:?}");
        let sum = format!("SHA1:{}", hex::encode(Sha1::digest(&whole)));
        assert_eq!(assembled.received.checksums, sum);
        if !commit {
            return content.keep_transfer(&assembled).await;
        }
        let (id, at) = (assembled.transfer.upload.id, staged.at.clone());
        let gone = store::write(&house.store, move |tx| tx.remove_upload(id));
        gone.await.unwrap();
        content.end_transfer(&assembled).await;
        drop(assembled);
        house.storage.discard(&at).await.unwrap();
        nothing_is_left(house).await;
        *self = Self { mark: self.mark, ..Self::default() };
        content.begin_transfer(&alice(), TRANSFER, None).await.unwrap();
    }

    async fn compare(&self, content: &Content) {
        let transfer = content.transfer(&alice(), TRANSFER).await.unwrap();
        let there: Vec<(String, u64)> =
            transfer.chunks.iter().map(|chunk| (chunk.name.clone(), chunk.size)).collect();
        let wanted: Vec<(String, u64)> =
            self.chunks.iter().map(|(name, it)| ((*name).to_owned(), it.len() as u64)).collect();
        assert_eq!(there, wanted);
    }
}

async fn put(content: &Content, sent: &Sent) -> std::result::Result<ChunkStored, TransferError> {
    let (head, tail) = sent.bytes.split_at(sent.bytes.len() / 2);
    let pieces = vec![Bytes::copy_from_slice(tail), Bytes::copy_from_slice(head)];
    let mut body = Body::new(Pieces(pieces, sent.cut));
    content.put_chunk(&alice(), TRANSFER, sent.name, &mut body, &sent.expected).await
}
