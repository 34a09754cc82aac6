//! The table of live properties (RFC 4918 §15, clients.md §11).

use crate::proto::dav::PropName;
use crate::proto::dav::names::{DAV, NC, OC, OCM, OCS};

/// A property that the server makes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dav) enum Live {
    ResourceType,
    LastModified,
    ContentLength,
    ContentType,
    Etag,
    DisplayName,
    CreationDate,
    QuotaAvailable,
    QuotaUsed,
    SupportedLock,
    LockDiscovery,
    CurrentUserPrincipal,
    Id,
    FileId,
    Permissions,
    Size,
    Favorite,
    OwnerId,
    OwnerDisplayName,
    CommentsUnread,
    ShareTypes,
    Checksums,
    DataFingerprint,
    PrivateLink,
    Tags,
    HasPreview,
    MountType,
    IsMountRoot,
    CreationTime,
    UploadTime,
    RichWorkspace,
    Sharees,
    SystemTags,
    Hidden,
    Lock,
    LockOwner,
    LockOwnerDisplayName,
    LockOwnerEditor,
    LockOwnerType,
    LockTime,
    LockTimeout,
    LockToken,
    SharePermissions,
    MeshPermissions,
    /// `d:lastmodified`: only ever written (Nextcloud's own; rclone sets times by it).
    SetLastModified,
}

/// Name and property. The order is that of the recorded `allprop`, then by namespace.
const TABLE: &[(&str, &str, Live)] = &[
    (DAV, "getlastmodified", Live::LastModified),
    (DAV, "getcontentlength", Live::ContentLength),
    (DAV, "resourcetype", Live::ResourceType),
    (DAV, "quota-used-bytes", Live::QuotaUsed),
    (DAV, "quota-available-bytes", Live::QuotaAvailable),
    (DAV, "getetag", Live::Etag),
    (DAV, "getcontenttype", Live::ContentType),
    (DAV, "displayname", Live::DisplayName),
    (DAV, "creationdate", Live::CreationDate),
    (DAV, "supportedlock", Live::SupportedLock),
    (DAV, "lockdiscovery", Live::LockDiscovery),
    (DAV, "current-user-principal", Live::CurrentUserPrincipal),
    (DAV, "lastmodified", Live::SetLastModified),
    (OC, "id", Live::Id),
    (OC, "fileid", Live::FileId),
    (OC, "permissions", Live::Permissions),
    (OC, "size", Live::Size),
    (OC, "favorite", Live::Favorite),
    (OC, "owner-id", Live::OwnerId),
    (OC, "owner-display-name", Live::OwnerDisplayName),
    (OC, "comments-unread", Live::CommentsUnread),
    (OC, "share-types", Live::ShareTypes),
    (OC, "checksums", Live::Checksums),
    (OC, "data-fingerprint", Live::DataFingerprint),
    (OC, "privatelink", Live::PrivateLink),
    (OC, "tags", Live::Tags),
    (NC, "has-preview", Live::HasPreview),
    (NC, "mount-type", Live::MountType),
    (NC, "is-mount-root", Live::IsMountRoot),
    (NC, "creation_time", Live::CreationTime),
    (NC, "upload_time", Live::UploadTime),
    (NC, "rich-workspace", Live::RichWorkspace),
    (NC, "sharees", Live::Sharees),
    (NC, "system-tags", Live::SystemTags),
    (NC, "hidden", Live::Hidden),
    (NC, "lock", Live::Lock),
    (NC, "lock-owner", Live::LockOwner),
    (NC, "lock-owner-displayname", Live::LockOwnerDisplayName),
    (NC, "lock-owner-editor", Live::LockOwnerEditor),
    (NC, "lock-owner-type", Live::LockOwnerType),
    (NC, "lock-time", Live::LockTime),
    (NC, "lock-timeout", Live::LockTimeout),
    (NC, "lock-token", Live::LockToken),
    (OCS, "share-permissions", Live::SharePermissions),
    (OCM, "share-permissions", Live::MeshPermissions),
];

/// How many of the table's first rows answer `allprop`: the recorded server's seven, and the four
/// more that RFC 4918 §9.1 asks for.
const USUAL: usize = 11;

/// The live property of that name.
pub(in crate::dav) fn live(name: &PropName) -> Option<Live> {
    TABLE.iter().find(|(namespace, local, _)| name.is(namespace, local)).map(|row| row.2)
}

/// Names for `allprop`.
pub(super) fn usual() -> Vec<PropName> {
    names(&TABLE[..USUAL])
}

/// Names for `propname`.
pub(super) fn all() -> Vec<PropName> {
    names(TABLE)
}

fn names(rows: &[(&str, &str, Live)]) -> Vec<PropName> {
    rows.iter().map(|(namespace, local, _)| PropName::new(namespace, local)).collect()
}

impl Live {
    pub(super) fn is_usual(self) -> bool {
        TABLE[..USUAL].iter().any(|row| row.2 == self)
    }

    pub(super) fn is_about_locks(self) -> bool {
        matches!(
            self,
            Self::LockDiscovery
                | Self::Lock
                | Self::LockOwner
                | Self::LockOwnerDisplayName
                | Self::LockOwnerEditor
                | Self::LockOwnerType
                | Self::LockTime
                | Self::LockTimeout
                | Self::LockToken
        )
    }
}
