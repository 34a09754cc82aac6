//! The host, as a plugin in Rust sees it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::BoxFuture;
use crate::abi::ask::{Failure, ask, call_info, succeeded};
use crate::abi::convert::{Malformed, read_struct};
use crate::abi::{
    Buf, CODE_NOT_FOUND, Done, Grows, HOST_BLOCKING, HOST_HTTP, HOST_KV, HOST_METRICS, HostTable,
    HttpAnswer, HttpTable, KvList, KvTable, MetricsTable, Outcome, Str,
};

/// How long a service of the host may take.
const SERVICE: Duration = Duration::from_secs(30);

/// What the server does for its plugins. Clones are one host.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    table: HostTable,
    instance: String,
}

// SAFETY: rule 3: all functions of the table may be called from any thread.
unsafe impl Send for Inner {}
// SAFETY: the same.
unsafe impl Sync for Inner {}

/// A table of the host that may be used from any thread.
#[derive(Clone, Copy)]
struct Shared<T>(T);

// SAFETY: rule 3.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: rule 3.
unsafe impl<T> Sync for Shared<T> {}

impl Host {
    /// # Safety
    /// `table` points to a host's table, which outlives every clone.
    pub(super) unsafe fn new(table: *const HostTable, instance: &str) -> Result<Self, Malformed> {
        // SAFETY: as the caller promises.
        let table = unsafe { read_struct::<HostTable>(table.cast()) }?;
        Ok(Self(Arc::new(Inner { table, instance: instance.to_owned() })))
    }

    /// Whether both are one host.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Name of this instance of the plugin in `server.toml`.
    pub fn instance_name(&self) -> &str {
        &self.0.instance
    }

    /// Name of the server.
    pub fn server_name(&self) -> String {
        // SAFETY: lives as long as the table.
        unsafe { self.0.table.server_name.owned() }.unwrap_or_default()
    }

    /// Version of the server.
    pub fn server_version(&self) -> String {
        // SAFETY: lives as long as the table.
        unsafe { self.0.table.server_version.owned() }.unwrap_or_default()
    }

    /// Whether a line of this level would be written.
    pub fn is_logged(&self, level: tracing::Level) -> bool {
        let enabled = self.0.table.log_enabled;
        // SAFETY: rule 3.
        enabled.is_some_and(|enabled| unsafe { enabled(self.0.table.this, number(level)) })
    }

    /// Writes a line to the server's log. Plugins need not call it: events of `tracing` come here by
    /// themselves, with the request id of the call in which they happen.
    pub fn log(
        &self,
        level: tracing::Level,
        message: &str,
        fields: &[(String, String)],
        request_id: &str,
    ) {
        let Some(log) = self.0.table.log else { return };
        let pair = |(key, value): &(String, String)| crate::abi::Kv {
            key: Str::of(key),
            value: Str::of(value),
        };
        let pairs: Vec<crate::abi::Kv> = fields.iter().map(pair).collect();
        let (message, request) = (Str::of(message), Str::of(request_id));
        // SAFETY: rule 3; what is borrowed lives until the call returns.
        unsafe { log(self.0.table.this, number(level), message, KvList::of(&pairs), request) }
    }

    fn service<T: Grows>(&self, id: &str) -> Option<Shared<T>> {
        let find = self.0.table.get_extension?;
        // SAFETY: rule 3.
        let table = unsafe { find(self.0.table.this, Str::of(id)) };
        // SAFETY: the host gives null or a table of that id, which lives as long as its own.
        unsafe { read_struct::<T>(table) }.ok().map(Shared)
    }

    /// The small persistent store of this instance; `None` if the host has none.
    pub fn kv(&self) -> Option<Kv> {
        Some(Kv { table: self.service(HOST_KV)?, _host: self.clone() })
    }

    /// A counter in the server's metrics; `None` if it is not to be had.
    pub fn counter(&self, name: &str, help: &str) -> Option<Counter> {
        let table: Shared<MetricsTable> = self.service(HOST_METRICS)?;
        let make = table.0.counter?;
        // SAFETY: rule 3; the texts live until it returns.
        let handle = unsafe { make(table.0.this, Str::of(name), Str::of(help)) };
        (handle > 0).then(|| Counter { table, handle, _host: self.clone() })
    }

    /// A gauge in the server's metrics; `None` if it is not to be had.
    pub fn gauge(&self, name: &str, help: &str) -> Option<Gauge> {
        let table: Shared<MetricsTable> = self.service(HOST_METRICS)?;
        let make = table.0.gauge?;
        // SAFETY: rule 3; the texts live until it returns.
        let handle = unsafe { make(table.0.this, Str::of(name), Str::of(help)) };
        (handle > 0).then(|| Gauge { table, handle, _host: self.clone() })
    }

    /// Whether the host runs blocking work for plugins in C.
    pub fn has_blocking(&self) -> bool {
        self.service::<crate::abi::BlockingTable>(HOST_BLOCKING).is_some()
    }

