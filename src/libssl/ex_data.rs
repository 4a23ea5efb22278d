//! How our data hangs on OpenSSL's objects: in ex_data, where any part of a program can put anything under any number,
//! also under one that it never registered. So a pointer is written to three slots, each time in another form, and is
//! ours where two of them agree: nothing else is ever followed, overwritten or freed.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::LocalKey;

use foreign_types::ForeignTypeRef;
use openssl::x509::store::X509StoreRef;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::conn::Conn;
use crate::libssl::ctx::Ctx;
use crate::libssl::store_ctx::StoreCtx;
use crate::libssl::sys;

/// Programs that register no index use the first ones. What is above ten costs OpenSSL an allocation for each object.
const LEFT_TO_OTHERS: c_int = 5;
const COPIES: usize = 3;

/// An object of OpenSSL's that has ex_data.
pub trait Holder {
    /// Its `CRYPTO_EX_INDEX_*`.
    const CLASS: c_int;
    /// What stands under `index`.
    ///
    /// # Safety
    /// `this` is live.
    unsafe fn word(this: *const Self, index: c_int) -> *mut c_void;
    /// Puts `word` under `index`: 1, or 0 where there is no memory.
    ///
    /// # Safety
    /// `this` is live, and no other thread changes its ex_data now.
    unsafe fn set_word(this: *mut Self, index: c_int, word: *mut c_void) -> c_int;
}

macro_rules! holders {
    ($($object:ident: $class:expr, $get:path, $set:path;)*) => {$(
        impl Holder for ffi::$object {
            const CLASS: c_int = $class;
            #[inline]
            unsafe fn word(this: *const Self, index: c_int) -> *mut c_void {
                // SAFETY: the caller promises the object; OpenSSL takes any index.
                unsafe { $get(this as *mut _, index) }
            }
            unsafe fn set_word(this: *mut Self, index: c_int, word: *mut c_void) -> c_int {
                // SAFETY: the caller promises the object; OpenSSL stores the word and does not follow it.
                unsafe { $set(this, index, word) }
            }
        }
    )*};
}

holders! {
    SSL: ffi::CRYPTO_EX_INDEX_SSL, ffi::SSL_get_ex_data, ffi::SSL_set_ex_data;
    SSL_CTX: ffi::CRYPTO_EX_INDEX_SSL_CTX, ffi::SSL_CTX_get_ex_data, ffi::SSL_CTX_set_ex_data;
    X509_STORE: sys::CRYPTO_EX_INDEX_X509_STORE, sys::X509_STORE_get_ex_data, sys::X509_STORE_set_ex_data;
    X509_STORE_CTX: sys::CRYPTO_EX_INDEX_X509_STORE_CTX, ffi::X509_STORE_CTX_get_ex_data, sys::X509_STORE_CTX_set_ex_data;
}

/// A view of such an object.
pub trait View<'a>: Copy {
    /// The object.
    type Object: Holder;
    /// Where it is: live for `'a`, and in no other thread's use that could change its ex_data.
    fn object(self) -> *mut Self::Object;
}

macro_rules! views {
    ($($view:ty: $object:ident;)*) => {$(
        impl<'a> View<'a> for $view {
            type Object = ffi::$object;
            #[inline]
            fn object(self) -> *mut ffi::$object {
                self.as_ptr()
            }
        }
    )*};
}

views! {
    Conn<'a>: SSL;
    Ctx<'a>: SSL_CTX;
    StoreCtx<'a>: X509_STORE_CTX;
    &'a X509StoreRef: X509_STORE;
}

/// The slots of one kind of data, and the forms that a pointer has in them.
#[derive(Clone, Copy)]
struct Slots {
    at: [c_int; COPIES],
    /// What is mixed in; random but for the first, where those who look for leaks find the pointer.
    masks: [usize; COPIES],
}

type Callbacks = (ffi::CRYPTO_EX_dup, ffi::CRYPTO_EX_free);

