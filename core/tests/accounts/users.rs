//! The rules of making, changing and removing users and groups.

use moonsail::auth::{AccountError, By, NewUser, UserChange};
use moonsail_sdk::secret::Secret;

use crate::house::{House, PASSWORD, asking, basic};

fn new(uid: &str, password: &str) -> NewUser {
    NewUser { uid: uid.to_owned(), password: Some(Secret::new(password)), ..NewUser::default() }
}

#[tokio::test]
async fn user_ids_are_unique_for_ever_and_in_any_case() {
    let house = House::new().await;
    for uid in ["", ".", "..", ".hidden", "a/b", "a b", "é", &"x".repeat(65)] {
        let got = house.auth.create_user(new(uid, "long enough")).await;
        assert!(matches!(got, Err(AccountError::BadUid)), "{uid:?}");
    }
    let taken = house.auth.create_user(new("ALICE", "long enough")).await;
    assert!(matches!(taken, Err(AccountError::UidTaken)), "{taken:?}");
    house.auth.delete_user(&By::console(), "bob").await.expect("is removed");
    let reborn = house.auth.create_user(new("Bob", "long enough")).await;
    assert!(matches!(reborn, Err(AccountError::UidTaken)), "{reborn:?}");
    let gone = house.auth.delete_user(&By::console(), "bob").await;
    assert!(matches!(gone, Err(AccountError::NoSuchUser)), "{gone:?}");
}

#[tokio::test]
async fn passwords_have_a_shortest_and_a_longest_length() {
    let house = House::new().await;
    let weak = house.auth.create_user(new("carol", "1234567")).await;
    assert!(matches!(weak, Err(AccountError::WeakPassword { min: 8 })), "{weak:?}");
    let long = house.auth.create_user(new("carol", &"x".repeat(5000))).await;
    assert!(matches!(long, Err(AccountError::LongPassword)), "{long:?}");
    let unicode = house.auth.create_user(new("carol", "pässwört")).await;
    assert!(unicode.is_ok(), "eight characters, {unicode:?}");
    let weak = house.auth.set_password(&By::console(), "carol", &Secret::new("short")).await;
    assert!(matches!(weak, Err(AccountError::WeakPassword { .. })), "{weak:?}");
    let nobody =
        house.auth.set_password(&By::console(), "nobody", &Secret::new("long enough")).await;
    assert!(matches!(nobody, Err(AccountError::NoSuchUser)), "{nobody:?}");
}

#[tokio::test]
async fn a_mail_address_names_one_account() {
    let house = House::new().await;
    for email in ["alice@example.org", "Alice@Example.ORG"] {
        let change = UserChange::Email(Some(email.to_owned()));
        let got = house.auth.change_user(&By::console(), "bob", change).await;
        assert!(matches!(got, Err(AccountError::EmailTaken)), "{email} {got:?}");
    }
    // Nor may an address be somebody's user id: it would log in as two.
    house.add("carol@example.org", "long enough", None, false).await;
    let change = UserChange::Email(Some("carol@example.org".to_owned()));
    let got = house.auth.change_user(&By::console(), "bob", change).await;
    assert!(matches!(got, Err(AccountError::EmailTaken)), "{got:?}");
    let change = UserChange::Email(Some("bob@example.org".to_owned()));
    house.auth.change_user(&By::console(), "bob", change).await.expect("is changed");
    house
        .auth
        .change_user(&By::console(), "bob", UserChange::Email(None))
        .await
        .expect("is removed");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let house = House::new().await;
    let last = |got: Result<(), AccountError>| {
        assert!(matches!(got, Err(AccountError::LastAdmin)), "{got:?}");
    };
    last(house.auth.change_user(&By::console(), "alice", UserChange::Admin(false)).await);
    last(house.auth.change_user(&By::console(), "alice", UserChange::Enabled(false)).await);
    last(house.auth.delete_user(&By::console(), "alice").await.map(|_| ()));
    house
        .auth
        .change_user(&By::console(), "bob", UserChange::Admin(true))
        .await
        .expect("is changed");
    house.auth.delete_user(&By::console(), "alice").await.expect("is removed");
    last(house.auth.change_user(&By::console(), "bob", UserChange::Admin(false)).await);
}

