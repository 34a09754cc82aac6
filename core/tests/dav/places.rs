//! Places that are not the user's files.

use moonsail::wire::Body;

use crate::house::House;

const METHODS: [&str; 14] = [
    "GET",
    "HEAD",
    "PUT",
    "MKCOL",
    "DELETE",
    "MOVE",
    "COPY",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "PATCH",
];

#[tokio::test]
async fn what_another_user_owns_looks_like_what_does_not_exist() {
    let house = House::new().await;
    let login = house.login("bob");
    let target = "/remote.php/dav/files/bob/secret";
    assert_eq!(house.raw(&login, "PUT", target, &[], Body::from_bytes("x")).await.status, 201);
    for method in METHODS {
        let fields = [("destination", "/remote.php/dav/files/alice/x")];
        let ask = async |target: &str| {
            let answer = house.at(method, target, &fields, Body::from_bytes("")).await;
            (answer.status, answer.body)
        };
        let there = ask(target).await;
        let nowhere = ask("/remote.php/dav/files/nobody/secret").await;
        assert_eq!(there.0, 404, "{method}");
        assert_eq!(there, nowhere, "{method}");
        assert_eq!(ask("/remote.php/dav/uploads/bob/t").await.0, 404, "{method}");
        assert_eq!(ask("/remote.php/dav/principals/users/bob").await.0, 404, "{method}");
        assert_eq!(ask("/remote.php/dav/files/alice/..%2fbob%2fsecret").await.0, 400, "{method}");
    }
}

#[tokio::test]
async fn options_tell_what_android_looks_for() {
    let house = House::new().await;
    for target in ["/remote.php/dav", "/remote.php/dav/", "/remote.php/dav/files/alice/"] {
        let answer = house.at("OPTIONS", target, &[], Body::from_bytes("")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("allow").split(", ").any(|it| it == "SEARCH"), "{target}");
        assert!(answer.header("dav").starts_with("1, 2, 3"), "{target}");
    }
    let answer =
        house.raw("Basic !", "OPTIONS", "/remote.php/dav/", &[], Body::from_bytes("")).await;
    assert_eq!(answer.status, 200);
}
