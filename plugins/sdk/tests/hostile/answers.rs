//! What the plugin says: any code, structs of any claimed size, texts that are none, lists with
//! impossible strides. All pointers are null or good, since nothing helps against others.

use std::ffi::c_void;
use std::ptr;

use moonsail_sdk::abi::*;

use crate::fake::{self, one_of, random};

/// Claims a size, most of the time the right one. What is claimed can always be read as far as the host
/// knows the struct.
fn size<T>() -> u32 {
    let right = size_of::<T>() as u32;
    match random(4) {
        0 => one_of(&[
            0,
            1,
            4,
            7,
            8,
            9,
            12,
            16,
            20,
            23,
            24,
            32,
            36,
            40,
            44,
            52,
            60,
            right - 8,
            right - 4,
            right - 1,
            right + 1,
            right + 8,
            4096,
            u32::MAX,
        ]),
        _ => right,
    }
}

fn some_text() -> Str {
    static LONG: [u8; 5000] = [b'x'; 5000];
    match random(9) {
        0 => Str::NONE,
        1 => Str::of(""),
        2 => Str::of_bytes(b"\xff\xfe"),
        3 => Str { ptr: ptr::null(), len: 5 },
        4 => Str::of_bytes(&LONG),
        _ => one_of(&[
            Str::of("a"),
            Str::of("file.*"),
            Str::of("GET"),
            Str::of("ä/ö"),
            Str::of("image/png"),
        ]),
    }
}

fn some_number() -> u32 {
    one_of(&[0, 0, 1, 1, 2, 3, 4, 5, 200, 204, 404, 599, 600, 65_536, u32::MAX])
}

/// Texts that live while they are lent.
fn with_texts<R>(give: impl FnOnce(StrList) -> R) -> R {
    let texts = [some_text(), some_text(), some_text()];
    let whole = StrList::of(&texts[..random(4) as usize]);
    give(match random(8) {
        0 => StrList::NONE,
        1 => StrList { items: ptr::null(), len: 7 },
        // No texts, at an address that is none.
        2 => StrList { items: ptr::without_provenance(1), len: 0 },
        _ => whole,
    })
}

fn with_pairs<R>(give: impl FnOnce(KvList) -> R) -> R {
    let pairs = [0; 3].map(|_| Kv { key: some_text(), value: some_text() });
    give(match random(8) {
        0 => KvList { items: ptr::null(), len: 9 },
        1 => KvList { items: ptr::without_provenance(3), len: 0 },
        _ => KvList::of(&pairs[..random(4) as usize]),
    })
}

/// A list whose claims are right, or can be seen to be wrong.
fn list<T: Grows>(items: &[T]) -> List {
    let right = List::of(items);
    match random(8) {
        0 => List { stride: one_of(&[0, 1, 4, 7, 12, 20]), len: right.len.max(1), ..right },
        1 => List { len: usize::MAX, ..right },
        2 => List { len: usize::MAX / 8, stride: 1 << 20, ..right },
        3 => List { items: ptr::null(), len: 3, ..right },
        4 => List { items: ptr::without_provenance(1), len: 0, stride: 0 },
        _ => right,
    }
}

fn send(done: Done, code: i32, value: *const c_void) {
    let outcome = Outcome {
        size: size::<Outcome>(),
        code,
        message: some_text(),
        retry_after_ms: one_of(&[0, 1, u32::MAX]),
        reserved: one_of(&[0, 1]),
        value,
    };
    let at = if random(64) == 0 { ptr::null() } else { &raw const outcome };
    // SAFETY: all that it says is alive.
    unsafe { done.complete.expect("a host's")(done.ctx, at) }
}

/// Any code, most of the time one that promises a value.
fn code() -> i32 {
    match random(3) {
        0 => one_of(&[-1, 1, 2, 3, 4, 5, 9, 11, 12, 14, 15, 17, 18, 19, 21, i32::MIN, i32::MAX]),
        1 => CODE_REPLACE,
        _ => CODE_OK,
    }
}

fn finish<T>(done: Done, value: &T) {
    let value = if random(8) == 0 { ptr::null() } else { ptr::from_ref(value).cast() };
    send(done, code(), value);
}

pub(crate) fn finish_without_value(done: Done) {
    send(done, code(), ptr::null());
}

pub(crate) fn nothing(done: Done) {
    finish_without_value(done);
}

pub(crate) fn text(done: Done) {
    finish(done, &some_text());
}

fn with_identity<R>(give: impl FnOnce(&Identity) -> R) -> R {
    with_texts(|groups| {
        give(&Identity {
            size: size::<Identity>(),
            has_quota: some_number(),
            quota: random(u64::MAX),
            subject: some_text(),
            login: some_text(),
            display_name: some_text(),
            email: some_text(),
            groups,
        })
    })
}

