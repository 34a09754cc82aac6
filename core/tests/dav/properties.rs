//! PROPPATCH and extended MKCOL.

use crate::house::House;

fn update(inner: &str) -> String {
    format!(
        r#"<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:x="urn:x">{inner}</d:propertyupdate>"#
    )
}

fn set(inner: &str) -> String {
    format!("<d:set><d:prop>{inner}</d:prop></d:set>")
}

#[tokio::test]
async fn all_instructions_or_none() {
    let house = House::new().await;
    house.put("f", "x").await;
    let long = format!("<x:long>{}</x:long>", "y".repeat((64 << 10) + 1));
    for (props, parts) in [
        (
            "<x:a>1</x:a><d:getetag>2</d:getetag>".to_owned(),
            ["403 Forbidden", "424 Failed Dependency"],
        ),
        (
            "<x:a>1</x:a><d:lastmodified>soon</d:lastmodified>".to_owned(),
            ["409 Conflict", "424 Failed"],
        ),
        (format!("<x:a>1</x:a>{long}"), ["507 Insufficient Storage", "424 Failed"]),
        ((0..101).map(|i| format!("<x:p{i}/>")).collect(), ["507 Insufficient Storage", "p100"]),
    ] {
        let before = house.snapshot().await;
        let answer = house.ask("PROPPATCH", "f", &[], update(&set(&props))).await;
        assert_eq!(answer.status, 207);
        parts.iter().for_each(|part| answer.has(part));
        assert_eq!(before, house.snapshot().await, "{parts:?}");
    }
    let etag = house.ask("HEAD", "f", &[], "").await.header("etag").to_owned();
    let good = update(&format!(
        "{}<d:remove><d:prop><x:b/></d:prop></d:remove>",
        set("<x:a>1</x:a><x:b>2</x:b><d:lastmodified>1000000000</d:lastmodified>")
    ));
    let answer = house.ask("PROPPATCH", "f", &[], good).await;
    assert!(!answer.text().contains(" 4"), "{}", answer.text());
    let head = house.ask("HEAD", "f", &[], "").await;
    assert_eq!(head.header("etag"), etag, "a file's etag is that of its bytes");
    assert_eq!(head.header("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
    let found = house.ask("PROPFIND", "f", &[], r#"<propfind xmlns="DAV:"><prop><a xmlns="urn:x"/><b xmlns="urn:x"/></prop></propfind>"#).await;
    found.has(">1</");
    found.has("404 Not Found");
    assert_eq!(house.ask("PROPPATCH", "f", &[], "").await.status, 400);
    assert_eq!(house.ask("PROPPATCH", "none", &[], update(&set("<x:a/>"))).await.status, 404);
}

#[tokio::test]
async fn values_cannot_break_out_of_their_element() {
    let house = House::new().await;
    house.put("f", "x").await;
    house.put("g", "x").await;
    let value = r#"<x:a><y:b xmlns:y="urn:&quot;&gt;&lt;z" y:c="&quot;&gt;&lt;/d:multistatus&gt;">&lt;/d:prop&gt;&amp;<![CDATA[</d:multistatus>]]></y:b><!-- </d:prop> --></x:a>"#;
    assert_eq!(house.ask("PROPPATCH", "f", &[], update(&set(value))).await.status, 207);
    for body in [
        "",
        r#"<propfind xmlns="DAV:"><allprop/></propfind>"#,
        r#"<propfind xmlns="DAV:"><prop><a xmlns="urn:x"/></prop></propfind>"#,
    ] {
        let answer = house.ask("PROPFIND", "f", &[], body).await;
        assert_eq!(answer.text().matches("</d:multistatus>").count(), 1, "{}", answer.text());
        assert_eq!(answer.text().matches("<d:response>").count(), 1);
        answer.has("&lt;/d:prop");
        // What came back can be read as a body again.
        let again = house
            .ask(
                "PROPPATCH",
                "g",
                &[],
                update(&set(&format!(
                    "<x:copy>{}</x:copy>",
                    answer.text().split_once("?>").unwrap().1
                ))),
            )
            .await;
        assert_eq!(again.status, 207);
    }
}

#[tokio::test]
async fn an_extended_mkcol_is_made_with_its_properties_or_not_at_all() {
    let house = House::new().await;
    let body = |props: &str| {
        format!(
            r#"<d:mkcol xmlns:d="DAV:" xmlns:x="urn:x"><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype>{props}</d:prop></d:set></d:mkcol>"#
        )
    };
    let xml = [("content-type", "application/xml")];
    let many: String = (0..101).map(|i| format!("<x:p{i}/>")).collect();
    for (props, status) in [(many.as_str(), 507), ("<d:getetag>x</d:getetag>", 400)] {
        let before = house.snapshot().await;
        assert_eq!(house.ask("MKCOL", "n", &xml, body(props)).await.status, status);
        assert_eq!(before, house.snapshot().await, "{status}");
    }
    assert_eq!(house.ask("MKCOL", "n", &xml, body("<x:a>1</x:a>")).await.status, 201);
    house
        .ask(
            "PROPFIND",
            "n",
            &[("depth", "0")],
            r#"<propfind xmlns="DAV:"><prop><a xmlns="urn:x"/></prop></propfind>"#,
        )
        .await
        .has(">1</");
}
