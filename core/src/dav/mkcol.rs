//! `MKCOL`: create a collection (RFC 4918 §9.3), with properties (RFC 5689).
//!
//! | Situation           | Answer | Source     |
//! |---------------------|--------|------------|
//! | created             | 201    | §9.3.1     |
//! | URL already mapped  | 405    | §9.3.1     |
//! | parent missing      | 409    | §9.3.1     |
//! | body not understood | 415    | §9.3.1     |

use http::StatusCode;

use super::context::Context;
use super::{DavError, proppatch};
use crate::path::DavPath;
use crate::proto::dav::{MkcolBody, XmlError};
use crate::store::nodes::Node;
use crate::tree::{Conditions, TreeError};
use crate::wire::{Reply, Request};

pub(super) async fn mkcol(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    context.require_new(&context.path)?;
    let body = context.read_xml(request).await?;
    let props = match MkcolBody::parse(&body) {
        Ok(body) => body,
        Err(XmlError::UnsupportedBody) => return Err(DavError::UnsupportedMediaType),
        // A body that is no XML is one that is not understood, too (§9.3.1).
        Err(_) if !context.says_xml(request) => return Err(DavError::UnsupportedMediaType),
        Err(error) => return Err(error.into()),
    };
    let changes = proppatch::changes_for_new(context, &props)?;
    let node = make(context, &context.path, context.conditions.clone()).await?;
    if !changes.is_empty() {
        let patched = context.dav.tree.patch_props(
            context.actor(),
            &context.principal.uid,
            context.path.clone(),
            changes,
            context.dav.settings.dead_properties,
            Conditions::default(),
        );
        patched.await.map_err(|error| context.refused(error))?;
    }
    let id = context.dav.installation.instance.file_id(node.id);
    Ok(Reply::empty(StatusCode::CREATED).header("oc-fileid", id))
}

/// Makes one folder.
async fn make(
    context: &Context<'_>,
    path: &DavPath,
    conditions: Conditions,
) -> Result<Node, DavError> {
    let staged = context.dav.content.stage_folder().await?;
    let at = staged.at.clone();
    let made = context.dav.tree.mkcol(
        context.actor(),
        &context.principal.uid,
        path.clone(),
        staged,
        conditions,
    );
    match made.await {
        Ok(node) => Ok(node),
        Err(error) => {
            context.dav.content.discard(&at).await;
            Err(context.refused(error))
        }
    }
}

/// Makes the folders above `path` that are missing (`X-NC-WebDAV-Auto-Mkcol`).
pub(super) async fn make_parents(context: &Context<'_>, path: &DavPath) -> Result<(), DavError> {
    let mut above = Vec::new();
    let mut at = path.parent();
    while let Some(folder) = at.filter(|folder| !folder.is_root()) {
        at = folder.parent();
        above.push(folder);
    }
    for folder in above.iter().rev() {
        context.require_new(folder)?;
        match make(context, folder, Conditions::default()).await {
            Ok(_) | Err(DavError::Tree(TreeError::Exists(_), _)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
