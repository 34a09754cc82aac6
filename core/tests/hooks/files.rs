//! What is done with files is asked about before.

use moonsail::hooks::{Decision, Fields, OnError, Value};

use crate::house::{Bed, FILES};

const PROPPATCH: &str = "<d:propertyupdate xmlns:d='DAV:' xmlns:x='urn:x'><d:set><d:prop>\
                         <x:y>1</x:y></d:prop></d:set></d:propertyupdate>";

/// An event; method and target, fields and body of a request that fires it.
type Fires = (&'static str, String, Vec<(&'static str, &'static str)>, &'static str);

/// Each event about files, and a request that fires it, over `a.txt` and the folder `f`.
fn requests() -> Vec<Fires> {
    let to = ("destination", "/remote.php/dav/files/alice/f/b.txt");
    let line = |method: &str, path: &str| format!("{method} {FILES}/{path}");
    vec![
        ("file.before_upload", line("PUT", "new.txt"), vec![], "new"),
        ("file.before_commit", line("PUT", "new.txt"), vec![], "new"),
        ("file.before_upload", line("LOCK", "locked.txt"), vec![], LOCK),
        ("file.before_commit", line("LOCK", "locked.txt"), vec![], LOCK),
        ("file.before_upload", line("PATCH", "a.txt"), PARTIAL.to_vec(), "12"),
        ("file.before_commit", line("PATCH", "a.txt"), PARTIAL.to_vec(), "12"),
        ("file.before_mkdir", line("PUT", "x/y/new.txt"), vec![AUTO_MKCOL], "new"),
        ("file.before_mkdir", line("MKCOL", "g"), vec![], ""),
        ("file.before_download", line("GET", "a.txt"), vec![], ""),
        ("file.before_download", line("GET", "a.txt"), vec![("range", "bytes=0-0")], ""),
        ("file.before_delete", line("DELETE", "a.txt"), vec![], ""),
        ("file.before_move", line("MOVE", "a.txt"), vec![to], ""),
        ("file.before_copy", line("COPY", "a.txt"), vec![to], ""),
        ("proppatch.before", line("PROPPATCH", "a.txt"), vec![], PROPPATCH),
        ("quota.check", line("PUT", "new.txt"), vec![], "new"),
        ("quota.check", line("COPY", "a.txt"), vec![to], ""),
    ]
}

const AUTO_MKCOL: (&str, &str) = ("x-nc-webdav-auto-mkcol", "1");
const PARTIAL: [(&str, &str); 2] =
    [("content-type", "application/x-sabredav-partialupdate"), ("x-update-range", "bytes=0-1")];
const LOCK: &str = "<d:lockinfo xmlns:d='DAV:'><d:lockscope><d:exclusive/></d:lockscope>\
                    <d:locktype><d:write/></d:locktype></d:lockinfo>";

async fn furnished(bed: &Bed) {
    bed.put("a.txt", "content").await;
    assert_eq!(bed.ask(&format!("MKCOL {FILES}/f"), &[], "").await.status, 201);
    bed.heard("");
}

#[tokio::test]
async fn a_refusal_reaches_the_client_in_words_and_changes_nothing() {
    let bed = Bed::new().await;
    furnished(&bed).await;
    let before = bed.state().await;
    for (event, line, fields, body) in requests() {
        for (status, given, exception) in [
            (403, None, r"Sabre\DAV\Exception\Forbidden"),
            (423, Some(423), r"Sabre\DAV\Exception\Locked"),
        ] {
            let message = "No <cats> here".to_owned();
            bed.says(event, Decision::Deny { status: given, message });
            let answer = bed.ask(&line, &fields, body).await;
            assert_eq!(answer.status, status, "{event} {line}: {answer:?}");
            let said = "<s:message>No &lt;cats&gt; here</s:message>";
            assert!(answer.body.contains(said), "{event} {line}: {answer:?}");
            let named = format!("<s:exception>{exception}</s:exception>");
            assert!(answer.body.contains(&named), "{event} {line}: {answer:?}");
            bed.shuts_up();
            assert_eq!(bed.state().await, before, "{event} {line}");
        }
    }
}

/// extensions.md §4.1: policy fails closed, and as something temporary.
#[tokio::test]
async fn a_hook_that_cannot_decide_is_a_503_unless_the_owner_says_otherwise() {
    let bed = Bed::new().await;
    furnished(&bed).await;
    let before = bed.state().await;
    for (event, line, fields, body) in requests() {
        bed.fails(event);
        let answer = bed.ask(&line, &fields, body).await;
        assert_eq!(answer.status, 503, "{event} {line}: {answer:?}");
        assert!(answer.header("retry-after").is_some(), "{event} {line}");
        bed.shuts_up();
        assert_eq!(bed.state().await, before, "{event} {line}");
    }
    let lenient = Bed::with(Some(OnError::Allow), Vec::new()).await;
    furnished(&lenient).await;
    lenient.fails("file.before_upload");
    lenient.fails("file.before_commit");
    lenient.put("new.txt", "new").await;
}

