//! Every event, once. What hooks may be interested in, what the documentation says and what scripts'
//! stubs will know comes from here; a test compares `docs/extend/hooks.md`.

/// What becomes of an event when a hook cannot answer, unless its interest says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Who may come in: a temporary failure, 503. Never "wrong password", on which apps drop it.
    Auth,
    /// What may be done: it is not done, and the client hears 503.
    Before,
    /// What is shown: it is shown as if the hook had no opinion.
    Filter,
    /// What has happened: nothing, but for the log.
    After,
}

impl Class {
    /// The name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Before => "before",
            Self::Filter => "filter",
            Self::After => "after",
        }
    }
}

/// What an answer may be, beside `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// `allow`, `deny`, `replace`: the first one decides.
    Decide,
    /// The same, and `respond`.
    Respond,
    /// `replace`: each hook is asked, and sees what the one before has made of it.
    Fold,
    /// Nothing: each hook is told.
    Tell,
}

impl Answers {
    /// The name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decide => "first decides",
            Self::Respond => "first decides, may respond",
            Self::Fold => "fold",
            Self::Tell => "all are told",
        }
    }
}

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text or null.
    TextOrNull,
    /// A whole number.
    Int,
    /// A whole number or null.
    IntOrNull,
    /// True or false.
    Bool,
    /// A list of texts.
    List,
}

impl Kind {
    /// The name in the documentation and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextOrNull => "text or null",
            Self::Int => "int",
            Self::IntOrNull => "int or null",
            Self::Bool => "bool",
            Self::List => "list",
        }
    }
}

/// Whose a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The server's; an answer cannot change it.
    Given,
    /// The server's, and an answer may replace it.
    Replaceable,
    /// Only in answers.
    Answer,
}

/// A field of an event. A name that ends in `.*` stands for all that begin so.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Whose it is.
    pub mode: Mode,
    /// What it says, in half a sentence.
    pub doc: &'static str,
}

/// An event.
#[derive(Debug, Clone, Copy)]
pub struct EventSpec {
    /// Which.
    pub id: EventId,
    /// The name.
    pub name: &'static str,
    /// What a failure means.
    pub class: Class,
    /// What an answer may be.
    pub answers: Answers,
    /// When it comes, and what an answer does.
    pub doc: &'static str,
    /// Its own fields; all events have `user` (text or null) and `client` (text) before them.
    pub fields: &'static [FieldSpec],
}

impl EventSpec {
    /// The field that `name` names, of this event or of all.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        COMMON.iter().chain(self.fields).find(|field| match field.name.strip_suffix('*') {
            Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            None => field.name == name,
        })
    }
}

/// The fields that every event begins with.
pub const COMMON: &[FieldSpec] = &[
    FieldSpec {
        name: "user",
        kind: Kind::TextOrNull,
        mode: Mode::Given,
        doc: "id of the user who asks; null as long as nobody knows",
    },
    FieldSpec {
        name: "client",
        kind: Kind::Text,
        mode: Mode::Given,
        doc: "desktop, android, ios, web or other, by what the client says of itself",
    },
];

macro_rules! events {
    ($($variant:ident $name:literal $class:ident $answers:ident $doc:literal {
        $($field:literal $kind:ident $mode:ident $what:literal;)*
    })+) => {
        /// Which event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventId { $(#[doc = $doc] $variant,)+ }

        /// All events, in the order of [`EventId`].
        pub const EVENTS: &[EventSpec] = &[$(EventSpec {
            id: EventId::$variant,
            name: $name,
            class: Class::$class,
            answers: Answers::$answers,
            doc: $doc,
            fields: &[$(FieldSpec {
                name: $field,
                kind: Kind::$kind,
                mode: Mode::$mode,
                doc: $what,
            },)*],
        },)+];
    };
}

