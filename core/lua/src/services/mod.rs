//! What scripts reach outside of their VM: small traits, their implementations where these need
//! only a crate, and fakes for the tests of scripts.
//!
//! Modules reach the outside through [`Services`] alone, so a test that hands in fakes has them all.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

mod clock;
mod directory;
mod fakes;
mod http;
mod kv;
mod ldap;
mod limits;
mod log;
mod metrics;
mod web;

pub use clock::{Clock, SystemClock};
pub use directory::Directories;
pub use fakes::{FakeClock, FakeHttp, FakeLdap, FakeLog, FakeMetrics, Fakes};
pub use http::{Http, HttpAnswer, HttpRequest, Reach};
pub use kv::{Kv, MemoryKv};
pub use ldap::{Entry, Ldap, LdapError, LdapPool, LdapSettings, Login, Question, Scope};
pub use limits::RateLimits;
pub use log::{Level, Log, Record, TracingLog};
pub use metrics::{Metrics, Sample, SampleKind};
pub use web::Web;

/// What a service answers with, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All services. One for the whole server: what scripts of all VMs share is here.
pub struct Services {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Values that survive a restart.
    pub kv: Arc<dyn Kv>,
    /// Values that do not.
    pub memory: Arc<dyn Kv>,
    /// Requests to other servers.
    pub http: Arc<dyn Http>,
    /// Directories.
    pub ldap: Arc<dyn Ldap>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Counters and the like.
    pub metrics: Arc<dyn Metrics>,
    /// How often something was done lately.
    pub limits: RateLimits,
    /// Passwords that are hashed at the same time: each takes a core and tens of megabytes.
    pub passwords: Arc<Semaphore>,
}

impl Services {
    /// These services, and nothing counted yet.
    pub fn new(
        clock: Arc<dyn Clock>,
        kv: Arc<dyn Kv>,
        http: Arc<dyn Http>,
        ldap: Arc<dyn Ldap>,
        log: Arc<dyn Log>,
        metrics: Arc<dyn Metrics>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory: Arc::new(MemoryKv::new(Arc::clone(&clock))),
            limits: RateLimits::new(Arc::clone(&clock)),
            passwords: Arc::new(Semaphore::new(cores)),
            clock,
            kv,
            http,
            ldap,
            log,
            metrics,
        }
    }

    /// The real ones; values and figures are kept by the server.
    pub fn real(kv: Arc<dyn Kv>, metrics: Arc<dyn Metrics>) -> Self {
        let (http, ldap) = (Arc::new(Web::default()), Arc::new(Directories::default()));
        Self::new(Arc::new(SystemClock), kv, http, ldap, Arc::new(TracingLog), metrics)
    }

    /// Services that reach nothing, and what a test does with them.
    pub fn for_tests() -> (Arc<Self>, Fakes) {
        let fakes = Fakes::default();
        let clock: Arc<dyn Clock> = Arc::clone(&fakes.clock) as _;
        let kv = Arc::new(MemoryKv::new(Arc::clone(&clock)));
        let services = Self::new(
            clock,
            kv,
            Arc::clone(&fakes.http) as _,
            Arc::clone(&fakes.ldap) as _,
            Arc::clone(&fakes.log) as _,
            Arc::clone(&fakes.metrics) as _,
        );
        (Arc::new(services), fakes)
    }
}
