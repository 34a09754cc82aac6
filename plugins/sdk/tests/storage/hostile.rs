//! Plugins whose tables are wrong: what they say is refused, and never taken for a file's bytes.
#![expect(unsafe_code, reason = "tables written by hand")]

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

use moonsail_sdk::abi::guest::{create, entry};
use moonsail_sdk::abi::host::{PluginBlobs, PluginFiles, TestHost};
use moonsail_sdk::abi::{
    BlobOpened, BlobsTable, Buf, CODE_OK, CallInfo, Done, EXTENSION_BLOBS, EXTENSION_FILES,
    FileApplied, FileEntries, FileOpened, FileResults, FilesTable, HostTable, List, Op, Outcome,
    PieceAt, PluginEntry, PluginTable, Str, StrList, read_struct,
};
use moonsail_sdk::blobs::BlobStorage;
use moonsail_sdk::storage::{Durability, FileStorage, StorageError, Tag};

use crate::Memory;
use crate::drops::{ALONE, answered};
use crate::odd::removal;

static GIVEN: AtomicUsize = AtomicUsize::new(0);
static RELEASED: AtomicUsize = AtomicUsize::new(0);
static DISCARDED: AtomicUsize = AtomicUsize::new(0);
static BYTES: [u8; 4096] = [b'!'; 4096];

/// A good plugin with its tables replaced.
#[repr(C)]
struct Twisted {
    table: PluginTable,
    inner: PluginTable,
    files: FilesTable,
    blobs: BlobsTable,
}

unsafe extern "C" fn twisted(
    host: *const HostTable,
    name: Str,
    config: Str,
    error: *mut Buf,
) -> *mut PluginTable {
    // SAFETY: as a host calls it; the inner plugin is a good one.
    unsafe {
        let how = config.text().unwrap().trim_matches('"').to_owned();
        let made = create::<Memory>(host, name, Str::of("{}"), error);
        let inner = read_struct::<PluginTable>(made.cast()).unwrap();
        let find = |id| inner.get_extension.unwrap()(inner.this, Str::of(id));
        let mut files = read_struct::<FilesTable>(find(EXTENSION_FILES)).unwrap();
        let mut blobs = read_struct::<BlobsTable>(find(EXTENSION_BLOBS)).unwrap();
        twist(&how, &mut files, &mut blobs);
        let twisted = Box::into_raw(Box::new(Twisted { table: inner, inner, files, blobs }));
        (*twisted).table = PluginTable {
            this: twisted.cast(),
            get_extension: Some(get_extension),
            start: None,
            stop: None,
            destroy: Some(destroy),
            ..inner
        };
        &raw mut (*twisted).table
    }
}

unsafe extern "C" fn get_extension(this: *mut c_void, id: Str) -> *const c_void {
    // SAFETY: made above.
    unsafe {
        let twisted = this.cast::<Twisted>();
        match id.text().unwrap() {
            EXTENSION_FILES => (&raw const (*twisted).files).cast(),
            EXTENSION_BLOBS => (&raw const (*twisted).blobs).cast(),
            _ => ptr::null(),
        }
    }
}

unsafe extern "C" fn destroy(this: *mut c_void) {
    // SAFETY: made above, and destroyed once.
    unsafe {
        let twisted = Box::from_raw(this.cast::<Twisted>());
        twisted.inner.destroy.unwrap()(twisted.inner.this);
    }
}

fn twist(how: &str, files: &mut FilesTable, blobs: &mut BlobsTable) {
    match how {
        "short" => {
            files.size = offset_of!(FilesTable, survey) as u32;
            blobs.size = offset_of!(BlobsTable, get) as u32;
        }
        "incomplete" => (files.stat, blobs.head) = (None, None),
        "elsewhere" => {
            files.file_read = Some(read_elsewhere);
            files.stage_read = Some(read_elsewhere);
            blobs.get = Some(get_elsewhere);
            blobs.reader_next = Some(next_elsewhere);
        }
        "more" => {
            files.file_read = Some(read_more);
            files.stage_read = Some(read_more);
            blobs.get = Some(get_more);
            blobs.reader_next = Some(next_more);
        }
        "nothing" => {
            files.open = Some(open_nothing);
            files.file_read = Some(read_nothing);
            files.stat_members = Some(members_nothing);
            files.apply = Some(apply_nothing);
            blobs.open = Some(open_object_nothing);
        }
        "early" => blobs.reader_next = Some(next_early),
        "twice" => files.file_read = Some(read_twice),
        "late" => {
            PUT.store(ptr::from_mut(Box::leak(Box::new(*files))), Ordering::SeqCst);
            files.put_small = Some(put_late);
            files.stage_finish = Some(finish_late);
            files.discard = Some(discard_counted);
        }
        other => panic!("{other}"),
    }
}

