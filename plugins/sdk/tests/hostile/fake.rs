//! The plugin: tables whose functions do what a random number says.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, mpsc};

use moonsail_sdk::abi::*;

use crate::answers;

static STATE: AtomicU64 = AtomicU64::new(1);

pub(crate) fn seed(seed: u64) {
    STATE.store(seed, Ordering::SeqCst);
}

/// A number below `end` (splitmix64).
pub(crate) fn random(end: u64) -> u64 {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut z = STATE.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % end
}

pub(crate) fn one_of<T: Copy>(all: &[T]) -> T {
    all[random(all.len() as u64) as usize]
}

/// How often a call was begun that is not answered.
pub(crate) static NEVER: AtomicUsize = AtomicUsize::new(0);

/// What the host must do once for each.
pub(crate) struct Tally {
    left: AtomicI64,
    name: &'static str,
}

pub(crate) static OPS: Tally = Tally { left: AtomicI64::new(0), name: "ops to release" };
pub(crate) static BUFFERS: Tally = Tally { left: AtomicI64::new(0), name: "buffers to release" };
pub(crate) static STREAMS: Tally = Tally { left: AtomicI64::new(0), name: "streams to close" };

impl Tally {
    fn up(&self) {
        self.left.fetch_add(1, Ordering::SeqCst);
    }

    fn down(&self) {
        self.left.fetch_sub(1, Ordering::SeqCst);
    }

    fn all() -> [&'static Self; 3] {
        [&OPS, &BUFFERS, &STREAMS]
    }

    pub(crate) fn open() -> i64 {
        Self::all().iter().map(|tally| tally.left.load(Ordering::SeqCst).abs()).sum()
    }

    pub(crate) fn wrong() -> Vec<String> {
        let left = |tally: &&Self| (tally.left.load(Ordering::SeqCst), tally.name);
        let wrong = Self::all().iter().map(left).filter(|(left, _)| *left != 0).collect::<Vec<_>>();
        wrong.iter().map(|(left, name)| format!("{left} {name}")).collect()
    }
}

/// Gives an answer.
pub(crate) type Give = fn(Done);

/// An answer that is given elsewhere.
struct Later(Done, Give);

// SAFETY: `complete` may be called from any thread.
unsafe impl Send for Later {}

static LATE: Mutex<Vec<Later>> = Mutex::new(Vec::new());

/// A thread that answers.
static ELSEWHERE: LazyLock<Mutex<mpsc::Sender<Later>>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Later>();
    std::thread::spawn(move || {
        for Later(done, give) in receiver {
            give(done);
        }
    });
    Mutex::new(sender)
});

fn elsewhere(done: Done, give: Give) {
    ELSEWHERE.lock().expect("not poisoned").send(Later(done, give)).expect("the thread lives");
}

/// An answer that comes too often owns nothing: its buffers would be lost by the plugin's own fault.
fn again(done: Done) {
    answers::finish_without_value(done);
}

pub(crate) fn act(done: Done, give: Give) {
    match random(12) {
        0 => {
            give(done);
            again(done);
        }
        1 | 2 => elsewhere(done, give),
        3 => {
            again(done);
            elsewhere(done, again);
        }
        4 => {
            NEVER.fetch_add(1, Ordering::SeqCst);
            LATE.lock().expect("not poisoned").push(Later(done, again));
        }
        5 => drop(std::thread::spawn({
            let later = Later(done, give);
            move || {
                let Later(done, give) = { later };
                give(done);
            }
        })),
        _ => give(done),
    }
}

pub(crate) fn answer_late() {
    let late = std::mem::take(&mut *LATE.lock().expect("not poisoned"));
    for Later(done, give) in late {
        give(done);
        elsewhere(done, again);
    }
}

/// An operation that notes what is done to it.
#[repr(C)]
struct Noted {
    head: Op,
    cancelled: bool,
}

