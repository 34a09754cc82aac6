//! Services for the tests of scripts: nothing leaves the process, and time stands until it is moved.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Answer, Clock, Http, HttpAnswer, HttpRequest, Log, Metrics, Record, Sample};
pub use directory::FakeLdap;

mod directory;

/// What a test looks at and sets: the other side of [`super::Services::for_tests`].
#[derive(Clone, Default)]
pub struct Fakes {
    /// The time.
    pub clock: Arc<FakeClock>,
    /// Canned answers, and the requests that got them.
    pub http: Arc<FakeHttp>,
    /// Entries with passwords.
    pub ldap: Arc<FakeLdap>,
    /// What was logged.
    pub log: Arc<FakeLog>,
    /// What was counted.
    pub metrics: Arc<FakeMetrics>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that is moved by hand.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

/// 2026-01-02T03:04:05Z.
const BEGUN: i64 = 1_767_323_045_000;

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(BEGUN))
    }
}

impl FakeClock {
    /// Moves it.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Puts it to a Unix time in milliseconds; the monotonic time only goes forward with it.
    pub fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> u64 {
        u64::try_from(self.millis() - BEGUN).unwrap_or(0)
    }
}

/// What a request gets.
type Canned = Result<HttpAnswer, String>;

/// Answers without a network.
#[derive(Debug, Default)]
pub struct FakeHttp {
    answers: Mutex<VecDeque<(String, Canned)>>,
    requests: Mutex<Vec<HttpRequest>>,
}

impl FakeHttp {
    /// The next request whose `METHOD URL` begins with `start` gets this; once.
    pub fn answer(&self, start: &str, answer: Result<HttpAnswer, String>) {
        locked(&self.answers).push_back((start.to_owned(), answer));
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        locked(&self.requests).clone()
    }
}

impl Http for FakeHttp {
    fn send(&self, request: HttpRequest) -> Answer<'_, Result<HttpAnswer, String>> {
        let line = format!("{} {}", request.method, request.url);
        locked(&self.requests).push(request);
        let mut answers = locked(&self.answers);
        let at = answers.iter().position(|(start, _)| line.starts_with(start));
        let canned = at.and_then(|at| answers.remove(at)).map(|(_, answer)| answer);
        let answer = canned.unwrap_or_else(|| Err(format!("no answer is prepared for {line}")));
        Box::pin(std::future::ready(answer))
    }
}

/// Keeps what is logged.
#[derive(Debug, Default)]
pub struct FakeLog(Mutex<Vec<String>>);

impl FakeLog {
    /// The lines so far: `info a message name=value`.
    pub fn lines(&self) -> Vec<String> {
        locked(&self.0).clone()
    }
}

impl Log for FakeLog {
    fn write(&self, record: &Record<'_>) {
        let mut line = format!("{} {}", record.level.name(), record.message);
        for (name, value) in record.fields {
            line.push_str(&format!(" {name}={value}"));
        }
        locked(&self.0).push(line);
    }
}

/// Keeps what is counted.
#[derive(Debug, Default)]
pub struct FakeMetrics(Mutex<Vec<String>>);

impl FakeMetrics {
    /// The figures so far: `Counter logins{result="ok"} 1`.
    pub fn samples(&self) -> Vec<String> {
        locked(&self.0).clone()
    }
}

impl Metrics for FakeMetrics {
    fn record(&self, sample: &Sample<'_>) -> Result<(), String> {
        let labels: Vec<String> =
            sample.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let labels = labels.join(",");
        let line = format!("{:?} {}{{{labels}}} {}", sample.kind, sample.name, sample.value);
        locked(&self.0).push(line);
        Ok(())
    }
}
