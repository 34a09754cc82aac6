//! Folders of other storages in users' homes, as the apps see them.

#[path = "mounts/away.rs"]
mod away;
#[path = "mounts/carried.rs"]
mod carried;
#[path = "mounts/homes.rs"]
mod homes;
#[path = "mounts/seen.rs"]
mod seen;
#[path = "mounts/written.rs"]
mod written;

use std::path::PathBuf;

use crate::house::{Grafted, House};

const PROPS: &str = r#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns"><d:prop>
<d:getetag/><d:displayname/><oc:fileid/><oc:permissions/><oc:size/><nc:mount-type/><nc:is-mount-root/><d:quota-available-bytes/>
</d:prop></d:propfind>"#;

/// What a listing says of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    href: String,
    etag: String,
    id: String,
    name: String,
    letters: String,
    mount_type: String,
    root: String,
}

impl House {
    async fn music() -> Self {
        Self::mounting(&[Grafted::at("Music")]).await
    }

    fn on_mount(&self, path: &str) -> PathBuf {
        self.folder.path().join("mount1").join(path)
    }

    /// A listing of somebody's.
    async fn list(&self, who: &str, target: &str, depth: &str) -> Vec<Row> {
        let answer = self.ask_as(who, "PROPFIND", target, &[("depth", depth)], PROPS).await;
        assert_eq!(answer.status, 207, "{target}: {answer:?}");
        let field = |response: &str, name: &str| {
            let begun = response.split_once(&format!("<{name}>"));
            let text = begun.and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
            text.map_or(String::new(), |(text, _)| text.to_owned())
        };
        let responses = answer.text().split("<d:response>").skip(1);
        let rows = responses.map(|response| Row {
            href: field(response, "d:href"),
            etag: field(response, "d:getetag"),
            id: field(response, "oc:fileid"),
            name: field(response, "d:displayname"),
            letters: field(response, "oc:permissions"),
            mount_type: field(response, "nc:mount-type"),
            root: field(response, "nc:is-mount-root"),
        });
        rows.collect()
    }

    async fn row(&self, who: &str, target: &str) -> Row {
        self.list(who, target, "0").await.remove(0)
    }

    async fn status(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> u16 {
        self.ask(method, target, fields, "").await.status
    }
}

fn to(target: &str) -> String {
    format!("/remote.php/dav/files/alice/{target}")
}