impl Slots {
    /// `None` where OpenSSL gives no index.
    fn register(class: c_int, argument: *mut c_void, callbacks: Option<Callbacks>) -> Option<Slots> {
        let (dup, free) = callbacks.unzip();
        // SAFETY: no callbacks, and nothing of ours is ever stored under it.
        let pass_over = || unsafe { ffi::CRYPTO_get_ex_new_index(class, 0, ptr::null_mut(), None, None, None) };
        while (0..LEFT_TO_OTHERS - 1).contains(&pass_over()) {}
        // SAFETY: the callbacks are ours and stay loaded (the library is linked with -z nodelete), as the argument does.
        let at = std::array::from_fn(|_| unsafe { ffi::CRYPTO_get_ex_new_index(class, 0, argument, None, dup, free) });
        let random = |copy: usize| RandomState::new().hash_one(copy) as usize;
        let masks = std::array::from_fn(|copy| if copy == 0 { 0 } else { random(copy) });
        at.iter().all(|index| *index > 0).then_some(Slots { at, masks })
    }

    fn form<T>(&self, copy: usize, data: *const T) -> *mut c_void {
        ptr::without_provenance_mut(data.expose_provenance() ^ self.masks[copy])
    }

    /// The pointer that two words agree on, or NULL.
    #[inline]
    fn agreed<T>(&self, word: impl Fn(c_int) -> *mut c_void) -> *const T {
        let bare = |copy: usize| {
            let word = word(self.at[copy]).addr();
            if word == 0 { 0 } else { word ^ self.masks[copy] }
        };
        let (first, second) = (bare(0), bare(1));
        if first == second {
            return ptr::with_exposed_provenance(first);
        }
        let third = bare(2);
        ptr::with_exposed_provenance(if third == first || third == second { third } else { 0 })
    }
}

impl Slots {
    /// Writes the forms of `data` to the slots that are free, of which there must be two.
    ///
    /// # Safety
    /// `object` is live, and no other thread changes its ex_data now.
    unsafe fn write<O: Holder, T>(&self, object: *mut O, data: *const T) -> Result<()> {
        // SAFETY: the caller promises the object.
        let is_free = |copy: &usize| unsafe { O::word(object, self.at[*copy]) }.is_null();
        let free: Vec<usize> = (0..COPIES).filter(is_free).collect();
        if free.len() < 2 {
            let numbers = self.at.map(|index| index.to_string()).join(", ");
            return Err(Error::new(
                Status::EState,
                format!("the program put data of its own under numbers that it did not register (of {numbers})"),
            )
            .with_hint(
                "ask SSL_get_ex_new_index, SSL_CTX_get_ex_new_index or X509_STORE_get_ex_new_index for a number",
            ));
        }
        // SAFETY: the caller promises the object; OpenSSL does not follow the word.
        let put = |copy: &usize, word| unsafe { O::set_word(object, self.at[*copy], word) } == 1;
        if free.iter().all(|copy| put(copy, self.form(*copy, data))) {
            return Ok(());
        }
        for copy in &free {
            put(copy, ptr::null_mut());
        }
        Err(Error::no_memory("what is known of a connection or context"))
    }
}

/// What a thread found last, for objects of the type `O`. Another object may be made at the address of one that is gone, so
/// it counts only while no object of the kind has been freed.
pub struct Last<O, T>(Cell<Found<O, T>>);

struct Found<O, T> {
    place: *const Place<O, T>,
    object: *const O,
    data: *const T,
    ended: u64,
}

impl<O, T> Clone for Found<O, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O, T> Copy for Found<O, T> {}

impl<O, T> Last<O, T> {
    /// Nothing.
    pub const fn nothing() -> Last<O, T> {
        Last(Cell::new(Found { place: ptr::null(), object: ptr::null(), data: ptr::null(), ended: 0 }))
    }
}

fn no_place() -> Error {
    Error::new(Status::EInternal, "OpenSSL gives no place for our data")
}

