//! Plugins that were built with an older or a newer table, and one that never answers.

#![expect(unsafe_code, reason = "plays a plugin in C")]

use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use moonsail_sdk::abi::host::{Instance, NoServices, PluginAuth, PluginHooks};
use moonsail_sdk::abi::{
    ABI_MAGIC, ABI_MAJOR, AuthTable, Buf, CODE_NEXT, CallInfo, Done, EXTENSION_AUTH, HostTable, Op,
    Outcome, PluginEntry, PluginTable, Str, strays, unanswered,
};
use moonsail_sdk::auth::{Auth, Authenticator, Call};
use moonsail_sdk::secret::Secret;

/// A table of a newer SDK: there is more behind what this one knows.
#[repr(C)]
struct Newer {
    plugin: PluginTable,
    auth: AuthTable,
    unknown: [usize; 4],
}

/// A call that nobody answers for now.
struct Kept(Done);

// SAFETY: it may be answered from any thread.
unsafe impl Send for Kept {}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

unsafe extern "C" fn answers(
    _: *mut c_void,
    _: *const CallInfo,
    login: Str,
    _: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: borrowed from the host until this returns.
    if unsafe { login.text() } == Ok("nobody answers") {
        *KEPT.lock().expect("not poisoned") = Some(Kept(done));
        return ptr::null_mut();
    }
    send(done);
    ptr::null_mut()
}

fn send(done: Done) {
    let outcome = Outcome {
        size: size_of::<Outcome>() as u32,
        code: CODE_NEXT,
        message: Str::NONE,
        retry_after_ms: 0,
        reserved: 0,
        value: ptr::null(),
    };
    let complete = done.complete.expect("a host's");
    // SAFETY: alive until it returns.
    unsafe { complete(done.ctx, &raw const outcome) }
}

unsafe extern "C" fn explain(_: *mut c_void, _: *const CallInfo, _: Str, done: Done) -> *mut Op {
    send(done);
    ptr::null_mut()
}

unsafe extern "C" fn get_extension(this: *mut c_void, id: Str) -> *const c_void {
    // SAFETY: the host's text, and the table made below.
    match unsafe { id.text() } {
        Ok(EXTENSION_AUTH) => unsafe { &raw const (*this.cast::<Newer>()).auth }.cast(),
        _ => ptr::null(),
    }
}

unsafe extern "C" fn destroy(this: *mut c_void) {
    // SAFETY: made below, and destroyed once.
    drop(unsafe { Box::from_raw(this.cast::<Newer>()) });
}

/// `config` is the size that the table of the authenticator claims.
unsafe extern "C" fn create(
    _: *const HostTable,
    _: Str,
    config: Str,
    _: *mut Buf,
) -> *mut PluginTable {
    // SAFETY: the host's text.
    let claimed = unsafe { config.text() }.unwrap_or_default().parse().unwrap_or(0);
    let plugin = PluginTable {
        size: (size_of::<PluginTable>() + 64) as u32,
        reserved: 0,
        this: ptr::null_mut(),
        get_extension: Some(get_extension),
        start: None,
        stop: None,
        destroy: Some(destroy),
    };
    let auth = AuthTable {
        size: claimed,
        reserved: 0,
        this: ptr::null_mut(),
        check_password: Some(answers),
        check_token: None,
        lookup: None,
        find: None,
        list: None,
        set_password: None,
        explain: Some(explain),
    };
    let made = Box::into_raw(Box::new(Newer { plugin, auth, unknown: [usize::MAX; 4] }));
    // SAFETY: just made.
    unsafe {
        (*made).plugin.this = made.cast();
        made.cast()
    }
}

static ENTRY: PluginEntry = PluginEntry {
    magic: ABI_MAGIC,
    size: size_of::<PluginEntry>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: 99,
    flags: 0,
    name: Str::of("other"),
    version: Str::of("0"),
    sdk: Str::NONE,
    build: Str::NONE,
    config_schema: Str::NONE,
    create: Some(create),
};

fn instance(claimed: usize) -> Arc<Instance> {
    let services = Arc::new(NoServices);
    // SAFETY: an entry of this program.
    let made = unsafe { Instance::create(&ENTRY, "other", &claimed.to_string(), services) };
    Arc::new(made.expect("made"))
}

async fn check(auth: &PluginAuth, login: &str) -> Result<Auth, String> {
    let answer = auth.check_password(&Call::default(), login, &Secret::new("x")).await;
    answer.map_err(|error| error.message)
}

#[tokio::test]
async fn a_function_that_a_table_lacks_is_not_offered_and_the_rest_works() {
    let whole = size_of::<AuthTable>();
    for (claimed, explains) in [
        (whole, true),
        (whole + 8, true),
        (whole + 32, true),
        (offset_of!(AuthTable, explain), false),
        (offset_of!(AuthTable, check_token), false),
    ] {
        let instance = instance(claimed);
        let auth = PluginAuth::of(&instance, Duration::from_secs(5)).expect("it offers auth");
        assert_eq!(auth.abilities().explain, explains, "{claimed}");
        assert_eq!(check(&auth, "a").await, Ok(Auth::Next), "{claimed}");
        assert!(PluginHooks::of(&instance, Duration::from_secs(5)).is_none());
    }
    for claimed in [0, 8, offset_of!(AuthTable, check_password)] {
        assert!(PluginAuth::of(&instance(claimed), Duration::from_secs(5)).is_none(), "{claimed}");
    }
}

#[tokio::test]
async fn a_call_that_is_never_answered_ends_soon_after_its_time() {
    let instance = instance(size_of::<AuthTable>());
    let auth = PluginAuth::of(&instance, Duration::from_millis(20)).expect("it offers auth");
    let begun = Instant::now();
    let answer = tokio::time::timeout(Duration::from_secs(20), check(&auth, "nobody answers"));
    let answer = answer.await.expect("it ends");
    assert_eq!(answer, Err("no answer came in time".to_owned()));
    assert!(begun.elapsed() >= Duration::from_secs(2), "the plugin has a little longer");

    // It answers all the same, and once more: neither harms.
    assert_eq!(check(&auth, "a").await, Ok(Auth::Next));
    let (before, waiting) = (strays(), unanswered());
    let Kept(done) = KEPT.lock().unwrap().take().unwrap();
    send(done);
    send(done);
    // The other test begins and ends calls meanwhile, and none of them is a stray.
    assert_eq!(strays(), before + 1);
    assert!(waiting > 0);
}