fn host(how: &str) -> TestHost {
    let entry = entry("twisted", "1", "", false, twisted);
    let entry: &'static PluginEntry = Box::leak(Box::new(entry));
    // SAFETY: made just now; it answers wrongly and breaks no rule of memory.
    unsafe { TestHost::of_entry(entry, &format!("\"{how}\"")) }.unwrap()
}

unsafe fn answer<T>(done: Done, value: *const T) {
    let size = size_of::<Outcome>() as u32;
    let value = value.cast();
    let (code, message) = (CODE_OK, Str::NONE);
    let outcome = Outcome { size, code, message, retry_after_ms: 0, reserved: 0, value };
    // SAFETY: as the host wants it, but for the value.
    unsafe { done.complete.unwrap()(done.ctx, &raw const outcome) }
}

unsafe extern "C" fn released(_: *mut c_void) {
    RELEASED.fetch_add(1, Ordering::SeqCst);
}

/// Answers bytes, whose release is counted.
unsafe fn piece(done: Done, offset: u64, len: usize) -> *mut Op {
    GIVEN.fetch_add(1, Ordering::SeqCst);
    let data = Buf { ptr: BYTES.as_ptr(), len, owner: ptr::null_mut(), release: Some(released) };
    let piece = PieceAt { size: size_of::<PieceAt>() as u32, reserved: 0, offset, data };
    // SAFETY: alive meanwhile.
    unsafe { answer(done, &raw const piece) }
    ptr::null_mut()
}

/// Functions that read and answer with a piece of an offset and a length that they make up.
macro_rules! readers {
    ($read:ident, $get:ident, $next:ident, |$offset:ident, $len:ident| $give:expr) => {
        unsafe extern "C" fn $read(
            _: *mut c_void,
            _: *const CallInfo,
            _: *mut c_void,
            $offset: u64,
            $len: u64,
            done: Done,
        ) -> *mut Op {
            let (offset, len) = $give;
            // SAFETY: the host's token.
            unsafe { piece(done, offset, len as usize) }
        }
        unsafe extern "C" fn $get(
            _: *mut c_void,
            _: *const CallInfo,
            _: Str,
            $offset: u64,
            $len: u64,
            done: Done,
        ) -> *mut Op {
            let (offset, len) = $give;
            // SAFETY: the host's token.
            unsafe { piece(done, offset, len as usize) }
        }
        unsafe extern "C" fn $next(
            _: *mut c_void,
            _: *const CallInfo,
            _: *mut c_void,
            $len: u64,
            done: Done,
        ) -> *mut Op {
            let $offset = 0u64;
            let (offset, len) = $give;
            // SAFETY: the host's token.
            unsafe { piece(done, offset, len as usize) }
        }
    };
}

readers!(read_elsewhere, get_elsewhere, next_elsewhere, |offset, len| (offset + 1, len));
readers!(read_more, get_more, next_more, |offset, len| (offset, len + 1));

unsafe extern "C" fn read_nothing(
    _: *mut c_void,
    _: *const CallInfo,
    _: *mut c_void,
    _: u64,
    _: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host's token.
    unsafe { answer(done, ptr::null::<PieceAt>()) }
    ptr::null_mut()
}

unsafe extern "C" fn next_early(
    _: *mut c_void,
    _: *const CallInfo,
    _: *mut c_void,
    _: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host's token.
    unsafe { piece(done, 3, 0) }
}

