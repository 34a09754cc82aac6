//! Between values of Rust and those that cross the border.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use bytes::Bytes;

use super::values::{Buf, Grows, Kv, KvList, List, Outcome, Str, StrList};

/// What came over the border is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// A pointer is null that must not be.
    #[error("a value is missing")]
    Missing,
    /// A struct or list is smaller than anything that makes sense.
    #[error("a struct has an impossible size")]
    Size,
    /// A number that stands for a word stands for none.
    #[error("a value is of no known kind")]
    Kind,
}

/// The size of a struct, as its first field says it.
pub(crate) const fn size_of<T>() -> u32 {
    // No struct of this border is near 4 GiB.
    std::mem::size_of::<T>() as u32
}

impl Str {
    /// No text.
    pub const NONE: Self = Self { ptr: ptr::null(), len: 0 };

    /// Borrows a text: the caller keeps it alive as long as the value is used.
    pub const fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() }
    }

    /// Borrows bytes.
    pub const fn of_bytes(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// Borrows a text, or says that there is none.
    pub fn option(text: Option<&str>) -> Self {
        text.map_or(Self::NONE, Self::of)
    }

    /// The bytes; `None` if there is no text.
    ///
    /// # Safety
    /// `ptr` is null or points to `len` bytes that live as long as `'a`.
    pub unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        match (self.ptr.is_null(), self.len) {
            (true, _) => None,
            (false, 0) => Some(&[]),
            // SAFETY: as the caller promises.
            (false, len) => Some(unsafe { std::slice::from_raw_parts(self.ptr, len) }),
        }
    }

    /// The text; `None` if there is none.
    ///
    /// # Safety
    /// As [`Str::bytes`].
    ///
    /// # Errors
    /// [`Malformed::Text`].
    pub unsafe fn option_text<'a>(self) -> Result<Option<&'a str>, Malformed> {
        // SAFETY: as the caller promises.
        let bytes = unsafe { self.bytes() };
        bytes.map(std::str::from_utf8).transpose().map_err(|_| Malformed::Text)
    }

    /// The text; empty if there is none.
    ///
    /// # Safety
    /// As [`Str::bytes`].
    ///
    /// # Errors
    /// [`Malformed::Text`].
    pub unsafe fn text<'a>(self) -> Result<&'a str, Malformed> {
        // SAFETY: as the caller promises.
        Ok(unsafe { self.option_text() }?.unwrap_or_default())
    }

    /// A copy of the text; empty if there is none.
    ///
    /// # Safety
    /// As [`Str::bytes`].
    ///
    /// # Errors
    /// [`Malformed::Text`].
    pub unsafe fn owned(self) -> Result<String, Malformed> {
        // SAFETY: as the caller promises.
        unsafe { self.text() }.map(str::to_owned)
    }

    /// A copy of the text, or none.
    ///
    /// # Safety
    /// As [`Str::bytes`].
    ///
    /// # Errors
    /// [`Malformed::Text`].
    pub unsafe fn option_owned(self) -> Result<Option<String>, Malformed> {
        // SAFETY: as the caller promises.
        Ok(unsafe { self.option_text() }?.map(str::to_owned))
    }
}

impl StrList {
    /// No list.
    pub const NONE: Self = Self { items: ptr::null(), len: 0 };

    /// Borrows texts.
    pub fn of(texts: &[Str]) -> Self {
        // An empty slice has a pointer that is not null, which an empty list needs.
        Self { items: texts.as_ptr(), len: texts.len() }
    }

    /// Copies of the texts; `None` if there is no list.
    ///
    /// # Safety
    /// `items` is null or points to `len` texts, which are as [`Str::bytes`] wants them.
    ///
    /// # Errors
    /// [`Malformed::Text`].
    pub unsafe fn option_owned(self) -> Result<Option<Vec<String>>, Malformed> {
        if self.items.is_null() {
            return Ok(None);
        }
        if self.len == 0 {
            // At whatever address.
            return Ok(Some(Vec::new()));
        }
        // SAFETY: as the caller promises.
        let texts = unsafe { std::slice::from_raw_parts(self.items, self.len) };
        // SAFETY: the same.
        texts.iter().map(|text| unsafe { text.owned() }).collect::<Result<_, _>>().map(Some)
    }
}

/// Texts as they are borrowed, for a [`StrList`] that lives as long as this.
pub(crate) fn borrowed(texts: &[String]) -> Vec<Str> {
    texts.iter().map(|text| Str::of(text)).collect()
}

/// Pairs as they are borrowed, for a [`KvList`] that lives as long as this.
pub(crate) fn borrowed_pairs(pairs: &[(String, Vec<u8>)]) -> Vec<Kv> {
    let pair =
        |(key, value): &(String, Vec<u8>)| Kv { key: Str::of(key), value: Str::of_bytes(value) };
    pairs.iter().map(pair).collect()
}

