//! Previews as the apps ask for them, with a previewer that does what the file says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use moonsail::config::Settings;
use moonsail::ext::Extensions;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::preview::{NoPicture, Picture, Previewer, Types, Wanted};
use moonsail_sdk::stream::{ByteStream, collect};

use crate::house::{Open, open};

/// Paints the bytes of the file and the box.
#[derive(Default)]
struct Painter {
    asked: Arc<AtomicUsize>,
}

impl Previewer for Painter {
    fn types(&self) -> Types {
        Types { media: vec!["image/png".to_owned()], max_bytes: 1000 }
    }

    fn render(
        &self,
        mut file: Box<dyn ByteStream>,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Picture, NoPicture>> {
        self.asked.fetch_add(1, SeqCst);
        Box::pin(async move {
            let all = collect(&mut *file, 1000).await.unwrap();
            match &all[..] {
                b"broken" => return Err(NoPicture::Broken("as asked".to_owned())),
                b"panic" => panic!("as asked"),
                b"hang" => std::future::pending().await,
                b"busy" => return Err(NoPicture::Unavailable("as asked".to_owned())),
                _ => {}
            }
            let Wanted { width, height, mode, .. } = wanted;
            let text = format!("{} {width}x{height} {mode:?}", String::from_utf8_lossy(&all));
            Ok(Picture { media_type: "image/png".to_owned(), bytes: Bytes::from(text) })
        })
    }
}

async fn bed() -> (tempfile::TempDir, Open, Arc<AtomicUsize>) {
    let folder = tempfile::tempdir().unwrap();
    let painter = Painter::default();
    let asked = Arc::clone(&painter.asked);
    let painter: Arc<dyn Previewer> = Arc::new(painter);
    let guests =
        Extensions { previewers: vec![("painter".to_owned(), painter)], ..Extensions::default() };
    let mut settings = Settings::default();
    settings.previews.timeout = Duration::from_millis(300);
    settings.previews.max_side = 100;
    let open = open(folder.path(), guests, settings).await;
    (folder, open, asked)
}

/// The id of a file of alice's, and what its `nc:has-preview` says.
async fn look(open: &Open, path: &str) -> (String, String) {
    let target = format!("/remote.php/dav/files/alice/{path}");
    let body = r#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"
        xmlns:nc="http://nextcloud.org/ns"><d:prop><oc:fileid/><nc:has-preview/></d:prop></d:propfind>"#;
    let answer = open.ask(&open.alice, "PROPFIND", &target, &[("depth", "0")], body).await;
    let text = answer.text();
    let inside = |tag: &str| {
        let start = text.split(&format!("<{tag}>")).nth(1).unwrap_or_default();
        start.split('<').next().unwrap_or_default().to_owned()
    };
    (inside("oc:fileid"), inside("nc:has-preview"))
}

#[tokio::test]
async fn the_apps_urls_give_the_picture_of_the_file() {
    let (_folder, open, _) = bed().await;
    assert_eq!(open.put("a%20b.png", "moon").await.status, 201);
    let (id, has) = look(&open, "a%20b.png").await;
    assert_eq!(has, "true");
    for (target, expected) in [
        (
            format!("/index.php/core/preview?fileId={id}&x=64&y=32&a=1&mode=cover&forceIcon=0"),
            "moon 64x32 Cover",
        ),
        (format!("/core/preview?fileId={id}&x=64&y=9999&a=1"), "moon 64x100 Fit"),
        (format!("/core/preview?fileId={id}"), "moon 32x32 Crop"),
        ("/index.php/core/preview.png?file=/a%20b.png&x=5&y=6".to_owned(), "moon 5x6 Crop"),
        ("/index.php/apps/files/api/v1/thumbnail/7/8/a%20b.png".to_owned(), "moon 7x8 Crop"),
    ] {
        let cookies = [("cookie", "nc_sameSiteCookielax=true;nc_sameSiteCookiestrict=true")];
        let answer = open.ask(&open.alice, "GET", &target, &cookies, "").await;
        assert_eq!((answer.status, answer.text()), (200, expected), "{target}");
        for (name, value) in [
            ("content-type", "image/png"),
            ("cache-control", "private, max-age=86400"),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ] {
            assert_eq!(answer.header(name), value, "{target}");
        }
    }
    open.close().await;
}

#[tokio::test]
async fn a_picture_is_made_anew_only_when_the_file_or_the_box_changes() {
    let (_folder, open, asked) = bed().await;
    assert_eq!(open.put("a.png", "moon").await.status, 201);
    let (id, _) = look(&open, "a.png").await;
    let at = |x: u32| format!("/core/preview?fileId={id}&x={x}&y=8");
    let first = open.ask(&open.alice, "GET", &at(8), &[], "").await;
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let held = [("if-none-match", etag.as_str())];
    let again = open.ask(&open.alice, "GET", &at(8), &held, "").await;
    assert_eq!((again.status, again.header("etag")), (304, etag.as_str()));
    assert_eq!(asked.load(SeqCst), 1);
    assert_eq!(open.ask(&open.alice, "GET", &at(9), &held, "").await.status, 200);
    assert_eq!(open.put("a.png", "sun").await.status, 204);
    let newer = open.ask(&open.alice, "GET", &at(8), &held, "").await;
    assert_eq!((newer.status, newer.text()), (200, "sun 8x8 Crop"));
    open.close().await;
}

#[tokio::test]
async fn what_has_no_preview_is_404_and_says_so_before() {
    let (_folder, open, asked) = bed().await;
    for (name, bytes, has, status, made) in [
        ("a.txt", "moon".to_owned(), "false", 404, 0),
        ("large.png", "x".repeat(1001), "false", 404, 0),
        ("empty.png", String::new(), "false", 404, 0),
        ("broken.png", "broken".to_owned(), "true", 404, 1),
        ("panic.png", "panic".to_owned(), "true", 404, 1),
        ("hang.png", "hang".to_owned(), "true", 404, 1),
        ("busy.png", "busy".to_owned(), "true", 503, 1),
        ("good.png", "good".to_owned(), "true", 200, 1),
    ] {
        asked.store(0, SeqCst);
        assert_eq!(open.put(name, bytes).await.status, 201, "{name}");
        let (id, promised) = look(&open, name).await;
        assert_eq!(promised, has, "{name}");
        let target = format!("/core/preview?fileId={id}&x=8&y=8");
        let answer = open.ask(&open.alice, "GET", &target, &[], "").await;
        assert_eq!((answer.status, asked.load(SeqCst)), (status, made), "{name}: {answer:?}");
    }
    let mkcol = open.ask(&open.alice, "MKCOL", "/remote.php/dav/files/alice/d.png", &[], "").await;
    assert_eq!(mkcol.status, 201);
    let (id, has) = look(&open, "d.png").await;
    assert_eq!(has, "false");
    for target in [
        format!("/core/preview?fileId={id}&x=8&y=8"),
        "/core/preview?fileId=999999&x=8&y=8".to_owned(),
        "/core/preview?fileId=x".to_owned(),
        "/core/preview".to_owned(),
        "/core/preview.png?file=/missing.png&x=8&y=8".to_owned(),
        "/apps/files/api/v1/thumbnail/0/8/good.png".to_owned(),
    ] {
        let answer = open.ask(&open.alice, "GET", &target, &[], "").await;
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
    }
    open.close().await;
}

#[tokio::test]
async fn nobody_sees_a_picture_of_what_they_may_not_see() {
    let (_folder, open, asked) = bed().await;
    let mkcol = open.ask(&open.alice, "MKCOL", "/remote.php/dav/files/alice/d", &[], "").await;
    assert_eq!(mkcol.status, 201);
    assert_eq!(open.put("a.png", "moon").await.status, 201);
    assert_eq!(open.put("d/b.png", "moon").await.status, 201);
    let ids = [look(&open, "a.png").await.0, look(&open, "d/b.png").await.0];
    let scoped = open.token("alice", true, Some("d")).await;
    let wrong = "Basic YWxpY2U6d3Jvbmc=";
    for (login, statuses, paths) in [
        (open.alice.as_str(), [200, 200], [200, 200]),
        (scoped.as_str(), [404, 200], [404, 200]),
        (open.admin.as_str(), [404, 404], [404, 404]),
        ("", [401, 401], [401, 401]),
        (wrong, [401, 401], [401, 401]),
    ] {
        for (index, path) in ["a.png", "d/b.png"].into_iter().enumerate() {
            let by_id = format!("/core/preview?fileId={}&x=8&y=8", ids[index]);
            let by_path = format!("/index.php/apps/files/api/v1/thumbnail/8/8/{path}");
            asked.store(0, SeqCst);
            for (target, status) in [(by_id, statuses[index]), (by_path, paths[index])] {
                let answer = open.ask(login, "GET", &target, &[], "").await;
                assert_eq!(answer.status, status, "{login} {target}");
            }
            let expected = if statuses[index] == 200 { 2 } else { 0 };
            assert_eq!(asked.load(SeqCst), expected, "{login} {path}");
        }
    }
    assert_eq!(open.ask(&open.alice, "POST", "/core/preview", &[], "").await.status, 405);
    open.close().await;
}
