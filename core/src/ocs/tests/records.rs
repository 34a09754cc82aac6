//! Records, and the small endpoints that every app asks.

use serde_json::json;

use super::{Bed, PASSWORD};
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::{Kind, Tag};
use crate::store;
use crate::store::StoreError;
use crate::store::nodes::Node;

/// ocs-user-core-and-app-apis [1] and [5], without the scopes and with our own values.
const ALICE: &str = r#"{"enabled":true,"id":"alice","firstLoginTimestamp":0,"lastLoginTimestamp":1800000000,"lastLogin":1800000000000,"backend":"Database","subadmin":[],"quota":{"free":-3,"used":26949140,"total":-3,"relative":0,"quota":-3},"manager":"","email":"alice@example.com","additional_mail":[],"displayname":"Alice Adams","display-name":"Alice Adams","phone":"","address":"","website":"","twitter":"","fediverse":"","organisation":"","role":"","headline":"","biography":"","profile_enabled":"0","pronouns":"","groups":[],"language":"en","locale":"","notify_email":null,"backendCapabilities":{"setDisplayName":true,"setPassword":true}}"#;

/// Makes a home that holds `size` bytes.
async fn fill_home(bed: &Bed, uid: &str, size: u64) {
    let uid = Uid::parse(uid).unwrap();
    store::write(&bed.store, move |tx| -> Result<(), StoreError> {
        let root = Node {
            id: NodeId(0),
            parent: None,
            name: uid.as_str().to_owned(),
            kind: Kind::Folder,
            size,
            mtime: 1,
            created: None,
            uploaded: 1,
            content: Stamp::new(1, 1),
            tree: Stamp::new(1, 1),
            tag: Tag::default(),
            stage: None,
            checksums: String::new(),
        };
        tx.insert_home(&uid, uid.as_str(), &root).map(drop)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_own_record_is_that_of_the_trace() {
    let bed = Bed::new().await;
    fill_home(&bed, "alice", 26_949_140).await;
    let who = format!("alice:{PASSWORD}");
    let v1 = bed.ask(&who, "GET /ocs/v1.php/cloud/user?format=json", "").await;
    assert_eq!(
        v1.body,
        format!(
            r#"{{"ocs":{{"meta":{{"status":"ok","statuscode":100,"message":"OK","totalitems":"","itemsperpage":""}},"data":{ALICE}}}}}"#
        )
    );
    assert_eq!(v1.header("x-moonsail-user"), Some("alice"));
    let v2 = bed.ask(&who, "GET /ocs/v2.php/cloud/users/ALICE?format=json", "").await;
    assert_eq!(
        v2.body,
        format!(
            r#"{{"ocs":{{"meta":{{"status":"ok","statuscode":200,"message":"OK"}},"data":{ALICE}}}}}"#
        ),
        "the id in another case"
    );
    let xml = bed.ask(&who, "GET /ocs/v2.php/cloud/user", "").await;
    for part in [
        "  <enabled>1</enabled>\n  <id>alice</id>\n",
        "  <subadmin/>\n  <quota>\n   <free>-3</free>\n   <used>26949140</used>\n   <total>-3</total>\n   <relative>0</relative>\n   <quota>-3</quota>\n  </quota>\n  <manager></manager>\n",
        "  <notify_email/>\n  <backendCapabilities>\n   <setDisplayName>1</setDisplayName>\n",
    ] {
        assert!(xml.body.contains(part), "{part} in {}", xml.body);
    }
}

#[tokio::test]
async fn a_login_by_mail_address_gets_the_id_of_the_user() {
    let bed = Bed::new().await;
    let who = format!("Alice@example.com:{PASSWORD}");
    let got = bed.ask(&who, "GET /ocs/v2.php/cloud/user?format=json", "").await;
    assert_eq!(got.data()["id"], "alice");
}

#[tokio::test]
async fn a_limited_quota_is_shown_in_numbers() {
    let bed = Bed::new().await;
    fill_home(&bed, "bob", 24).await;
    let edit = "PUT /ocs/v2.php/cloud/users/bob?format=json";
    assert_eq!(bed.ask("admin", edit, "key=quota&value=1+KB").await.status, 200);
    let got = bed.ask("bob", "GET /ocs/v2.php/cloud/user?format=json", "").await;
    let expected = json!({"free":1000,"used":24,"total":1024,"relative":2.34,"quota":1024});
    assert_eq!(got.data()["quota"], expected);
}

#[tokio::test]
async fn other_records_are_for_administrators() {
    let bed = Bed::new().await;
    let hidden = r#"{"ocs":{"meta":{"status":"failure","statuscode":998,"message":""},"data":[]}}"#;
    let missing = r#"{"ocs":{"meta":{"status":"failure","statuscode":404,"message":"User does not exist"},"data":[]}}"#;
    for (who, uid, status, body, source) in [
        ("alice", "bob", 404, Some(hidden), "ocs-user-core-and-app-apis [4]"),
        ("alice", "nobody", 404, Some(hidden), "nobody can tell who is there"),
        ("admin", "bob", 200, None, "[5]"),
        ("admin", "nobody", 404, Some(missing), "[6]"),
    ] {
        let line = format!("GET /ocs/v2.php/cloud/users/{uid}?format=json");
        let got = bed.ask(who, &line, "").await;
        assert_eq!(got.status, status, "{who} {uid} ({source})");
        match body {
            Some(body) => assert_eq!(got.body, body, "{source}"),
            None => assert_eq!(got.data()["id"], uid, "{source}"),
        }
    }
    let admin = bed.ask("admin", "GET /ocs/v1.php/cloud/user?format=json", "").await;
    assert_eq!(admin.data()["groups"], json!(["admin"]));
}

#[tokio::test]
async fn small_endpoints_are_those_of_the_trace() {
    let bed = Bed::new().await;
    let who = format!("alice:{PASSWORD}");
    for (user, line, body, status, expected, source) in [
        (
            who.as_str(),
            "GET /ocs/v2.php/cloud/user/fields?format=json",
            "",
            200,
            r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":["displayname","email"]}}"#,
            "[13], what is kept here",
        ),
        (
            &who,
            "PUT /ocs/v2.php/cloud/users/alice?format=json",
            "key=displayname&value=Alice Adams",
            200,
            r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":[]}}"#,
            "[14]",
        ),
        (&who, "GET /ocs/v2.php/core/whatsnew?format=json", "", 204, "", "[16]"),
        (
            "",
            "GET /ocs/v1.php/config?format=json",
            "",
            200,
            r#"{"ocs":{"meta":{"status":"ok","statuscode":100,"message":"OK","totalitems":"","itemsperpage":""},"data":{"version":"1.7","website":"Moonsail","host":"127.0.0.1:8182","contact":"","ssl":"false"}}}"#,
            "[17]",
        ),
        (
            "",
            "GET /ocs/v1.php/config",
            "",
            200,
            "<?xml version=\"1.0\"?>\n<ocs>\n <meta>\n  <status>ok</status>\n  <statuscode>100</statuscode>\n  <message>OK</message>\n  <totalitems></totalitems>\n  <itemsperpage></itemsperpage>\n </meta>\n <data>\n  <version>1.7</version>\n  <website>Moonsail</website>\n  <host>127.0.0.1:8182</host>\n  <contact></contact>\n  <ssl>false</ssl>\n </data>\n</ocs>\n",
            "[18]",
        ),
        (
            "",
            "POST /ocs/v1.php/person/check?format=json",
            "login=alice&password=Al1ce-passw0rd",
            200,
            r#"{"ocs":{"meta":{"status":"ok","statuscode":100,"message":"OK","totalitems":"","itemsperpage":""},"data":{"person":{"personid":"alice"}}}}"#,
            "[19]",
        ),
        (
            "",
            "POST /ocs/v1.php/person/check?format=json",
            "login=alice&password=wrong",
            200,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":102,"message":"","totalitems":"","itemsperpage":""},"data":[]}}"#,
            "OCSController::personCheck",
        ),
        (
            &who,
            "GET /ocs/v2.php/apps/files/api/v1/directEditing?format=json",
            "",
            200,
            r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":{"editors":{},"creators":{}}}}"#,
            "clients.md §35",
        ),
    ] {
        let got = bed.ask(user, line, body).await;
        assert_eq!((got.status, got.body.as_str()), (status, expected), "{line} ({source})");
    }
}

#[tokio::test]
async fn the_menu_has_the_files_and_an_etag() {
    let bed = Bed::new().await;
    let line = "GET /ocs/v2.php/core/navigation/apps?absolute=true&format=json";
    let got = bed.ask("alice", line, "").await;
    assert_eq!(got.data()[0]["href"], "http://127.0.0.1:8182/index.php/apps/files/");
    let etag = got.header("etag").expect("an etag").to_owned();
    let fields = [("ocs-apirequest", "true"), ("if-none-match", etag.as_str())];
    let again = bed.ask_with("alice", line, "", &fields).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(etag.as_str()));
    let relative = "GET /ocs/v2.php/core/navigation/apps?format=json";
    assert_eq!(bed.ask("alice", relative, "").await.data()[0]["href"], "/index.php/apps/files/");
}
