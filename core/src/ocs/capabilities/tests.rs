//! The document, read as each app reads it. One wrong type loses an app the whole of it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{base, document};
use crate::ext::capabilities::schema;
use crate::ocs::OcsSettings;
use crate::ocs::tests::Bed;

fn made(settings: &OcsSettings, account: bool) -> Value {
    document(base(settings, "https://cloud.test/nc", account))
}

/// All documents that are made: for anybody and accounts, with and without Windows' names.
fn documents() -> Vec<Value> {
    let windows = OcsSettings { windows_compatible: true, ..OcsSettings::default() };
    let all = [OcsSettings::default(), windows];
    all.iter().flat_map(|settings| [false, true].map(|account| made(settings, account))).collect()
}

/// iOS: Swift `Decodable`, as NextcloudKit+Capabilities.swift declares it. What is there must have
/// the type; what is not an `Option` must be there.
mod ios {
    use super::Deserialize;

    #[derive(Deserialize)]
    pub(super) struct Data {
        pub(super) version: Version,
        pub(super) capabilities: Capabilities,
    }

    #[derive(Deserialize)]
    pub(super) struct Version {
        pub(super) string: String,
        pub(super) major: i64,
        #[serde(rename = "minor")]
        _minor: i64,
        #[serde(rename = "micro")]
        _micro: i64,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    #[expect(dead_code, reason = "read for their types")]
    pub(super) struct Capabilities {
        core: Option<Core>,
        dav: Option<Dav>,
        pub(super) files: Option<Files>,
        #[serde(rename = "files_sharing")]
        sharing: Option<Sharing>,
        theming: Option<Theming>,
        // Blocks that must not be there: no type fits.
        activity: Option<Never>,
        notifications: Option<Never>,
        #[serde(rename = "user_status")]
        user_status: Option<Never>,
        end_to_end_encryption: Option<Never>,
        richdocuments: Option<Never>,
        external: Option<Never>,
        groupfolders: Option<Never>,
        assistant: Option<Never>,
        governance: Option<Never>,
    }