/// Where data of the type `T` hangs on objects of the type `O`, which own it.
pub struct Place<O, T> {
    /// How a copy of the object gets a copy of the data; without it the copy has none.
    copy: Option<fn(&T) -> T>,
    /// Told the address of each object that is freed, whether it had data or not, while it is still its own.
    farewell: Option<fn(usize)>,
    slots: OnceLock<Option<Slots>>,
    ended: AtomicU64,
    kind: PhantomData<fn(O) -> T>,
}

impl<O: Holder, T: Send + Sync> Place<O, T> {
    /// A place that copies of objects do not inherit.
    pub const fn not_copied() -> Place<O, T> {
        Place { copy: None, farewell: None, slots: OnceLock::new(), ended: AtomicU64::new(0), kind: PhantomData }
    }

    /// A place whose data is copied by `copy` with its object. `farewell` is told the address of each object that is freed,
    /// and must not panic.
    pub const fn copied(copy: fn(&T) -> T, farewell: fn(usize)) -> Place<O, T> {
        let (copy, farewell) = (Some(copy), Some(farewell));
        Place { copy, farewell, slots: OnceLock::new(), ended: AtomicU64::new(0), kind: PhantomData }
    }

    /// The data of the object, if it has any.
    #[inline]
    pub fn of<'a>(&'static self, view: impl View<'a, Object = O>) -> Option<&'a T>
    where
        O: 'a,
    {
        let (slots, object) = (self.slots()?, view.object());
        // SAFETY: a view promises that the object lives.
        let data: *const T = slots.agreed(|index| unsafe { O::word(object, index) });
        // SAFETY: what two slots agree on came from `hang` or `dup`, and lives as long as the object.
        unsafe { data.as_ref() }
    }

