//! The tables around [`HostServices`], which a plugin gets.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tracing::Level;

use super::services::{
    Figure, HostServices, HttpRequest, HttpService, KvService, MetricsService, ServiceFuture,
};

use crate::abi::convert::{Malformed, borrowed_pairs, read_struct, size_of};
use crate::abi::guest::HttpReply;
use crate::abi::run::{run, shielded};
use crate::abi::token::Token;
use crate::abi::{
    ABI_MAJOR, ABI_MINOR, BlockingTable, Buf, CODE_INTERNAL, CODE_INVALID, CODE_NOT_FOUND,
    CallInfo, Done, HOST_BLOCKING, HOST_HTTP, HOST_KV, HOST_METRICS, HostTable, HttpAnswer,
    HttpTable, KvList, KvTable, MetricsTable, Str,
};

/// The tables of a host, which point to each other.
pub(super) struct Shelf(Box<Inner>);

struct Inner {
    table: HostTable,
    blocking: BlockingTable,
    metrics: MetricsTable,
    kv: KvTable,
    http: HttpTable,
    services: Arc<dyn HostServices>,
    figures: Option<Arc<dyn MetricsService>>,
    store: Option<Arc<dyn KvService>>,
    client: Option<Arc<dyn HttpService>>,
    runtime: Option<Handle>,
}

// SAFETY: the tables are only read once they are made, and what they call may be called from any
// thread.
unsafe impl Send for Shelf {}
// SAFETY: the same.
unsafe impl Sync for Shelf {}

impl Shelf {
    pub(super) fn new(services: Arc<dyn HostServices>) -> Self {
        let this = ptr::null_mut();
        let mut inner = Box::new(Inner {
            table: HostTable {
                size: size_of::<HostTable>(),
                abi_major: ABI_MAJOR,
                abi_minor: ABI_MINOR,
                this,
                server_name: Str::NONE,
                server_version: Str::NONE,
                log_enabled: Some(log_enabled),
                log: Some(log),
                get_extension: Some(get_extension),
            },
            blocking: BlockingTable {
                size: size_of::<BlockingTable>(),
                reserved: 0,
                this,
                run: Some(run_blocking),
            },
            metrics: MetricsTable {
                size: size_of::<MetricsTable>(),
                reserved: 0,
                this,
                counter: Some(counter),
                gauge: Some(gauge),
                add: Some(add),
                set: Some(set),
            },
            kv: KvTable {
                size: size_of::<KvTable>(),
                reserved: 0,
                this,
                get: Some(kv_get),
                set: Some(kv_set),
                remove: Some(kv_remove),
                list: Some(kv_list),
            },
            http: HttpTable { size: size_of::<HttpTable>(), reserved: 0, this, send: Some(send) },
            figures: services.metrics(),
            store: services.kv(),
            client: services.http(),
            services,
            runtime: Handle::try_current().ok(),
        });
        let this: *mut c_void = ptr::from_mut::<Inner>(&mut inner).cast();
        inner.table.this = this;
        inner.blocking.this = this;
        inner.metrics.this = this;
        inner.kv.this = this;
        inner.http.this = this;
        inner.table.server_name = Str::of(inner.services.name());
        inner.table.server_version = Str::of(inner.services.version());
        Self(inner)
    }

    pub(super) fn table(&self) -> *const HostTable {
        &raw const self.0.table
    }
}

/// # Safety
/// `this` is that of a shelf's table, which lives until the plugin is destroyed.
unsafe fn inner<'a>(this: *mut c_void) -> &'a Inner {
    // SAFETY: as the caller promises.
    unsafe { &*this.cast::<Inner>() }
}

unsafe extern "C" fn get_extension(this: *mut c_void, id: Str) -> *const c_void {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, id) = unsafe { (inner(this), id.text().unwrap_or_default()) };
    let has_runtime = inner.runtime.is_some();
    match id {
        HOST_BLOCKING if has_runtime => ptr::from_ref(&inner.blocking).cast(),
        HOST_METRICS if inner.figures.is_some() => ptr::from_ref(&inner.metrics).cast(),
        HOST_KV if has_runtime && inner.store.is_some() => ptr::from_ref(&inner.kv).cast(),
        HOST_HTTP if has_runtime && inner.client.is_some() => ptr::from_ref(&inner.http).cast(),
        _ => ptr::null(),
    }
}

fn level_of(number: u32) -> Level {
    match number {
        0 | 1 => Level::ERROR,
        2 => Level::WARN,
        3 => Level::INFO,
        4 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

unsafe extern "C" fn log_enabled(this: *mut c_void, level: u32) -> bool {
    // SAFETY: `this` is the table's own.
    let inner = unsafe { inner(this) };
    shielded(false, || inner.services.is_logged(level_of(level)))
}

unsafe extern "C" fn log(
    this: *mut c_void,
    level: u32,
    message: Str,
    fields: KvList,
    request_id: Str,
) {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, message, fields, request_id) =
        unsafe { (inner(this), message.bytes(), fields.owned(), request_id.text()) };
    shielded((), || {
        let message = String::from_utf8_lossy(message.unwrap_or_default());
        let fields = fields.unwrap_or_default();
        let request_id = request_id.unwrap_or_default();
        inner.services.log(level_of(level), &message, &fields, request_id);
    });
}

/// Work of a plugin, and its argument.
struct Work(unsafe extern "C" fn(*mut c_void), *mut c_void);

// SAFETY: the plugin wants it run on another thread.
unsafe impl Send for Work {}

unsafe extern "C" fn run_blocking(
    this: *mut c_void,
    work: Option<unsafe extern "C" fn(argument: *mut c_void)>,
    argument: *mut c_void,
) -> bool {
    // SAFETY: `this` is the table's own.
    let inner = unsafe { inner(this) };
    let (Some(runtime), Some(work)) = (&inner.runtime, work) else { return false };
    let work = Work(work, argument);
    shielded(false, || {
        drop(runtime.spawn_blocking(move || {
            let work = work;
            // SAFETY: the plugin's own function and argument, once.
            unsafe { (work.0)(work.1) }
        }));
        true
    })
}

unsafe fn figure(this: *mut c_void, kind: Figure, name: Str, help: Str) -> u64 {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, name, help) = unsafe { (inner(this), name.text(), help.text()) };
    let (Some(figures), Ok(name), Ok(help)) = (&inner.figures, name, help) else { return 0 };
    shielded(0, || figures.figure(kind, name, help))
}

