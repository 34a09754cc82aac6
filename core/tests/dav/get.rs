//! GET and HEAD: ranges and conditions, to the byte.

use crate::house::House;

#[tokio::test]
async fn ranges_give_exactly_their_bytes() {
    let house = House::new().await;
    let bytes: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    let etag = house.put("f", bytes.clone()).await.header("etag").to_owned();
    let rows: [(&str, u16, &str, std::ops::Range<usize>); 8] = [
        ("bytes=0-0", 206, "bytes 0-0/300000", 0..1),
        ("bytes=5-9", 206, "bytes 5-9/300000", 5..10),
        ("bytes=299999-", 206, "bytes 299999-299999/300000", 299_999..300_000),
        ("bytes=-3", 206, "bytes 299997-299999/300000", 299_997..300_000),
        ("bytes=1-999999999", 206, "bytes 1-299999/300000", 1..300_000),
        ("bytes=300000-", 416, "bytes */300000", 0..0),
        ("lines=1-2", 200, "", 0..300_000),
        ("bytes=9-5", 200, "", 0..300_000),
    ];
    for (range, status, content_range, wanted) in rows {
        let answer = house.ask("GET", "f", &[("range", range)], "").await;
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
        if status != 416 {
            assert!(answer.body == bytes[wanted], "{range}");
            assert_eq!(answer.header("etag"), etag, "{range}");
        }
    }
    let stale =
        house.ask("GET", "f", &[("range", "bytes=5-9"), ("if-range", "\"other\"")], "").await;
    assert_eq!((stale.status, stale.body.len()), (200, 300_000));
    let fresh = house.ask("GET", "f", &[("range", "bytes=5-9"), ("if-range", &etag)], "").await;
    assert_eq!((fresh.status, &fresh.body[..]), (206, &bytes[5..10]));
    let head = house.ask("HEAD", "f", &[("range", "bytes=5-9")], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn several_ranges_are_one_multipart_answer() {
    let house = House::new().await;
    house.put("f.txt", "0123456789".repeat(100)).await;
    let answer = house.ask("GET", "f.txt", &[("range", "bytes=0-1,500-502,-2")], "").await;
    assert_eq!(answer.status, 206);
    let boundary = answer.header("content-type").split("boundary=").nth(1).unwrap().to_owned();
    let part = |range: &str, body: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/1000\r\n\r\n{body}"
        )
    };
    let wanted = [
        part("0-1", "01"),
        part("500-502", "012"),
        part("998-999", "89"),
        format!("\r\n--{boundary}--\r\n"),
    ]
    .concat();
    assert_eq!(answer.text(), wanted);
    let many = format!(
        "bytes={}",
        (0..100).map(|i| format!("{}-{}", i * 9, i * 9)).collect::<Vec<_>>().join(",")
    );
    let answer = house.ask("GET", "f.txt", &[("range", &many)], "").await;
    assert!(matches!(answer.status, 200 | 416), "more than 16 ranges: {}", answer.status);
}

#[tokio::test]
async fn conditions_of_a_get_follow_rfc9110() {
    let house = House::new().await;
    let etag = house.put("f", "x").await.header("etag").to_owned();
    let modified = house.ask("HEAD", "f", &[], "").await.header("last-modified").to_owned();
    let past = "Thu, 01 Jan 1970 00:00:01 GMT";
    for (fields, status) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-match", etag.as_str())], 200),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-modified-since", modified.as_str())], 304),
        (vec![("if-modified-since", past)], 200),
        (vec![("if-unmodified-since", past)], 412),
        (vec![("if-unmodified-since", modified.as_str())], 200),
        (vec![("if-none-match", "\"other\""), ("if-modified-since", modified.as_str())], 200),
    ] {
        let answer = house.ask("GET", "f", &fields, "").await;
        assert_eq!(answer.status, status, "{fields:?}");
        if status == 304 {
            assert_eq!((answer.header("etag"), answer.body.len()), (etag.as_str(), 0));
        }
    }
    for (name, wanted) in [
        ("a%22b.txt", "filename*=UTF-8''a%22b.txt"),
        ("%e2%82%ac.txt", "filename*=UTF-8''%E2%82%AC.txt"),
    ] {
        house.put(name, "x").await;
        let answer = house.ask("GET", name, &[], "").await;
        let disposition = answer.header("content-disposition");
        assert!(disposition.starts_with("attachment"), "{disposition}");
        assert!(disposition.contains(wanted), "{disposition}");
    }
}
