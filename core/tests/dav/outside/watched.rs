//! The keeper at work: changes are seen without being asked for.

use std::fs;
use std::time::{Duration, Instant};

use crate::house::House;

/// Longer than any look takes; a change that is not seen by then is not seen.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits until what is asked holds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < LIMIT, "{what} is not seen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_seen_while_they_happen() {
    let house = House::seeing().await;
    house.mkcol("a").await;
    house.put("a/f", "old").await;
    house.publisher.settle(true).await;
    let keeping = tokio::spawn(house.keeper.clone().run());
    house.write_outside("a/new", "new");
    until("a new file", || async { house.ask("GET", "a/new", &[], "").await.status == 200 }).await;
    let root = house.rows().await[""].etag();
    house.write_outside("a/f", "edited");
    until("an edit", || async { house.rows().await[""].etag() != root }).await;
    house.write_outside("deep/er/and/deeper", "x");
    until("a deep tree", || async {
        house.ask("GET", "deep/er/and/deeper", &[], "").await.status == 200
    })
    .await;
    let id = house.rows().await["/a/f"].id;
    fs::rename(house.on_disk("a"), house.on_disk("b")).unwrap();
    until("a rename", || async { house.rows().await.get("/b/f").is_some_and(|it| it.id == id) })
        .await;
    house.write_outside("b/f", "edited below a new name");
    until("an edit below it", || async {
        house.ask("GET", "b/f", &[], "").await.text() == "edited below a new name"
    })
    .await;
    fs::remove_dir_all(house.on_disk("deep")).unwrap();
    until("a deletion", || async { !house.rows().await.contains_key("/deep") }).await;
    keeping.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_made_while_no_server_ran_are_seen_after_the_start() {
    let house = House::seeing().await;
    house.mkcol("a").await;
    house.mkcol("z").await;
    house.put("z/f", "old").await;
    house.publisher.settle(true).await;
    let id = house.rows().await["/z/f"].id;
    fs::rename(house.on_disk("z/f"), house.on_disk("a/f")).unwrap();
    house.write_outside("new", "x");
    let keeping = tokio::spawn(house.keeper.clone().run());
    until("the rename", || async { house.rows().await.get("/a/f").is_some_and(|it| it.id == id) })
        .await;
    until("the new file", || async { house.rows().await.contains_key("/new") }).await;
    until("the loss", || async { !house.rows().await.contains_key("/z/f") }).await;
    keeping.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_the_middle_of_a_move_does_not_cost_the_id() {
    let house = House::seeing().await;
    for folder in ["from", "to"] {
        house.mkcol(folder).await;
    }
    for number in 0..1500 {
        house.write_outside(&format!("from/{number}"), format!("bytes of {number}"));
    }
    let keeping = tokio::spawn(house.keeper.clone().run());
    until("the files", || async { house.rows().await.len() == 1503 }).await;
    let before = house.rows().await;
    for number in 0..1500 {
        let name = number.to_string();
        fs::rename(house.on_disk("from").join(&name), house.on_disk("to").join(&name)).unwrap();
        if number % 50 == 0 {
            let answer = house.ask("GET", &format!("from/{name}"), &[], "").await;
            assert!(matches!(answer.status, 404 | 503), "{answer:?}");
        }
    }
    until("all moves", || async {
        let rows = house.rows().await;
        rows.len() == 1503 && !rows.keys().any(|path| path.starts_with("/from/"))
    })
    .await;
    let after = house.rows().await;
    let moved = (0..1500).filter(|number| {
        before[&format!("/from/{number}")].id == after[&format!("/to/{number}")].id
    });
    assert_eq!(moved.count(), 1500, "ids that were kept");
    keeping.abort();
}
