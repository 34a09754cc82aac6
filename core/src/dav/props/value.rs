//! What each live property says of a resource.

use super::rights::Rights;
use super::{Live, Viewer};
use crate::proto::dates::{clamp_seconds, write_http_date, write_iso8601};
use crate::proto::dav::{Response, SUPPORTED_LOCK, Tag, active_locks};
use crate::proto::media_type::media_type_of;
use crate::store::locks::{Lock, LockType};
use crate::tree::{Graft, Listed};

use crate::dav::lock_view::wire_locks;

/// Whether a resource has the property.
pub(super) fn is_there(live: Live, listed: &Listed) -> bool {
    let folder = listed.node.is_folder();
    match live {
        Live::ContentType | Live::UploadTime => !folder,
        Live::Checksums => !folder && !listed.node.checksums.is_empty(),
        Live::QuotaAvailable | Live::QuotaUsed | Live::RichWorkspace => folder,
        Live::SetLastModified => false,
        Live::DataFingerprint => true,
        Live::Lock
        | Live::LockOwner
        | Live::LockOwnerDisplayName
        | Live::LockOwnerEditor
        | Live::LockOwnerType
        | Live::LockTime
        | Live::LockTimeout
        | Live::LockToken => !folder && !listed.locks.is_empty(),
        _ => true,
    }
}

/// Writes the property; `false` if the resource does not have it.
pub(super) fn write(
    live: Live,
    out: &mut Response<'_>,
    tag: &Tag,
    viewer: &Viewer,
    listed: &Listed,
) -> bool {
    if !is_there(live, listed) {
        return false;
    }
    let node = &listed.node;
    match live {
        Live::ResourceType => out.raw(tag, if node.is_folder() { "<d:collection/>" } else { "" }),
        Live::LastModified => out.text(tag, &write_http_date(clamp_seconds(node.mtime))),
        // Folders have it too: older mobile apps want a number here (clients.md §11).
        Live::ContentLength | Live::Size | Live::QuotaUsed => out.number(tag, signed(node.size)),
        Live::ContentType => out.text(tag, media_type_of(&node.name)),
        Live::Etag => out.quoted(tag, &listed.etag().0),
        Live::DisplayName => out.text(tag, shown_name(viewer, listed)),
        Live::CreationDate => out.text(tag, &write_creation(node.created)),
        // COMPAT(all): -3 is unlimited; what a mount has left is told inside of it.
        Live::QuotaAvailable => match listed.graft {
            Some(Graft::Root { .. }) => out.number(tag, -3),
            _ => out.number(tag, viewer.available),
        },
        Live::Id => out.text(tag, &viewer.instance.file_id(node.id)),
        Live::FileId => out.number(tag, node.id.0),
        Live::Permissions => out.text(tag, Rights::of(viewer, listed).letters()),
        Live::Favorite => out.number(tag, listed.favorite.into()),
        Live::OwnerId => out.text(tag, &viewer.uid),
        Live::OwnerDisplayName => out.text(tag, &viewer.display_name),
        Live::CommentsUnread => out.number(tag, 0),
        Live::ShareTypes | Live::Tags | Live::Sharees | Live::SystemTags => out.empty(tag),
        Live::Checksums => {
            // Hexadecimal digits, names and blanks: nothing to escape.
            out.raw(tag, &["<oc:checksum>", &node.checksums, "</oc:checksum>"].concat());
        }
        Live::DataFingerprint => out.text(tag, &viewer.fingerprint),
        Live::PrivateLink => {
            out.text(tag, &format!("{}/index.php/f/{}", viewer.base_url, node.id));
        }
        Live::HasPreview => {
            let has = !node.is_folder() && viewer.previews.has(&node.name, node.size);
            out.text(tag, if has { "true" } else { "false" });
        }
        Live::Hidden => out.text(tag, "false"),
        Live::IsMountRoot => match Rights::of(viewer, listed) {
            Rights::MountRoot { .. } => out.text(tag, "true"),
            _ => out.text(tag, "false"),
        },
        Live::MountType => match Rights::of(viewer, listed) {
            Rights::MountRoot { .. } | Rights::InMount { .. } => out.text(tag, "external"),
            _ => out.text(tag, ""),
        },
        Live::RichWorkspace => out.text(tag, ""),
        Live::CreationTime => out.number(tag, node.created.unwrap_or(0)),
        Live::UploadTime => out.number(tag, node.uploaded),
        Live::CurrentUserPrincipal => {
            let user = crate::path::encode_href(&viewer.uid);
            let href = format!("<d:href>/remote.php/dav/principals/users/{user}/</d:href>");
            out.raw(tag, &href);
        }
        Live::SharePermissions => out.number(tag, Rights::of(viewer, listed).share_bits()),
        Live::MeshPermissions => match Rights::of(viewer, listed) {
            Rights::Own { .. } | Rights::AboveMounts { .. } => {
                out.text(tag, r#"["share","read","write"]"#);
            }
            Rights::MountRoot { writes: true } | Rights::InMount { writes: true, .. } => {
                out.text(tag, r#"["read","write"]"#);
            }
            _ => out.text(tag, r#"["read"]"#),
        },
        Live::SupportedLock => out.raw(tag, SUPPORTED_LOCK),
        Live::LockDiscovery => {
            let locks = wire_locks(&listed.locks, &viewer.base, &viewer.uid, viewer.now);
            let views: Vec<_> = locks.iter().map(|lock| lock.view()).collect();
            out.raw(tag, &active_locks(&views));
        }
        Live::SetLastModified => return false,
        lock_property => return write_lock(lock_property, out, tag, viewer, listed),
    }
    true
}

/// The apps' lock properties (clients.md §17), of the first lock.
fn write_lock(
    live: Live,
    out: &mut Response<'_>,
    tag: &Tag,
    viewer: &Viewer,
    listed: &Listed,
) -> bool {
    let Some((_, lock)) = listed.locks.first() else { return false };
    match live {
        Live::Lock => out.number(tag, 1),
        Live::LockOwner => out.text(tag, lock.user.as_str()),
        Live::LockOwnerDisplayName => out.text(tag, owner_name(viewer, lock)),
        Live::LockOwnerEditor => out.text(tag, ""),
        Live::LockOwnerType => out.number(tag, if lock.kind == LockType::User { 0 } else { 2 }),
        Live::LockTime => out.number(tag, lock.created),
        Live::LockTimeout => out.number(tag, lock.timeout),
        // A token is of use to its holder alone, and told to nobody else.
        Live::LockToken if lock.user.as_str() == viewer.uid => out.text(tag, &lock.token),
        _ => return false,
    }
    true
}

fn owner_name<'a>(viewer: &'a Viewer, lock: &'a Lock) -> &'a str {
    match lock.user.as_str() == viewer.uid {
        true => &viewer.display_name,
        false => lock.user.as_str(),
    }
}

/// ISO 8601; the epoch if no client told it, as the recorded server answers.
fn write_creation(created: Option<i64>) -> String {
    match created {
        Some(seconds) => write_iso8601(seconds),
        None => "1970-01-01T00:00:00+00:00".to_owned(),
    }
}

/// The name; of a mount's root what the viewer calls it.
fn shown_name<'a>(viewer: &'a Viewer, listed: &'a Listed) -> &'a str {
    match &viewer.mount {
        Some(mount) if listed.path.is_root() => &mount.name,
        _ => &listed.node.name,
    }
}

fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