impl KvList {
    /// An empty list.
    pub const NONE: Self = Self { items: ptr::null(), len: 0 };

    /// Borrows pairs.
    pub fn of(pairs: &[Kv]) -> Self {
        Self { items: pairs.as_ptr(), len: pairs.len() }
    }

    /// Copies of the pairs: texts and bytes.
    ///
    /// # Safety
    /// `items` is null or points to `len` pairs of texts as [`Str::bytes`] wants them.
    ///
    /// # Errors
    /// [`Malformed::Text`] if a key is no text.
    pub unsafe fn owned(self) -> Result<Vec<(String, Vec<u8>)>, Malformed> {
        if self.items.is_null() || self.len == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: as the caller promises.
        let pairs = unsafe { std::slice::from_raw_parts(self.items, self.len) };
        let pair = |pair: &Kv| {
            // SAFETY: as the caller promises.
            let (key, value) = unsafe { (pair.key.owned()?, pair.value.bytes()) };
            Ok((key, value.unwrap_or_default().to_vec()))
        };
        pairs.iter().map(pair).collect()
    }
}

impl List {
    /// An empty list.
    pub const NONE: Self = Self { items: ptr::null(), len: 0, stride: 0 };

    /// Borrows structs.
    pub fn of<T: Grows>(items: &[T]) -> Self {
        let items = (items.as_ptr(), items.len());
        Self { items: items.0.cast(), len: items.1, stride: std::mem::size_of::<T>() }
    }

    /// The list that is the value of an outcome.
    ///
    /// # Safety
    /// The value is null, or a list that is alive.
    pub(crate) unsafe fn of_value(outcome: &Outcome) -> Result<Self, Malformed> {
        if outcome.value.is_null() {
            return Err(Malformed::Missing);
        }
        // SAFETY: as the caller promises.
        Ok(unsafe { outcome.value.cast::<Self>().read_unaligned() })
    }

    /// Copies of the structs, each as far as both sides know it.
    ///
    /// # Safety
    /// `items` is null or points to `len` structs `stride` bytes apart, each as [`read_struct`] wants
    /// it.
    ///
    /// # Errors
    /// [`Malformed::Size`].
    pub unsafe fn read<T: Grows>(self) -> Result<Vec<T>, Malformed> {
        if self.items.is_null() || self.len == 0 {
            return Ok(Vec::new());
        }
        let sane = self.stride >= 8
            && self.stride.is_multiple_of(std::mem::align_of::<T>())
            && self.len.checked_mul(self.stride).is_some_and(|all| isize::try_from(all).is_ok());
        if !sane {
            return Err(Malformed::Size);
        }
        let mut out = Vec::with_capacity(self.len);
        for index in 0..self.len {
            // SAFETY: within the list, as the caller promises.
            let at = unsafe { self.items.byte_add(index * self.stride) };
            // SAFETY: as the caller promises.
            out.push(unsafe { read_struct::<T>(at) }?);
        }
        Ok(out)
    }
}

/// A copy of a struct as far as both sides know it; what the other side does not know is zero.
///
/// # Safety
/// `at` is null or points to a struct whose first four bytes hold the number of its bytes, all of
/// which can be read, and which is a prefix of `T` or `T` of it.
///
/// # Errors
/// [`Malformed`] if it is null, or too small to hold its size.
pub unsafe fn read_struct<T: Grows>(at: *const c_void) -> Result<T, Malformed> {
    if at.is_null() {
        return Err(Malformed::Missing);
    }
    // SAFETY: as the caller promises; unaligned, since C authors may pack.
    let size = unsafe { at.cast::<u32>().read_unaligned() } as usize;
    if size < 8 {
        return Err(Malformed::Size);
    }
    let mut value = MaybeUninit::<T>::zeroed();
    let known = size.min(std::mem::size_of::<T>());
    // All of them hold a pointer or 64 bits, so an honest size is a multiple of their alignment. Of
    // another one no half of a pointer is taken.
    let known = known - known % std::mem::align_of::<T>();
    // SAFETY: `known` bytes can be read by the caller's promise and written, since `T` has as many.
    unsafe { ptr::copy_nonoverlapping(at.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), known) };
    // SAFETY: all zero is a value of a type that grows, and so is what the other side has written.
    Ok(unsafe { value.assume_init() })
}

impl Buf {
    /// No bytes, and nothing to free.
    pub const EMPTY: Self =
        Self { ptr: ptr::null(), len: 0, owner: ptr::null_mut(), release: None };

    /// Hands bytes over.
    pub fn of(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::EMPTY;
        }
        let (ptr, len) = (bytes.as_ptr(), bytes.len());
        let owner = Box::into_raw(Box::new(bytes)).cast();
        Self { ptr, len, owner, release: Some(release_bytes) }
    }

    /// Takes bytes over. Two of the same value would free twice: take each once.
    ///
    /// # Safety
    /// `ptr` points to `len` bytes that live and do not change until `release` is called, which may
    /// be done from any thread, and nobody else calls it.
    pub unsafe fn into_bytes(self) -> Bytes {
        let guard = Taken(self);
        match guard.0.ptr.is_null() || guard.0.len == 0 {
            true => Bytes::new(),
            false => Bytes::from_owner(guard),
        }
    }
}

