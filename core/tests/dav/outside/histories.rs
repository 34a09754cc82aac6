//! Apps and others at once: whatever they do, in the end index and disk agree.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use crate::house::House;

/// A small generator of numbers; the seed is in the failure's text.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn path(&mut self) -> String {
        let folder = ["", "a/", "b/", "a/c/"][self.below(4) as usize];
        format!("{folder}{}", ["f", "g", "h"][self.below(3) as usize])
    }

    fn folder(&mut self) -> &'static str {
        ["a", "b", "a/c", "d"][self.below(4) as usize]
    }
}

async fn app(house: &House, dice: &mut Dice) {
    let (one, other) = (dice.path(), dice.path());
    let there = format!("https://cloud.test/remote.php/dav/files/alice/{other}");
    let answer = match dice.below(9) {
        0..=3 => house.ask("PUT", &one, &[], format!("app {}", dice.below(1000))).await,
        4 => house.ask("MOVE", &one, &[("destination", &there)], "").await,
        5 => house.ask("COPY", &one, &[("destination", &there)], "").await,
        6 => house.ask("DELETE", &one, &[], "").await,
        7 => house.ask("MKCOL", dice.folder(), &[], "").await,
        _ => {
            let (from, to) = (dice.folder(), dice.folder());
            let there = format!("https://cloud.test/remote.php/dav/files/alice/{to}");
            house.ask("MOVE", from, &[("destination", &there), ("overwrite", "F")], "").await
        }
    };
    assert_ne!(answer.status, 500, "{answer:?}");
}

fn somebody(house: &House, dice: &mut Dice) {
    let (one, other) = (house.on_disk(&dice.path()), house.on_disk(&dice.path()));
    // Many of these fail, as they do when people work on what others move away.
    let _outcome = match dice.below(8) {
        0..=2 => fs::write(one, format!("disk {}", dice.below(1000))),
        3 => fs::rename(one, other),
        4 => fs::remove_file(one),
        5 => fs::create_dir(house.on_disk(dice.folder())),
        6 => fs::rename(house.on_disk(dice.folder()), house.on_disk(dice.folder())),
        _ => fs::remove_dir_all(house.on_disk(dice.folder())),
    };
}

async fn history(seed: u64) {
    let house = Arc::new(House::seeing().await);
    let over = Arc::new(AtomicBool::new(false));
    let scanning = tokio::spawn({
        let (house, over) = (Arc::clone(&house), Arc::clone(&over));
        async move {
            while !over.load(SeqCst) {
                house.scan().await;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    });
    let mut tasks = Vec::new();
    for worker in 0..3 {
        let house = Arc::clone(&house);
        tasks.push(tokio::spawn(async move {
            let mut dice = Dice(seed * 10 + worker);
            for _ in 0..60 {
                match worker {
                    0 | 1 => app(&house, &mut dice).await,
                    _ => somebody(&house, &mut dice),
                }
                tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    over.store(true, SeqCst);
    scanning.await.unwrap();
    house.publisher.settle(true).await;
    house.scan().await;
    assert_eq!(house.scan().await.0.all(), 0, "seed {seed}: a second look finds nothing");
    assert_eq!(house.problems().await, [], "seed {seed}");
    for (path, row) in house.rows().await {
        if !row.is_folder() {
            let bytes = house.bytes(path.trim_start_matches('/')).await;
            assert_eq!(bytes, fs::read(house.on_disk(path.trim_start_matches('/'))).unwrap());
        }
    }
    assert_eq!(house.strays().await, [""; 0], "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_and_others_at_once_end_in_agreement() {
    for seed in 0..12 {
        history(seed).await;
    }
}
