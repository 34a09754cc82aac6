//! App passwords: whose they are, what they may, and that they end at once.

use std::sync::Arc;

use moonsail::auth::{Access, AppPasswordError, AuthError, By, NewToken, Principal};
use moonsail::ids::Uid;
use moonsail::path::DavPath;

use crate::house::{Browser, HOME, House, PASSWORD, asking, basic, request};

fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a good id")
}

/// A new app password of `user`, in clear.
pub(crate) async fn token(house: &House, user: &str) -> String {
    let new = NewToken::full(uid(user), user, "a test");
    house.auth.create_token(new).await.expect("a token").reveal().to_owned()
}

async fn who(house: &House, authorization: &str) -> Result<Principal, AuthError> {
    let answer = house.auth.authenticate(&asking(authorization, HOME)).await;
    answer.map(|principal| principal.expect("credentials were sent"))
}

async fn id_of(house: &House, user: &str) -> i64 {
    let tokens = house.auth.tokens_of(&uid(user)).await.expect("reads");
    tokens.last().expect("a token").id
}

#[tokio::test]
async fn a_token_works_with_each_name_of_its_owner_and_no_other() {
    let house = House::new().await;
    let new = NewToken::full(uid("alice"), "al", "a test");
    let token = house.auth.create_token(new).await.expect("a token");
    let token = token.reveal();
    for (authorization, good) in [
        (basic("alice", token), true),
        (basic("Alice", token), true),
        (basic("al", token), true),
        (basic("alice@example.org", token), true),
        (basic("ALICE@EXAMPLE.ORG", token), true),
        (format!("Bearer {token}"), true),
        (format!("bearer {token}"), true),
        (basic("bob", token), false),
        (basic("", token), false),
        (basic("alice", &token.to_lowercase()), false),
        (basic("alice", &token.replace('-', "")), false),
        ("Bearer nonsense".to_owned(), false),
        (format!("Bearer {PASSWORD}"), false),
    ] {
        let got = who(&house, &authorization).await;
        match good {
            true => assert_eq!(got.expect("is let in").uid, uid("alice"), "{authorization}"),
            false => assert_eq!(got, Err(AuthError::BadCredentials), "{authorization}"),
        }
    }
    let stored = house.auth.tokens_of(&uid("alice")).await.expect("reads");
    assert!(!format!("{stored:?}").contains(token), "only a hash is stored");
}

#[tokio::test]
async fn a_token_keeps_its_scopes() {
    let house = House::new().await;
    let photos = DavPath::from_decoded("Photos").expect("a good path");
    let new = NewToken {
        read_only: true,
        folder: Some(photos.clone()),
        expires: Some(house.clock.seconds() + 3600),
        ..NewToken::full(uid("alice"), "alice", "frame")
    };
    let token = house.auth.create_token(new).await.expect("a token");
    let authorization = basic("alice", token.reveal());
    let principal = who(&house, &authorization).await.expect("is let in");
    assert!(!principal.may_write());
    assert!(principal.access.covers(&photos) && !principal.access.covers(&DavPath::root()));
    house.wait(3599);
    assert!(who(&house, &authorization).await.is_ok());
    house.wait(1);
    assert_eq!(who(&house, &authorization).await, Err(AuthError::BadCredentials));
}

#[tokio::test]
async fn a_revoked_token_is_out_at_the_next_request() {
    let house = House::new().await;
    let (first, second) = (token(&house, "alice").await, token(&house, "alice").await);
    let second_id = id_of(&house, "alice").await;
    assert!(who(&house, &basic("alice", &second)).await.is_ok());
    assert!(
        !house.auth.revoke_token(&By::console(), &uid("bob"), second_id).await.expect("runs"),
        "not bob's"
    );
    assert!(who(&house, &basic("alice", &second)).await.is_ok());
    assert!(house.auth.revoke_token(&By::console(), &uid("alice"), second_id).await.expect("runs"));
    for _ in 0..30 {
        // A phone that does not know goes on asking; it is told 401 and keeps nobody out.
        let got = who(&house, &basic("alice", &second)).await;
        assert_eq!(got, Err(AuthError::BadCredentials));
    }
    assert!(who(&house, &basic("alice", &first)).await.is_ok());
    assert!(who(&house, &basic("alice", PASSWORD)).await.is_ok());
    assert!(
        !house.auth.revoke_token(&By::console(), &uid("alice"), second_id).await.expect("runs")
    );
}

#[tokio::test]
async fn requests_in_flight_cannot_revive_a_revoked_token() {
    let house = Arc::new(House::new().await);
    for _ in 0..20 {
        let text = token(&house, "alice").await;
        let id = id_of(&house, "alice").await;
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let (house, authorization) = (Arc::clone(&house), basic("alice", &text));
                tokio::spawn(async move { who(&house, &authorization).await })
            })
            .collect();
        house.auth.revoke_token(&By::console(), &uid("alice"), id).await.expect("runs");
        let after = who(&house, &basic("alice", &text)).await;
        assert_eq!(after, Err(AuthError::BadCredentials));
        for request in requests {
            let _either = request.await.expect("no panic");
        }
        let later = who(&house, &basic("alice", &text)).await;
        assert_eq!(later, Err(AuthError::BadCredentials));
    }
}