    #[derive(Deserialize)]
    pub(super) enum Never {}

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    struct Core {
        pollinterval: Option<i64>,
        #[serde(rename = "webdav-root")]
        webdav_root: Option<String>,
        #[serde(rename = "mod-rewrite-working")]
        mod_rewrite_working: Option<bool>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    struct Dav {
        chunking: Option<String>,
        bulkupload: Option<Never>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    pub(super) struct Files {
        undelete: Option<bool>,
        pub(super) locking: Option<String>,
        comments: Option<bool>,
        versioning: Option<bool>,
        version_labeling: Option<bool>,
        version_deletion: Option<bool>,
        bigfilechunking: Option<bool>,
        #[serde(rename = "directEditing")]
        direct_editing: Option<Never>,
        #[serde(rename = "api-feature-lock-type")]
        pub(super) lock_type: Option<bool>,
        forbidden_filenames: Option<Vec<String>>,
        forbidden_filename_basenames: Option<Vec<String>>,
        pub(super) forbidden_filename_characters: Option<Vec<String>>,
        forbidden_filename_extensions: Option<Vec<String>>,
        windows_compatible_filenames: Option<bool>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    struct Sharing {
        api_enabled: Option<bool>,
        resharing: Option<bool>,
        default_permissions: Option<i64>,
        group_sharing: Option<bool>,
        public: Option<Public>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    struct Public {
        enabled: bool,
        upload: Option<bool>,
        password: Option<Password>,
        send_mail: Option<bool>,
        upload_files_drop: Option<bool>,
        multiple_links: Option<bool>,
        expire_date: Option<ExpireDate>,
        expire_date_internal: Option<ExpireDate>,
        expire_date_remote: Option<ExpireDate>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    struct Password {
        enforced: Option<bool>,
        #[serde(rename = "askForOptionalPassword")]
        ask: Option<bool>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for their types")]
    struct ExpireDate {
        enabled: Option<bool>,
        enforced: Option<bool>,
        days: Option<i64>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    #[expect(dead_code, reason = "read for their types")]
    struct Theming {
        name: Option<String>,
        slogan: Option<String>,
        color: Option<String>,
        color_element: Option<String>,
        color_text: Option<String>,
        color_element_bright: Option<String>,
        color_element_dark: Option<String>,
        background: Option<String>,
        background_default: Option<bool>,
        background_plain: Option<bool>,
        logo: Option<String>,
        url: Option<String>,
    }
}

/// What patches are held to, the server holds itself to.
#[test]
fn the_document_is_as_strict_as_patches_must_be() {
    for document in documents() {
        assert_eq!(schema::check(&document["capabilities"]), Ok(()));
    }
}

#[test]
fn ios_decodes_the_whole_document() {
    for document in documents() {
        let data: ios::Data = serde_json::from_value(document).expect("decoded");
        assert_eq!((data.version.string.as_str(), data.version.major), ("31.0.6", 31));
        let files = data.capabilities.files.expect("files");
        assert_eq!((files.locking.as_deref(), files.lock_type), (Some("1.0"), Some(true)));
        assert!(files.forbidden_filename_characters.is_some_and(|list| list.len() >= 2));
    }
}

/// Android: `org.json` getters that throw, in GetCapabilitiesRemoteOperation.java. A block that is
/// there must have these keys (A! in clients.md §8); a block that is not there is skipped.
#[test]
fn android_finds_what_its_getters_want() {
    type Is = fn(&Value) -> bool;
    let wanted: &[(&str, &str, Is)] = &[
        ("/version", "/major", Value::is_i64),
        ("/version", "/minor", Value::is_i64),
        ("/version", "/micro", Value::is_i64),
        ("/version", "/string", Value::is_string),
        ("/version", "/edition", Value::is_string),
        ("/capabilities/core", "/pollinterval", Value::is_i64),
        ("/capabilities/files", "/bigfilechunking", Value::is_boolean),
        ("/capabilities/files", "/undelete", Value::is_boolean),
        ("/capabilities/files", "/versioning", Value::is_boolean),
        ("/capabilities/files", "/locking", Value::is_string),
        ("/capabilities/files", "/windows_compatible_filenames", Value::is_boolean),
        ("/capabilities/files_sharing", "/api_enabled", Value::is_boolean),
        ("/capabilities/files_sharing", "/resharing", Value::is_boolean),
        ("/capabilities/files_sharing/public", "/enabled", Value::is_boolean),
        ("/capabilities/files_sharing/public/password", "/enforced", Value::is_boolean),
        ("/capabilities/files_sharing/public/expire_date", "/enabled", Value::is_boolean),
        ("/capabilities/files_sharing/public", "/upload", Value::is_boolean),
        ("/capabilities/files_sharing/user", "/send_mail", Value::is_boolean),
        ("/capabilities/files_sharing/federation", "/outgoing", Value::is_boolean),
        ("/capabilities/files_sharing/federation", "/incoming", Value::is_boolean),
        ("/capabilities/theming", "/name", Value::is_string),
        ("/capabilities/theming", "/slogan", Value::is_string),
        ("/capabilities/theming", "/color", Value::is_string),
        ("/capabilities/theming", "/background", Value::is_string),
        ("/capabilities/theming", "/background-default", Value::is_boolean),
        ("/capabilities/theming", "/background-plain", Value::is_boolean),
        ("/capabilities/notifications", "/ocs-endpoints", Value::is_array),
        ("/capabilities/user_status", "/enabled", Value::is_boolean),
        ("/capabilities/drop-account", "/enabled", Value::is_boolean),
        ("/capabilities/recommendations", "/enabled", Value::is_boolean),
        ("/capabilities/downloadlimit", "/enabled", Value::is_boolean),
    ];
    for document in documents() {
        for (block, key, is) in wanted {
            if let Some(block_value) = document.pointer(block) {
                let value = block_value.pointer(key);
                assert!(value.is_some_and(is), "{block}{key}: {value:?}");
            }
        }
        for block in ["core", "files", "files_sharing", "theming"] {
            assert!(document["capabilities"][block].is_object(), "{block}");
        }
    }
}

/// Desktop: src/libsync/capabilities.cpp.
#[test]
fn the_desktop_finds_chunks_checksums_and_its_version() {
    for document in documents() {
        let capabilities = &document["capabilities"];
        for (pointer, expected, why) in [
            ("/dav/chunking", json!("1.0"), "else the old chunking"),
            ("/checksums/preferredUploadType", json!("SHA1"), "OC-Checksum"),
            (
                "/checksums/supportedTypes",
                json!(["SHA1", "MD5", "SHA256", "SHA3-256", "ADLER32"]),
                "OC-Checksum",
            ),
            ("/files/chunked_upload/max_size", json!(104_857_600), "size of chunks"),
            ("/files/chunked_upload/max_parallel_count", json!(5), "parallel jobs"),
            ("/core/status/version", json!("31.0.6.2"), "the same as in status.php"),
            ("/files_sharing/api_enabled", json!(false), "true if absent"),
            ("/files_sharing/public/enabled", json!(false), "true if absent"),
        ] {
            assert_eq!(capabilities.pointer(pointer), Some(&expected), "{pointer} ({why})");
        }
        for absent in ["notifications", "activity", "user_status", "notify_push", "globalscale"] {
            assert_eq!(capabilities.get(absent), None, "{absent}");
        }
        for absent in ["/dav/bulkupload", "/files/directEditing", "/files/privateLinks"] {
            assert_eq!(capabilities.pointer(absent), None, "{absent}");
        }
    }
}

#[test]
fn settings_are_in_the_document() {
    let mut settings = OcsSettings {
        max_chunk_bytes: 5 << 20,
        parallel_chunks: 2,
        windows_compatible: true,
        ..OcsSettings::default()
    };
    settings.theme.url = Some("https://example.org".to_owned());
    let document = made(&settings, true);
    let capabilities = &document["capabilities"];
    assert_eq!(capabilities["files"]["chunked_upload"]["max_size"], 5 << 20);
    assert_eq!(capabilities["files"]["chunked_upload"]["max_parallel_count"], 2);
    assert_eq!(capabilities["files"]["forbidden_filename_basenames"][0], "con");
    assert_eq!(capabilities["theming"]["url"], "https://example.org");
    let theming = &made(&OcsSettings::default(), false)["capabilities"]["theming"];
    assert_eq!(theming["url"], "https://cloud.test/nc");
    let logo = theming["logo"].as_str().expect("a text");
    assert!(logo.starts_with("https://cloud.test/nc/static/moonsail-"), "{logo}");
}

#[tokio::test]
async fn anybody_may_ask_and_accounts_see_more() {
    let bed = Bed::new().await;
    for (who, version, code, more) in
        [("", "v1", 100, false), ("", "v2", 200, false), ("alice", "v1", 100, true)]
    {
        let line = format!("GET /ocs/{version}.php/cloud/capabilities?format=json");
        let got = bed.ask(who, &line, "").await;
        assert_eq!(got.codes(), (200, code), "{who} {version}");
        let has = got.data()["capabilities"].get("provisioning_api").is_some();
        assert_eq!(has, more, "{who} {version}");
        let head =
            format!(r#"{{"ocs":{{"meta":{{"status":"ok","statuscode":{code},"message":"OK""#);
        assert!(got.body.starts_with(&head), "trap 4: {}", got.body);
    }
    let xml = bed.ask("", "GET /ocs/v1.php/cloud/capabilities", "").await;
    let head = "<?xml version=\"1.0\"?>\n<ocs>\n <meta>\n  <status>ok</status>\n  <statuscode>100</statuscode>\n  <message>OK</message>\n  <totalitems></totalitems>\n  <itemsperpage></itemsperpage>\n </meta>\n <data>\n  <version>\n   <major>31</major>\n   <minor>0</minor>\n   <micro>6</micro>\n   <string>31.0.6</string>\n   <edition></edition>\n   <extendedSupport></extendedSupport>\n  </version>\n  <capabilities>\n   <core>\n    <pollinterval>60</pollinterval>\n";
    assert!(xml.body.starts_with(head), "ocs-capabilities [3]: {}", xml.body);
    let wrong = bed.ask("alice:wrong", "GET /ocs/v2.php/cloud/capabilities", "").await;
    assert_eq!(wrong.status, 401);
}

/// Android keeps the `ETag` as it came, and asks with it.
#[tokio::test]
async fn a_document_that_the_client_has_is_304() {
    let bed = Bed::new().await;
    let line = "GET /ocs/v2.php/cloud/capabilities?format=json";
    let etag = bed.ask("alice", line, "").await.header("etag").expect("an etag").to_owned();
    assert_eq!(etag.len(), 34, "32 digits in quotes: {etag}");
    for (held, line, status) in [
        (etag.as_str(), line, 304),
        (&format!("\"x\", {etag}"), line, 304),
        ("\"x\"", line, 200),
        ("nonsense", line, 200),
        (&etag, "GET /ocs/v2.php/cloud/capabilities", 200),
        (&etag, "HEAD /ocs/v2.php/cloud/capabilities?format=json", 304),
    ] {
        let fields = [("ocs-apirequest", "true"), ("if-none-match", held)];
        let got = bed.ask_with("alice", line, "", &fields).await;
        assert_eq!(got.status, status, "{line} {held}");
        assert_eq!(got.body.is_empty(), status == 304, "{line} {held}");
    }
    assert_ne!(bed.ask("", line, "").await.header("etag"), Some(etag.as_str()), "another document");
}