fn op() -> *mut Op {
    unsafe extern "C" fn cancel(op: *mut Op) {
        // SAFETY: made below.
        let noted = unsafe { &mut *op.cast::<Noted>() };
        assert!(!noted.cancelled, "cancelled twice");
        noted.cancelled = true;
    }
    unsafe extern "C" fn release(op: *mut Op) {
        OPS.down();
        // SAFETY: made below.
        drop(unsafe { Box::from_raw(op.cast::<Noted>()) });
    }
    if random(2) == 0 {
        return ptr::null_mut();
    }
    OPS.up();
    let cancel = (random(4) > 0).then_some(cancel as _);
    let head = Op { size: size_of::<Op>() as u32, reserved: 0, cancel, release: Some(release) };
    Box::into_raw(Box::new(Noted { head, cancelled: false })).cast()
}

pub(crate) fn buffer(bytes: &[u8]) -> Buf {
    unsafe extern "C" fn release(owner: *mut c_void) {
        BUFFERS.down();
        // SAFETY: made below.
        drop(unsafe { Box::from_raw(owner.cast::<Vec<u8>>()) });
    }
    BUFFERS.up();
    let bytes = Box::new(bytes.to_vec());
    let (ptr, len) = (bytes.as_ptr(), bytes.len());
    Buf { ptr, len, owner: Box::into_raw(bytes).cast(), release: Some(release) }
}

pub(crate) fn stream() -> *mut Stream {
    unsafe extern "C" fn next(_: *mut Stream, done: Done) {
        act(done, answers::piece);
    }
    unsafe extern "C" fn close(stream: *mut Stream) {
        STREAMS.down();
        // SAFETY: made below.
        drop(unsafe { Box::from_raw(stream) });
    }
    STREAMS.up();
    let next = (random(16) > 0).then_some(next as _);
    let size = size_of::<Stream>() as u32;
    Box::into_raw(Box::new(Stream { size, reserved: 0, next, close: Some(close) }))
}

/// Takes a piece of the host's, and frees it.
unsafe extern "C" fn got(_: *mut c_void, outcome: *const Outcome) {
    // SAFETY: the host gives a `Buf` with `CODE_OK`.
    unsafe {
        if (*outcome).code == CODE_OK {
            let piece = (*outcome).value.cast::<Buf>().read();
            if let Some(release) = piece.release {
                release(piece.owner);
            }
        }
    }
}

const GOT: Done = Done { ctx: ptr::null_mut(), complete: Some(got) };

/// Reads from a stream of the host's, or not, and closes it.
unsafe fn consume(stream: *mut Stream) {
    // SAFETY: as the host's table says.
    unsafe {
        let head = *stream;
        for _ in 0..random(3) {
            // Also before the last one was answered, which is a fault.
            head.next.expect("it can be read")(stream, GOT);
        }
        head.close.expect("it can be closed")(stream);
    }
}

unsafe extern "C" fn interest(_: *mut c_void, done: Done) {
    act(done, answers::interests);
}

unsafe extern "C" fn patterns(_: *mut c_void, done: Done) {
    act(done, answers::patterns);
}

unsafe extern "C" fn routes(_: *mut c_void, done: Done) {
    act(done, answers::routes);
}

unsafe extern "C" fn types(_: *mut c_void, done: Done) {
    act(done, answers::types);
}

macro_rules! function {
    ($name:ident($($argument:ident: $kind:ty),*) => $give:expr) => {
        unsafe extern "C" fn $name(
            _: *mut c_void,
            _: *const CallInfo,
            $($argument: $kind,)*
            done: Done,
        ) -> *mut Op {
            $(let _ = $argument;)*
            act(done, $give);
            op()
        }
    };
}

function!(check_password(login: Str, password: Str) => answers::identity);
function!(lookup(subject: Str) => answers::account);
function!(list(search: Str, limit: u64, cursor: Str) => answers::page);
function!(set_password(login: Str, old: Str, new: Str) => answers::nothing);
function!(explain(login: Str) => answers::text);
function!(contribute(user: *const UserView, base: Str) => answers::patch);
function!(deliver(events: List) => answers::nothing);

unsafe extern "C" fn before(
    _: *mut c_void,
    _: *const CallInfo,
    event: *const HookEvent,
    done: Done,
) -> *mut Op {
    // SAFETY: the host's event.
    let event = unsafe { *event };
    if let Some(read) = event.read_content {
        // SAFETY: as the event says; the second number is nobody's.
        unsafe {
            read(event.content, random(200), random(u64::MAX), GOT);
            read(event.content.wrapping_sub(random(3)), 0, 10, GOT);
        }
    }
    act(done, answers::decision);
    op()
}

