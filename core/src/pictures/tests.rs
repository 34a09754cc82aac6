//! What each URL means.

use super::*;
use crate::wire::Body;

fn request(target: &str) -> Request {
    Request {
        method: Method::GET,
        uri: target.parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: Body::from_bytes(""),
        remote_ip: [127, 0, 0, 1].into(),
        base_url: "https://cloud.test".into(),
        id: "r".into(),
    }
}

#[test]
fn urls_of_the_apps_are_understood() {
    let id = |number| Which::Id(NodeId(number));
    let path = |text: &str| Which::Path(DavPath::from_decoded(text).unwrap());
    let size = |width, height, mode| Size { width, height, mode };
    for (target, expected) in [
        (
            "/index.php/core/preview?fileId=7&x=100&y=200&a=1&mode=cover&forceIcon=0",
            Some((id(7), size(100, 200, Mode::Cover))),
        ),
        (
            "/index.php/core/preview?fileId=7&x=100&y=200&a=true&mode=fill&etag=abc",
            Some((id(7), size(100, 200, Mode::Fit))),
        ),
        ("/core/preview?fileId=7&x=9&y=8&a=0", Some((id(7), size(9, 8, Mode::Crop)))),
        ("/core/preview?fileId=7", Some((id(7), size(32, 32, Mode::Crop)))),
        (
            "/core/preview.png?file=/Photos/a%20b.jpg&x=1&y=1&a=1",
            Some((path("Photos/a b.jpg"), size(1, 1, Mode::Fit))),
        ),
        (
            "/index.php/apps/files/api/v1/thumbnail/10/20/Photos/a%20b.jpg",
            Some((path("Photos/a b.jpg"), size(10, 20, Mode::Crop))),
        ),
        (
            "/core/preview?fileId=7&x=99999999999&y=1&a=1",
            Some((id(7), size(u32::MAX, 1, Mode::Fit))),
        ),
        ("/core/preview", None),
        ("/core/preview?fileId=x", None),
        ("/core/preview?fileId=-7", None),
        ("/core/preview?fileId=7&x=0&y=1", None),
        ("/core/preview?fileId=7&x=-1&y=1", None),
        ("/core/preview?fileId=7&x=1.5&y=1", None),
        ("/core/preview.png?file=../a", None),
        ("/apps/files/api/v1/thumbnail/10/x/a.jpg", None),
        ("/apps/files/api/v1/thumbnail/10/20", None),
        ("/apps/files/api/v1/thumbnail/10/20/%2e%2e/a", None),
    ] {
        assert!(Pictures::owns(target.split('?').next().unwrap()), "{target}");
        let wish = Wish::parse(&request(target)).map(|wish| (wish.file, wish.size));
        assert_eq!(wish, expected, "{target}");
    }
    for other in ["/core/previews", "/apps/files/api/v1/thumbnail", "/core", "/"] {
        assert!(!Pictures::owns(other), "{other}");
    }
}
