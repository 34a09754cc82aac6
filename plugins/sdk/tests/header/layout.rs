//! Written by `header.rs` from the sources: all fields of all structs.

use moonsail_sdk::abi::*;

pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    pub(crate) fields: Vec<(&'static str, usize)>,
}

macro_rules! of {
    ($name:ident: $($field:ident)*) => {
        Layout {
            name: stringify!($name),
            size: size_of::<$name>(),
            fields: vec![$((stringify!($field), std::mem::offset_of!($name, $field))),*],
        }
    };
}

#[rustfmt::skip]
pub(crate) fn all() -> Vec<Layout> {
    vec![
        of!(Identity: size has_quota quota subject login display_name email groups),
        of!(Account: size enabled identity),
        of!(AccountPage: size reserved accounts next),
        of!(AuthTable: size reserved this check_password check_token lookup find list set_password explain),
        of!(BlobInfo: size reserved bytes modified tag),
        of!(BlobBegun: size reserved writer),
        of!(BlobOpened: size reserved reader info),
        of!(BlobEntry: size reserved key info),
        of!(BlobPage: size reserved entries next),
        of!(BlobsTable: size flags this part_min part_max parts_max reserved object_max put begin open head copy remove list writer_write writer_commit writer_abort writer_release reader_next reader_release get multipart_begin multipart_put multipart_finish multipart_abort),
        of!(UserView: size admin id display_name email groups),
        of!(CapabilitiesPatch: size ttl_seconds json),
        of!(CapabilitiesTable: size reserved this contribute),
        of!(PluginEntry: magic size abi_major abi_minor flags name version sdk build config_schema create),
        of!(PluginTable: size reserved this get_extension start stop destroy),
        of!(HostTable: size abi_major abi_minor this server_name server_version log_enabled log get_extension),
        of!(FeedEvent: size kind seq time_millis node bytes has_bytes reserved name actor origin owner path old_path etag request_id),
        of!(EventsTable: size reserved this interest deliver),
        of!(FilesTable: size reserved this put_small begin_stage reopen_stage stage_folder stage_copy stage_copy_staged discard list_stage open open_staged apply sync stat list stage_write stage_sync stage_read stage_finish stage_keep stage_release file_read file_release survey stat_members is_same may_change watch watch_next watch_release free_space),
        of!(HookInterest: size priority on_error reserved event),
        of!(HookField: size kind name number text texts),
        of!(HookEvent: size reserved name fields content content_size read_content),
        of!(HookAnswer: size status fields headers body),
        of!(HooksTable: size reserved this interest before),
        of!(HttpRoute: size access max_body method pattern),
        of!(HttpHead: size route method path query params fields),
        of!(HttpReplyHead: size status fields length has_length reserved body stream),
        of!(HttpAppTable: size reserved this routes handle),
        of!(PreviewTypes: size reserved max_bytes media),
        of!(PreviewWanted: size mode bytes width height media_type),
        of!(PreviewPicture: size reserved media_type bytes),
        of!(PreviewTable: size reserved this types render),
        of!(BlockingTable: size reserved this run),
        of!(MetricsTable: size reserved this counter gauge add set),
        of!(KvTable: size reserved this get set remove list),
        of!(HttpTable: size reserved this send),
        of!(HttpAnswer: size status headers body),
        of!(Stream: size reserved next close),
        of!(Str: ptr len),
        of!(StrList: items len),
        of!(List: items len stride),
        of!(Kv: key value),
        of!(KvList: items len),
        of!(Buf: ptr len owner release),
        of!(Done: ctx complete),
        of!(Outcome: size code message retry_after_ms reserved value),
        of!(CallInfo: size timeout_ms request_id user remote_ip display_name base_url admin reserved),
        of!(Op: size reserved cancel release),
    ]
}
