//! The chain with previewers that do what they are told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::stream::{Whole, collect};
use tokio::sync::Notify;

use super::*;

/// What a double does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// A picture of the first bytes of the file and of what was wanted.
    Paints,
    Unsupported,
    Broken,
    Unavailable,
    Panics,
    Hangs,
    /// Something that a browser would run.
    Svg,
}

struct Double {
    does: Does,
    media: &'static str,
    max_bytes: u64,
    asked: Mutex<Vec<Wanted>>,
    running: AtomicUsize,
    most: AtomicUsize,
    go_on: Notify,
}

impl Previewer for Double {
    fn types(&self) -> Types {
        Types { media: vec![self.media.to_owned()], max_bytes: self.max_bytes }
    }

    fn render(
        &self,
        mut file: Box<dyn ByteStream>,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Picture, NoPicture>> {
        Box::pin(async move {
            let text = format!("{}x{} {:?} ", wanted.width, wanted.height, wanted.mode);
            self.asked.lock().unwrap().push(wanted);
            let picture = |media_type: &str, bytes: Bytes| {
                Ok(Picture { media_type: media_type.to_owned(), bytes })
            };
            match self.does {
                Does::Paints => {
                    let all = collect(&mut *file, 99).await.unwrap();
                    picture("image/png", [text.as_bytes(), &all].concat().into())
                }
                Does::Unsupported => Err(NoPicture::Unsupported),
                Does::Broken => Err(NoPicture::Broken("cut".to_owned())),
                Does::Unavailable => Err(NoPicture::Unavailable("busy".to_owned())),
                Does::Panics => panic!("a previewer's own fault"),
                Does::Hangs => {
                    let running = self.running.fetch_add(1, SeqCst) + 1;
                    self.most.fetch_max(running, SeqCst);
                    self.go_on.notified().await;
                    self.running.fetch_sub(1, SeqCst);
                    picture("image/png", Bytes::from_static(b"late"))
                }
                Does::Svg => picture("image/svg+xml", Bytes::from_static(b"<svg/>")),
            }
        })
    }
}

fn double(does: Does, media: &'static str, max_bytes: u64) -> Arc<Double> {
    let (asked, running, most, go_on) = Default::default();
    Arc::new(Double { does, media, max_bytes, asked, running, most, go_on })
}

fn previews(doubles: &[&Arc<Double>], settings: PreviewSettings) -> Previews {
    let named = |double: &&Arc<Double>| {
        let previewer: Arc<dyn Previewer> = Arc::clone(double) as _;
        ("double".to_owned(), previewer)
    };
    Previews::new(doubles.iter().map(named).collect(), settings)
}

const SIZE: Size = Size { width: 64, height: 9000, mode: Mode::Fit };

async fn render(previews: &Previews, name: &str, bytes: u64) -> Result<Bytes, NoPreview> {
    let open = || Whole::boxed("pixels");
    previews.render((name, bytes), SIZE, &open).await.map(|picture| picture.bytes)
}

#[test]
fn a_preview_is_promised_where_somebody_reads_the_type() {
    let png = double(Does::Paints, "image/png", 100);
    let settings = PreviewSettings { max_file_bytes: Some(50), ..PreviewSettings::default() };
    let previews = previews(&[&png], settings);
    for (name, size, has) in [
        ("a.png", 50, true),
        ("A.PNG", 1, true),
        ("a.png", 51, false),
        ("a.png", 0, false),
        ("a.jpg", 1, false),
        ("png", 1, false),
    ] {
        assert_eq!(previews.has(name, size), has, "{name} {size}");
        assert!(!Previews::default().has(name, size));
    }
}

#[tokio::test]
async fn the_chain_is_asked_until_somebody_answers() {
    let painted = Ok(Bytes::from_static(b"64x4096 Fit pixels"));
    for (first, expected, second_is_asked) in [
        (Does::Paints, painted.clone(), 0),
        (Does::Unsupported, painted.clone(), 1),
        (Does::Unavailable, painted, 1),
        (Does::Broken, Err(NoPreview::Broken), 0),
        (Does::Panics, Err(NoPreview::Broken), 0),
        (Does::Svg, Err(NoPreview::Broken), 0),
    ] {
        let (one, two) = (double(first, "image/*", 99), double(Does::Paints, "image/png", 99));
        let other = double(Does::Paints, "image/gif", 99);
        let previews = previews(&[&other, &one, &two], PreviewSettings::default());
        assert_eq!(render(&previews, "a.png", 6).await, expected, "{first:?}");
        assert_eq!(two.asked.lock().unwrap().len(), second_is_asked, "{first:?}");
        assert!(other.asked.lock().unwrap().is_empty(), "it reads something else");
    }
    for (only, expected) in
        [(Does::Unsupported, NoPreview::Nobody), (Does::Unavailable, NoPreview::Unavailable)]
    {
        let previews = previews(&[&double(only, "image/png", 99)], PreviewSettings::default());
        assert_eq!(render(&previews, "a.png", 6).await, Err(expected));
    }
    assert_eq!(render(&Previews::default(), "a.png", 6).await, Err(NoPreview::Nobody));
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_and_makes_room() {
    let slow = double(Does::Hangs, "image/png", 99);
    let timeout = Duration::from_millis(30);
    let settings = PreviewSettings { at_once: 1, timeout, ..PreviewSettings::default() };
    let previews = previews(&[&slow], settings);
    for _ in 0..3 {
        assert_eq!(render(&previews, "a.png", 6).await, Err(NoPreview::Broken));
    }
    assert_eq!(previews.0.places.available_permits(), 1);
}

#[tokio::test]
async fn who_waits_too_long_for_a_turn_is_told_to_come_again() {
    let slow = double(Does::Hangs, "image/png", 99);
    let wait = Duration::from_millis(10);
    let settings = PreviewSettings { at_once: 1, wait, ..PreviewSettings::default() };
    let previews = previews(&[&slow], settings);
    let first = previews.clone();
    let first = tokio::spawn(async move { render(&first, "a.png", 6).await });
    while slow.running.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(render(&previews, "a.png", 6).await, Err(NoPreview::Busy));
    slow.go_on.notify_one();
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn no_more_are_made_at_once_than_the_settings_say() {
    let slow = double(Does::Hangs, "image/png", 99);
    let settings = PreviewSettings { at_once: 2, ..PreviewSettings::default() };
    let previews = previews(&[&slow], settings);
    let calls = (0..6).map(|_| {
        let previews = previews.clone();
        tokio::spawn(async move { render(&previews, "a.png", 6).await })
    });
    let calls: Vec<_> = calls.collect();
    // Each that ends lets another one begin.
    for call in calls {
        while !call.is_finished() {
            slow.go_on.notify_one();
            tokio::task::yield_now().await;
        }
        assert_eq!(call.await.unwrap(), Ok(Bytes::from_static(b"late")));
    }
    assert_eq!(slow.most.load(SeqCst), 2);
}
