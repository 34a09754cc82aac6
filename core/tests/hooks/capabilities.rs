//! What apps are told is patched by extensions, per user, and never into what they cannot read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use moonsail::app::commands::{Command, execute};
use moonsail::hooks::{Call, ExtensionError};
use moonsail_sdk::capabilities::{CapabilityProvider, Patch, UserView};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::house::{Bed, PASSWORD};

const API: (&str, &str) = ("ocs-apirequest", "true");

/// Says the same to everybody, with the groups of who asks for a slogan.
#[derive(Default)]
struct Says {
    patch: Mutex<Value>,
    asked: Mutex<Vec<Option<UserView>>>,
    ttl: Duration,
}

struct Provider(Arc<Says>);

impl CapabilityProvider for Provider {
    async fn contribute(
        &self,
        _: &Call,
        user: Option<&UserView>,
        _: &str,
    ) -> Result<Patch, ExtensionError> {
        self.0.asked.lock().unwrap().push(user.cloned());
        let mut patch = self.0.patch.lock().unwrap().clone();
        if let Some(user) = user {
            patch["theming"]["slogan"] = user.groups.join(" ").into();
        }
        Ok(Patch { json: patch.to_string(), ttl: self.0.ttl })
    }
}

async fn bed(patch: Value, ttl: Duration) -> (Bed, Arc<Says>) {
    let says = Says { patch: Mutex::new(patch), ttl, ..Says::default() };
    let says = Arc::new(says);
    let provider = Arc::new(Provider(Arc::clone(&says))) as _;
    (Bed::with(None, vec![("corp".to_owned(), provider)]).await, says)
}

async fn told(bed: &Bed, who: &str, version: &str) -> Value {
    let line = format!("GET /ocs/{version}.php/cloud/capabilities?format=json");
    let answer = bed.ask_as(who, &line, &[API], "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["ocs"]["data"]["capabilities"].clone()
}

#[tokio::test]
async fn a_patch_reaches_who_logged_in_and_who_did_not() {
    let patch =
        json!({"theming": {"name": "Corp"}, "files_sharing": {"resharing": null, "public": null}});
    let (bed, says) = bed(patch.clone(), Duration::from_secs(60)).await;
    // Without `resharing` Android would throw: the whole patch is refused, and the base stays.
    let before = told(&bed, "", "v2").await;
    assert_eq!(
        (&before["theming"]["name"], before["files_sharing"].get("public").is_some()),
        (&json!("Moonsail"), true)
    );
    *says.patch.lock().unwrap() = json!({"theming": {"name": "Corp"}, "x": {"y": [1]}});
    bed.house.capabilities.forget();
    let alice = format!("alice:{PASSWORD}");
    for version in ["v1", "v2"] {
        let anonymous = told(&bed, "", version).await;
        assert_eq!(
            (&anonymous["theming"]["name"], &anonymous["x"]["y"]),
            (&json!("Corp"), &json!([1]))
        );
        assert_eq!(anonymous.get("provisioning_api"), None, "the anonymous subset stays one");
        let own = told(&bed, &alice, version).await;
        assert_eq!(
            (&own["theming"]["slogan"], &own["theming"]["name"]),
            (&json!("staff"), &json!("Corp"))
        );
        assert!(own.get("provisioning_api").is_some());
    }
    let asked = says.asked.lock().unwrap().clone();
    let of: Vec<_> = asked.iter().map(|user| user.as_ref().map(|user| user.id.as_str())).collect();
    assert_eq!(of, [None, None, Some("alice")], "each was asked about once, and once anew");
}

#[tokio::test]
async fn a_user_who_changes_is_asked_about_anew() {
    let (bed, says) = bed(json!({"theming": {}}), Duration::from_secs(3600)).await;
    let alice = format!("alice:{PASSWORD}");
    assert_eq!(told(&bed, &alice, "v2").await["theming"]["slogan"], "staff");
    let by = moonsail::auth::By::console();
    bed.house.auth.create_group(&by, "guests").await.unwrap();
    bed.house.auth.set_member(&by, "guests", "alice", true).await.unwrap();
    assert_eq!(told(&bed, &alice, "v2").await["theming"]["slogan"], "guests staff");
    assert_eq!(says.asked.lock().unwrap().len(), 2);
}

async fn command(bed: &Bed, user: Option<&str>) -> Value {
    let (findings, _none) = mpsc::channel(1);
    let command = Command::Capabilities { user: user.map(str::to_owned) };
    execute(&bed.house, command, findings).await.unwrap()
}

#[tokio::test]
async fn the_command_names_who_set_which_key() {
    let (bed, says) = bed(json!({"theming": {"name": "Corp"}}), Duration::ZERO).await;
    let shown = command(&bed, Some("Alice")).await;
    assert_eq!(shown["user"], "alice");
    assert_eq!(shown["capabilities"]["theming"]["name"], "Corp");
    assert_eq!(shown["set_by"], json!({"theming.name": "corp", "theming.slogan": "corp"}));
    assert_eq!(shown["refused"], json!([]));
    *says.patch.lock().unwrap() = json!({"core": {"pollinterval": "60"}});
    let shown = command(&bed, None).await;
    assert_eq!((&shown["user"], &shown["set_by"]), (&Value::Null, &json!({})));
    assert_eq!(shown["capabilities"].get("provisioning_api"), None);
    let why = "the patch is refused: core.pollinterval: expected a whole number, found a text";
    assert_eq!(shown["refused"], json!([{"extension": "corp", "why": why}]));
}
