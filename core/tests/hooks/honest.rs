//! The table of events promises nothing that does not come.

use std::collections::BTreeSet;

use moonsail::hooks::EVENTS;

use crate::house::{Bed, FILES, PASSWORD, UPLOADS, now};

/// Fires every event by a request that a client would send.
#[tokio::test]
async fn every_event_of_the_table_comes_of_a_real_request() {
    let bed = Bed::new().await;
    let (alice, api) = (format!("alice:{PASSWORD}"), ("ocs-apirequest", "true"));
    let mtime = now().to_string();
    let to = ("destination", "/remote.php/dav/files/alice/b.txt");
    let proppatch = "<d:propertyupdate xmlns:d='DAV:' xmlns:x='urn:x'><d:remove><d:prop><x:y/>\
                     </d:prop></d:remove></d:propertyupdate>";
    for (who, line, fields, body, status) in [
        ("alice:wrong", format!("PROPFIND {FILES}"), vec![], "", 401),
        (&alice, "GET /ocs/v2.php/core/getapppassword".to_owned(), vec![api], "", 200),
        (&alice, "GET /ocs/v2.php/cloud/capabilities".to_owned(), vec![api], "", 200),
        (&alice, format!("PUT {FILES}/a.txt"), vec![("x-oc-mtime", mtime.as_str())], "a", 201),
        (&alice, format!("GET {FILES}/a.txt"), vec![], "", 200),
        (&alice, format!("COPY {FILES}/a.txt"), vec![to], "", 201),
        (&alice, format!("PROPPATCH {FILES}/a.txt"), vec![], proppatch, 207),
        (&alice, format!("MOVE {FILES}/a.txt"), vec![to], "", 204),
        (&alice, format!("DELETE {FILES}/b.txt"), vec![], "", 204),
        (&alice, format!("MKCOL {FILES}/f"), vec![], "", 201),
        (&alice, format!("MKCOL {UPLOADS}/t"), vec![to], "", 201),
        (&alice, format!("PUT {UPLOADS}/t/1"), vec![], "b", 201),
        (&alice, format!("MOVE {UPLOADS}/t/.file"), vec![to], "", 201),
    ] {
        let answer = bed.ask_as(who, &line, &fields, body).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
    }
    let table: BTreeSet<&str> = EVENTS.iter().map(|spec| spec.name).collect();
    // What is told beside the answer may come a moment after it.
    for _ in 0..200 {
        if bed.ear.heard.lock().unwrap().iter().any(|(name, ..)| name == "user.first_login") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let heard = bed.ear.heard.lock().unwrap();
    let heard: BTreeSet<&str> = heard.iter().map(|(name, ..)| name.as_str()).collect();
    // That an event has the fields of the table with their types, the bus asserts in every test.
    assert_eq!(heard, table);
}