fn with_account<R>(give: impl FnOnce(&Account) -> R) -> R {
    with_identity(|identity| {
        let identity = if random(8) == 0 { ptr::null() } else { ptr::from_ref(identity) };
        give(&Account { size: size::<Account>(), enabled: some_number(), identity })
    })
}

pub(crate) fn identity(done: Done) {
    with_identity(|identity| finish(done, identity));
}

pub(crate) fn account(done: Done) {
    with_account(|account| finish(done, account));
}

pub(crate) fn page(done: Done) {
    with_account(|one| {
        with_account(|two| {
            let accounts = [*one, *two];
            let page = AccountPage {
                size: size::<AccountPage>(),
                reserved: 1,
                accounts: list(&accounts),
                next: some_text(),
            };
            finish(done, &page);
        });
    });
}

pub(crate) fn patch(done: Done) {
    let patch = CapabilitiesPatch {
        size: size::<CapabilitiesPatch>(),
        ttl_seconds: some_number(),
        json: some_text(),
    };
    finish(done, &patch);
}

pub(crate) fn interests(done: Done) {
    let one = || HookInterest {
        size: size::<HookInterest>(),
        priority: random(u64::MAX) as i32,
        on_error: some_number(),
        reserved: 0,
        event: some_text(),
    };
    finish(done, &list(&[one(), one(), one()]));
}

pub(crate) fn patterns(done: Done) {
    with_texts(|texts| finish(done, &texts));
}

pub(crate) fn routes(done: Done) {
    let one = || HttpRoute {
        size: size::<HttpRoute>(),
        access: some_number(),
        max_body: random(u64::MAX),
        method: some_text(),
        pattern: some_text(),
    };
    finish(done, &list(&[one(), one()]));
}

pub(crate) fn types(done: Done) {
    with_texts(|media| {
        let types = PreviewTypes { size: size::<PreviewTypes>(), reserved: 0, max_bytes: 1, media };
        finish(done, &types);
    });
}

pub(crate) fn picture(done: Done) {
    let picture = PreviewPicture {
        size: size::<PreviewPicture>(),
        reserved: 0,
        media_type: some_text(),
        bytes: some_text(),
    };
    finish(done, &picture);
}

pub(crate) fn decision(done: Done) {
    with_texts(|texts| {
        with_pairs(|headers| {
            let one = || HookField {
                size: size::<HookField>(),
                kind: some_number(),
                name: some_text(),
                number: random(u64::MAX) as i64,
                text: some_text(),
                texts,
            };
            let fields = [one(), one()];
            let answer = HookAnswer {
                size: size::<HookAnswer>(),
                status: some_number(),
                fields: list(&fields),
                headers,
                body: some_text(),
            };
            finish(done, &answer);
        });
    });
}

/// The answer of a route. A stream goes over only with an answer that says so: whole, and `CODE_OK`.
pub(crate) fn reply(done: Done) {
    with_pairs(|fields| {
        let head = HttpReplyHead {
            size: size::<HttpReplyHead>(),
            status: some_number(),
            fields,
            length: random(100),
            has_length: some_number(),
            reserved: 0,
            body: some_text(),
            stream: ptr::null_mut(),
        };
        if random(2) == 0 {
            return finish(done, &head);
        }
        let size = size_of::<HttpReplyHead>() as u32;
        let head = HttpReplyHead { size, stream: fake::stream(), ..head };
        let outcome = Outcome {
            size: size_of::<Outcome>() as u32,
            code: CODE_OK,
            message: Str::NONE,
            retry_after_ms: 0,
            reserved: 0,
            value: (&raw const head).cast(),
        };
        // SAFETY: all that it says is alive.
        unsafe { done.complete.expect("a host's")(done.ctx, &raw const outcome) }
    });
}

/// The next piece of a stream.
pub(crate) fn piece(done: Done) {
    if random(4) == 0 {
        return finish_without_value(done);
    }
    let piece = match random(4) {
        0 => Buf::EMPTY,
        1 => fake::buffer(b""),
        _ => fake::buffer(b"a piece"),
    };
    let outcome = Outcome {
        size: size_of::<Outcome>() as u32,
        code: CODE_OK,
        message: Str::NONE,
        retry_after_ms: 0,
        reserved: 0,
        value: (&raw const piece).cast(),
    };
    // SAFETY: the buffer goes over.
    unsafe { done.complete.expect("a host's")(done.ctx, &raw const outcome) }
}