unsafe extern "C" fn handle(
    _: *mut c_void,
    _: *const CallInfo,
    _: *const HttpHead,
    body: *mut Stream,
    done: Done,
) -> *mut Op {
    // SAFETY: the body went over.
    unsafe { consume(body) };
    act(done, answers::reply);
    op()
}

unsafe extern "C" fn render(
    _: *mut c_void,
    _: *const CallInfo,
    file: *mut Stream,
    _: *const PreviewWanted,
    done: Done,
) -> *mut Op {
    // SAFETY: the file went over.
    unsafe { consume(file) };
    act(done, answers::picture);
    op()
}

/// A table that lives for ever, and is found by who looks for memory that is lost.
fn leaked<T>(table: T) -> *const c_void {
    static KEPT: Mutex<Vec<Table>> = Mutex::new(Vec::new());
    let table = ptr::from_ref(Box::leak(Box::new(table))).cast();
    KEPT.lock().expect("not poisoned").push(Table(table));
    table
}

struct Table(*const c_void);

// SAFETY: only read.
unsafe impl Send for Table {}
// SAFETY: only read.
unsafe impl Sync for Table {}

static TABLES: LazyLock<[(&str, Table); 6]> = LazyLock::new(|| {
    let this = ptr::null_mut();
    [
        (
            EXTENSION_AUTH,
            Table(leaked(AuthTable {
                size: size_of::<AuthTable>() as u32,
                reserved: 0,
                this,
                check_password: Some(check_password),
                check_token: None,
                lookup: Some(lookup),
                find: None,
                list: Some(list),
                set_password: Some(set_password),
                explain: Some(explain),
            })),
        ),
        (
            EXTENSION_CAPABILITIES,
            Table(leaked(CapabilitiesTable {
                size: size_of::<CapabilitiesTable>() as u32,
                reserved: 0,
                this,
                contribute: Some(contribute),
            })),
        ),
        (
            EXTENSION_HOOKS,
            Table(leaked(HooksTable {
                size: size_of::<HooksTable>() as u32,
                reserved: 0,
                this,
                interest: Some(interest),
                before: Some(before),
            })),
        ),
        (
            EXTENSION_EVENTS,
            Table(leaked(EventsTable {
                size: size_of::<EventsTable>() as u32,
                reserved: 0,
                this,
                interest: Some(patterns),
                deliver: Some(deliver),
            })),
        ),
        (
            EXTENSION_HTTP,
            Table(leaked(HttpAppTable {
                size: size_of::<HttpAppTable>() as u32,
                reserved: 0,
                this,
                routes: Some(routes),
                handle: Some(handle),
            })),
        ),
        (
            EXTENSION_PREVIEW,
            Table(leaked(PreviewTable {
                size: size_of::<PreviewTable>() as u32,
                reserved: 0,
                this,
                types: Some(types),
                render: Some(render),
            })),
        ),
    ]
});

unsafe extern "C" fn get_extension(_: *mut c_void, id: Str) -> *const c_void {
    // SAFETY: the host's text lives meanwhile.
    let id = unsafe { id.text() }.unwrap_or_default();
    TABLES.iter().find(|(known, _)| *known == id).map_or(ptr::null(), |(_, table)| table.0)
}

unsafe extern "C" fn create(_: *const HostTable, _: Str, _: Str, _: *mut Buf) -> *mut PluginTable {
    leaked(PluginTable {
        size: size_of::<PluginTable>() as u32,
        reserved: 0,
        this: ptr::null_mut(),
        get_extension: Some(get_extension),
        start: None,
        stop: None,
        destroy: None,
    })
    .cast_mut()
    .cast()
}

pub(crate) fn entry() -> *const PluginEntry {
    leaked(PluginEntry {
        magic: ABI_MAGIC,
        size: size_of::<PluginEntry>() as u32,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        flags: 0,
        name: Str::of("hostile"),
        version: Str::of("0"),
        sdk: Str::NONE,
        build: Str::NONE,
        config_schema: Str::NONE,
        create: Some(create),
    })
    .cast()
}