#[tokio::test]
async fn changes_are_seen_by_the_next_request_of_a_known_token() {
    let house = House::new().await;
    let token = crate::tokens::token(&house, "bob").await;
    let ask = asking(&basic("bob", &token), crate::house::HOME);
    let who = async || house.auth.authenticate(&ask).await.expect("is let in").expect("somebody");
    assert_eq!((who().await.quota, who().await.admin), (None, false));
    for change in [
        UserChange::Quota(Some(1000)),
        UserChange::DisplayName("Bob B.".to_owned()),
        UserChange::Admin(true),
    ] {
        house.auth.change_user(&By::console(), "bob", change).await.expect("is changed");
    }
    let bob = who().await;
    assert_eq!((bob.quota, bob.display_name.as_str(), bob.admin), (Some(1000), "Bob B.", true));
    for change in [
        UserChange::DisplayName(String::new()),
        UserChange::DisplayName("a\nb".to_owned()),
        UserChange::Language("../x".to_owned()),
        UserChange::Email(Some("not an address".to_owned())),
    ] {
        let got = house.auth.change_user(&By::console(), "bob", change).await;
        assert!(matches!(got, Err(AccountError::BadValue(_))), "{got:?}");
    }
}

#[tokio::test]
async fn groups_have_members() {
    let house = House::new().await;
    house.auth.create_group(&By::console(), "staff").await.expect("is made");
    let again = house.auth.create_group(&By::console(), "staff").await;
    assert!(matches!(again, Err(AccountError::GroupTaken)), "{again:?}");
    house.auth.set_member(&By::console(), "staff", "ALICE", true).await.expect("is added");
    let nobody = house.auth.set_member(&By::console(), "staff", "nobody", true).await;
    assert!(matches!(nobody, Err(AccountError::NoSuchUser)), "{nobody:?}");
    let nowhere = house.auth.set_member(&By::console(), "nowhere", "alice", true).await;
    assert!(matches!(nowhere, Err(AccountError::NoSuchGroup)), "{nowhere:?}");
    let members = house.auth.group_members("staff").await.expect("exists");
    assert_eq!(members.iter().map(|uid| uid.as_str()).collect::<Vec<_>>(), ["alice"]);
    house.auth.delete_group(&By::console(), "staff").await.expect("is removed");
    let gone = house.auth.group_members("staff").await;
    assert!(matches!(gone, Err(AccountError::NoSuchGroup)), "{gone:?}");
    assert_eq!(house.auth.list_users("ALI", 10, 0).await.expect("reads").len(), 1);
    let alice = asking(&basic("alice", PASSWORD), crate::house::HOME);
    assert!(house.auth.authenticate(&alice).await.is_ok(), "members stay");
}

/// Whoever logs in by a mail address must not become somebody else when an id is made of it.
#[tokio::test]
async fn a_user_id_is_nobodys_mail_address() {
    let house = House::new().await;
    for uid in ["alice@example.org", "ALICE@example.ORG"] {
        let got = house.auth.create_user(new(uid, "long enough")).await;
        assert!(matches!(got, Err(AccountError::UidIsEmail)), "{uid} {got:?}");
    }
    let by_mail = asking(&basic("alice@example.org", PASSWORD), crate::house::HOME);
    let who = house.auth.authenticate(&by_mail).await.expect("is let in").expect("somebody");
    assert_eq!(who.uid.as_str(), "alice");
}

/// That an address is refused tells that somebody here has it: nobody may ask through a list.
#[tokio::test]
async fn addresses_of_others_are_asked_for_as_often_as_passwords() {
    let house = House::new().await;
    let by = By::console();
    let bob = house.auth.find_user("bob").await.expect("reads").expect("exists").uid;
    let set =
        async |email: &str| house.auth.change_own_email(&by, &bob, Some(email.to_owned())).await;
    for number in 0..20 {
        set(&format!("bob{number}@example.org")).await.expect("own addresses are no guesses");
    }
    for number in 0..10 {
        let got = set("alice@example.org").await;
        assert!(matches!(got, Err(AccountError::EmailTaken)), "guess {number}: {got:?}");
    }
    for email in ["alice@example.org", "nobody@example.org"] {
        let got = set(email).await;
        assert!(matches!(got, Err(AccountError::Throttled { .. })), "{email}: {got:?}");
    }
    house.wait(30 * 60);
    set("bob@example.org").await.expect("half an hour later");
}
