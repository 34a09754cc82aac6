//! Many clients at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::house::House;
use moonsail::wire::Body;

const FILES: &str = "/remote.php/dav/files/alice";
const UPLOADS: &str = "/remote.php/dav/uploads/alice";

/// Statuses of requests sent at once, by number.
async fn at_once<F>(count: usize, request: impl Fn(usize) -> F) -> Vec<u16>
where
    F: Future<Output = u16> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(request(number))).collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses
}

fn count(statuses: &[u16]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    statuses.iter().for_each(|status| *counts.entry(*status).or_default() += 1);
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_conditional_writers_one_wins() {
    let house = Arc::new(House::new().await);
    for round in 0..10 {
        let target = format!("f{round}");
        let etag = house.put(&target, "old").await.header("etag").to_owned();
        for condition in [("if-match", etag), ("if-none-match", "*".to_owned())] {
            let target =
                if condition.0 == "if-match" { target.clone() } else { format!("n{round}") };
            let statuses = at_once(16, |number| {
                let (house, target, condition) =
                    (Arc::clone(&house), target.clone(), condition.clone());
                async move {
                    let fields = [(condition.0, condition.1.as_str())];
                    house.ask("PUT", &target, &fields, format!("{number}")).await.status
                }
            })
            .await;
            let winners: Vec<usize> = (0..16).filter(|at| statuses[*at] < 300).collect();
            assert_eq!(winners.len(), 1, "{statuses:?}");
            assert!(
                statuses.iter().all(|status| matches!(status, 201 | 204 | 412)),
                "{statuses:?}"
            );
            assert_eq!(house.bytes(&target).await, format!("{}", winners[0]));
        }
        let statuses = at_once(16, |_| {
            let (house, target) = (Arc::clone(&house), format!("d{round}"));
            async move { house.ask("MKCOL", &target, &[], "").await.status }
        })
        .await;
        assert_eq!(count(&statuses), BTreeMap::from([(201, 1), (405, 15)]));
    }
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_arrive_in_a_folder_on_its_way_are_at_one_place() {
    let house = Arc::new(House::new().await);
    for round in 0..10 {
        let (old, new) = (format!("old{round}"), format!("new{round}"));
        house.mkcol(&old).await;
        let statuses = at_once(24, |number| {
            let (house, old, new) = (Arc::clone(&house), old.clone(), new.clone());
            async move {
                if number == 12 {
                    let destination = format!("{FILES}/{new}");
                    return house
                        .ask("MOVE", &old, &[("destination", &destination)], "")
                        .await
                        .status;
                }
                let target = format!("{old}/f{number}");
                house.ask("PUT", &target, &[], format!("{number}")).await.status
            }
        })
        .await;
        assert_eq!(statuses[12], 201);
        for number in (0..24).filter(|number| *number != 12) {
            let there = house.ask("GET", &format!("{new}/f{number}"), &[], "").await;
            match statuses[number] {
                201 => assert_eq!(there.body, format!("{number}")),
                409 | 404 => assert_eq!(there.status, 404),
                other => panic!("{other}"),
            }
        }
        assert_eq!(house.ask("HEAD", &old, &[], "").await.status, 404);
        let statuses = at_once(12, |number| {
            let (house, new) = (Arc::clone(&house), new.clone());
            async move {
                match number {
                    6 => house.ask("DELETE", &new, &[], "").await.status,
                    _ => house.ask("PUT", &format!("{new}/g{number}"), &[], "x").await.status,
                }
            }
        })
        .await;
        assert!(
            statuses.iter().all(|status| matches!(status, 201 | 204 | 404 | 409)),
            "{statuses:?}"
        );
        assert_eq!(house.ask("HEAD", &new, &[], "").await.status, 404);
    }
    house.publisher.settle(true).await;
    assert_eq!(house.strays().await, Vec::<String>::new());
    assert_eq!(std::fs::read_dir(house.folder.path().join("files/alice")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(house.folder.path().join("kept")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_whole_contents_that_match_their_etags() {
    let house = Arc::new(House::new().await);
    // Sizes that are answered whole, and streamed.
    for size in [10, 700_000] {
        let content = move |number: u8| vec![number; size + usize::from(number)];
        house.put("f", content(0)).await;
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let house = Arc::clone(&house);
                tokio::spawn(async move {
                    let mut seen = Vec::new();
                    for _ in 0..60 {
                        let answer = house.ask("GET", "f", &[], "").await;
                        assert_eq!(answer.status, 200, "{:?}", answer.headers);
                        let number = answer.body[0];
                        assert_eq!(answer.body.len(), size + usize::from(number));
                        assert!(answer.body.iter().all(|byte| *byte == number), "torn");
                        seen.push((answer.header("etag").to_owned(), number));
                    }
                    seen
                })
            })
            .collect();
        let mut written = BTreeMap::new();
        for number in 0..100 {
            let etag = house.put("f", content(number)).await.header("etag").to_owned();
            written.insert(etag, number);
        }
        for reader in readers {
            for (etag, number) in reader.await.unwrap() {
                assert_eq!(written.get(&etag).copied().unwrap_or(0), number, "{etag}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_uploads_do_not_pass_the_quota_together() {
    let house = Arc::new(House::new().await);
    house.quota(1000).await;
    let statuses = at_once(20, |number| {
        let house = Arc::clone(&house);
        async move { house.ask("PUT", &format!("f{number}"), &[], vec![b'x'; 150]).await.status }
    })
    .await;
    assert_eq!(count(&statuses), BTreeMap::from([(201, 6), (507, 14)]));
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_one_transfer_come_in_parallel() {
    let house = Arc::new(House::new().await);
    for round in 0..10 {
        let folder = format!("{UPLOADS}/t{round}");
        house.at("MKCOL", &folder, &[], Body::from_bytes("")).await;
        let statuses = at_once(12, |number| {
            let (house, target) = (Arc::clone(&house), format!("{folder}/{}", number + 1));
            let body = vec![number as u8; 1000 + number * 7];
            async move { house.at("PUT", &target, &[], Body::from_bytes(body)).await.status }
        })
        .await;
        assert_eq!(count(&statuses), BTreeMap::from([(201, 12)]));
        // Of closing moves to several places at once, one makes a file.
        let statuses = at_once(4, |number| {
            let (house, target) = (Arc::clone(&house), format!("{folder}/.file"));
            let destination = format!("{FILES}/r{round}-{number}");
            async move {
                let fields = [("destination", destination.as_str())];
                match number {
                    3 => {
                        house
                            .at(
                                "DELETE",
                                target.trim_end_matches("/.file"),
                                &[],
                                Body::from_bytes(""),
                            )
                            .await
                            .status
                    }
                    _ => house.at("MOVE", &target, &fields, Body::from_bytes("")).await.status,
                }
            }
        })
        .await;
        let won: Vec<usize> = (0..4).filter(|at| statuses[*at] < 300).collect();
        assert_eq!(won.len(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 204 | 404)), "{statuses:?}");
        house.publisher.settle(true).await;
        if won[0] != 3 {
            let wanted: Vec<u8> = (0..12).flat_map(|n| vec![n as u8; 1000 + n * 7]).collect();
            assert!(house.bytes(&format!("r{round}-{}", won[0])).await == wanted);
        }
        assert_eq!(house.strays().await, Vec::<String>::new());
    }
}