unsafe extern "C" fn open_nothing(
    _: *mut c_void,
    _: *const CallInfo,
    _: Str,
    _: Str,
    done: Done,
) -> *mut Op {
    let size = size_of::<FileOpened>() as u32;
    let opened = FileOpened { size, reserved: 0, file: ptr::null_mut(), bytes: 1 };
    // SAFETY: the host's token.
    unsafe { answer(done, &raw const opened) }
    ptr::null_mut()
}

unsafe extern "C" fn open_object_nothing(
    _: *mut c_void,
    _: *const CallInfo,
    _: Str,
    _: u64,
    _: u64,
    done: Done,
) -> *mut Op {
    let size = size_of::<BlobOpened>() as u32;
    let opened = BlobOpened { size, reserved: 0, reader: ptr::null_mut(), info: ptr::null() };
    // SAFETY: the host's token.
    unsafe { answer(done, &raw const opened) }
    ptr::null_mut()
}

unsafe extern "C" fn members_nothing(
    _: *mut c_void,
    _: *const CallInfo,
    _: Str,
    _: StrList,
    done: Done,
) -> *mut Op {
    let size = size_of::<FileEntries>() as u32;
    let entries = FileEntries { size, reserved: 0, entries: List::NONE };
    // SAFETY: the host's token.
    unsafe { answer(done, &raw const entries) }
    ptr::null_mut()
}

/// No result for one operation, a success for two of them, three for three, whatever they are.
unsafe extern "C" fn apply_nothing(
    _: *mut c_void,
    _: *const CallInfo,
    ops: List,
    done: Done,
) -> *mut Op {
    let size = size_of::<FileApplied>() as u32;
    let none = Str::NONE;
    let one = |code| FileApplied { size, code, message: none, tag: none, kept: none };
    let results = match ops.len {
        1 => vec![],
        2 => vec![one(CODE_OK)],
        3 => vec![one(CODE_OK), one(5), one(CODE_OK)],
        len => vec![one(CODE_OK); len + 1],
    };
    let size = size_of::<FileResults>() as u32;
    let results = FileResults { size, reserved: 0, results: List::of(&results) };
    // SAFETY: the host's token; alive meanwhile.
    unsafe { answer(done, &raw const results) }
    ptr::null_mut()
}

unsafe extern "C" fn read_twice(
    _: *mut c_void,
    _: *const CallInfo,
    _: *mut c_void,
    offset: u64,
    len: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host's token; the second time without a value, which would be lost.
    unsafe {
        piece(done, offset, len as usize);
        answer(done, ptr::null::<PieceAt>());
    }
    ptr::null_mut()
}

/// The table of the good plugin behind a late one.
static PUT: AtomicPtr<FilesTable> = AtomicPtr::new(ptr::null_mut());

struct Sendable<T>(T);

// SAFETY: rule 3 of the border.
unsafe impl<T> Send for Sendable<T> {}

/// Does something a little later, and cannot be cancelled.
fn later(work: impl FnOnce() + 'static) -> *mut Op {
    let work = Sendable(work);
    std::thread::spawn(move || {
        let work = work;
        std::thread::sleep(Duration::from_millis(60));
        (work.0)();
    });
    ptr::null_mut()
}

/// Lets go of an operation without cancelling it.
unsafe fn forget(op: *mut Op) {
    if !op.is_null() {
        // SAFETY: it is given for this.
        unsafe { (*op).release.unwrap()(op) }
    }
}

unsafe extern "C" fn put_late(
    this: *mut c_void,
    _: *const CallInfo,
    data: Buf,
    mtime: i64,
    durability: u32,
    done: Done,
) -> *mut Op {
    later(move || {
        // SAFETY: the good table, which is leaked, and whose plugin lives until this is answered.
        unsafe {
            let put = (*PUT.load(Ordering::SeqCst)).put_small.unwrap();
            forget(put(this, ptr::null(), data, mtime, durability, done));
        }
    })
}

unsafe extern "C" fn finish_late(
    this: *mut c_void,
    _: *const CallInfo,
    stage: *mut c_void,
    bytes: u64,
    mtime: i64,
    durability: u32,
    done: Done,
) -> *mut Op {
    later(move || {
        // SAFETY: the same; the handle is not released before.
        unsafe {
            let finish = (*PUT.load(Ordering::SeqCst)).stage_finish.unwrap();
            forget(finish(this, ptr::null(), stage, bytes, mtime, durability, done));
        }
    })
}

