//! Whether a TLS library that is not sealed was used, or only loaded: many programs have GnuTLS in them because some library
//! of theirs could speak it. The function with which its connections begin stands here in its place, notes that it was
//! called, and calls it.

#[allow(dead_code, reason = "the library uses more of it")]
mod kept_file;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem;
use std::path::PathBuf;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use kept_file::KeptFile;

static LOG: OnceLock<KeptFile> = OnceLock::new();

/// Writes to the log at `path` from now on, where it can be opened.
pub fn log_to(path: PathBuf) {
    if let Ok(file) = KeptFile::open(path) {
        let _ = LOG.set(file);
    }
}

/// A function of another library, and the process that has called it: its children call it for themselves.
struct Watched {
    name: &'static CStr,
    library: &'static str,
    found: AtomicPtr<c_void>,
    called_in: AtomicU32,
}

/// `gnutls_handshake` of libgnutls.
static GNUTLS: Watched = Watched::new(c"gnutls_handshake", "libgnutls");
/// `SSL_ImportFD` of NSS, which makes a TLS connection of a socket.
static NSS: Watched = Watched::new(c"SSL_ImportFD", "libssl3");

/// GNUTLS_E_INTERNAL_ERROR.
const GNUTLS_FAILED: c_int = -59;

/// See <https://gnutls.org/manual/html_node/Core-TLS-API.html>.
///
/// # Safety
/// As libgnutls has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gnutls_handshake(session: *mut c_void) -> c_int {
    let Some(function) = GNUTLS.call() else { return GNUTLS_FAILED };
    // SAFETY: libgnutls declares it so.
    let function = unsafe { mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int>(function) };
    // SAFETY: what the caller promises.
    unsafe { function(session) }
}

/// See NSS's `ssl.h`.
///
/// # Safety
/// As NSS has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_ImportFD(model: *mut c_void, descriptor: *mut c_void) -> *mut c_void {
    type ImportFd = unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void;
    let Some(function) = NSS.call() else { return ptr::null_mut() };
    // SAFETY: NSS declares it so.
    let function = unsafe { mem::transmute::<*mut c_void, ImportFd>(function) };
    // SAFETY: what the caller promises.
    unsafe { function(model, descriptor) }
}

impl Watched {
    const fn new(name: &'static CStr, library: &'static str) -> Watched {
        Watched { name, library, found: AtomicPtr::new(ptr::null_mut()), called_in: AtomicU32::new(0) }
    }

    /// Notes a call, and answers the function itself.
    fn call(&self) -> Option<*mut c_void> {
        let mut function = self.found.load(Ordering::Acquire);
        if function.is_null() {
            function = self.find()?;
            self.found.store(function, Ordering::Release);
        }
        let process = std::process::id();
        if self.called_in.swap(process, Ordering::Relaxed) != process {
            note(self.library, function);
        }
        Some(function)
    }

    /// The function behind ours in the order of the loader; or that of the library which a plug-in has loaded for itself.
    fn find(&self) -> Option<*mut c_void> {
        // SAFETY: the name is NUL-terminated.
        let next = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        if !next.is_null() {
            return Some(next);
        }
        let mut search = Search { watched: self, found: None };
        // SAFETY: the callback gets the address of `search`, which outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
        let path = search.found?;
        // SAFETY: the path is NUL-terminated; nothing is loaded that is not loaded already.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the handle is open; the name is NUL-terminated.
        let function = unsafe { libc::dlsym(handle, self.name.as_ptr()) };
        (!function.is_null()).then_some(function)
    }
}

struct Search<'a> {
    watched: &'a Watched,
    found: Option<CString>,
}

unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: the loader hands a live description, and `find` its own search.
    let (name, search): (*const c_char, &mut Search<'_>) = unsafe { ((*info).dlpi_name, &mut *search.cast()) };
    if name.is_null() {
        return 0;
    }
    // SAFETY: the loader's names are NUL-terminated.
    let path = unsafe { CStr::from_ptr(name) };
    let file = path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if !file.starts_with(search.watched.library.as_bytes()) {
        return 0;
    }
    search.found = Some(path.to_owned());
    1
}

/// The files of OpenSSL's libssl that are loaded now.
pub fn libssls() -> Vec<CString> {
    let mut found = Vec::new();
    // SAFETY: the callback gets the address of `found`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut found).cast()) };
    found
}

unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
    // SAFETY: the loader hands a live description, and `libssls` its own list.
    let (name, found): (*const c_char, &mut Vec<CString>) = unsafe { ((*info).dlpi_name, &mut *found.cast()) };
    if !name.is_null() {
        // SAFETY: the loader's names are NUL-terminated.
        let path = unsafe { CStr::from_ptr(name) };
        if path.to_bytes().rsplit(|byte| *byte == b'/').next().is_some_and(|file| file.starts_with(b"libssl.so")) {
            found.push(path.to_owned());
        }
    }
    0
}

/// Writes down which libssl libhostlock has brought along, beside those of `before`, into a program that has one inside.
pub fn note_brought(before: &[CString]) {
    // SAFETY: the name is NUL-terminated. What libhostlock has brought is not found so.
    if unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"SSL_CTX_new".as_ptr()) }.is_null() {
        return;
    }
    for path in libssls().iter().filter(|path| !before.contains(path)) {
        write_down("brought", &path.to_string_lossy());
    }
}

/// Writes down that the library was used. What a program asks of its libraries must not fail for us, nor change `errno`.
fn note(library: &str, function: *mut c_void) {
    // SAFETY: the address of this thread's own variable.
    let kept = unsafe { *libc::__errno_location() };
    // SAFETY: all-zero bytes are an empty answer.
    let mut info: libc::Dl_info = unsafe { mem::zeroed() };
    // SAFETY: the loader only compares the address.
    let path = if unsafe { libc::dladdr(function, &mut info) } != 0 && !info.dli_fname.is_null() {
        // SAFETY: a NUL-terminated path that lives as long as the library is loaded.
        unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy().into_owned()
    } else {
        library.to_owned()
    };
    write_down("used", &path);
    // SAFETY: the address of this thread's own variable.
    unsafe { *libc::__errno_location() = kept };
}

fn write_down(event: &str, path: &str) {
    let Some(log) = LOG.get() else { return };
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"");
    let line = format!("{{\"event\":\"{event}\",\"pid\":{},\"library\":\"{escaped}\"}}\n", std::process::id());
    let _ = std::panic::catch_unwind(|| log.append(line.as_bytes()));
}
