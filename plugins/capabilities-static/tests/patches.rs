//! The plugin over the border, as a server asks it.

use moonsail_capabilities_static::CapabilitiesStatic;
use moonsail_sdk::abi::host::TestHost;
use moonsail_sdk::auth::Call;
use moonsail_sdk::capabilities::{CapabilityProvider, UserView};
use serde_json::{Value, json};

const CONFIG: &str = r#"{
    "all": {"theming": {"slogan": "ours"}},
    "groups": {
        "guests": {"files_sharing": {"public": {"enabled": false}}},
        "staff": {"theming": {"slogan": "staff's"}}
    },
    "remove": ["files.locking"],
    "ttl_secs": 7
}"#;

#[tokio::test]
async fn everybody_gets_what_is_for_all_and_for_the_own_groups() {
    let host = TestHost::start::<CapabilitiesStatic>(CONFIG).await.expect("a good configuration");
    let plugin = host.capabilities().expect("a provider");
    let removed = json!({"locking": null});
    let guest = json!({"public": {"enabled": false}});
    for (groups, expected) in [
        (None, json!({"theming": {"slogan": "ours"}, "files": removed})),
        (Some(&["other"][..]), json!({"theming": {"slogan": "ours"}, "files": removed})),
        (
            Some(&["staff", "guests"][..]),
            json!({"theming": {"slogan": "staff's"}, "files_sharing": guest, "files": removed}),
        ),
    ] {
        let user = groups.map(|groups| UserView {
            id: "alice".to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..UserView::default()
        });
        let patch =
            plugin.contribute(&Call::default(), user.as_ref(), "{}").await.expect("a patch");
        let made: Value = serde_json::from_str(&patch.json).expect("JSON");
        assert_eq!((made, patch.ttl.as_secs()), (expected, 7), "{groups:?}");
    }
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused_by_its_key() {
    for (config, words) in [
        (r#"{"al": {}}"#, "al"),
        (r#"{"groups": {"guests": 1}}"#, "groups.guests: expected a table"),
        (r#"{"remove": ["files..locking"]}"#, "files..locking"),
    ] {
        let refused = TestHost::start::<CapabilitiesStatic>(config).await.err().expect("refused");
        assert!(refused.contains(words), "{config}: {refused}");
    }
}