#[tokio::test]
async fn a_hook_sees_what_is_about_to_happen() {
    let bed = Bed::new().await;
    furnished(&bed).await;
    let checksum = "SHA1:c22b5f9178342609428d6f51b2c5af4c0bde6a42";
    let fields = [("x-oc-mtime", "1700000000"), ("oc-checksum", checksum)];
    let line = format!("PUT {FILES}/photo.jpg");
    assert_eq!(bed.ask(&line, &fields, "hi").await.status, 201);
    for event in ["file.before_upload", "file.before_commit"] {
        let heard = bed.heard(event);
        let (_, fields, bytes) = heard.last().unwrap();
        assert_eq!(fields.text("user"), Some("alice"), "{event}");
        assert_eq!(fields.text("path"), Some("photo.jpg"), "{event}");
        assert_eq!(fields.int("size"), Some(2), "{event}");
        assert_eq!(fields.text("mime"), Some("image/jpeg"), "{event}");
        assert_eq!(fields.int("mtime"), Some(1_700_000_000), "{event}");
        assert_eq!(fields.bool("overwrite"), Some(false), "{event}");
        let expected = (event == "file.before_commit").then(|| b"hi".to_vec());
        assert_eq!(*bytes, expected, "{event}");
    }
    bed.put("a.txt", "other").await;
    assert_eq!(bed.heard("file.before_upload")[0].1.bool("overwrite"), Some(true));
    let to = ("destination", "/remote.php/dav/files/alice/f/b.txt");
    assert_eq!(bed.ask(&format!("MOVE {FILES}/a.txt"), &[to], "").await.status, 201);
    let (_, fields, _) = bed.heard("file.before_move").remove(0);
    assert_eq!((fields.text("path"), fields.text("to")), (Some("a.txt"), Some("f/b.txt")));
    assert_eq!((fields.int("node.size"), fields.bool("node.folder")), (Some(5), Some(false)));
    bed.ask(&format!("PROPPATCH {FILES}/f"), &[], PROPPATCH).await;
    let (_, fields, _) = bed.heard("proppatch.before").remove(0);
    assert_eq!(fields.list("set"), Some(&["{urn:x}y".to_owned()][..]));
    // What the client has already is no download.
    let line = format!("GET {FILES}/photo.jpg");
    let etag = bed.ask(&line, &[], "").await.header("etag").unwrap().to_owned();
    assert_eq!(bed.heard("file.before_download").len(), 1);
    assert_eq!(bed.ask(&line, &[("if-none-match", &etag)], "").await.status, 304);
    assert_eq!(bed.heard("file.before_download").len(), 0);
}

fn replace(name: &'static str, value: impl Into<Value>) -> Decision {
    Decision::Replace(Fields::new().with(name, value))
}

#[tokio::test]
async fn a_path_that_a_hook_gives_is_checked_as_if_the_client_had_sent_it() {
    let bed = Bed::new().await;
    furnished(&bed).await;
    let get = async |path: &str| bed.ask(&format!("GET {FILES}/{path}"), &[], "").await;
    bed.says("file.before_upload", replace("path", "f/b.txt"));
    bed.put("elsewhere.txt", "moved").await;
    assert_eq!(get("f/b.txt").await.body, "moved");
    assert_eq!(get("elsewhere.txt").await.status, 404);
    for (path, status) in [("../bob/x", 503), ("", 503), ("no/such/folder.txt", 409)] {
        bed.says("file.before_upload", replace("path", path));
        let answer = bed.ask(&format!("PUT {FILES}/new.txt"), &[], "x").await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    // An app password for one folder stays in it.
    bed.says("file.before_upload", replace("path", "out.txt"));
    let scoped = format!("alice:{}", bed.app_password(Some("f")).await);
    let answer = bed.ask_as(&scoped, &format!("PUT {FILES}/f/in.txt"), &[], "x").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(get("out.txt").await.status, 404);
    // What is changed in part cannot go elsewhere.
    let answer = bed.ask(&format!("PATCH {FILES}/a.txt"), &PARTIAL, "12").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    bed.shuts_up();
    let to = [("destination", "/remote.php/dav/files/alice/c.txt")];
    for (event, method) in [("file.before_copy", "COPY"), ("file.before_move", "MOVE")] {
        bed.says(event, replace("to", format!("f/{method}.txt")));
        let answer = bed.ask(&format!("{method} {FILES}/a.txt"), &to, "").await;
        assert_eq!(answer.status, 201, "{method}: {answer:?}");
        assert_eq!(get(&format!("f/{method}.txt")).await.body, "content");
        assert_eq!(get("c.txt").await.status, 404);
    }
    assert_eq!(get("a.txt").await.status, 404, "it was moved");
}

#[tokio::test]
async fn folders_above_an_upload_are_asked_about_one_by_one() {
    let bed = Bed::new().await;
    furnished(&bed).await;
    let line = format!("PUT {FILES}/f/x/y/new.txt");
    assert_eq!(bed.ask(&line, &[AUTO_MKCOL], "new").await.status, 201);
    let heard = bed.heard("file.before_mkdir");
    let paths: Vec<_> = heard.iter().filter_map(|(_, fields, _)| fields.text("path")).collect();
    assert_eq!(paths, ["f", "f/x", "f/x/y"], "the first by MKCOL");
}

#[tokio::test]
async fn another_quota_counts_for_what_is_stored_now() {
    let bed = Bed::new().await;
    furnished(&bed).await;
    let put = async |body: &str| bed.ask(&format!("PUT {FILES}/new.txt"), &[], body).await.status;
    bed.heard("quota.check");
    bed.says("quota.check", replace("quota", 10i64));
    assert_eq!(put("four").await, 507);
    assert_eq!(put("3 b").await, 201);
    let (_, fields, _) = bed.heard("quota.check").remove(0);
    assert_eq!((fields.int("used"), fields.int("need")), (Some(7), Some(4)));
    assert_eq!(fields.find("quota"), Some(&Value::Null), "alice's own is unlimited");
    bed.says("quota.check", replace("quota", Value::Null));
    assert_eq!(put("as much as there is").await, 204);
}
