//! Users and groups, managed from afar.

use serde_json::json;

use super::{Bed, PASSWORD};
use crate::auth::AuthSettings;
use crate::ocs::OcsSettings;

/// Each step is a call, with what it must answer on v1: HTTP is 200 there, so the code tells.
/// `(who, method and path below /ocs/v1.php/, body, statuscode)`.
type Step<'a> = (&'a str, &'a str, &'a str, u64);

async fn walk(bed: &Bed, steps: &[Step<'_>]) {
    for (who, line, body, code) in steps {
        let (method, path) = line.split_once(' ').unwrap();
        let query = if path.contains('?') { '&' } else { '?' };
        let line = format!("{method} /ocs/v1.php/{path}{query}format=json");
        let got = bed.ask(who, &line, body).await;
        assert_eq!(got.codes(), (200, *code), "{line} {body}: {}", got.body);
    }
}

#[tokio::test]
async fn users_are_made_by_rules() {
    let bed = Bed::new().await;
    let long = format!("userid=long&password={}", "x".repeat(5000));
    walk(
        &bed,
        &[
            ("admin", "POST cloud/users", "userid=eve&password=eve-passw0rd", 100),
            ("admin", "POST cloud/users", "userid=eve&password=eve-passw0rd", 102),
            ("admin", "POST cloud/users", "userid=EVE&password=eve-passw0rd", 102),
            ("admin", "POST cloud/users", "userid=&password=eve-passw0rd", 101),
            ("admin", "POST cloud/users", "userid=..%2Fx&password=eve-passw0rd", 101),
            ("admin", "POST cloud/users", "userid=eva&password=", 108),
            ("admin", "POST cloud/users", "userid=eva&password=short", 107),
            ("admin", "POST cloud/users", &long, 101),
            ("admin", "POST cloud/users", "userid=eva&password=eve-passw0rd&quota=much", 101),
            ("admin", "POST cloud/users", "userid=eva&password=eve-passw0rd&email=none", 101),
            (
                "admin",
                "POST cloud/users",
                "userid=eva&password=eve-passw0rd&email=bob@example.com",
                101,
            ),
            ("admin", "POST cloud/users", "userid=eva&password=eve-passw0rd&groups[]=none", 104),
            ("admin", "POST cloud/users", "userid=eva&password=eve-passw0rd&subadmin[]=x", 109),
            ("alice", "POST cloud/users", "userid=eva&password=eve-passw0rd", 403),
        ],
    )
    .await;
    let got = bed.ask("eve:eve-passw0rd", "GET /ocs/v2.php/cloud/user?format=json", "").await;
    assert_eq!(got.data()["displayname"], "eve");
    assert_eq!(got.data()["email"], json!(null));
}

#[tokio::test]
async fn parameters_come_from_the_query_a_form_or_json() {
    let settings = OcsSettings { default_quota: Some(7), ..OcsSettings::default() };
    let bed = Bed::with(settings, AuthSettings::default()).await;
    walk(&bed, &[("admin", "POST cloud/groups?groupid=staff", "", 100)]).await;
    let json_type = ("content-type", "application/json; charset=utf-8");
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let admin = format!("admin:{PASSWORD}");
    for (query, field, body, uid) in [
        ("userid=q&password=eve-passw0rd&displayName=Q+q&groups[]=staff", form_type, "", "q"),
        ("", form_type, "userid=f&password=eve-passw0rd&displayName=F%20q&groups%5B%5D=staff", "f"),
        (
            "",
            json_type,
            r#"{"userid":"j","password":"eve-passw0rd","displayName":"J q","groups":["staff"]}"#,
            "j",
        ),
    ] {
        let line = format!("POST /ocs/v2.php/cloud/users?format=json&{query}");
        let fields = [("ocs-apirequest", "true"), field];
        let got = bed.ask_with(&admin, &line, body, &fields).await;
        assert_eq!((got.status, got.data()), (200, json!({ "id": uid })), "{body}");
        let line = format!("GET /ocs/v2.php/cloud/users/{uid}?format=json");
        let record = bed.ask("admin", &line, "").await.data();
        assert_eq!(record["displayname"], format!("{} q", uid.to_uppercase()));
        assert_eq!(record["groups"], json!(["staff"]));
        assert_eq!(record["quota"]["quota"], 7, "the default");
    }
}

#[tokio::test]
async fn records_are_edited_by_rules() {
    let bed = Bed::new().await;
    let real = format!("alice:{PASSWORD}");
    let alice = "PUT cloud/users/alice";
    walk(
        &bed,
        &[
            ("alice", alice, "key=displayname&value=Ali", 100),
            ("alice", alice, "key=email&value=ali@example.com", 100),
            ("alice", alice, "key=language&value=de", 100),
            ("alice", alice, "key=displayname&value=", 101),
            ("alice", alice, "key=email&value=bob@example.com", 101),
            ("alice", alice, "key=email&value=nonsense", 101),
            ("alice", alice, "key=language&value=%3Cb%3E", 101),
            ("alice", alice, "key=quota&value=none", 403),
            ("alice", alice, "key=enabled&value=0", 113),
            ("alice", alice, "key=admin&value=1", 113),
            ("alice", alice, "key=phone&value=1", 113),
            ("alice", alice, "", 113),
            ("alice", "PUT cloud/users/bob", "key=displayname&value=x", 998),
            ("alice", "PUT cloud/users/nobody", "key=displayname&value=x", 998),
            ("admin", "PUT cloud/users/nobody", "key=displayname&value=x", 998),
            ("admin", alice, "key=quota&value=5+GB", 100),
            ("admin", alice, "key=quota&value=lots", 101),
            (&real, alice, "key=password&value=short", 107),
            (&real, alice, "key=password&value=another-passw0rd", 100),
            ("alice:another-passw0rd", "GET cloud/user", "", 100),
        ],
    )
    .await;
    let got = bed.ask(&real, "GET /ocs/v2.php/cloud/user?format=json", "").await;
    assert_eq!(got.status, 401, "the old password, which was remembered");
    let record = bed.ask("admin", "GET /ocs/v2.php/cloud/users/alice?format=json", "").await.data();
    assert_eq!(
        json!([
            record["displayname"],
            record["email"],
            record["language"],
            record["quota"]["quota"]
        ]),
        json!(["Ali", "ali@example.com", "de", 5u64 << 30])
    );
    let clear = bed.ask("alice", "PUT /ocs/v2.php/cloud/users/alice", "key=email&value=").await;
    assert_eq!(clear.status, 200);
    let record = bed.ask("alice", "GET /ocs/v2.php/cloud/user?format=json", "").await.data();
    assert_eq!(record["email"], json!(null));
}

#[tokio::test]
async fn users_are_disabled_enabled_and_removed() {
    let bed = Bed::new().await;
    walk(
        &bed,
        &[
            ("alice", "GET cloud/user", "", 100),
            ("admin", "PUT cloud/users/alice/disable", "", 100),
            ("admin", "PUT cloud/users/admin/disable", "", 101),
            ("admin", "PUT cloud/users/nobody/disable", "", 101),
            ("bob", "PUT cloud/users/alice/enable", "", 403),
        ],
    )
    .await;
    let own = "GET /ocs/v2.php/cloud/user?format=json";
    assert_eq!(bed.ask("alice", own, "").await.codes(), (401, 997));
    walk(
        &bed,
        &[
            ("admin", "PUT cloud/users/alice/enable", "", 100),
            ("alice", "GET cloud/user", "", 100),
            ("bob", "DELETE cloud/users/alice", "", 403),
            ("admin", "DELETE cloud/users/admin", "", 101),
            ("admin", "DELETE cloud/users/nobody", "", 998),
            ("admin", "DELETE cloud/users/alice", "", 100),
            ("admin", "DELETE cloud/users/alice", "", 998),
            ("admin", "POST cloud/users", "userid=alice&password=eve-passw0rd", 102),
        ],
    )
    .await;
    assert_eq!(bed.ask("alice", own, "").await.codes(), (401, 997));
}

#[tokio::test]
async fn lists_are_searched_and_paged() {
    let bed = Bed::new().await;
    walk(
        &bed,
        &[
            ("admin", "POST cloud/groups", "groupid=staff", 100),
            ("admin", "POST cloud/groups", "groupid=guests", 100),
        ],
    )
    .await;
    for (path, expected, source) in [
        ("users?", json!({"users":["admin","alice","bob"]}), "ocs-user-core-and-app-apis [9]"),
        ("users?search=ali&", json!({"users":["alice"]}), "search by id"),
        ("users?search=brown&", json!({"users":["bob"]}), "search by name"),
        ("users?limit=1&offset=1&", json!({"users":["alice"]}), "a page"),
        ("users?limit=-1&", json!({"users":["admin","alice","bob"]}), "no limit"),
        ("users?offset=3&", json!({"users":[]}), "after the end"),
        ("groups?", json!({"groups":["admin","guests","staff"]}), "[11]"),
        ("groups?search=st&", json!({"groups":["guests","staff"]}), "search"),
        ("groups?search=MIN&", json!({"groups":["admin"]}), "search"),
        ("groups?limit=2&", json!({"groups":["admin","guests"]}), "a page"),
        ("groups?limit=1&offset=1&", json!({"groups":["guests"]}), "a page"),
        ("groups?limit=0&", json!({"groups":[]}), "nothing"),
        ("groups/admin?", json!({"users":["admin"]}), "the administrators"),
        ("groups/staff/users?", json!({"users":[]}), "nobody yet"),
        ("users/admin/groups?", json!({"groups":["admin"]}), "[12]"),
        ("users/bob/subadmins?", json!([]), "nobody is one"),
    ] {
        let line = format!("GET /ocs/v2.php/cloud/{path}format=json");
        let got = bed.ask("admin", &line, "").await;
        assert_eq!((got.status, got.data()), (200, expected), "{line} ({source})");
    }
    let got = bed.ask("admin", "GET /ocs/v2.php/cloud/users", "").await;
    let users = "  <users>\n   <element>admin</element>\n   <element>alice</element>\n   <element>bob</element>\n  </users>\n";
    assert!(got.body.contains(users), "{}", got.body);
    let line = "GET /ocs/v2.php/cloud/users/details?format=json&limit=2&offset=1";
    let details = bed.ask("admin", line, "").await.data();
    assert_eq!(details["users"]["bob"]["displayname"], "Bob Brown", "[10]");
    assert_eq!(details["users"].as_object().map(serde_json::Map::len), Some(2), "[10]");
    for line in ["users", "users/details", "groups", "groups/admin/users", "users/bob/subadmins"] {
        let line = format!("GET /ocs/v2.php/cloud/{line}?format=json");
        assert_eq!(bed.ask("alice", &line, "").await.codes(), (403, 403), "{line}");
    }
}

#[tokio::test]
async fn groups_are_made_joined_left_and_removed() {
    let bed = Bed::new().await;
    let admin = format!("admin:{PASSWORD}");
    walk(
        &bed,
        &[
            ("admin", "POST cloud/groups", "groupid=a%2Fb", 100),
            ("admin", "POST cloud/groups", "groupid=a%2Fb", 102),
            ("admin", "POST cloud/groups", "groupid=admin", 102),
            ("admin", "POST cloud/groups", "groupid=", 101),
            ("admin", "POST cloud/groups", "groupid=a%0Ab", 101),
            ("alice", "POST cloud/groups", "groupid=mine", 403),
            ("admin", "POST cloud/users/bob/groups", "groupid=a%2Fb", 100),
            ("admin", "POST cloud/users/bob/groups", "", 101),
            ("admin", "POST cloud/users/bob/groups", "groupid=none", 102),
            ("admin", "POST cloud/users/nobody/groups", "groupid=a%2Fb", 103),
            ("alice", "POST cloud/users/alice/groups", "groupid=admin", 403),
            ("bob", "GET cloud/users/bob/groups", "", 100),
            ("alice", "GET cloud/users/bob/groups", "", 998),
            ("admin", "GET cloud/groups/none", "", 404),
        ],
    )
    .await;
    let members = "GET /ocs/v2.php/cloud/groups/a%2Fb/users?format=json";
    assert_eq!(bed.ask("admin", members, "").await.data(), json!({"users":["bob"]}));
    walk(
        &bed,
        &[
            ("admin", "DELETE cloud/users/bob/groups?groupid=a%2Fb", "", 100),
            ("admin", "DELETE cloud/groups/a%2Fb", "", 100),
            ("admin", "DELETE cloud/groups/a%2Fb", "", 101),
            ("admin", "DELETE cloud/groups/admin", "", 102),
            // The group of administrators is the mark at the account.
            ("bob", "GET cloud/users", "", 403),
            (&admin, "POST cloud/users/bob/groups", "groupid=admin", 100),
            ("bob", "GET cloud/users", "", 100),
            (&admin, "DELETE cloud/users/admin/groups?groupid=admin", "", 105),
            (&admin, "DELETE cloud/users/ADMIN/groups?groupid=admin", "", 105),
            (&admin, "DELETE cloud/users/bob/groups?groupid=admin", "", 100),
            ("bob", "GET cloud/users", "", 403),
        ],
    )
    .await;
}
