//! Chunked uploads are asked about when they begin and when they are put together.

use moonsail::hooks::{Decision, Fields};

use crate::house::{Bed, FILES, UPLOADS};

const TO: (&str, &str) = ("destination", "/remote.php/dav/files/alice/big.bin");

async fn begun(bed: &Bed) {
    let total = ("oc-total-length", "10");
    let begun = bed.ask(&format!("MKCOL {UPLOADS}/t"), &[TO, total], "").await;
    assert_eq!(begun.status, 201, "{begun:?}");
    for (chunk, body) in [("00001", "hello"), ("00002", "world")] {
        let answer = bed.ask(&format!("PUT {UPLOADS}/t/{chunk}"), &[TO, total], body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

#[tokio::test]
async fn a_refused_closing_move_keeps_the_chunks() {
    let bed = Bed::new().await;
    begun(&bed).await;
    let close = format!("MOVE {UPLOADS}/t/.file");
    let list = format!("PROPFIND {UPLOADS}/t");
    let before = bed.ask(&list, &[("depth", "1")], "").await.body;
    assert!(before.contains("00001") && before.contains("00002"), "{before}");
    for (event, status) in [("file.before_upload", None), ("file.before_commit", Some(415))] {
        bed.says(event, Decision::Deny { status, message: "Virus found: EICAR".to_owned() });
        let answer = bed.ask(&close, &[TO], "").await;
        assert_eq!(answer.status, status.unwrap_or(403), "{event}: {answer:?}");
        assert!(answer.body.contains("<s:message>Virus found: EICAR</s:message>"), "{answer:?}");
        let virus = r"OCA\DAV\Connector\Sabre\Exception\UnsupportedMediaType";
        assert_eq!(answer.body.contains(virus), status.is_some(), "Android's virus: {answer:?}");
        bed.shuts_up();
        assert_eq!(bed.ask(&list, &[("depth", "1")], "").await.body, before, "{event}");
        assert_eq!(bed.ask(&format!("GET {FILES}/big.bin"), &[], "").await.status, 404);
    }
    bed.fails("file.before_commit");
    assert_eq!(bed.ask(&close, &[TO], "").await.status, 503);
    bed.shuts_up();
    assert_eq!(bed.ask(&close, &[TO], "").await.status, 201);
    assert_eq!(bed.ask(&format!("GET {FILES}/big.bin"), &[], "").await.body, "helloworld");
    let heard = bed.heard("file.before_commit");
    let (_, fields, bytes) = heard.last().unwrap();
    assert_eq!(bytes.as_deref(), Some(&b"helloworld"[..]));
    assert_eq!((fields.text("path"), fields.bool("chunked")), (Some("big.bin"), Some(true)));
}

#[tokio::test]
async fn an_upload_is_refused_before_its_first_byte() {
    let bed = Bed::new().await;
    bed.says("file.before_upload", Decision::deny("no such files"));
    let begun = bed.ask(&format!("MKCOL {UPLOADS}/t"), &[TO], "").await;
    assert_eq!(begun.status, 403, "{begun:?}");
    let (_, fields, _) = bed.heard("file.before_upload").remove(0);
    assert_eq!((fields.text("path"), fields.bool("chunked")), (Some("big.bin"), Some(true)));
    bed.shuts_up();
    let list = bed.ask(&format!("PROPFIND {UPLOADS}/t"), &[], "").await;
    assert_eq!(list.status, 404, "nothing was begun");
}

#[tokio::test]
async fn a_chunked_upload_goes_where_a_hook_sends_it() {
    let bed = Bed::new().await;
    begun(&bed).await;
    let elsewhere = Decision::Replace(Fields::new().with("path", "other.bin"));
    bed.says("file.before_upload", elsewhere);
    assert_eq!(bed.ask(&format!("MOVE {UPLOADS}/t/.file"), &[TO], "").await.status, 201);
    bed.shuts_up();
    assert_eq!(bed.ask(&format!("GET {FILES}/other.bin"), &[], "").await.body, "helloworld");
    assert_eq!(bed.ask(&format!("GET {FILES}/big.bin"), &[], "").await.status, 404);
}