unsafe extern "C" fn release_bytes(owner: *mut c_void) {
    // SAFETY: made by `Buf::of`, and released once.
    drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
}

/// A buffer that is released when it is dropped.
struct Taken(Buf);

// SAFETY: the bytes do not change, and `release` may be called from any thread.
unsafe impl Send for Taken {}
// SAFETY: the same.
unsafe impl Sync for Taken {}

impl AsRef<[u8]> for Taken {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: checked not to be null by who made it, and alive until the drop.
        unsafe { std::slice::from_raw_parts(self.0.ptr, self.0.len) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: once, since the value is gone after this.
            unsafe { release(self.0.owner) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CallInfo;
    use super::*;

    #[test]
    fn a_struct_from_an_older_or_newer_side_is_read_as_far_as_both_know_it() {
        let whole = Outcome {
            size: size_of::<Outcome>(),
            code: 7,
            message: Str::of("why"),
            retry_after_ms: 9,
            reserved: 0,
            value: ptr::null(),
        };
        for (size, code, retry) in
            [(size_of::<Outcome>(), 7, 9), (8, 7, 0), (15, 7, 0), (4096, 7, 9)]
        {
            let mut bytes = [0u64; 512];
            let other = Outcome { size, ..whole };
            // SAFETY: the array is larger than the struct.
            unsafe { bytes.as_mut_ptr().cast::<Outcome>().write(other) };
            // SAFETY: 4096 bytes can be read.
            let read = unsafe { read_struct::<Outcome>(bytes.as_ptr().cast()) }.unwrap();
            assert_eq!((read.code, read.retry_after_ms), (code, retry), "{size}");
        }
        for (size, expected) in [(0u32, Malformed::Size), (7, Malformed::Size)] {
            let bytes = [size, 0];
            // SAFETY: eight bytes, of which four are read.
            let read = unsafe { read_struct::<Outcome>(bytes.as_ptr().cast()) };
            assert_eq!(read.map(|_| ()), Err(expected));
        }
        // SAFETY: null is refused.
        let read = unsafe { read_struct::<Outcome>(ptr::null()) };
        assert_eq!(read.map(|_| ()), Err(Malformed::Missing));
    }

    #[test]
    fn a_list_of_larger_structs_is_walked_by_its_stride() {
        #[repr(C)]
        struct Larger {
            head: CallInfo,
            more: u64,
        }
        let one = |timeout_ms| Larger {
            head: CallInfo {
                size: size_of::<Larger>(),
                timeout_ms,
                request_id: Str::NONE,
                user: Str::NONE,
                remote_ip: Str::NONE,
                display_name: Str::NONE,
                base_url: Str::NONE,
                admin: 0,
                reserved: 0,
            },
            more: 1,
        };
        let items = [one(1), one(2), one(3)];
        let stride = std::mem::size_of::<Larger>();
        let list = List { items: items.as_ptr().cast(), len: 3, stride };
        // SAFETY: three structs of that stride.
        let read: Vec<CallInfo> = unsafe { list.read() }.unwrap();
        assert_eq!(read.iter().map(|one| one.timeout_ms).collect::<Vec<_>>(), [1, 2, 3]);
        for (len, stride) in [(1, 0), (1, 4), (1, 12), (usize::MAX, 64)] {
            let list = List { len, stride, ..list };
            // SAFETY: refused before it is read.
            assert!(unsafe { list.read::<CallInfo>() }.is_err(), "{len} {stride}");
        }
    }

    #[test]
    fn buffers_are_freed_once() {
        let bytes = Bytes::from(vec![1u8, 2, 3]);
        let buf = Buf::of(bytes.clone());
        // SAFETY: taken once.
        let back = unsafe { buf.into_bytes() };
        assert_eq!(back, bytes);
        assert!(!bytes.is_unique());
        drop(back);
        assert!(bytes.is_unique());
        // SAFETY: nothing to free.
        assert_eq!(unsafe { Buf::of(Bytes::new()).into_bytes() }, Bytes::new());
    }

    #[test]
    fn texts_are_checked() {
        // SAFETY: all borrow what lives.
        unsafe {
            assert_eq!(Str::of("ä").text(), Ok("ä"));
            assert_eq!(Str::of_bytes(b"\xff").text(), Err(Malformed::Text));
            assert_eq!(
                (Str::NONE.option_text(), Str::of("").option_text()),
                (Ok(None), Ok(Some("")))
            );
            assert_eq!(StrList::NONE.option_owned(), Ok(None));
            assert_eq!(StrList::of(&[]).option_owned(), Ok(Some(vec![])));
        }
    }
}
