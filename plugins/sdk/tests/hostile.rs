//! A plugin that answers anything, at any time, from any thread: whatever it says, no adapter of the
//! host panics, reads what it must not, or frees twice. `tests/border/run` runs it under valgrind.
//!
//! `MOONSAIL_ROUNDS` says how many calls (100,000), `MOONSAIL_SEED` which ones.

#![expect(unsafe_code, reason = "plays a plugin in C")]

#[path = "hostile/answers.rs"]
mod answers;
#[path = "hostile/fake.rs"]
mod fake;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fake::{Tally, random};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::host::{
    Instance, NoServices, PluginAuth, PluginCapabilities, PluginEvents, PluginHooks, PluginHttp,
    PluginPreview, facts,
};
use moonsail_sdk::abi::unanswered;
use moonsail_sdk::auth::{Authenticator, Call};
use moonsail_sdk::capabilities::CapabilityProvider;
use moonsail_sdk::error::Error;
use moonsail_sdk::events::EventSink;
use moonsail_sdk::hooks::{Content, Event, Fields, Hooks};
use moonsail_sdk::http::{self, Head, HttpApp};
use moonsail_sdk::preview::{Mode, Previewer, Wanted};
use moonsail_sdk::secret::Secret;
use moonsail_sdk::stream::{ByteStream, Whole};

const TIMEOUT: Duration = Duration::from_secs(20);

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Why a caller went away.
enum Left {
    NoAnswerWillCome,
    JustSo,
}

/// What a call gives, unless its caller goes away.
async fn settled<T>(future: impl Future<Output = T>) -> Result<T, Left> {
    let mut future = pin!(future);
    let first = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(value) = first {
        return Ok(value);
    }
    if fake::NEVER.load(Ordering::SeqCst) > 0 {
        return Err(Left::NoAnswerWillCome);
    }
    if random(8) == 0 {
        return Err(Left::JustSo);
    }
    Ok(tokio::time::timeout(TIMEOUT, future).await.expect("it was answered"))
}

struct Staged;

impl Content for Staged {
    fn size(&self) -> u64 {
        100
    }

    fn read_at(&self, _: u64, most: usize) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(async move { Ok(Bytes::from(vec![7; most.min(100)])) })
    }
}

/// A body that sometimes has to be waited for.
struct Slow(u32);

impl ByteStream for Slow {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, moonsail_sdk::stream::StreamError>> {
        Box::pin(async move {
            if self.0 % 2 == 1 {
                tokio::task::yield_now().await;
            }
            let more = self.0.checked_sub(1);
            self.0 = more.unwrap_or(0);
            Ok(more.map(|_| Bytes::from(vec![1; 10])))
        })
    }
}

fn body() -> Box<dyn ByteStream> {
    match random(2) {
        0 => Whole::boxed("a body"),
        _ => Box::new(Slow(random(4) as u32)),
    }
}

struct Adapters {
    auth: PluginAuth,
    capabilities: PluginCapabilities,
    hooks: PluginHooks,
    events: PluginEvents,
    http: PluginHttp,
    preview: PluginPreview,
}

impl Adapters {
    fn of(instance: &Arc<Instance>) -> Self {
        Self {
            auth: PluginAuth::of(instance, TIMEOUT).expect("auth"),
            capabilities: PluginCapabilities::of(instance, TIMEOUT).expect("capabilities"),
            hooks: PluginHooks::of(instance, TIMEOUT).expect("hooks"),
            events: PluginEvents::of(instance, TIMEOUT).expect("events"),
            http: PluginHttp::of(instance, TIMEOUT).expect("http"),
            preview: PluginPreview::of(instance, TIMEOUT).expect("preview"),
        }
    }

    async fn one_call(&self) {
        let call = Call { request_id: "r".to_owned(), remote_ip: None };
        let secret = Secret::new("s");
        fake::NEVER.store(0, Ordering::SeqCst);
        match random(14) {
            0 => drop(settled(self.auth.check_password(&call, "l", &secret)).await),
            1 => drop(settled(self.auth.lookup(&call, "s")).await),
            2 => drop(settled(self.auth.list(&call, "", 10, None)).await),
            3 => drop(settled(self.auth.set_password(&call, "l", None, &secret)).await),
            4 => drop(settled(self.auth.explain(&call, "l")).await),
            5 => drop(settled(self.capabilities.contribute(&call, None, "{}")).await),
            6 => drop(self.hooks.checked_interest()),
            7 => {
                let content = (random(2) == 0).then(|| Arc::new(Staged) as _);
                let event =
                    Event { name: "e".into(), fields: Fields::new().with("a", 1i64), content };
                drop(settled(self.hooks.before(&call, &event)).await);
            }
            8 => drop(self.events.checked_interest()),
            9 => drop(settled(self.events.deliver(Vec::new())).await),
            10 => drop(self.http.checked_routes()),
            11 => {
                let answer = self.http.handle(http::Call::default(), Head::default(), body());
                let Ok(Ok(mut answer)) = settled(answer).await else { return };
                for _ in 0..random(6) {
                    // Who went away may come back, unless no answer comes; nobody asks after the end.
                    match settled(answer.body.next()).await {
                        Ok(Ok(Some(_))) | Err(Left::JustSo) => {}
                        Ok(Ok(None) | Err(_)) | Err(Left::NoAnswerWillCome) => break,
                    }
                }
            }
            12 => drop(self.preview.checked_types()),
            _ => {
                let (media_type, mode) = ("image/png".to_owned(), Mode::Fit);
                let wanted = Wanted { media_type, size: 1, width: 1, height: 1, mode };
                drop(settled(self.preview.render(body(), wanted)).await);
            }
        }
    }
}

#[test]
fn nothing_that_a_plugin_answers_harms_the_host() {
    fake::seed(number("MOONSAIL_SEED", 1));
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(info);
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let entry = fake::entry();
        // SAFETY: an entry of this program.
        let mut instance = unsafe {
            facts(entry).unwrap();
            Instance::create(entry, "hostile", "{}", Arc::new(NoServices)).unwrap()
        };
        let (gone, mut destroyed) = tokio::sync::watch::channel(false);
        instance.when_destroyed(move || {
            gone.send_replace(true);
        });
        let instance = Arc::new(instance);
        let adapters = Adapters::of(&instance);
        for _ in 0..number("MOONSAIL_ROUNDS", 100_000) {
            adapters.one_call().await;
        }
        // What was never answered is answered now, twice, when nobody waits any more.
        fake::answer_late();
        drop((adapters, instance));
        // Tasks of the host that still wait for a body.
        let begun = Instant::now();
        while Tally::open() > 0 || unanswered() > 0 {
            assert!(
                begun.elapsed() < TIMEOUT,
                "{} open, {} unanswered",
                Tally::open(),
                unanswered()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        destroyed.wait_for(|gone| *gone).await.unwrap();
    });
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
    assert_eq!(Tally::wrong(), Vec::<String>::new());
}
