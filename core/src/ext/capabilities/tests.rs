//! The chain with providers of its own.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use moonsail_sdk::capabilities::{CapabilityProvider, Patch};
use serde_json::json;

use super::*;
use crate::hooks::{Decision, Event, ExtensionError, Fields, HookSource, Hooks, Interest};

/// Answers what it was made to, and counts how often.
struct Says {
    patch: &'static str,
    ttl: Duration,
    times: Arc<AtomicUsize>,
    /// Fails from this time on.
    until: usize,
}

impl CapabilityProvider for Says {
    async fn contribute(
        &self,
        _: &Call,
        user: Option<&UserView>,
        base: &str,
    ) -> Result<Patch, ExtensionError> {
        assert!(serde_json::from_str::<Value>(base).is_ok_and(|base| base.is_object()));
        match self.times.fetch_add(1, SeqCst) {
            times if times < self.until => {}
            _ => return Err(ExtensionError::unavailable("away")),
        }
        let name = user.map_or("nobody", |user| &user.display_name);
        Ok(Patch { json: self.patch.replace("NAME", name), ttl: self.ttl })
    }
}

fn says(patch: &'static str, ttl: u64, until: usize) -> (Says, Arc<AtomicUsize>) {
    let times = Arc::new(AtomicUsize::new(0));
    let ttl = Duration::from_secs(ttl);
    (Says { patch, ttl, times: Arc::clone(&times), until }, times)
}

fn base() -> Value {
    json!({
        "core": {"pollinterval": 60},
        "dav": {"chunking": "1.0"},
        "files": {"bigfilechunking": true, "undelete": false, "versioning": false},
        "theming": {"name": "Moonsail", "slogan": "", "color": "#1f4e79"}
    })
}

fn chain(providers: Vec<(&str, Says)>) -> (CapabilityChain, Clock) {
    let clock = Clock::fixed(1_000_000);
    let chain = CapabilityChain::new(Bus::default(), clock.clone());
    let named = |(name, says): (&str, Says)| (name.to_owned(), Arc::new(says) as _);
    chain.replace(providers.into_iter().map(named).collect());
    (chain, clock)
}

fn user(id: &str, groups: &[&str]) -> UserView {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    UserView { id: id.to_owned(), display_name: id.to_uppercase(), groups, ..UserView::default() }
}

async fn made(chain: &CapabilityChain, user: Option<&UserView>) -> Made {
    chain.make(&Call::default(), user, base()).await
}