unsafe extern "C" fn counter(this: *mut c_void, name: Str, help: Str) -> u64 {
    // SAFETY: as the table says.
    unsafe { figure(this, Figure::Counter, name, help) }
}

unsafe extern "C" fn gauge(this: *mut c_void, name: Str, help: Str) -> u64 {
    // SAFETY: as the table says.
    unsafe { figure(this, Figure::Gauge, name, help) }
}

unsafe extern "C" fn add(this: *mut c_void, handle: u64, value: f64) {
    // SAFETY: `this` is the table's own.
    let inner = unsafe { inner(this) };
    shielded((), || inner.figures.iter().for_each(|figures| figures.add(handle, value)));
}

unsafe extern "C" fn set(this: *mut c_void, handle: u64, value: f64) {
    // SAFETY: `this` is the table's own.
    let inner = unsafe { inner(this) };
    shielded((), || inner.figures.iter().for_each(|figures| figures.set(handle, value)));
}

/// Runs a service on the host's runtime and answers with what it gives.
fn serve<S: ?Sized, T: Send + 'static>(
    inner: &Inner,
    service: Option<&Arc<S>>,
    done: Done,
    ask: impl FnOnce(&Arc<S>) -> Result<ServiceFuture<T>, Malformed>,
    answer: impl FnOnce(T, Token) + Send + 'static,
) {
    let (Some(runtime), Some(service)) = (&inner.runtime, service) else {
        return Token::new(done).code(CODE_INTERNAL, "the host has no such service");
    };
    match ask(service) {
        Ok(future) => {
            let op =
                run(
                    runtime,
                    done,
                    future,
                    |result: Result<T, String>, token: Token| match result {
                        Ok(value) => answer(value, token),
                        Err(text) => token.code(CODE_INTERNAL, &text),
                    },
                );
            crate::abi::run::forget(op);
        }
        Err(error) => Token::new(done).code(CODE_INVALID, &error.to_string()),
    }
}

unsafe extern "C" fn kv_get(this: *mut c_void, key: Str, done: Done) {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, key) = unsafe { (inner(this), key.owned()) };
    serve(
        inner,
        inner.store.as_ref(),
        done,
        |kv| Ok(kv.get(key?)),
        |value, token| match value {
            Some(bytes) => token.ok(&Buf::of(bytes)),
            None => token.code(CODE_NOT_FOUND, ""),
        },
    );
}

unsafe extern "C" fn kv_set(this: *mut c_void, key: Str, value: Str, done: Done) {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, key, value) = unsafe { (inner(this), key.owned(), value.bytes()) };
    let value = Bytes::copy_from_slice(value.unwrap_or_default());
    serve(
        inner,
        inner.store.as_ref(),
        done,
        |kv| Ok(kv.set(key?, value)),
        |(), token| token.done(),
    );
}

unsafe extern "C" fn kv_remove(this: *mut c_void, key: Str, done: Done) {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, key) = unsafe { (inner(this), key.owned()) };
    serve(inner, inner.store.as_ref(), done, |kv| Ok(kv.remove(key?)), |(), token| token.done());
}

unsafe extern "C" fn kv_list(this: *mut c_void, prefix: Str, done: Done) {
    // SAFETY: rule 2, and `this` is the table's own.
    let (inner, prefix) = unsafe { (inner(this), prefix.owned()) };
    serve(
        inner,
        inner.store.as_ref(),
        done,
        |kv| Ok(kv.list(prefix?)),
        |keys, token| {
            let all: String = keys.iter().flat_map(|key| [key.as_str(), "\0"]).collect();
            token.ok(&Buf::of(all.into()));
        },
    );
}

unsafe extern "C" fn send(
    this: *mut c_void,
    call: *const CallInfo,
    method: Str,
    url: Str,
    headers: KvList,
    body: Str,
    done: Done,
) {
    // SAFETY: rule 2, and `this` is the table's own.
    let inner = unsafe { inner(this) };
    let ask = |client: &Arc<dyn HttpService>| {
        // SAFETY: the same.
        let request = unsafe {
            let info = match call.is_null() {
                true => None,
                false => Some(read_struct::<CallInfo>(call.cast())?),
            };
            let millis = info.map_or(0, |info| info.timeout_ms);
            HttpRequest {
                method: method.owned()?,
                url: url.owned()?,
                headers: headers.owned()?,
                body: Bytes::copy_from_slice(body.bytes().unwrap_or_default()),
                timeout: Duration::from_millis(if millis == 0 { 30_000 } else { millis.into() }),
            }
        };
        Ok(client.send(request))
    };
    serve(inner, inner.client.as_ref(), done, ask, |reply: HttpReply, token| {
        let pairs = borrowed_pairs(&reply.headers);
        token.ok(&HttpAnswer {
            size: size_of::<HttpAnswer>(),
            status: reply.status.into(),
            headers: KvList::of(&pairs),
            body: Buf::of(reply.body),
        });
    });
}