events! {
    Request "request" Before Respond
    "A request has come, and nobody has looked yet where it goes and whose it is. `deny` and \
     `respond` answer it; `replace` sends it to another path or changes header fields." {
        "method" Text Given "the method, as it came";
        "path" Text Replaceable "the path, percent-encoded as it came";
        "query" TextOrNull Given "what follows the question mark";
        "host" Text Given "the host by which the client knows the server";
        "tls" Bool Given "whether the client's connection is encrypted";
        "header.*" TextOrNull Replaceable "a header field by its name in small letters; null in an answer removes it. Authorization, Cookie and their like are not shown and cannot be set";
    }
    Response "response" Filter Fold
    "An answer is ready to be sent. `replace` sets header fields; those that belong to the \
     connection or to the body cannot be set." {
        "method" Text Given "the request's method";
        "path" Text Given "the request's path, percent-encoded as it came";
        "status" Int Given "the HTTP status";
        "header.*" TextOrNull Replaceable "a header field by its name in small letters; null in an answer removes it. Set-Cookie is not shown";
    }
    LoginSuccess "login.success" Auth Decide
    "A password was right. `deny` refuses the login all the same, with 403. App passwords and \
     sessions do not come here, nor a password that is believed from memory \
     (`auth.login_cache_secs`)." {
        "login" Text Given "what was typed for a name";
        "method" Text Given "password";
        "provider" Text Given "who said that the password is right";
    }
    LoginFailed "login.failed" Filter Decide
    "A password was wrong, or its account is disabled. `replace` can keep the address away." {
        "login" Text Given "what was typed for a name; perhaps a password, by mistake";
        "method" Text Given "password";
        "reason" Text Given "wrong or disabled";
        "block_secs" Int Answer "how long logins from this address are refused with 429, at most a day";
    }
    UserLoad "user.load" Auth Fold
    "An account is read for a request, or for its record. `replace` makes it another one for what \
     follows; nothing is stored. What is known of an app password counts for a minute." {
        "display_name" Text Replaceable "the name that people see";
        "quota" IntOrNull Replaceable "bytes; null is unlimited";
        "groups" List Replaceable "names of groups";
    }
    UserFirstLogin "user.first_login" After Tell
    "Somebody has logged in for the first time. Comes beside the answer, which does not wait." {
        "display_name" Text Given "the name that people see";
        "provider" Text Given "who keeps the account's password";
    }
    AppPasswordCreate "apppassword.create" Before Decide
    "An app is about to be given an app password. `deny` refuses it. Those made on the command \
     line do not come here." {
        "name" Text Given "what the app calls itself";
    }
    FileBeforeUpload "file.before_upload" Before Decide
    "A file is about to be uploaded, and none of it is read yet. `deny` refuses it; `replace` \
     stores it under another path. Of a chunked upload it comes when the upload begins, if the \
     client says what for, and when it is put together." {
        "path" Text Replaceable "where, below the user's files";
        "size" IntOrNull Given "bytes, if the client says";
        "mime" Text Given "media type by the name";
        "overwrite" Bool Given "whether a file is there";
        "chunked" Bool Given "whether it comes in chunks";
        "checksum" TextOrNull Given "TYPE:hex, if the client says";
        "mtime" IntOrNull Given "time of the last change in Unix seconds, if the client says";
    }
    FileBeforeCommit "file.before_commit" Before Decide
    "A file has come whole and is on the disk, where nobody sees it yet. The event has its bytes. \
     `deny` throws it away; of a chunked upload the chunks stay." {
        "path" Text Given "where, below the user's files";
        "size" Int Given "bytes";
        "mime" Text Given "media type by the name";
        "overwrite" Bool Given "whether a file is there";
        "chunked" Bool Given "whether it came in chunks";
        "checksums" Text Given "TYPE:hex, several with blanks between; SHA1 always";
        "mtime" IntOrNull Given "time of the last change in Unix seconds, if the client says";
    }
    FileBeforeDownload "file.before_download" Before Decide
    "A file is about to be sent, whole or in part. `deny` refuses it. What the client has already \
     (304) does not come here." {
        "path" Text Given "which, below the user's files";
        "node.id" Int Given "file id";
        "node.size" Int Given "bytes";
        "node.mime" Text Given "media type by the name";
        "node.mtime" Int Given "time of the last change in Unix seconds";
    }
    FileBeforeDelete "file.before_delete" Before Decide
    "A file or folder is about to be deleted. `deny` refuses it." {
        "path" Text Given "which, below the user's files";
        "node.id" Int Given "file id";
        "node.folder" Bool Given "whether it is a folder, which goes with all below it";
        "node.size" Int Given "bytes, of a folder with all below it";
        "node.mtime" Int Given "time of the last change in Unix seconds";
    }
    FileBeforeMove "file.before_move" Before Decide
    "A file or folder is about to be moved or renamed. `deny` refuses it; `replace` moves it to \
     another path." {
        "path" Text Given "which, below the user's files";
        "to" Text Replaceable "where to";
        "overwrite" Bool Given "whether what is there may be replaced";
        "node.id" Int Given "file id";
        "node.folder" Bool Given "whether it is a folder, which goes with all below it";
        "node.size" Int Given "bytes, of a folder with all below it";
        "node.mtime" Int Given "time of the last change in Unix seconds";
    }
    FileBeforeCopy "file.before_copy" Before Decide
    "A file or folder is about to be copied. `deny` refuses it; `replace` copies it to another \
     path." {
        "path" Text Given "which, below the user's files";
        "to" Text Replaceable "where to";
        "overwrite" Bool Given "whether what is there may be replaced";
        "node.id" Int Given "file id";
        "node.folder" Bool Given "whether it is a folder";
        "node.size" Int Given "bytes, of a folder with all below it";
        "node.mtime" Int Given "time of the last change in Unix seconds";
    }
    FileBeforeMkdir "file.before_mkdir" Before Decide
    "A folder is about to be made; also one above a file that is uploaded with \
     X-NC-WebDAV-Auto-Mkcol. `deny` refuses it." {
        "path" Text Given "where, below the user's files";
    }
    ProppatchBefore "proppatch.before" Before Decide
    "Properties are about to be changed. `deny` refuses all of them." {
        "path" Text Given "of what, below the user's files";
        "set" List Given "names of properties that get a value, as {namespace}name";
        "remove" List Given "names of properties that are removed";
    }
    QuotaCheck "quota.check" Before Decide
    "Something is about to be stored. `deny` refuses it; `replace` has it checked against another \
     quota." {
        "used" Int Given "bytes that count now";
        "quota" IntOrNull Replaceable "bytes; null is unlimited";
        "need" IntOrNull Given "bytes that are to be stored, if they are known";
    }
    Capabilities "capabilities" Filter Fold
    "The capabilities are asked for, and the providers of moonsail.capabilities/1 have had their \
     say. `replace` patches them (RFC 7396)." {
        "capabilities" Text Given "the document so far, as JSON";
        "patch" Text Answer "the patch, as JSON";
        "ttl_secs" Int Answer "how long the patch counts for this user; 0 if it is missing";
    }
}

/// Events of the plan that cannot come yet, and what they wait for. An interest in one of them is
/// refused with this reason.
pub const WAITING: &[(&str, &str)] = &[
    ("server.load", "scripts"),
    ("server.unload", "scripts"),
    ("connection.open", "hooks on connections"),
    ("file.list", "hidden entries of listings"),
    ("propfind", "properties of others"),
    ("share.before_create", "sharing"),
    ("share.before_update", "sharing"),
    ("notification.before_send", "notifications"),
    ("activity.before_write", "the activity list"),
];

impl EventId {
    /// What there is to know about it.
    pub const fn spec(self) -> &'static EventSpec {
        &EVENTS[self as usize]
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.spec().name
    }
}