#[tokio::test]
async fn the_last_word_is_that_of_the_last_provider() {
    let (first, _) = says(r#"{"theming":{"slogan":"one","name":"NAME"},"new":{"a":1}}"#, 60, 9);
    let (second, _) = says(r#"{"theming":{"slogan":"two"},"new":null}"#, 60, 9);
    let (chain, _) = chain(vec![("first", first), ("second", second)]);
    let alice = user("alice", &[]);
    let made = made(&chain, Some(&alice)).await;
    assert_eq!(made.capabilities["theming"]["slogan"], "two");
    assert_eq!(made.capabilities["theming"]["name"], "ALICE");
    assert_eq!(made.capabilities.get("new"), None);
    let set_by = [("theming.name", "first"), ("theming.slogan", "second"), ("new", "second")];
    assert_eq!(made.set_by, set_by.map(|(key, by)| (key.to_owned(), by.to_owned())));
    assert_eq!(made.refused, []);
}

/// The issue: "an invalid patch is refused with the key and the type, and never reaches a client".
#[tokio::test]
async fn a_patch_that_no_app_could_read_is_refused_and_the_rest_stays() {
    let (bad, _) = says(r#"{"theming":{"slogan":"one"},"files":{"versioning":"yes"}}"#, 60, 9);
    let (good, _) = says(r#"{"theming":{"color":"black"}}"#, 60, 9);
    for (name, patch) in [("no JSON", "{"), ("a list", "[]")] {
        let (broken, _) = says(patch, 60, 9);
        let (chain, _) = chain(vec![("broken", broken)]);
        let made = made(&chain, None).await;
        assert_eq!((made.capabilities, made.refused.len()), (base(), 1), "{name}");
    }
    let (chain, _) = chain(vec![("bad", bad), ("good", good)]);
    let made = made(&chain, None).await;
    let mut expected = base();
    expected["theming"]["color"] = json!("black");
    assert_eq!(made.capabilities, expected);
    let fault = "the patch is refused: files.versioning: expected true or false, found a text";
    assert_eq!(made.refused, [("bad".to_owned(), fault.to_owned())]);
}

#[tokio::test]
async fn patches_are_kept_by_user_until_they_are_over() {
    let (provider, times) = says(r#"{"theming":{"name":"NAME"}}"#, 60, 99);
    let (chain, clock) = chain(vec![("x", provider)]);
    let (alice, bob) = (user("alice", &[]), user("bob", &[]));
    let mut asked = 0;
    for (who, advance, asks, why) in [
        (Some(&alice), 0, 1, "nothing is known"),
        (Some(&alice), 59, 0, "it counts"),
        (Some(&bob), 0, 1, "another user"),
        (None, 0, 1, "nobody"),
        (Some(&alice), 1, 1, "it is over"),
        (Some(&user("alice", &["guests"])), 0, 1, "she is in another group now"),
    ] {
        clock.advance(Duration::from_secs(advance));
        let name = who.map_or("nobody", |user| &user.display_name);
        assert_eq!(made(&chain, who).await.capabilities["theming"]["name"], name, "{why}");
        asked += asks;
        assert_eq!(times.load(SeqCst), asked, "{why}");
    }
    chain.forget();
    made(&chain, None).await;
    assert_eq!(times.load(SeqCst), asked + 1, "all was forgotten");
}

#[tokio::test]
async fn who_fails_is_left_alone_for_a_while_and_its_last_patch_counts() {
    let (provider, times) = says(r#"{"theming":{"slogan":"kept"}}"#, 10, 1);
    let (chain, clock) = chain(vec![("x", provider)]);
    for (advance, asked) in [(0, 1), (10, 2), (1, 2), (4, 3)] {
        clock.advance(Duration::from_secs(advance));
        let made = made(&chain, None).await;
        assert_eq!(made.capabilities["theming"]["slogan"], "kept");
        assert_eq!(times.load(SeqCst), asked);
    }
    let (never, times) = says("{}", 10, 0);
    let (chain, _) = self::chain(vec![("never", never)]);
    assert_eq!(made(&chain, None).await.refused, [("never".to_owned(), "away".to_owned())]);
    assert_eq!(made(&chain, None).await.capabilities, base());
    assert_eq!(times.load(SeqCst), 1);
}

/// A hook that patches, as a script will.
struct Patches(&'static str);

impl Hooks for Patches {
    fn interest(&self) -> Vec<Interest> {
        vec![Interest::new("capabilities")]
    }

    async fn before(&self, _: &Call, event: &Event) -> Result<Decision, ExtensionError> {
        assert!(event.fields.text("capabilities").is_some_and(|text| text.contains("from x")));
        Ok(Decision::Replace(Fields::new().with("patch", self.0)))
    }
}

#[tokio::test]
async fn hooks_have_their_say_after_the_providers() {
    let (provider, _) = says(r#"{"theming":{"slogan":"from x","name":"x"}}"#, 60, 9);
    let hooks: Arc<dyn crate::hooks::DynHooks> = Arc::new(Patches(r#"{"theming":{"name":"y"}}"#));
    let bus = Bus::of(&[HookSource { name: "y".to_owned(), hooks, on_error: None, shadow: false }])
        .unwrap();
    let chain = CapabilityChain::new(bus, Clock::fixed(0));
    assert!(!chain.is_empty());
    chain.replace(vec![("x".to_owned(), Arc::new(provider) as _)]);
    let made = made(&chain, None).await;
    assert_eq!(made.capabilities["theming"]["name"], "y");
    assert_eq!(made.capabilities["theming"]["slogan"], "from x");
    assert!(made.set_by.contains(&("theming.name".to_owned(), "y".to_owned())));
}