    /// The same, where `last` remembers what this thread found last: two loads in place of the walk to ex_data.
    #[inline]
    pub fn of_last<'a>(
        &'static self,
        view: impl View<'a, Object = O>,
        last: &'static LocalKey<Last<O, T>>,
    ) -> Option<&'a T>
    where
        O: 'a,
    {
        let (object, ended) = (view.object().cast_const(), self.ended.load(Ordering::Acquire));
        // A thread that is being torn down remembers nothing.
        let known = last.try_with(|last| last.0.get()).ok();
        if let Some(known) = known
            && known.object == object
            && known.ended == ended
            && ptr::eq(known.place, self)
        {
            // SAFETY: it was found on this object, which lives, and none of its kind was freed since.
            return unsafe { known.data.as_ref() };
        }
        self.look_up(view, ended, last)
    }

    #[cold]
    #[inline(never)]
    fn look_up<'a>(
        &'static self,
        view: impl View<'a, Object = O>,
        ended: u64,
        last: &'static LocalKey<Last<O, T>>,
    ) -> Option<&'a T>
    where
        O: 'a,
    {
        let found = self.of(view);
        if let Some(data) = found {
            let (place, object): (*const _, *const _) = (self, view.object());
            let _ = last.try_with(|last| last.0.set(Found { place, object, data, ended }));
        }
        found
    }

    /// Hangs `data` on the object, which has none yet and owns it from now on.
    pub fn hang<'a>(&'static self, view: impl View<'a, Object = O>, data: Arc<T>) -> Result<()>
    where
        O: 'a,
    {
        let slots = self.slots().ok_or_else(no_place)?;
        // SAFETY: a view promises that the object lives, and that no other thread changes its ex_data.
        let written = unsafe { slots.write(view.object(), Arc::as_ptr(&data)) };
        if written.is_ok() {
            // The object holds this count now.
            let _ = Arc::into_raw(data);
        }
        written
    }

    /// One more owner of what [`Place::of`] found.
    pub fn share(&'static self, found: &T) -> Arc<T> {
        let found: *const T = found;
        // SAFETY: all that `of` finds was made by `Arc::into_raw`, in `hang` or `dup`.
        unsafe { Arc::increment_strong_count(found) };
        // SAFETY: the count was raised for this owner.
        unsafe { Arc::from_raw(found) }
    }

    #[inline]
    fn slots(&'static self) -> Option<&'static Slots> {
        let register = || {
            let argument = ptr::from_ref(self) as *mut c_void;
            Slots::register(O::CLASS, argument, Some((Self::dup, Self::free)))
        };
        self.slots.get_or_init(register).as_ref()
    }

    /// OpenSSL copies an object, slot by slot in the order of their numbers. Each is called with what it copies.
    unsafe extern "C" fn dup(
        to: *mut ffi::CRYPTO_EX_DATA,
        from: *const ffi::CRYPTO_EX_DATA,
        slot: *mut *mut c_void,
        index: c_int,
        _argl: c_long,
        place: *mut c_void,
    ) -> c_int {
        // SAFETY: `slots` registers the place, which is static.
        let place = unsafe { &*(place as *const Place<O, T>) };
        let Some(Some(slots)) = place.slots.get() else { return 1 };
        // SAFETY: OpenSSL hands the ex_data of the object that it copies.
        let original: *const T = slots.agreed(|index| unsafe { sys::CRYPTO_get_ex_data(from, index) });
        // SAFETY: OpenSSL hands a pointer to the word that it copies.
        let word = unsafe { *slot };
        // A slot that holds something else was copied as the program expects it.
        let Some(this) = (0..COPIES).find(|copy| slots.at[*copy] == index && slots.form(*copy, original) == word)
        else {
            return 1;
        };
        // SAFETY: what two slots agree on is ours, and lives as long as the object that is copied.
        let Some(original) = (unsafe { original.as_ref() }) else { return 1 };
        // SAFETY: both are ex_data that OpenSSL hands; the earlier slots of the copy are written already.
        let is_done = |copy: &usize| unsafe {
            sys::CRYPTO_get_ex_data(from, slots.at[*copy]) == slots.form(*copy, ptr::from_ref(original))
        };
        let made = match ((0..this).find(is_done), place.copy) {
            (_, None) => ptr::null_mut(),
            (Some(earlier), _) => {
                // SAFETY: this callback wrote the word when it was called for that slot.
                let word = unsafe { sys::CRYPTO_get_ex_data(to, slots.at[earlier]) };
                slots.form(this, ptr::without_provenance::<T>(word.addr() ^ slots.masks[earlier]))
            }
            (None, Some(copy)) => {
                let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Arc::new(copy(original))));
                let Ok(made) = made else { return 0 };
                slots.form(this, Arc::into_raw(made))
            }
        };
        // SAFETY: the word may be written to; what it stands for belongs to the copy and is freed with it.
        unsafe { *slot = made };
        1
    }

    /// OpenSSL frees an object. The first slot's turn frees what two agree on.
    unsafe extern "C" fn free(
        object: *mut c_void,
        _word: *mut c_void,
        all: *mut ffi::CRYPTO_EX_DATA,
        index: c_int,
        _argl: c_long,
        place: *mut c_void,
    ) {
        // SAFETY: `slots` registers the place, which is static.
        let place = unsafe { &*(place as *const Place<O, T>) };
        let Some(slots) = place.slots.get().and_then(Option::as_ref).filter(|slots| slots.at[0] == index) else {
            return;
        };
        place.ended.fetch_add(1, Ordering::Release);
        if let Some(farewell) = place.farewell {
            farewell(object.addr());
        }
        // SAFETY: OpenSSL hands the ex_data of the object that ends, whose words stay until all callbacks have run.
        let data: *const T = slots.agreed(|index| unsafe { sys::CRYPTO_get_ex_data(all, index) });
        if !data.is_null() {
            // The program's own callbacks may still ask about the object, and find nothing.
            for (copy, &slot) in slots.at.iter().enumerate() {
                // SAFETY: OpenSSL hands the ex_data; a slot that says what is ours has been written to.
                unsafe {
                    if sys::CRYPTO_get_ex_data(all, slot) == slots.form(copy, data) {
                        sys::CRYPTO_set_ex_data(all, slot, ptr::null_mut());
                    }
                }
            }
            // SAFETY: two slots agree, so it came from `Arc::into_raw`; the first slot's turn comes once.
            let ours = unsafe { Arc::from_raw(data) };
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(ours)));
        }
    }
}
