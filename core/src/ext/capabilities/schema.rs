//! The keys that the apps read strictly, with their types (clients.md §8).
//!
//! iOS decodes the whole document into typed structs and drops all of it at one wrong type; Android
//! throws where a block is there and one of its keys is not. So a patch that would cause either is
//! refused. Keys that are not here may be anything: newer apps read newer keys.

use serde_json::Value;

/// What a key must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Object,
    Text,
    Int,
    Bool,
    Texts,
    Ints,
    List,
}

/// When a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It may be missing.
    May,
    /// It must be there if the block around it is.
    WithBlock,
}

use Need::{May, WithBlock};
use Type::{Bool, Int, Ints, List, Object, Text, Texts};

/// A key that has the wrong type, or is missing where it must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}")]
pub struct Fault {
    /// The key, with dots.
    pub key: String,
    /// The type that the apps read.
    pub expected: &'static str,
    /// What is there.
    pub found: &'static str,
}

/// Keys by their blocks: a block's own line comes before those of its keys.
const STRICT: &[(&str, Type, Need)] = &[
    ("core", Object, WithBlock),
    ("core.pollinterval", Int, WithBlock),
    ("core.webdav-root", Text, May),
    ("core.mod-rewrite-working", Bool, May),
    ("core.status", Object, May),
    ("core.status.version", Text, May),
    ("dav", Object, WithBlock),
    // Without it the desktop sends large files by a protocol that nobody speaks any more.
    ("dav.chunking", Text, WithBlock),
    ("dav.bulkupload", Text, May),
    ("dav.chunkingParallelUploadDisabled", Bool, May),
    ("dav.httpErrorCodesThatResetFailingChunkedUploads", Ints, May),
    ("dav.invalidFilenameRegex", Text, May),
    ("checksums", Object, May),
    ("checksums.supportedTypes", Texts, May),
    ("checksums.preferredUploadType", Text, May),
    ("uploadConflictFiles", Bool, May),
    ("files", Object, WithBlock),
    ("files.bigfilechunking", Bool, WithBlock),
    ("files.undelete", Bool, WithBlock),
    ("files.versioning", Bool, WithBlock),
    ("files.version_labeling", Bool, May),
    ("files.version_deletion", Bool, May),
    ("files.comments", Bool, May),
    ("files.locking", Text, May),
    ("files.api-feature-lock-type", Bool, May),
    ("files.privateLinks", Bool, May),
    ("files.directEditing", Object, May),
    ("files.directEditing.url", Text, May),
    ("files.directEditing.etag", Text, WithBlock),
    ("files.directEditing.supportsFileId", Bool, May),
    ("files.blacklisted_files", Texts, May),
    ("files.forbidden_filenames", Texts, May),
    ("files.forbidden_filename_basenames", Texts, May),
    ("files.forbidden_filename_characters", Texts, May),
    ("files.forbidden_filename_extensions", Texts, May),
    ("files.windows_compatible_filenames", Bool, May),
    ("files.chunked_upload", Object, May),
    ("files.chunked_upload.max_size", Int, May),
    ("files.chunked_upload.max_parallel_count", Int, May),
    ("files_sharing", Object, May),
    ("files_sharing.api_enabled", Bool, May),
    ("files_sharing.resharing", Bool, WithBlock),
    ("files_sharing.default_permissions", Int, May),
    ("files_sharing.group_sharing", Bool, May),
    ("files_sharing.public", Object, May),
    ("files_sharing.public.enabled", Bool, WithBlock),
    ("files_sharing.public.password", Object, May),
    ("files_sharing.public.password.enforced", Bool, WithBlock),
    ("files_sharing.public.password.askForOptionalPassword", Bool, May),
    ("files_sharing.public.expire_date", Object, May),
    ("files_sharing.public.expire_date.enabled", Bool, WithBlock),
    ("files_sharing.public.expire_date.enforced", Bool, May),
    ("files_sharing.public.expire_date.days", Int, May),
    ("files_sharing.public.expire_date_internal", Object, May),
    ("files_sharing.public.expire_date_internal.enabled", Bool, May),
    ("files_sharing.public.expire_date_internal.enforced", Bool, May),
    ("files_sharing.public.expire_date_internal.days", Int, May),
    ("files_sharing.public.expire_date_remote", Object, May),
    ("files_sharing.public.expire_date_remote.enabled", Bool, May),
    ("files_sharing.public.expire_date_remote.enforced", Bool, May),
    ("files_sharing.public.expire_date_remote.days", Int, May),
    ("files_sharing.public.upload", Bool, WithBlock),
    ("files_sharing.public.supports_upload_only", Bool, May),
    ("files_sharing.public.upload_files_drop", Bool, May),
    ("files_sharing.public.multiple", Bool, May),
    ("files_sharing.public.multiple_links", Bool, May),
    ("files_sharing.public.send_mail", Bool, May),
    ("files_sharing.user", Object, May),
    ("files_sharing.user.send_mail", Bool, WithBlock),
    ("files_sharing.user.expire_date", Object, May),
    ("files_sharing.user.expire_date.enabled", Bool, May),
    ("files_sharing.group", Object, May),
    ("files_sharing.group.enabled", Bool, May),
    ("files_sharing.group.expire_date", Object, May),
    ("files_sharing.group.expire_date.enabled", Bool, May),
    ("files_sharing.federation", Object, May),
    ("files_sharing.federation.outgoing", Bool, WithBlock),
    ("files_sharing.federation.incoming", Bool, WithBlock),
    ("files_sharing.federation.expire_date", Object, May),
    ("files_sharing.federation.expire_date.enabled", Bool, May),
    ("files_sharing.sharebymail", Object, May),
    ("files_sharing.sharebymail.password", Object, May),
    ("files_sharing.sharebymail.password.enabled", Bool, May),
    ("files_sharing.sharebymail.password.enforced", Bool, May),
    ("provisioning_api", Object, May),
    ("theming", Object, May),
    ("theming.name", Text, WithBlock),
    ("theming.slogan", Text, WithBlock),
    ("theming.color", Text, WithBlock),
    ("theming.url", Text, May),
    ("theming.logo", Text, May),
    ("theming.logoheader", Text, May),
    ("theming.favicon", Text, May),
    ("theming.color-text", Text, May),
    ("theming.color-element", Text, May),
    ("theming.color-element-bright", Text, May),
    ("theming.color-element-dark", Text, May),
    ("theming.background", Text, May),
    ("theming.background-text", Text, May),
    ("theming.background-default", Bool, May),
    ("theming.background-plain", Bool, May),
    ("notifications", Object, May),
    ("notifications.ocs-endpoints", Texts, WithBlock),
    ("activity", Object, May),
    ("activity.apiv2", Texts, May),
    ("end-to-end-encryption", Object, May),
    ("end-to-end-encryption.enabled", Bool, May),
    ("end-to-end-encryption.api-version", Text, May),
    ("user_status", Object, May),
    ("user_status.enabled", Bool, WithBlock),
    ("user_status.supports_emoji", Bool, WithBlock),
    ("user_status.supports_busy", Bool, May),
    ("user_status.restore", Bool, May),
    ("notify_push", Object, May),
    ("notify_push.type", Texts, May),
    ("notify_push.endpoints", Object, May),
    ("notify_push.endpoints.websocket", Text, May),
    ("richdocuments", Object, May),
    ("richdocuments.mimetypes", Texts, WithBlock),
    ("richdocuments.direct_editing", Bool, May),
    ("groupfolders", Object, May),
    ("groupfolders.hasGroupFolders", Bool, WithBlock),
    ("external", Object, May),
    ("external.v1", Texts, WithBlock),
    ("fullnextsearch", Object, May),
    ("fullnextsearch.remote", Bool, WithBlock),
    ("fullnextsearch.providers", List, WithBlock),
    ("assistant", Object, May),
    ("assistant.enabled", Bool, WithBlock),
    ("assistant.version", Text, May),
    ("security_guard", Object, May),
    ("security_guard.diagnostics", Bool, WithBlock),
    ("drop-account", Object, May),
    ("drop-account.enabled", Bool, WithBlock),
    ("recommendations", Object, May),
    ("recommendations.enabled", Bool, WithBlock),
    ("support", Object, May),
    ("support.hasValidSubscription", Bool, WithBlock),
    ("support.desktopEnterpriseChannel", Text, May),
    ("downloadlimit", Object, May),
    ("downloadlimit.enabled", Bool, WithBlock),
    ("downloadlimit.defaultLimit", Int, May),
    ("terms_of_service", Object, May),
    ("terms_of_service.enabled", Bool, May),
    ("client_integration", Object, May),
    ("governance", Object, May),
    ("notes", Object, May),
    ("notes.notes_path", Text, May),
];