unsafe extern "C" fn discard_counted(
    this: *mut c_void,
    call: *const CallInfo,
    at: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the good table.
    let op = unsafe { (*PUT.load(Ordering::SeqCst)).discard.unwrap()(this, call, at, done) };
    DISCARDED.fetch_add(1, Ordering::SeqCst);
    op
}

fn internal<T>(result: Result<T, StorageError>) -> String {
    match result {
        Err(StorageError::Internal(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was believed"),
    }
}

/// A file and an object of ten bytes.
async fn stored(host: &TestHost) -> (PluginFiles, PluginBlobs, Tag) {
    let (files, blobs) = (host.files().unwrap(), host.blobs().unwrap());
    let staged = files.put_small("0123456789".into(), None, Durability::Full).await.unwrap();
    blobs.put("k", "0123456789".into()).await.unwrap();
    let publish = moonsail_sdk::storage::DiskOp::Publish {
        stage: staged.at,
        path: "f".into(),
        replaces: None,
    };
    files.apply(vec![publish]).await.remove(0).unwrap();
    (files, blobs, staged.tag)
}

#[tokio::test]
async fn bytes_of_another_place_or_too_many_are_an_error() {
    for (how, text) in [
        ("elsewhere", "asked for 4 bytes at 3, it gives 4 at 4"),
        ("more", "asked for 4 bytes at 3, it gives 5 at 3"),
    ] {
        let host = host(how);
        let (files, blobs, tag) = stored(&host).await;
        let file = files.open("f", &tag).await.unwrap();
        assert_eq!(internal(file.read_at(3, 4).await), text, "{how}");
        let mut stage = files.begin_stage(None).await.unwrap();
        stage.write_at(0, "0123456789".into()).await.unwrap();
        assert_eq!(internal(stage.read_at(3, 4).await), text, "{how}");
        assert_eq!(internal(blobs.get("k", 3, 4).await), text, "{how}");
        let mut reader = blobs.open("k", 3, 5).await.unwrap();
        let why = internal(reader.next(4).await);
        assert!(why.starts_with("asked for 4 bytes at 3, it gives"), "{how}: {why}");
        // And the rest works as before.
        stage.sync().await.unwrap();
        assert_eq!(blobs.head("k").await.unwrap().size, 10);
    }
    // Others of these tests give some as well.
    for _ in 0..2000 {
        if GIVEN.load(Ordering::SeqCst) == RELEASED.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{GIVEN:?} buffers were given, {RELEASED:?} released");
}

#[tokio::test]
async fn answers_without_what_they_should_have_are_an_error() {
    let host = host("nothing");
    let (files, blobs) = (host.files().unwrap(), host.blobs().unwrap());
    let missing = "a malformed answer: a value is missing";
    assert_eq!(internal(files.open("f", &Tag::default()).await), missing);
    let staged = files.put_small("abc".into(), None, Durability::Full).await.unwrap();
    let file = files.open_staged(&staged.at).await.unwrap();
    assert_eq!(internal(file.read_at(0, 3).await), missing);
    let members = files.stat_members("", vec!["a".into(), "b".into()]).await;
    assert_eq!(internal(members), "asked about 2, it answers about 0");
    assert_eq!(internal(blobs.open("k", 0, 1).await), missing);
    for (asked, got) in [(1, 0), (2, 1), (3, 3), (4, 5)] {
        let mut results = files.apply(vec![removal(); asked]).await;
        assert_eq!(results.len(), 1);
        let text = format!("asked about {asked}, it answers about {got}");
        assert_eq!(internal(results.remove(0)), text);
    }
}

#[tokio::test]
async fn an_object_that_ends_too_early_is_an_error() {
    let host = host("early");
    let (_, blobs, _) = stored(&host).await;
    let mut reader = blobs.open("k", 3, 4).await.unwrap();
    assert_eq!(internal(reader.next(9).await), "the object ends 4 bytes too early");
    let mut reader = blobs.open("k", 3, 0).await.unwrap();
    assert_eq!(reader.next(9).await.unwrap(), "", "there is nothing to come");
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_one() {
    let host = host("twice");
    let (files, _, tag) = stored(&host).await;
    let file = files.open("f", &tag).await.unwrap();
    for _ in 0..3 {
        assert_eq!(file.read_at(2, 3).await.unwrap(), "!!!");
    }
}

#[tokio::test]
async fn a_table_without_the_optional_functions_does_without() {
    let host = host("short");
    let (files, blobs, tag) = stored(&host).await;
    let survey = files.survey("").await.unwrap();
    assert_eq!((survey.members.len(), survey.unusable.len()), (1, 0));
    let members = files.stat_members("", vec!["f".into(), "g".into()]).await.unwrap();
    assert_eq!(members.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    assert!(files.is_same(&tag, &tag) && !files.is_same(&tag, &Tag::default()));
    assert!(files.may_change("").await.unwrap());
    assert!(!files.may_change("none").await.unwrap());
    assert!(files.watch().await.unwrap().is_none());
    assert_eq!(files.free_space().await, Ok(None));
    assert_eq!(blobs.get("k", 2, 3).await.unwrap(), "234");
    assert!(!blobs.abilities().multipart);
    assert_eq!(internal(blobs.multipart_begin("k").await), "the plugin does not offer this");
}

#[tokio::test]
async fn a_table_without_what_nobody_can_do_without_is_none() {
    let host = host("incomplete");
    assert!(host.files().is_none() && host.blobs().is_none());
}

#[tokio::test]
async fn what_was_staged_when_nobody_waits_any_more_is_discarded() {
    let _alone = ALONE.lock().await;
    let host = host("late");
    let files = host.files().unwrap();
    let discarded = DISCARDED.load(Ordering::SeqCst);
    let mut stage = files.begin_stage(None).await.unwrap();
    stage.write_at(0, "x".into()).await.unwrap();
    let soon = Duration::from_millis(5);
    let put = files.put_small("x".into(), None, Durability::Full);
    assert!(tokio::time::timeout(soon, put).await.is_err());
    let finish = stage.finish(1, None, Durability::Full);
    assert!(tokio::time::timeout(soon, finish).await.is_err());
    for _ in 0..2000 {
        if DISCARDED.load(Ordering::SeqCst) == discarded + 2 {
            break;
        }
        tokio::time::sleep(soon).await;
    }
    answered().await;
    assert_eq!(DISCARDED.load(Ordering::SeqCst), discarded + 2);
    assert_eq!(files.list_stage().await.unwrap(), []);
    // With somebody who waits it is not.
    let staged = files.put_small("y".into(), None, Durability::Full).await.unwrap();
    assert_eq!(files.list_stage().await.unwrap().len(), 1);
    assert_eq!(files.open_staged(&staged.at).await.unwrap().size(), 1);
}

#[tokio::test]
async fn a_file_that_was_there_before_stays_when_its_finish_takes_too_long() {
    let _alone = ALONE.lock().await;
    let host = host("late");
    // Finishing may take ten milliseconds, and takes sixty.
    let files = PluginFiles::of(host.instance(), Duration::from_micros(100)).unwrap();
    let discarded = DISCARDED.load(Ordering::SeqCst);
    let mut stage = files.begin_stage(None).await.unwrap();
    stage.write_at(0, "promised".into()).await.unwrap();
    let at = stage.at();
    stage.keep();
    let again = files.reopen_stage(&at).await.unwrap();
    let late = again.finish(8, None, Durability::Full).await;
    assert_eq!(late, Err(StorageError::Unavailable("no answer came in time".into())));
    answered().await;
    assert_eq!(files.open_staged(&at).await.unwrap().size(), 8);
    assert_eq!(DISCARDED.load(Ordering::SeqCst), discarded);
    // A new one is nobody's then.
    let stage = files.begin_stage(None).await.unwrap();
    let late = stage.finish(0, None, Durability::Full).await;
    assert_eq!(late, Err(StorageError::Unavailable("no answer came in time".into())));
    for _ in 0..2000 {
        if DISCARDED.load(Ordering::SeqCst) > discarded {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    answered().await;
    assert_eq!(files.list_stage().await.unwrap().len(), 1);
}