#[tokio::test]
async fn the_last_use_is_noted_each_minute() {
    let house = House::new().await;
    let authorization = basic("alice", &token(&house, "alice").await);
    let last = async || house.auth.tokens_of(&uid("alice")).await.expect("reads")[0].last_used;
    assert_eq!(last().await, None);
    let first = house.clock.seconds();
    who(&house, &authorization).await.expect("is let in");
    house.auth.flush_uses().await.expect("writes");
    assert_eq!(last().await, Some(first));
    house.wait(59);
    who(&house, &authorization).await.expect("is let in");
    house.auth.flush_uses().await.expect("writes");
    assert_eq!(last().await, Some(first), "not each request");
    house.wait(1);
    who(&house, &authorization).await.expect("is let in");
    house.auth.flush_uses().await.expect("writes");
    assert_eq!(last().await, Some(first + 60));
}

#[tokio::test]
async fn a_password_is_exchanged_for_a_token_and_a_token_is_not() {
    let house = House::new().await;
    let by_password = who(&house, &basic("Alice@example.org", PASSWORD)).await.expect("is let in");
    let asked = request("GET", "/", &[], "");
    let text =
        house.auth.exchange_password(&asked, &by_password, "Pixel 8").await.expect("a token");
    let by_token = who(&house, &basic("alice@EXAMPLE.org", text.reveal())).await.expect("works");
    let refused = house.auth.exchange_password(&asked, &by_token, "x").await;
    assert_eq!(refused.map(|_| ()), Err(AppPasswordError::HasToken));
    assert_eq!(house.auth.tokens_of(&uid("alice")).await.expect("reads")[0].name, "Pixel 8");

    let asked = asking(&basic("alice", text.reveal()), HOME);
    let rotated = house.auth.rotate_token(&asked, &by_token).await.expect("a new one");
    let old = who(&house, &basic("alice", text.reveal())).await;
    assert_eq!(old, Err(AuthError::BadCredentials));
    let by_token = who(&house, &basic("alice", rotated.reveal())).await.expect("is let in");
    assert_eq!(
        house.auth.revoke_own_token(&asked, &by_password).await,
        Err(AppPasswordError::NoToken),
        "the password is not a token"
    );
    house.auth.revoke_own_token(&asked, &by_token).await.expect("is revoked");
    let gone = who(&house, &basic("alice", rotated.reveal())).await;
    assert_eq!(gone, Err(AuthError::BadCredentials));
}

#[tokio::test]
async fn a_one_time_token_is_good_for_one_exchange_and_nothing_else() {
    let house = House::new().await;
    let new = NewToken { one_time: true, ..NewToken::full(uid("alice"), "alice", "QR code") };
    let once = house.auth.create_token(new).await.expect("a token");
    let authorization = basic("alice", once.reveal());
    assert_eq!(who(&house, &authorization).await, Err(AuthError::BadCredentials));
    let exchange = async |authorization: &str| {
        let request = request("GET", "/", &[("authorization", authorization)], "");
        house.auth.exchange_one_time(&request, "iPad").await
    };
    let bad = || Err(AppPasswordError::Auth(AuthError::BadCredentials));
    assert_eq!(exchange(&basic("bob", once.reveal())).await.map(|_| ()), bad());
    assert_eq!(exchange(&basic("alice", PASSWORD)).await.map(|_| ()), bad());
    let text = exchange(&authorization).await.expect("a token");
    assert!(matches!(
        who(&house, &basic("alice", text.reveal())).await.expect("is let in").access,
        Access::Token { read_only: false, folder: None, .. }
    ));
    assert_eq!(exchange(&authorization).await.map(|_| ()), bad());
    assert_eq!(exchange(&basic("alice", text.reveal())).await.map(|_| ()), bad());
}

#[tokio::test]
async fn a_lost_device_is_told_to_wipe_itself() {
    let house = House::new().await;
    let (lost, other) = (token(&house, "bob").await, token(&house, "alice").await);
    let id = id_of(&house, "bob").await;
    let mut app = Browser::new(&house);
    let body = |token: &str| format!("token={token}");
    assert_eq!(app.send("POST", "/index.php/core/wipe/check", &body(&lost)).await.status, 404);
    assert!(
        !house.auth.mark_for_wipe(&By::console(), &uid("alice"), id).await.expect("runs"),
        "not alice's"
    );
    assert!(house.auth.mark_for_wipe(&By::console(), &uid("bob"), id).await.expect("runs"));
    assert_eq!(who(&house, &basic("bob", &lost)).await, Err(AuthError::BadCredentials));

    // iOS calls its form JSON; Android asks for the format.
    app.fields.push(("content-type", "application/json".to_owned()));
    for target in ["/index.php/core/wipe/check", "/index.php/core/wipe/check?format=json"] {
        let answer = app.send("POST", target, &body(&lost)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"wipe":true}"#));
    }
    for token in [other.as_str(), "", "nonsense", PASSWORD] {
        let answer = app.send("POST", "/index.php/core/wipe/check", &body(token)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "[]"), "{token}");
        let answer = app.send("POST", "/index.php/core/wipe/success", &body(token)).await;
        assert_eq!(answer.status, 404, "{token}");
    }
    assert_eq!(app.get("/index.php/core/wipe/check").await.status, 405);
    let done = app.send("POST", "/core/wipe/success", &body(&lost)).await;
    assert_eq!((done.status.as_u16(), done.body.as_str()), (200, "[]"));
    assert_eq!(app.send("POST", "/core/wipe/check", &body(&lost)).await.status, 404);
    assert!(house.auth.tokens_of(&uid("bob")).await.expect("reads").is_empty());
    assert!(who(&house, &basic("alice", &other)).await.is_ok());
}