    /// Sends a request over the server's TLS. Follows no redirect; takes at most 8 MiB of an answer.
    ///
    /// # Errors
    /// [`Failure`] if there is no such service, or no whole answer came within `timeout`.
    pub fn http(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout: Duration,
    ) -> BoxFuture<'static, Result<HttpReply, Failure>> {
        let table: Option<Shared<HttpTable>> = self.service(HOST_HTTP);
        let Some((table, send)) = table.and_then(|table| Some((table.0, table.0.send?))) else {
            return Box::pin(async { Err(Failure::not_offered()) });
        };
        let pair = |(key, value): &(&str, &str)| crate::abi::Kv {
            key: Str::of(key),
            value: Str::of(value),
        };
        let pairs: Vec<crate::abi::Kv> = headers.iter().map(pair).collect();
        let call = call_info(timeout, &super::log::request_id(), None, None);
        ask(timeout, self.clone(), reply, |done| {
            let (method, url) = (Str::of(method), Str::of(url));
            let (headers, body) = (KvList::of(&pairs), Str::of_bytes(body));
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { send(table.this, &raw const call, method, url, headers, body, done) };
            std::ptr::null_mut()
        })
    }
}

fn number(level: tracing::Level) -> u32 {
    match level {
        tracing::Level::ERROR => 1,
        tracing::Level::WARN => 2,
        tracing::Level::INFO => 3,
        tracing::Level::DEBUG => 4,
        tracing::Level::TRACE => 5,
    }
}

/// An answer to [`Host::http`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
}

fn reply(outcome: &Outcome) -> Result<HttpReply, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Err(Malformed::Missing.into());
    }
    // SAFETY: the host gives an `HttpAnswer`, whose buffer is taken once.
    let answer = unsafe { outcome.value.cast::<HttpAnswer>().read() };
    // SAFETY: the same.
    let (body, headers) = unsafe { (answer.body.into_bytes(), answer.headers.owned()?) };
    Ok(HttpReply { status: u16::try_from(answer.status).unwrap_or(0), headers, body })
}

/// A small persistent store.
#[derive(Clone)]
pub struct Kv {
    table: Shared<KvTable>,
    _host: Host,
}

impl Kv {
    /// The value of a key.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub fn get(&self, key: &str) -> BoxFuture<'static, Result<Option<Bytes>, Failure>> {
        let read = |outcome: &Outcome| match outcome.code {
            CODE_NOT_FOUND => Ok(None),
            _ => buffer(outcome).map(Some),
        };
        self.ask(self.table.0.get, read, |get, this, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { get(this, Str::of(key), done) }
        })
    }

    /// Sets a key, durably when it returns.
    ///
    /// # Errors
    /// [`Failure`] if it could not be stored: key above 512 bytes, value above 1 MiB, disk full.
    pub fn set(&self, key: &str, value: &[u8]) -> BoxFuture<'static, Result<(), Failure>> {
        self.ask(self.table.0.set, succeeded, |set, this, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { set(this, Str::of(key), Str::of_bytes(value), done) }
        })
    }

    /// Removes a key; success if there was none.
    ///
    /// # Errors
    /// [`Failure`] if it could not be removed.
    pub fn remove(&self, key: &str) -> BoxFuture<'static, Result<(), Failure>> {
        self.ask(self.table.0.remove, succeeded, |remove, this, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { remove(this, Str::of(key), done) }
        })
    }

    /// The keys that begin with `prefix`, in byte order.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be read.
    pub fn list(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<String>, Failure>> {
        let read = |outcome: &Outcome| {
            let all = buffer(outcome)?;
            let keys = all.split(|byte| *byte == 0).filter(|key| !key.is_empty());
            Ok(keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect())
        };
        self.ask(self.table.0.list, read, |list, this, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { list(this, Str::of(prefix), done) }
        })
    }

    fn ask<F, T: Send + 'static>(
        &self,
        function: Option<F>,
        read: impl FnOnce(&Outcome) -> Result<T, Failure> + Send + 'static,
        start: impl FnOnce(F, *mut std::ffi::c_void, Done),
    ) -> BoxFuture<'static, Result<T, Failure>> {
        let Some(function) = function else {
            return Box::pin(async { Err(Failure::not_offered()) });
        };
        ask(SERVICE, self.clone(), read, |done| {
            start(function, self.table.0.this, done);
            std::ptr::null_mut()
        })
    }
}

fn buffer(outcome: &Outcome) -> Result<Bytes, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Err(Malformed::Missing.into());
    }
    // SAFETY: the host gives a `Buf`, which is taken once.
    Ok(unsafe { outcome.value.cast::<Buf>().read().into_bytes() })
}

/// A figure that only rises.
pub struct Counter {
    table: Shared<MetricsTable>,
    handle: u64,
    _host: Host,
}

impl Counter {
    /// Adds to it.
    pub fn add(&self, value: u64) {
        if let Some(add) = self.table.0.add {
            // SAFETY: rule 3; the handle is the host's.
            unsafe { add(self.table.0.this, self.handle, value as f64) }
        }
    }
}

/// A figure that rises and falls.
pub struct Gauge {
    table: Shared<MetricsTable>,
    handle: u64,
    _host: Host,
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        if let Some(set) = self.table.0.set {
            // SAFETY: rule 3; the handle is the host's.
            unsafe { set(self.table.0.this, self.handle, value) }
        }
    }
}