/// Checks the `capabilities` object as the apps read it.
///
/// # Errors
/// The first [`Fault`].
pub fn check(capabilities: &Value) -> Result<(), Fault> {
    if !capabilities.is_object() {
        let (key, found) = ("capabilities".to_owned(), found(capabilities));
        return Err(Fault { key, expected: Object.name(), found });
    }
    for (key, wanted, need) in STRICT {
        let (block, name) = match key.rsplit_once('.') {
            Some((block, name)) => (find(capabilities, block), name),
            None => (Some(capabilities), *key),
        };
        let Some(block) = block else { continue };
        let fault = |found| Fault { key: (*key).to_owned(), expected: wanted.name(), found };
        match block.get(name) {
            None if *need == WithBlock => return Err(fault("nothing")),
            Some(value) if !wanted.fits(value) => return Err(fault(found(value))),
            _ => {}
        }
    }
    Ok(())
}

fn find<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    key.split('.').try_fold(value, |value, name| value.get(name))
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        let all = |is: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(is));
        match self {
            Object => value.is_object(),
            Text => value.is_string(),
            Int => value.is_i64(),
            Bool => value.is_boolean(),
            List => value.is_array(),
            Texts => all(Value::is_string),
            Ints => all(Value::is_i64),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Object => "an object",
            Text => "a text",
            Int => "a whole number",
            Bool => "true or false",
            List => "a list",
            Texts => "a list of texts",
            Ints => "a list of whole numbers",
        }
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_i64() || number.is_u64() => "a whole number",
        Value::Number(_) => "a fraction",
        Value::String(_) => "a text",
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_string) => {
            "a list of texts"
        }
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::proto::merge_patch::merge;

    /// A document that all apps take.
    fn good() -> Value {
        json!({
            "core": {"pollinterval": 60},
            "dav": {"chunking": "1.0"},
            "files": {"bigfilechunking": true, "undelete": false, "versioning": false},
            "files_sharing": {
                "resharing": false,
                "public": {"enabled": false, "upload": false}
            }
        })
    }

    #[test]
    fn what_an_app_would_choke_on_is_named() {
        for (patch, fault, source) in [
            (json!({}), "", "the document itself"),
            (json!({"anything": [1, {}]}), "", "keys that nobody reads strictly"),
            (json!({"files_sharing": null}), "", "a whole block goes"),
            (
                json!({"files": {"api-feature-lock-type": "true"}}),
                "files.api-feature-lock-type: expected true or false, found a text",
                "iOS reads a boolean",
            ),
            (
                json!({"files": {"locking": true}}),
                "files.locking: expected a text, found true or false",
                "iOS reads text",
            ),
            (
                json!({"files_sharing": {"public": {"enabled": null}}}),
                "files_sharing.public.enabled: expected true or false, found nothing",
                "Android throws",
            ),
            (
                json!({"files_sharing": {"public": []}}),
                "files_sharing.public: expected an object, found a list",
                "PHP's empty array",
            ),
            (
                json!({"core": {"pollinterval": 60.5}}),
                "core.pollinterval: expected a whole number, found a fraction",
                "Android's getInt",
            ),
            (
                json!({"files": {"forbidden_filenames": ["a", null]}}),
                "files.forbidden_filenames: expected a list of texts, found a list",
                "[String] in Swift",
            ),
            (
                json!({"notifications": {}}),
                "notifications.ocs-endpoints: expected a list of texts, found nothing",
                "Android throws",
            ),
            (json!({"dav": null}), "dav: expected an object, found nothing", "no chunks"),
            (json!([]), "capabilities: expected an object, found a list", "no document"),
        ] {
            let mut document = good();
            merge(&mut document, &patch);
            let said = check(&document).err().map(|fault| fault.to_string()).unwrap_or_default();
            assert_eq!(said, fault, "{source}");
        }
    }

    #[test]
    fn blocks_come_before_their_keys_and_each_key_once() {
        for (index, (key, ..)) in STRICT.iter().enumerate() {
            let before = &STRICT[..index];
            assert!(before.iter().all(|(other, ..)| other != key), "{key} twice");
            if let Some((block, _)) = key.rsplit_once('.') {
                let found =
                    before.iter().any(|(other, kind, _)| *other == block && *kind == Object);
                assert!(found, "{block} of {key}");
            }
        }
    }
}
