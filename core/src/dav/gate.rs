//! `file.before_commit`: staged bytes are shown to hooks before they become true.

use std::sync::Arc;

use bytes::Bytes;

use super::DavError;
use super::asked::heard;
use super::context::Context;
use crate::content::{Content, Received, to_the_end};
use crate::hooks::{self, Bus, Call, EventId, ExtensionError, Fields, call_of, fields_of};
use crate::path::DavPath;
use crate::proto::media_type::media_type_of;
use crate::storage::ReadFile;
use crate::wire::Request;

/// What is needed to ask, owned: a commit goes on without its request.
pub(super) struct Gate {
    bus: Bus,
    content: Content,
    call: Call,
    fields: Fields,
}

/// A staged file.
struct StagedBytes {
    file: Arc<dyn ReadFile>,
    size: u64,
}

impl hooks::Content for StagedBytes {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(
        &self,
        offset: u64,
        most: usize,
    ) -> moonsail_sdk::BoxFuture<'_, Result<Bytes, ExtensionError>> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = most.min(left);
        Box::pin(async move {
            if length == 0 {
                return Ok(Bytes::new());
            }
            let read = self.file.read_at(offset, length).await;
            read.map_err(|error| ExtensionError::unavailable(error.to_string()))
        })
    }
}

impl Gate {
    /// For an upload to `path`; `None` if nobody wants to be asked.
    pub(super) async fn of(
        context: &Context<'_>,
        request: &Request,
        path: &DavPath,
        chunked: bool,
        mtime: Option<i64>,
    ) -> Option<Self> {
        let bus = &context.dav.bus;
        if !bus.has(EventId::FileBeforeCommit) {
            return None;
        }
        let place = context.spot_of(path);
        let overwrite = context.find_at(&place).await.is_ok();
        let fields = fields_of(request, Some(context.principal.uid.as_str()))
            .with("path", place.seen_at().as_str())
            .with("mime", media_type_of(path.name().unwrap_or_default()))
            .with("overwrite", overwrite)
            .with("chunked", chunked)
            .with("mtime", mtime);
        let (content, call) = (context.content.clone(), call_of(request));
        Some(Self { bus: bus.clone(), content, call, fields })
    }

    /// Asks about what has come.
    pub(super) async fn ask(self, received: &Received) -> Result<(), DavError> {
        let size = received.staged.size;
        let file = self.content.open_staged(&received.staged).await?;
        let fields = self.fields.with("size", size).with("checksums", received.checksums.as_str());
        let bytes = Arc::new(StagedBytes { file, size });
        let event = EventId::FileBeforeCommit;
        heard(self.bus.ask(&self.call, event, fields, Some(bytes)).await).map(|_| ())
    }

    /// The same; what is refused is thrown away, also if the client has gone meanwhile.
    pub(super) async fn pass(gate: Option<Self>, received: Received) -> Result<Received, DavError> {
        let Some(gate) = gate else { return Ok(received) };
        let content = gate.content.clone();
        let wait = Unclaimed(Some((content.clone(), received)));
        to_the_end(async move {
            let mut wait = wait;
            let Some((_, received)) = &wait.0 else { return Err(DavError::Undecided) };
            match gate.ask(received).await {
                Ok(()) => Ok(wait),
                Err(error) => {
                    if let Some((_, received)) = wait.0.take() {
                        content.discard(&received.staged.at).await;
                    }
                    Err(error)
                }
            }
        })
        .await??
        .claim()
    }
}

/// What has come and is nobody's yet: dropped with its request, it is thrown away.
struct Unclaimed(Option<(Content, Received)>);

impl Unclaimed {
    fn claim(mut self) -> Result<Received, DavError> {
        self.0.take().map(|(_, received)| received).ok_or(DavError::Undecided)
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let Some((content, received)) = self.0.take() else { return };
        // Without a runtime the server ends, and its next start sweeps the stage.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { content.discard(&received.staged.at).await });
        }
    }
}
